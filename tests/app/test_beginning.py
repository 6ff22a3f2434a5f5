from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import Workers, is_one_sentence
from opening import controls, drawn, opened, shown, texts

from app.beginning import STORY
from app.jobs import JobManager
from engine.spec import Experiment, presets

pytestmark = pytest.mark.usefixtures("installed")

MAPPED: dict[str, Any] = {
    "model": {"name": "planted", "seed": "1"},
    "behaviour": "context-steering",
    "degrader": {
        "name": "compose",
        "parts": [
            {"degrader": {"name": "pruning"}, "strength": 0.23},
            {"degrader": {"name": "sgld", "n_beta": 77.5, "steps": 33}},
        ],
    },
    "strengths": [0.11, 0.37],
    "intervention": {"name": "steering", "vector": "planted", "coefficient": 1.37},
    "draws": 3,
    "items": 77,
    "shams": 1,
    "seed": 5,
    "margin": 0.0123,
    "retention_min": 0.613,
    "alpha": 0.0123,
}
"""Nothing in it is where a control begins."""


def linked(form: dict[str, Any]) -> dict[str, str]:
    return {"experiment": json.dumps(form)}


@pytest.mark.parametrize("name", presets())
def test_a_story_is_a_permalink(name: str) -> None:
    at = opened(story=name)
    assert texts(at.warning) == texts(at.error) == []
    assert shown(at)["key"] == Experiment.preset(name).key
    assert presets()[name]["story"] in texts(at.sidebar.caption)


@pytest.mark.parametrize("name", [name for name in presets() if name != STORY])
def test_choosing_a_story_begins_everything_anew(name: str) -> None:
    at = opened(items="33", alpha="0.1")
    at = drawn(at.selectbox(key="story").set_value(name).run())
    assert shown(at)["key"] == Experiment.preset(name).key
    assert shown(drawn(at.selectbox(key="story").set_value(STORY).run()))["key"] == Experiment.preset(STORY).key


def test_what_is_changed_after_a_story_was_chosen_stays_changed() -> None:
    at = drawn(opened().selectbox(key="story").set_value("unmasked").run())
    at = drawn(at.number_input(key="items").set_value(77).run())
    form = presets()["unmasked"]["experiment"] | {"items": 77}
    assert shown(drawn(at.run()))["key"] == Experiment.read(form).key
    assert "Changed since." in texts(at.sidebar.caption)


def test_a_link_can_bring_any_experiment_along(workers: Workers) -> None:
    at = opened(**linked(MAPPED))
    assert texts(at.warning) == texts(at.error) == []
    asked = Experiment.read(MAPPED)
    assert Experiment.read(workers.latest.sent[0]["question"]) == asked
    assert shown(drawn(at.run()))["key"] == asked.key
    assert at.query_params["experiment"] == json.dumps(MAPPED), "as it was written"


def test_what_a_link_says_besides_holds_too() -> None:
    at = opened(**linked(MAPPED), items="33")
    assert shown(at)["key"] == Experiment.read(MAPPED | {"items": 33}).key


def test_a_story_takes_the_place_of_the_links_experiment() -> None:
    at = drawn(opened(**linked(MAPPED)).selectbox(key="story").set_value("unmasked").run())
    assert shown(at)["key"] == Experiment.preset("unmasked").key
    assert "experiment" not in at.query_params
    at = drawn(at.selectbox(key="story").set_value("as-linked").run())
    assert shown(at)["key"] == Experiment.read(MAPPED).key
    assert "experiment" in at.query_params


def test_a_dial_with_draws_begins_with_the_usual_ones_where_the_links_dial_has_none() -> None:
    form = presets()[STORY]["experiment"]
    at = drawn(opened(**linked(form)).selectbox(key="degrader").set_value("weight-noise").run())
    assert controls(at)["draws"].value == 8


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": "nowhere"}', "null", "1e999", "[" * 5000])
def test_an_experiment_that_is_none_is_told_and_the_default_is_used(text: str) -> None:
    at = opened(experiment=text)
    (warning,) = texts(at.warning)
    assert is_one_sentence(warning.replace("?", ""))
    assert f"so the story {STORY} is shown instead" in warning
    assert texts(at.error) == []
    assert shown(at)["key"] == Experiment.preset(STORY).key


def test_all_parameters_that_there_are_not_are_named() -> None:
    (warning,) = texts(opened(**linked(MAPPED | {"zap": 1, "zop": 2})).warning)
    assert "has no parameters 'zap' and 'zop'" in warning
    assert is_one_sentence(warning)


# ---- strengths -------------------------------------------------------------------------------------------------------


def test_strengths_can_be_given_and_belong_to_their_dial(installed: JobManager) -> None:
    form = presets()["dial-matters"]["experiment"]
    at = opened(story="dial-matters", **{"weight-noise.strengths": "0.3, 0.1"})
    assert shown(at)["key"] == Experiment.read(form | {"strengths": [0.1, 0.3]}).key
    at = drawn(at.selectbox(key="degrader").set_value("pruning").run())
    assert shown(at)["key"] == Experiment.read(form | {"degrader": "pruning"}).key


@pytest.mark.parametrize(("asked", "said"), [("0.1, much", "numbers"), ("-1", "strength"), ("nan", "strength")])
def test_strengths_that_are_none_are_told_in_one_sentence(asked: str, said: str) -> None:
    at = opened(story="dial-matters", **{"weight-noise.strengths": asked})
    (error,) = texts(at.error)
    assert is_one_sentence(error)
    assert said in error.lower()
    assert "margin" in controls(at), "the other settings are still there"
