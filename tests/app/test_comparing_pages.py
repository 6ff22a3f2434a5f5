"""The pages of the longer questions without a browser: nothing starts unasked, and the URL is the question."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from fakes import Workers, is_one_sentence
from opening import controls, drawn, shown, texts
from streamlit.testing.v1 import AppTest

from app import jobs
from app.permalink import address_of
from engine.degraders.compose import Compose
from engine.phase_map import sweeps_of
from engine.questions import DialComparison, InterventionComparison, PhaseMap, Question, read_question
from engine.spec import Experiment, presets

pytestmark = pytest.mark.usefixtures("installed")

DEFAULT = presets()["becomes-clean"]["experiment"]
PAGES = ("compare_dials", "compare_interventions", "phase_map")


def opened(name: str, **query: str) -> AppTest:
    def page(name: str) -> None:
        import importlib

        importlib.import_module(f"app.views.{name}").page()

    at = AppTest.from_function(page, default_timeout=30, args=(name,))
    for key, value in query.items():
        at.query_params[key] = value
    return drawn(at.run())


def measure(at: AppTest) -> AppTest:
    (button,) = [each for each in at.button if each.label == "Measure"]
    return drawn(button.click().run())


def asked(workers: Workers) -> Question:
    """What the worker was asked last."""
    command = workers.latest.sent[-1]
    return read_question(command["kind"], command["question"])


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_measured_before_somebody_asks(workers: Workers, name: str) -> None:
    at = opened(name)
    assert texts(at.warning) == texts(at.error) == []
    assert not at.get("bidi_component")
    assert workers.latest.sent == []


@pytest.mark.parametrize("name", PAGES)
def test_a_click_starts_it_and_a_return_finds_it(workers: Workers, name: str) -> None:
    at = measure(opened(name))
    key = shown(at)["key"]
    assert workers.latest.did("start") == [key] == [asked(workers).key]
    assert [each for each in at.button if each.label == "Measure"] == []
    assert shown(opened(name))["key"] == key, "another visitor sees the same"
    assert workers.latest.did("start") == [key]


@pytest.mark.parametrize("name", PAGES)
def test_another_setting_is_another_question_and_the_first_goes_on(workers: Workers, name: str) -> None:
    at = measure(opened(name))
    first = shown(at)["key"]
    at = drawn(at.number_input(key="items").set_value(33).run())
    assert not at.get("bidi_component")
    second = shown(measure(at))["key"]
    assert second != first
    assert workers.latest.did("start") == [first, second]
    assert workers.latest.did("cancel") == []


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("compare_dials", {"items": "33"}, DialComparison(experiment=Experiment.read(DEFAULT | {"items": 33}))),
        ("compare_dials", {"count": "9"}, DialComparison(experiment=Experiment.read(DEFAULT), count=9)),
        ("compare_interventions", {}, InterventionComparison(experiment=Experiment.read(DEFAULT))),
        (
            "compare_interventions",
            {"redosed": "true"},
            InterventionComparison(experiment=Experiment.read(DEFAULT), redosed=True),
        ),
    ],
)
def test_the_url_is_the_question(workers: Workers, name: str, query: dict[str, str], expected: Question) -> None:
    at = measure(opened(name, **query))
    assert texts(at.warning) == texts(at.error) == []
    assert asked(workers) == expected


@pytest.mark.parametrize("name", PAGES)
def test_what_the_url_asks_in_vain_is_told(name: str) -> None:
    (warning,) = texts(opened(name, hammer="1").warning)
    assert is_one_sentence(warning)


# ---- the map ---------------------------------------------------------------------------------------------------------


def mapped(workers: Workers, **query: str) -> PhaseMap:
    measure(opened("phase_map", **query))
    question = asked(workers)
    assert isinstance(question, PhaseMap)
    return question


def parts_of(question: PhaseMap) -> list[tuple[str, bool]]:
    """Each part's name, and whether it is the one that is swept."""
    assert isinstance(question.experiment.degrader, Compose)
    return [(part.degrader.name, part.strength is None) for part in question.experiment.degrader.parts]


def test_the_degrader_at_the_side_is_the_inner_dial(workers: Workers) -> None:
    question = mapped(
        workers, degrader="weight-noise", **{"outer.degrader": "pruning", "outer.pruning.strengths": "0.3, 0, 0.1"}
    )
    assert parts_of(question) == [("pruning", False), ("weight-noise", True)]
    assert question.part == 0
    assert question.strengths == (0.0, 0.1, 0.3)


