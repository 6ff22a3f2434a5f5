"""The sweep: in what order it measures, what it never measures twice, and that neither changes what it finds."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import lab as laboratory
from engine import sweep as sweeping
from engine.degraders.base import Degraded, Setting
from engine.interventions.base import Intervention
from engine.interventions.identity import Identity
from engine.lab import Lab
from engine.measure import Losses, measure
from engine.regime import Analysis, analyse, band, confirm
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep, coarse_to_fine

Make = Callable[..., Experiment]

STRENGTHS = [0.02, 0.05, 0.1, 0.2, 0.4]
CURVE: dict[str, Any] = {"strengths": STRENGTHS, "draws": 3}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Opens labs, on one folder unless another is named, and closes them after the test."""
    labs: list[Lab] = []

    def open_one(folder: str = "store", threads: int = 1, **options: int) -> Lab:
        labs.append(Lab(Store(tmp_path / folder, **options), threads))
        return labs[-1]

    yield open_one
    for each in labs:
        each.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[Intervention | None]]:
    """What was measured, call by call: the interventions of each."""
    calls: list[list[Intervention | None]] = []

    def counted(network: Any, data: Any, degraded: Any, interventions: Sequence[Intervention | None]) -> list[Losses]:
        calls.append(list(interventions))
        return measure(network, data, degraded, interventions)

    monkeypatch.setattr(laboratory, "measure", counted)
    return calls


def told(analysis: Analysis) -> str:
    """Everything that an analysis says, as text: NaN equals NaN there."""
    return json.dumps(asdict(analysis))


def steps(sweep: Sweep) -> list[set[int]]:
    """Does all that is left; what each step changed."""
    changed = []
    while not sweep.finished:
        changed.append(sweep.step())
    return changed


# ---- order -----------------------------------------------------------------------------------------------------------


def test_coarse_to_fine_takes_the_ends_then_the_middles() -> None:
    assert coarse_to_fine(1) == [0]
    assert coarse_to_fine(2) == [0, 1]
    assert coarse_to_fine(5) == [0, 4, 2, 1, 3]
    assert coarse_to_fine(9) == [0, 8, 4, 2, 6, 1, 3, 5, 7]


@pytest.mark.parametrize("count", range(1, 66))
def test_every_round_of_coarse_to_fine_halves_the_gaps(count: int) -> None:
    order = coarse_to_fine(count)
    assert sorted(order) == list(range(count))
    for rounds in range(7):
        known = sorted(order[: 2**rounds + 1])
        assert max((high - low for low, high in pairwise(known)), default=0) <= math.ceil((count - 1) / 2**rounds)


def test_points_come_strength_0_first_then_coarse_to_fine_draw_by_draw(
    experiment: Make, lab: Callable[..., Lab]
) -> None:
    sweep = Sweep(experiment(**CURVE), lab())
    order = [index for index in coarse_to_fine(6) if index > 0]
    assert steps(sweep) == [{0}, *({index} for _ in range(3) for index in order)]
    assert sweep.done == sweep.total == 1 + 5 * 3


def test_focus_puts_the_nearest_strength_first(experiment: Make, lab: Callable[..., Lab]) -> None:
    sweep = Sweep(experiment(**CURVE), lab())
    sweep.focus(0.12)
    assert [sweep.step() for _ in range(4)] == [{0}, {3}, {3}, {3}]
    sweep.focus(1e9)
    assert [sweep.step() for _ in range(3)] == [{5}, {5}, {5}]
    sweep.focus(0.0)
    sweep.focus(0.2)
    assert [sweep.step() for _ in range(3)] == [{4}, {4}, {4}]
    assert steps(sweep) == [{2}, {1}] * 3, "the others are where they were"


def test_a_step_takes_one_point_for_each_thread(experiment: Make, lab: Callable[..., Lab]) -> None:
    sweep = Sweep(experiment(**CURVE), lab(threads=3))
    assert sweep.step() == {0}, "nothing can be said without the undegraded network, so it goes alone"
    assert sweep.step() == {5, 2, 1}
    assert sweep.done == 4


# ---- what is not measured again --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1, 2, 7, 16])
def test_a_sweep_goes_on_where_another_stopped(
    experiment: Make, lab: Callable[..., Lab], asked: list[list[Intervention | None]], before: int
) -> None:
    first = Sweep(experiment(**CURVE), lab())
    changed = set().union(*(first.step() for _ in range(before)))
    assert len(asked) == before
    second = Sweep(experiment(**CURVE), lab())
    assert second.recall() == changed
    assert second.done == before
    assert len(asked) == before, "nothing is measured to recall"
    assert told(second.analysis()) == told(first.analysis())
    assert told(second.run()) == told(first.run())
    assert len(asked) == 16, "the first finds in the store what the second measured"


