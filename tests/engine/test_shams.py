"""Shams beside an intervention: what is told of them, and that their effects have to be exceeded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.lab import Lab
from engine.shams import AWAITED, beside, outdone
from engine.spec import Experiment
from engine.store import Store
from engine.strength import Criteria, Point, Row, margin_of, row
from engine.sweep import Sweep

Make = Callable[..., Experiment]

CRITERIA = Criteria(chance=4.0, margin=0.1)
ITEMS, DRAWS = 64, 6


def point(strength: float, *, effect: float, delta: float = 0.0, seed: int = 0) -> Point:
    """Effect and loss delta as asked for, with some chance in items and draws."""
    rng = np.random.default_rng(seed)
    draws = DRAWS if strength else 1
    ones = np.ones((draws, ITEMS))

    def spread() -> np.ndarray:
        return 0.05 * (rng.normal(size=(1, ITEMS)) + rng.normal(size=(draws, 1)) * bool(strength))

    return Point(
        strength,
        ones,
        ones + delta + 0.1 * spread(),
        ones,
        ones + effect + spread(),
        np.arange(draws),
        random=bool(strength),
    )


ORIGIN = point(0.0, effect=1.0, delta=0.3)
MEASURED = point(1.0, effect=0.9)


def judged(*effects: float) -> Row:
    """The clean strength, beside shams with these effects."""
    margin = margin_of(ORIGIN, CRITERIA)
    alone = row(MEASURED, ORIGIN, CRITERIA, margin)
    assert alone.state == "clean"
    shams = [(point(1.0, effect=effect, seed=1), point(0.0, effect=effect, seed=2)) for effect in effects]
    return beside(alone, MEASURED, ORIGIN, shams, CRITERIA, margin)


def test_beside_weaker_shams_it_stays_clean_and_they_are_told() -> None:
    told = judged(0.2, -0.5, 0.0)
    assert told.state == "clean"
    assert [sham.beaten for sham in told.shams] == [True] * 3
    assert [sham.effect for sham in told.shams] == pytest.approx([0.2, -0.5, 0.0], abs=0.06)
    assert [sham.state for sham in told.shams] == ["clean", "clean", "unresolved"]


@pytest.mark.parametrize(
    ("effects", "words"),
    [
        ((0.9,), "that of its sham"),
        ((0.1, 0.9), "1 of its 2 shams"),
        ((0.1, 0.1, 1.5), "1 of its 3 shams, of which 1 does more."),
        ((1.5, 0.1, 1.6), "2 of its 3 shams, of which 2 do more."),
    ],
)
def test_a_sham_that_does_as_much_forbids_clean(effects: tuple[float, ...], words: str) -> None:
    told = judged(*effects)
    assert told.state == "unresolved"
    assert told.reason.startswith("Its effect is not shown to exceed that of ")
    assert words in told.reason
    assert told.frontier == math.inf
    assert [sham.exceeds for sham in told.shams] == [effect > 1 for effect in effects]
    assert outdone(told) is (max(effects) > 1)


def test_it_is_told_how_much_more_would_tell_a_sham_apart() -> None:
    """A lead of 0.01 whose items spread by 0.0707: (t · 0.0707 / 0.01)² / 64 = 2.2 times the items, t = 1.66."""
    spread = 0.0707 * np.where(np.arange(ITEMS) % 2 == 0, 1.0, -1.0)
    ones = np.ones((1, ITEMS))
    ahead = Point(1.0, ones, ones, ones, ones + 0.92 + spread, np.arange(1), random=False)
    alone = replace(row(MEASURED, ORIGIN, CRITERIA, 0.1), state="clean")

    def beside_a_sham(effect: float) -> Row:
        sham = replace(ahead, behaviour_intervened=ones + effect)
        return beside(alone, ahead, ORIGIN, [(sham, point(0.0, effect=effect))], CRITERIA, 0.1)

    assert beside_a_sham(0.90).shams[0].beaten, "0.02 ± 0.015"
    assert beside_a_sham(0.91).reason.endswith("that of its sham: about 2.2× the behaviour items would tell.")


def test_an_effect_downwards_has_to_lie_below_its_shams() -> None:
    origin, measured = point(0.0, effect=-1.0), point(1.0, effect=-0.9)
    alone = row(measured, origin, CRITERIA, 0.1)
    for effect, state in ((-0.3, "clean"), (2.0, "clean"), (-1.2, "unresolved")):
        shams = [(point(1.0, effect=effect, seed=1), point(0.0, effect=effect, seed=2))]
        assert beside(alone, measured, origin, shams, CRITERIA, 0.1).state == state


def test_what_is_not_clean_stays_what_it_is() -> None:
    margin = margin_of(ORIGIN, CRITERIA)
    entangled = point(1.0, effect=0.9, delta=0.5)
    alone = row(entangled, ORIGIN, CRITERIA, margin)
    shams = [(point(1.0, effect=2.0, seed=1), point(0.0, effect=2.0, seed=2))]
    told = beside(alone, entangled, ORIGIN, shams, CRITERIA, margin)
    assert replace(told, shams=(), frontier=alone.frontier) == alone


def test_of_more_draws_the_first_are_compared_with_a_shams() -> None:
    some = {field: getattr(MEASURED, field)[:4] for field in ("loss", "behaviour")}
    fewer = replace(
        MEASURED,
        **some,
        loss_intervened=some["loss"],
        behaviour_intervened=some["behaviour"] + 0.2,
        units=np.arange(4),
    )
    margin = margin_of(ORIGIN, CRITERIA)
    alone = row(MEASURED, ORIGIN, CRITERIA, margin)
    told = beside(alone, MEASURED, ORIGIN, [(fewer, point(0.0, effect=0.2))], CRITERIA, margin)
    assert told.shams[0].beaten


# ---- in a sweep ------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(Store(tmp_path / "store"), 1) as one:
        yield one


@pytest.mark.parametrize("degrader", ["weight-noise", "pruning"])
def test_a_sham_is_told_as_a_sweep_of_its_own_measures_it(experiment: Make, lab: Lab, degrader: str) -> None:
    asked = experiment(shams=2, degrader=degrader)
    found = Sweep(asked, lab).run()
    assert all(len(each.shams) == 2 for each in found.rows)
    for number, sham in enumerate(asked.controls):
        form = asked.model_dump(mode="json") | {"intervention": sham.to_json(), "shams": 0}
        for beside_it, own in zip(found.rows, Sweep(Experiment.read(form), lab).run().rows, strict=True):
            told = beside_it.shams[number]
            assert (told.loss_delta, told.effect, told.state) == (own.loss_delta, own.effect, own.state)
            assert (told.effect_low, told.effect_high) == (own.effect_low, own.effect_high)


def test_nothing_is_clean_before_its_shams_are_measured(experiment: Make, lab: Lab) -> None:
    """Draws that are doubled where the verdict is open, too, wait for no sham."""
    asked = experiment(degrader="checkpoint", strengths=None, shams=2, margin=0.3)
    sweep = Sweep(asked, lab)
    seen = set()
    while not sweep.finished:
        sweep.step()
        rows = sweep.analysis().rows
        assert all(len(each.shams) == 2 for each in rows if each.state == "clean")
        seen |= {each.reason for each in rows}
    assert AWAITED in seen, "some looked clean before"
    assert AWAITED not in {each.reason for each in sweep.analysis().rows}


def test_shams_come_last_and_are_found_again(experiment: Make, lab: Lab) -> None:
    asked = experiment(shams=3)
    sweep = Sweep(asked, lab)
    plain = 1 + 2 * asked.draws
    assert sweep.total == plain
    while sweep.done < plain:
        assert not any(each.shams for each in sweep.analysis().rows)
        sweep.step()
    assert sweep.total == 2 * plain, "a point for the intervention, and one for all shams"
    while not sweep.finished:
        sweep.step()
    again = Sweep(asked, lab)
    again.recall()
    assert again.finished
    assert again.analysis() == sweep.analysis()


def test_an_intervention_without_shams_has_none(experiment: Make, lab: Lab) -> None:
    asked = experiment(shams=4, intervention="identity")
    assert (asked.shams, asked.controls) == (0, ())
    assert Sweep(asked, lab).run().rows[1].shams == ()


def test_sampled_networks_have_shams_too(experiment: Make, lab: Lab) -> None:
    dial = {"name": "sgld", "steps": 10, "batch": 4}
    asked = experiment(shams=1, degrader=dial, strengths=[0.1], draws=4)
    found = Sweep(asked, lab).run()
    assert len(found.rows[1].shams) == 1
    again = Sweep(asked, lab)
    again.recall()
    assert again.finished
    assert again.analysis() == found


# ---- adaptive draws --------------------------------------------------------------------------------------------------


def test_draws_are_doubled_where_the_verdict_is_undecided_and_nowhere_else(experiment: Make, lab: Lab) -> None:
    asked = experiment(draws=4, doublings=2, items=32, strengths=[0.05, 0.2, 0.3, 0.6])
    assert asked.looks == (4, 8, 16)
    assert asked.level == pytest.approx(asked.alpha / 3)
    found = Sweep(asked, lab).run()
    counts = {each.strength: each.draws for each in found.rows[1:]}
    assert set(counts.values()) <= set(asked.looks)
    for each in found.rows[1:]:
        assert each.state != "unresolved" or each.draws == 16
    assert len(set(counts.values())) > 1, "some strengths were decided at once, some were not"
    once = Sweep(experiment(draws=4, items=32, strengths=[0.05, 0.2, 0.3, 0.6], alpha=asked.level), lab).run()
    for early, late in zip(once.rows, found.rows, strict=True):
        assert early.state == "unresolved" or early == late
    again = Sweep(asked, lab)
    again.recall()
    assert again.finished
    assert again.analysis() == found


def test_there_are_never_more_than_64_draws(experiment: Make) -> None:
    assert experiment(draws=8, doublings=6).looks == (8, 16, 32, 64)
    assert experiment(draws=64, doublings=1).looks == (64,)
    assert experiment(draws=5, doublings=6).looks == (5, 10, 20, 40)
    assert experiment(degrader="pruning", doublings=3).doublings == 0