def test_what_replaces_the_network_goes_first(workers: Workers) -> None:
    question = mapped(workers, **{"outer.degrader": "pruning"})  # beside checkpoints
    assert parts_of(question) == [("checkpoint", True), ("pruning", False)]
    assert question.part == 1
    assert question.experiment.draws == 1, "neither has draws"


def test_with_noise_outside_there_are_draws(workers: Workers) -> None:
    assert mapped(workers, **{"outer.degrader": "weight-noise"}).experiment.draws == 8


def test_what_cannot_be_composed_is_not_offered() -> None:
    at = opened("phase_map")
    offered = controls(at)["outer.degrader"].options
    assert "checkpoint" not in offered, "it is the inner dial"
    assert "compose" not in offered
    at = opened("phase_map", degrader="sgld")
    assert "sgld" not in controls(at)["outer.degrader"].options


def test_of_a_composition_the_fixed_parts_are_the_outer_dials(workers: Workers) -> None:
    question = mapped(workers, degrader="compose")
    assert parts_of(question) == [("pruning", False), ("weight-noise", True)]
    assert question.part == 0


@pytest.mark.parametrize("degrader", ["pruning", "weight-noise"])
def test_before_it_is_measured_its_size_is_told(workers: Workers, degrader: str) -> None:
    """Without the outer noise a dial without chance has one draw."""
    query = {"degrader": degrader, "shams": "0", "outer.degrader": "activation-noise", "draws": "8", "doublings": "0"}
    at = opened("phase_map", **query)
    told = [caption for caption in texts(at.caption) if "sweeps of" in caption]
    measure(at)
    question = asked(workers)
    assert isinstance(question, PhaseMap)
    sweeps = sweeps_of(question.experiment, question.part, question.strengths).values()
    points = sum(1 + (len(each.sweep_strengths) - 1) * each.draws for each in sweeps)
    count = len(question.experiment.sweep_strengths)
    assert told == [f"{len(sweeps)} sweeps of {count} strengths each: {points:,} points."]
    assert {each.draws for each in sweeps} == ({1, 8} if degrader == "pruning" else {8})


@pytest.mark.parametrize("text", ["much", "2", "nan", ", ".join(str(k / 100) for k in range(20))])
def test_outer_strengths_that_are_none_are_told_in_one_sentence(text: str) -> None:
    at = opened("phase_map", **{"outer.degrader": "pruning", "outer.pruning.strengths": text})
    (error,) = texts(at.error)
    assert is_one_sentence(error)


def test_outer_strengths_that_are_given_twice_are_told() -> None:
    at = opened("phase_map", **{"outer.degrader": "pruning", "outer.pruning.strengths": "0, 0.1, 0.10"})
    assert texts(at.warning) == ["Given more than once and measured once: pruning 0.1."]


@pytest.mark.parametrize("query", [{"outer.degrader": "hammer"}, {"outer.what": "1"}])
def test_outer_settings_in_vain_are_told(query: dict[str, Any]) -> None:
    (warning,) = texts(opened("phase_map", **query).warning)
    assert is_one_sentence(warning)


# ---- permalinks ------------------------------------------------------------------------------------------------------


def asked_by(address: str) -> Question:
    """What the page at an address asks for, or already shows."""
    path, _, query = address.partition("?")
    names = {"/compare-dials": "compare_dials", "/compare-interventions": "compare_interventions"}
    at = opened(names.get(path, "phase_map"), **dict(parse_qsl(query)))
    assert texts(at.warning) == texts(at.error) == []
    at = at if at.get("bidi_component") else measure(at)
    job = jobs.manager().get(shown(at)["key"])
    assert job is not None
    return job.question


def test_the_address_of_a_question_asks_it_again(workers: Workers) -> None:
    experiment = Experiment.read(DEFAULT | {"items": 33, "degrader": "weight-noise", "strengths": [0.11, 0.37]})
    for question in (
        DialComparison(experiment=experiment, count=3),
        InterventionComparison(experiment=experiment, redosed=True),
        InterventionComparison(experiment=experiment),
        mapped(workers, items="33", **{"outer.degrader": "pruning", "outer.pruning.strengths": "0, 0.25"}),
    ):
        assert asked_by(address_of(question)) == question