def test_a_new_intervention_measures_no_baseline_again(
    experiment: Make, lab: Callable[..., Lab], asked: list[list[Intervention | None]]
) -> None:
    first = experiment(**CURVE)
    Sweep(first, lab()).run()
    assert asked == [[None, first.intervention]] * 16
    asked.clear()
    second = experiment(**CURVE, intervention={"name": "steering", "vector": "optimised-after-layer-1"})
    analysis = Sweep(second, lab()).run()
    assert asked == [[second.intervention]] * 16
    assert told(analysis) == told(Sweep(second, lab("another")).run())


@pytest.mark.parametrize(
    ("changes", "measured"),
    [
        ({"margin": 0.5, "alpha": 0.01, "retention_min": 0.9}, 0),
        ({"draws": 4}, 5),
        ({"draws": 2}, 0),
        ({"strengths": [0.02, 0.03, 0.05, 0.1, 0.2, 0.4]}, 3),
        ({"strengths": [0.1]}, 0),
        ({"seed": 1}, 15),  # all but the undegraded network
        ({"degrader": "checkpoint", "strengths": [0.85]}, 1),
        ({"items": 9}, 16),
    ],
)
def test_another_question_measures_only_what_differs(
    experiment: Make,
    lab: Callable[..., Lab],
    asked: list[list[Intervention | None]],
    changes: dict[str, Any],
    measured: int,
) -> None:
    Sweep(experiment(**CURVE), lab()).run()
    asked.clear()
    changed = experiment(**(CURVE | changes))
    analysis = Sweep(changed, lab()).run()
    assert len(asked) == measured
    assert told(analysis) == told(Sweep(changed, lab("another")).run())


