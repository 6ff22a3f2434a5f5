"""The verdict in words: every verdict has a headline and a detail that a reader can take as they are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from engine.regime import Analysis, Confirmation, Criteria, Point, VerdictName, analyse, confirm, verdict
from engine.shams import awaiting
from engine.spec import Experiment
from engine.strength import Sham
from engine.words import PENDING, TONES, Answer, Tone, answer, best_index, place

Make = Callable[..., Experiment]

CRITERIA = Criteria(chance=4.0, margin=0.1)
ITEMS = 64
ZIGZAG = np.where(np.arange(ITEMS) % 2 == 0, 1.0, -1.0)[None]
"""Item effects with mean zero, so that estimates are exactly those asked for."""

LOST = {"retained": 0.1}
ENTANGLED = {"delta": 0.3}
BROKEN = {"loss": 3.9}
OPEN = {"delta": 0.1}
NOT_A_NUMBER = {"loss": math.nan}

CURVES: dict[str, list[tuple[VerdictName, list[dict[str, float]]]]] = {
    "clean throughout": [("clean throughout", [{}, {}, {}]), ("clean throughout", [{}, {}, LOST, BROKEN])],
    "becomes clean": [
        ("becomes clean", [ENTANGLED, ENTANGLED, {}, {}]),
        ("becomes clean", [ENTANGLED, {}]),
        ("becomes clean", [{}, ENTANGLED, {}]),
        ("becomes clean", [OPEN, {}]),
    ],
    "unmasked": [("unmasked", [{}, {}, ENTANGLED]), ("unmasked", [{}, ENTANGLED, BROKEN])],
    "never clean": [("never clean", [ENTANGLED, ENTANGLED, BROKEN]), ("never clean", [{"delta": -0.3}] * 2)],
    "potency lost": [("potency lost", [ENTANGLED, ENTANGLED, LOST]), ("potency lost", [{}, LOST])],
    "saturated": [("saturated", [ENTANGLED, BROKEN, BROKEN]), ("saturated", [{}, NOT_A_NUMBER])],
    "unresolved": [
        ("unresolved", [{}, {}, OPEN]),
        ("unresolved", [ENTANGLED, OPEN]),
        ("unresolved", [{}, OPEN]),
        ("unresolved", [OPEN, OPEN, BROKEN]),
    ],
    "pending": [("pending", []), ("pending", [{}])],
}

every_curve = pytest.mark.parametrize(
    ("name", "curve"), [pytest.param(*case, id=f"{name} {i}") for name in CURVES for i, case in enumerate(CURVES[name])]
)


def point(strength: float, *, delta: float = 0.01, retained: float = 0.9, loss: float = 1.0) -> Point:
    losses, behaviour = loss + 0.1 * ZIGZAG, 0.3 * ZIGZAG
    effect = (1.0 if strength == 0 else retained) + 0.02 * ZIGZAG
    spread = 0.02 * ZIGZAG
    return Point(
        strength, losses, losses + delta + spread, behaviour, behaviour + effect, np.zeros(1, dtype=int), random=False
    )


def points_of(curve: Sequence[dict[str, float]], strengths: Sequence[float]) -> list[Point]:
    return [point(strength, **each) for strength, each in zip(strengths, curve, strict=False)]


def readable(said: Answer) -> None:
    """A capital, a full stop, and nothing in between that a program left behind."""
    for text in (said.headline, said.detail):
        assert text[0].isupper()
        assert text[-1] in ".:"
        assert not re.search(r"[{}<>]|\bNone\b|\bnan\b|\binf\b|  | ,|\.\.|np\.|\(\)|True|False", text), text
        assert len(text) < 600


@every_curve
@pytest.mark.parametrize("degrader", ["weight-noise", "checkpoint"])
@pytest.mark.parametrize("seen", ["everything", "every strength", "some strengths"])
def test_every_verdict_is_told(
    experiment: Make, name: VerdictName, curve: list[dict[str, float]], degrader: str, seen: str
) -> None:
    strengths = experiment(degrader=degrader, strengths=None).sweep_strengths
    asked = experiment(degrader=degrader, strengths=strengths[: max(2, len(curve)) + (seen == "some strengths")])
    points = points_of(curve, asked.sweep_strengths)
    analysis = analyse(points, CRITERIA)
    assert analysis.verdict.name == name
    if seen == "everything" and analysis.verdict.regime:
        analysis = replace(analysis, confirmation=confirm(points, CRITERIA))
    said = answer(asked, analysis, finished=seen == "everything")
    if name == "pending" or seen == "some strengths" or (name == "unresolved" and seen == "every strength"):
        assert said.tone == "pending"
        assert said.headline.startswith("Measuring")
        assert said.detail == "", "too early for reasons"
        return
    assert (said.name, said.tone) == (name, TONES[name])
    assert (best_index(analysis) is None) is (analysis.verdict.regime is None)
    readable(said)
    assert ("onfirmed" in said.detail) is (analysis.confirmation is not None)


def test_every_verdict_has_a_curve_and_a_tone() -> None:
    assert set(CURVES) == set(get_args(VerdictName)) == set(TONES)
    assert set(TONES.values()) == set(get_args(Tone))


def test_the_headline_names_intervention_and_regime(experiment: Make) -> None:
    asked = experiment(degrader="checkpoint", strengths=None)
    points = points_of([ENTANGLED, ENTANGLED, {}, {"loss": 1.5}, ENTANGLED], asked.sweep_strengths)
    said = answer(asked, analyse(points, CRITERIA), True)
    first, last = (place(asked, asked.sweep_strengths[index]) for index in (2, 3))
    assert said.headline.startswith(f"{asked.intervention.describe()} becomes clean from {first} to {last}")
    assert "(degraded loss 1.00 to 1.50)" in said.headline
    assert f"At {first} it changes the loss by +0.010 nats" in said.detail
    assert best_index(analyse(points, CRITERIA)) == 2
    assert "+0.300 undegraded" in said.detail
    assert "keeps 90 % of its effect" in said.detail
    assert "90 % interval" in said.detail


def test_a_regime_of_a_composition_may_begin_at_the_undegraded_network(experiment: Make) -> None:
    parts = [{"degrader": "pruning", "strength": 0.2}, {"degrader": "weight-noise"}]
    asked = experiment(degrader={"name": "compose", "parts": parts}, strengths=[0.1, 0.2])
    said = answer(asked, analyse(points_of([{}, {}, ENTANGLED], asked.sweep_strengths), CRITERIA), True)
    assert "it looks clean from the undegraded network to noise 0.1 (" in said.headline
    readable(said)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Confirmed: "),
        ({"state": "entangled"}, "This is not confirmed."),
        ({"state": "unresolved"}, "This is not confirmed."),
        (None, "This is not confirmed."),
    ],
)
def test_the_second_look_is_told(experiment: Make, changes: dict[str, Any] | None, words: str) -> None:
    asked = experiment()
    points = points_of([ENTANGLED, {}, {}], asked.sweep_strengths)
    confirmation = confirm(points, CRITERIA)
    assert confirmation.row is not None
    assert confirmation.row.state == "clean"
    if changes is None:
        confirmation = Confirmation(None, None)
    elif changes:
        confirmation = replace(confirmation, row=replace(confirmation.row, **changes))
    said = answer(asked, replace(analyse(points, CRITERIA), confirmation=confirmation), True)
    readable(said)
    assert words in f"{said.headline} {said.detail}"
    assert said.tone == ("clean" if words == "Confirmed: " else "unresolved")
    assert (f"{place(asked, 0.1)}, chosen" in said.detail.lower()) is (changes is not None)


def test_a_choice_that_lies_outside_of_the_regime_confirms_nothing(experiment: Make) -> None:
    asked = experiment(strengths=[0.1, 0.2, 0.3, 0.4])
    analysis = analyse(points_of([ENTANGLED, {}, ENTANGLED, {}, {}], asked.sweep_strengths), CRITERIA)
    assert analysis.verdict.regime == (3, 4)
    said = answer(asked, replace(analysis, confirmation=Confirmation(1, analysis.rows[1])), True)
    readable(said)
    assert said.tone == "unresolved"
    assert "outside of this regime" in said.detail


def test_what_is_clean_beside_the_regime_is_told(experiment: Make) -> None:
    asked = experiment(strengths=[0.1, 0.2, 0.3, 0.4])
    clean = points_of([ENTANGLED, {}, ENTANGLED, {}, {}], asked.sweep_strengths)
    said = answer(asked, analyse(clean, CRITERIA), True)
    readable(said)
    assert place(asked, 0.1) in said.detail
    assert "from noise 0.3 to noise 0.4" in said.headline


def test_a_place_is_told_with_its_name(experiment: Make) -> None:
    assert place(experiment(), 0.25) == "noise 0.25"
    assert place(experiment(degrader="checkpoint", strengths=None), 0.85) == "step 600"


def test_an_answer_needs_no_finite_numbers(experiment: Make) -> None:
    """Rows of a network that came apart at every strength, as a sweep under way may have them."""
    asked = experiment()
    analysis = analyse(points_of([ENTANGLED, NOT_A_NUMBER, NOT_A_NUMBER], asked.sweep_strengths), CRITERIA)
    readable(answer(asked, analysis, True))
    nothing = Analysis((), verdict((), math.nan), math.nan)
    assert answer(asked, nothing, False) == PENDING


def told(experiment: Make, curve: list[dict[str, float]]) -> Answer:
    """What is said of a curve that is measured in full."""
    asked = experiment(strengths=[0.1 * k for k in range(1, len(curve))])
    return answer(asked, analyse(points_of(curve, asked.sweep_strengths), CRITERIA), finished=True)


def test_a_regime_is_told_though_the_curve_is_unresolved(experiment: Make) -> None:
    said = told(experiment, [{}, {}, {}, OPEN])
    assert said.name == "unresolved"
    assert "is clean from noise 0 to noise 0.2 (" in said.headline
    assert "1 of 4 strengths" in said.headline
    assert "no strength" not in said.headline


def test_the_reason_is_that_of_a_strength_that_decides(experiment: Make) -> None:
    never = told(experiment, [ENTANGLED, ENTANGLED, LOST | {"delta": 0.2}])
    assert never.name == "never clean"
    assert "raises the loss" in never.detail, "not that the effect is lost at noise 0.2"


def test_unmasked_says_where_it_is_found_out(experiment: Make) -> None:
    said = told(experiment, [{}, {}, ENTANGLED])
    assert "looks clean from noise 0 to noise 0.1 (" in said.headline
    assert said.headline.endswith("entangled further on, first at noise 0.2.")


def test_where_a_sham_does_more_nothing_could_be_clean(experiment: Make) -> None:
    asked = experiment(strengths=[0.1, 0.2])
    analysis = analyse(points_of([ENTANGLED, {}, {}], asked.sweep_strengths), CRITERIA)
    sham = Sham(0.0, 0.0, 0.0, 2.0, 1.9, 2.1, "clean", beaten=False, exceeds=True)
    held = replace(analysis.rows[1], state="unresolved", reason="A sham does more.", shams=(sham,))
    undecided = replace(analysis.rows[2], state="unresolved", reason="Undecided.")
    for rows, headline, detail in (
        ((held, held), "could be clean only where a sham does more: unresolved.", "A sham does more."),
        ((held, undecided), "no strength is shown to be clean, and 1 of 3 could be; at 1 more a sham", "Undecided."),
    ):
        curve = (analysis.rows[0], *rows)
        said = answer(asked, replace(analysis, rows=curve, verdict=verdict(curve, 0.1)), finished=True)
        assert headline in said.headline
        assert said.detail.endswith(detail)


def test_while_shams_are_missing_nothing_is_called_clean(experiment: Make) -> None:
    asked = experiment(strengths=[0.1, 0.2])
    analysis = analyse(points_of([ENTANGLED, {}, {}], asked.sweep_strengths), CRITERIA)
    rows = tuple(awaiting(each) for each in analysis.rows)
    said = answer(asked, replace(analysis, rows=rows, verdict=verdict(rows, 0.1)), finished=False)
    assert said.tone == "pending"
    assert "looks clean at 2 strengths; whether it does more than its shams is being measured" in said.headline


def test_a_curve_that_shams_may_still_change_has_no_verdict_yet(experiment: Make) -> None:
    """Clean undegraded and entangled next: unmasked, unless it turns out to be clean again further on."""
    asked = experiment(strengths=[0.1, 0.2])
    analysis = analyse(points_of([{}, ENTANGLED, {}], asked.sweep_strengths), CRITERIA)
    rows = (*analysis.rows[:2], awaiting(analysis.rows[2]))
    early = replace(analysis, rows=rows, verdict=verdict(rows, 0.1))
    assert early.verdict.name == "unmasked"
    assert answer(asked, early, finished=False).tone == "pending"
    assert answer(asked, analysis, finished=True).name == "becomes clean"
