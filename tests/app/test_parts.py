"""Compositions, and the checkpoint that is studied: chosen on the page and by the URL."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import is_one_sentence
from opening import controls, drawn, opened, shown, texts
from streamlit.testing.v1 import AppTest

from app import jobs
from app.jobs import JobManager
from engine import discovery
from engine.degraders.compose import Compose
from engine.dials import dials_of
from engine.models.induction import Induction
from engine.spec import Experiment

CARD = Induction().card()
SIMPLE = [name for name, kind in discovery.find("degraders").items() if kind.is_compatible(CARD) and name != "compose"]
DEFAULT = Experiment.preset("becomes-clean").model_dump(mode="json")


@pytest.fixture(autouse=True)
def _installed(installed: JobManager) -> None:
    """Jobs that no worker does."""


def asked(at: AppTest) -> Experiment:
    """The experiment that the page shows."""
    job = jobs.manager().get(shown(at)["key"])
    assert job is not None
    assert isinstance(job.question, Experiment)
    return job.question


def composed(**query: str | list[str]) -> AppTest:
    return opened(degrader="compose", **query)


def parts_of(at: AppTest) -> list[tuple[str, float | None]]:
    """Name and strength of each part."""
    degrader = asked(at).degrader
    assert isinstance(degrader, Compose)
    return [(part.degrader.name, part.strength) for part in degrader.parts]


# ---- compositions ----------------------------------------------------------------------------------------------------


def test_a_composition_begins_with_its_default() -> None:
    at = composed()
    assert texts(at.warning) == texts(at.error) == []
    assert asked(at).degrader == Compose()
    assert {"compose.parts", "compose.swept", "compose.1.degrader", "compose.1.pruning.strength"} <= controls(at).keys()
    assert "compose.2.weight-noise.strength" not in controls(at), "that is the dial"


def test_a_link_says_it_all() -> None:
    at = composed(
        **{
            "compose.parts": "3",
            "compose.swept": "1",
            "compose.1.degrader": "quantisation",
            "compose.1.quantisation.rounding": "stochastic",
            "compose.2.degrader": "pruning",
            "compose.2.pruning.scope": "all matrices",
            "compose.2.pruning.strength": "0.45",
            "compose.3.degrader": "low-rank",
            "compose.3.low-rank.matrices": list(CARD.options("matrices")[:2]),
            "compose.3.low-rank.strength": "7",
        }
    )
    assert texts(at.warning) == texts(at.error) == []
    low_rank = {"name": "low-rank", "matrices": CARD.options("matrices")[:2]}
    full = CARD.architecture.matrices[CARD.options("matrices")[0]][1]
    parts = [
        {"degrader": {"name": "quantisation", "rounding": "stochastic"}},
        {"degrader": {"name": "pruning", "scope": "all matrices"}, "strength": 0.45},
        {"degrader": low_rank, "strength": 1 - 7 / full},
    ]
    form = DEFAULT | {"draws": 8, "degrader": {"name": "compose", "parts": parts}}
    assert shown(at)["key"] == Experiment.read(form).key


@pytest.mark.parametrize("name", SIMPLE)
def test_every_degrader_can_be_a_part_with_its_controls_and_every_strength_of_its_own(name: str) -> None:
    at = composed(**{"compose.1.degrader": name})
    assert texts(at.warning) == texts(at.error) == []
    degrader = CARD.usual(discovery.find("degraders")[name])
    offered = controls(at)
    assert {f"compose.1.{name}.{each.name}" for each in dials_of(type(degrader))} <= offered.keys()
    key = f"compose.1.{name}.strength"
    strengths = degrader.strengths(CARD)
    assert offered[key].options == [degrader.label(each, CARD) for each in strengths if each]
    at = drawn(offered[key].set_value(degrader.label(strengths[-1], CARD)).run())
    assert texts(at.error) == []
    assert parts_of(at) == [(name, pytest.approx(strengths[-1])), ("weight-noise", None)]


def test_only_the_first_part_may_put_other_weights_in_place_and_none_is_a_composition() -> None:
    at = composed(**{"compose.parts": "4"})
    offered = [at.selectbox(key=f"compose.{number}.degrader").options for number in (1, 2, 3, 4)]
    assert offered[0] == SIMPLE
    for later in offered[1:]:
        assert later == [name for name in SIMPLE if not discovery.find("degraders")[name].replaces]


def test_parts_are_added_and_removed() -> None:
    at = composed(**{"compose.swept": "1"})
    at = drawn(controls(at)["compose.parts"].set_value("4").run())
    first = parts_of(at)
    assert len(first) == 4
    at = drawn(controls(at)["compose.swept"].set_value("4").run())
    assert [strength is None for _, strength in parts_of(at)] == [False, False, False, True]
    at = drawn(controls(at)["compose.parts"].set_value("2").run())
    assert texts(at.error) == []
    assert [name for name, _ in parts_of(at)] == [name for name, _ in first[:2]]
    assert sum(strength is None for _, strength in parts_of(at)) == 1, "what was swept is gone, another is"


def test_a_part_that_is_not_set_is_told_and_the_controls_stay() -> None:
    at = composed(**{"compose.1.degrader": "low-rank", "draws": "5"})
    at = drawn(controls(at)["compose.1.low-rank.matrices"].set_value([]).run())
    (error,) = texts(at.error)
    assert is_one_sentence(error)
    assert {"compose.2.degrader", "draws", "seed"} <= controls(at).keys()
    at = drawn(controls(at)["compose.1.low-rank.matrices"].set_value(list(CARD.options("matrices"))).run())
    assert texts(at.error) == []
    assert asked(at).draws == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("compose.parts", "5"),
        ("compose.parts", "many"),
        ("compose.swept", "3"),  # of two
        ("compose.1.degrader", "compose"),
        ("compose.2.degrader", "checkpoint"),
        ("compose.3.degrader", "pruning"),
        ("compose.1.pruning.strength", "0.123"),
        ("compose.1.pruning.scope", "nothing"),
        ("compose.1.weight-noise.per", "filter"),  # which is not the first part
        ("compose.2.weight-noise.strength", "0.1"),  # which is swept
    ],
)
def test_what_a_link_asks_in_vain_is_told_and_the_default_is_used(name: str, value: str) -> None:
    at = composed(**{name: value})
    (warning,) = texts(at.warning)
    assert is_one_sentence(warning)
    assert name in warning
    assert texts(at.error) == []
    assert asked(at).degrader == Compose()


def test_with_another_network_a_composition_begins_anew() -> None:
    """Wherever its controls were meanwhile."""
    at = composed()
    for key, value in (("compose.parts", "3"), ("compose.1.degrader", "low-rank")):
        at = drawn(controls(at)[key].set_value(value).run())
    at = drawn(controls(at)["compose.1.low-rank.strength"].set_value("1").run())
    for model in ("digits", "induction"):
        at = drawn(at.selectbox(key="model").set_value(model).run())
        assert not any(key.startswith("compose.") for key in controls(at))
        at = drawn(at.selectbox(key="degrader").set_value("compose").run())
        assert texts(at.error) == []
        assert asked(at).degrader == Compose()


# ---- the checkpoint that is studied ----------------------------------------------------------------------------------


STEP = CARD.steps[len(CARD.steps) // 2]


def test_an_earlier_checkpoint_is_chosen_by_a_link_and_said_on_the_page() -> None:
    at = opened(step=str(STEP))
    assert texts(at.warning) == texts(at.error) == []
    assert shown(at)["key"] == Experiment.read(DEFAULT | {"step": STEP}).key
    assert f"step {STEP:,}" in shown(at)["snapshot"]["verdict"]["detail"]
    assert shown(at)["snapshot"]["axis"]["total"] == f"{STEP:,}", "nothing later is on the dial"
    assert "step" not in shown(opened())["snapshot"]["verdict"]["detail"]


def test_the_checkpoints_are_offered_from_the_last_and_the_trained_network_first() -> None:
    at = opened()
    steps = at.selectbox(key="step").options
    assert steps[1:] == [str(step) for step in reversed(CARD.steps[:-1])]
    assert at.selectbox(key="step").value == steps[0]
    at = drawn(at.selectbox(key="step").set_value(str(STEP)).run())
    assert asked(at).step == STEP
    at = drawn(at.selectbox(key="step").set_value(steps[0]).run())
    assert asked(at).step is None


@pytest.mark.parametrize("value", ["-1", "last", str(STEP + 1), "nan"])
def test_a_step_that_was_not_saved_is_told(value: str) -> None:
    at = opened(step=value)
    (warning,) = texts(at.warning)
    assert is_one_sentence(warning.replace("… ", ""))
    assert asked(at).step is None


def test_before_the_first_step_there_is_no_earlier_checkpoint() -> None:
    at = opened(step=str(CARD.steps[0]))
    assert texts(at.error) == []
    assert "checkpoint" not in at.selectbox(key="degrader").options
    at = composed(**{"step": str(CARD.steps[0])})
    assert "checkpoint" not in at.selectbox(key="compose.1.degrader").options


def test_a_fixed_checkpoint_that_is_not_there_any_more_gives_way() -> None:
    at = composed(**{"compose.1.degrader": "checkpoint", "compose.1.checkpoint.strength": f"{STEP:,}"})
    assert texts(at.warning) == []
    at = drawn(at.selectbox(key="step").set_value(str(CARD.steps[2])).run())
    assert texts(at.error) == []
    assert parts_of(at)[0][1] in CARD.up_to(CARD.steps[2]).usual(discovery.find("degraders")["checkpoint"]).strengths(
        CARD.up_to(CARD.steps[2])
    )


def test_margin_and_step_begin_anew_with_another_network() -> None:
    """They were set for that one: the margin is in its nats, the step in its training."""
    at = opened(model="digits", margin="0.2")
    steps: Any = at.selectbox(key="step").options
    at = drawn(at.selectbox(key="step").set_value(steps[1]).run())
    assert (asked(at).margin, asked(at).step) == (0.2, int(steps[1]))
    for key, value in (("digits.network", "cnn"), ("model", "planted")):
        at = drawn(controls(at)[key].set_value(value).run())
        assert texts(at.error) == []
        assert (asked(at).margin, asked(at).step) == (None, None)
        at = drawn(controls(at)["margin"].set_value(0.2).run())
        assert asked(at).margin == 0.2