def test_a_new_version_of_a_variant_is_another_question(
    experiment: Make, lab: Callable[..., Lab], asked: list[list[Intervention | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = experiment(**CURVE)
    Sweep(first, lab()).run()
    asked.clear()
    monkeypatch.setattr(type(first.intervention), "version", 2)
    Sweep(first, lab()).run()
    assert asked == [[first.intervention]] * 16
    asked.clear()
    monkeypatch.setattr(type(first.degrader), "version", 2)
    Sweep(first, lab()).run()
    assert asked == [[None, first.intervention]] * 15


class Forgetful(Store):
    """A store that loses some of what it is given."""

    def __init__(self, folder: Path, loses: Callable[[], bool]) -> None:
        super().__init__(folder)
        self.loses = loses

    def get(self, key: str) -> dict[str, np.ndarray] | None:
        return None if self.loses() else super().get(key)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_entries_that_are_lost_are_measured_again_and_change_nothing(
    experiment: Make, lab: Callable[..., Lab], tmp_path: Path, share: float
) -> None:
    right = told(Sweep(experiment(**CURVE), lab()).run())
    rng = random.Random(2)
    forgetful = Lab(Forgetful(tmp_path / "store", lambda: rng.random() < share), threads=1)
    sweep = Sweep(experiment(**CURVE), forgetful)
    sweep.recall()
    assert sweep.done < sweep.total
    assert told(sweep.run()) == right
    forgetful.close()


@pytest.mark.parametrize("lost", ["both", "without the intervention", "under the intervention"])
def test_strength_0_may_be_lost_from_a_full_store(
    experiment: Make, lab: Callable[..., Lab], asked: list[list[Intervention | None]], lost: str
) -> None:
    first = Sweep(experiment(**CURVE), lab())
    right = told(first.run())
    asked.clear()
    full = lab(limit=0)
    keys = first._keys(sweeping.ORIGIN)
    for key in {"both": keys, "without the intervention": keys[:1], "under the intervention": keys[1:]}[lost]:
        assert full.store._disk is not None
        full.store._disk.delete(key)
    second = Sweep(experiment(**CURVE), full)
    assert second.recall() == set(), "there is nothing to compare with yet"
    assert second.done == 15
    assert second.analysis().verdict.name == "pending"
    assert told(second.run()) == right
    assert "is full" in full.store.notice
    intervention = first.experiment.intervention
    each = {"both": [None, intervention], "without the intervention": [None], "under the intervention": [intervention]}
    assert asked == [each[lost]]


# ---- what is found ---------------------------------------------------------------------------------------------------


def test_threads_and_order_change_nothing(experiment: Make, lab: Callable[..., Lab]) -> None:
    right = Sweep(experiment(**CURVE), lab("one"))
    right.run()
    others = [Sweep(experiment(**CURVE), lab(f"{threads} threads", threads)) for threads in (2, 5)]
    rng = random.Random(0)
    for other in others:
        while not other.finished:
            other.focus(rng.choice(STRENGTHS))
            other.step()
        assert told(other.analysis()) == told(right.analysis())
        for one, same in zip(right.points(), other.points(), strict=True):
            for a, b in zip(astuple(one), astuple(same), strict=True):
                np.testing.assert_array_equal(a, b)


def test_two_sweeps_that_take_turns_do_not_disturb_each_other(experiment: Make, lab: Callable[..., Lab]) -> None:
    forms: list[dict[str, Any]] = [CURVE, CURVE | {"intervention": "identity", "seed": 3}]
    apart = [told(Sweep(experiment(**form), lab(f"apart {i}")).run()) for i, form in enumerate(forms)]
    shared = lab(threads=2)
    sweeps = [Sweep(experiment(**form), shared) for form in forms]
    while not all(sweep.finished for sweep in sweeps):
        for sweep in sweeps:
            if not sweep.finished:
                sweep.step()
    assert [told(sweep.analysis()) for sweep in sweeps] == apart


@pytest.mark.parametrize("degrader", ["weight-noise", "checkpoint"])
def test_the_analysis_is_that_of_the_points_at_every_step(
    experiment: Make, lab: Callable[..., Lab], degrader: str
) -> None:
    strengths = STRENGTHS if degrader == "weight-noise" else [0.2125, 0.85, 0.95]
    sweep = Sweep(experiment(degrader=degrader, strengths=strengths), lab())
    while not sweep.finished:
        sweep.step()
        analysis = analyse(sweep.points(), sweep.criteria)
        if sweep.finished:
            points, criteria = sweep.points(), sweep.criteria
            analysis = replace(analysis, confirmation=confirm(points, criteria), band=band(points, criteria.alpha))
        assert told(sweep.analysis()) == told(analysis)


def test_points_are_paired_draw_by_draw(experiment: Make, lab: Callable[..., Lab]) -> None:
    asked = experiment(strengths=[0.1], draws=5)
    sweep = Sweep(asked, lab())
    sweep.run()
    origin, point = sweep.points()
    assert origin.loss.shape == (1, 8)
    assert not origin.random
    assert point.random
    assert point.units.tolist() == [0, 0, 1, 1, 2]
    network = asked.model.load()
    settings = [Setting(0.1, draw) for draw in range(5)]
    for draw, degraded in enumerate(asked.degrader.degrade(network, settings, asked.seed)):
        assert isinstance(degraded, Degraded)
        without, under = measure(network, sweep.data, degraded, [None, asked.intervention])
        np.testing.assert_array_equal(point.loss[draw], without.performance)
        np.testing.assert_array_equal(point.loss_intervened[draw], under.performance)
        np.testing.assert_array_equal(point.behaviour[draw], without.behaviour)
        np.testing.assert_array_equal(point.behaviour_intervened[draw], under.behaviour)


def test_the_identity_is_exactly_nothing_with_a_baseline_from_the_store(
    experiment: Make, lab: Callable[..., Lab], asked: list[list[Intervention | None]]
) -> None:
    Sweep(experiment(**CURVE), lab(threads=2)).run()
    asked.clear()
    sweep = Sweep(experiment(**CURVE, intervention="identity"), lab())
    rows = sweep.run().rows
    assert asked == [[Identity()]] * 16
    for row in rows:
        assert (row.loss_delta, row.loss_delta_low, row.loss_delta_high) == (0, 0, 0)
        assert (row.effect, row.effect_low, row.effect_high) == (0, 0, 0)
        assert "No effect" in row.reason or row.state == "broken"


def test_examples_are_those_of_the_first_draw(experiment: Make, lab: Callable[..., Lab]) -> None:
    sweep = Sweep(experiment(**CURVE), lab())
    assert sweep.examples(2) is None
    sweep.run()
    for index in range(6):
        runs = sweep.examples(index)
        assert runs is not None
        for run, losses in zip(runs, (sweep.point(index).loss, sweep.point(index).loss_intervened), strict=True):
            np.testing.assert_array_equal(run.performance, losses[0])


def test_before_strength_0_there_is_nothing_to_say(experiment: Make, lab: Callable[..., Lab]) -> None:
    sweep = Sweep(experiment(**CURVE), lab())
    analysis = sweep.analysis()
    assert analysis.rows == ()
    assert analysis.verdict.name == "pending"
    assert math.isnan(analysis.margin)
    assert sweep.row(0) is None
    assert sweep.points() == []


def test_a_step_that_fails_leaves_its_points_to_be_done(
    experiment: Make, lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = told(Sweep(experiment(**CURVE), lab("right")).run())
    sweep = Sweep(experiment(**CURVE), lab())
    for before in (0, 3):
        while sweep.done < before:
            sweep.step()
        with monkeypatch.context() as patch:
            patch.setattr(laboratory, "measure", _interrupted)
            with pytest.raises(KeyboardInterrupt):
                sweep.step()
        assert sweep.done == before
    assert told(sweep.run()) == right


def _interrupted(*_: object) -> list[Losses]:
    raise KeyboardInterrupt


def test_no_global_generator_is_touched(experiment: Make, lab: Callable[..., Lab]) -> None:
    def states() -> tuple[object, ...]:  # without Python's own, from which beartype takes the items of a list to check
        return str(np.random.get_state()), torch.get_rng_state().tolist()

    before = states()
    Sweep(experiment(**CURVE), lab()).run()
    assert states() == before
