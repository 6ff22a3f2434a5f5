"""The selectivity gain against simulations with a known truth, brute-force inversion, and its limiting cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.intervals import UNDEFINED, Values
from engine.selectivity import Paired, selectivity_gain

ITEMS, UNITS = 64, 8


def changes(rng: np.random.Generator, mean: float, mean_0: float, by_unit: Values) -> Paired:
    """A change of this mean at a strength and undegraded, with what items and units add."""
    items = rng.normal(size=ITEMS)
    degraded = mean * (1 + 0.5 * items) + 0.2 * by_unit[:, None] + 0.3 * rng.normal(size=(len(by_unit), ITEMS))
    return Paired(degraded, mean_0 * (1 + 0.5 * items)[None] + 0.1 * rng.normal(size=(1, ITEMS)))


@pytest.mark.parametrize("cost", [0.0, 0.1, 0.5, -0.5])
def test_the_interval_covers_the_true_gain(cost: float) -> None:
    """Effect 2 of 3 left, cost from 1 to `cost`: the gain is 2/3 / |cost|."""
    rng, repeats, covered = np.random.default_rng(1), 600, 0
    truth = 2 / 3 / abs(cost) if cost else math.inf
    for _ in range(repeats):
        shared = rng.normal(size=UNITS)
        effect, paid = changes(rng, 2.0, 3.0, shared), changes(rng, cost, 1.0, -shared)
        covered += selectivity_gain(effect, paid, np.arange(UNITS), 0.025).holds(truth)
    assert covered / repeats >= 0.93
    assert covered / repeats <= 0.98 or cost == 0.0


@pytest.mark.parametrize(("cost", "seed"), [(0.5, 2), (-0.4, 3), (0.02, 4), (0.0, 5)])
def test_bounds_are_where_the_test_of_a_gain_turns(cost: float, seed: int) -> None:
    """A gain g is in the interval if R − g·Q or R + g·Q cannot be told from zero."""
    rng, alpha = np.random.default_rng(seed), 0.05
    shared = rng.normal(size=UNITS)
    effect, paid = changes(rng, 2.0, 3.0, shared), changes(rng, cost, 1.0, shared)
    interval = selectivity_gain(effect, paid, np.arange(UNITS), alpha)

    def parts(change: Paired) -> tuple[float, float, Values]:
        share = change.degraded.mean() / change.undegraded.mean()
        influence = (change.degraded - share * change.undegraded) / change.undegraded.mean()
        by_item, by_unit = influence.mean(axis=0), influence.mean(axis=1)
        rest = influence - by_item - by_unit[:, None]
        residual = np.square(rest).sum() / ((ITEMS - 1) * (UNITS - 1)) / (ITEMS * UNITS)
        return share, max(by_item.var(ddof=1) / ITEMS - residual, 0.0), by_unit

    (left, left_items, left_units), (paid_share, paid_items, paid_units) = parts(effect), parts(paid)
    t, t_units = stats.t.ppf(1 - alpha, ITEMS - 1), stats.t.ppf(1 - alpha, UNITS - 1)

    def allowed(ratio: float) -> bool:
        by_units = (left_units - ratio * paid_units).var(ddof=1) / UNITS
        by_items = left_items + ratio**2 * paid_items
        return (left - ratio * paid_share) ** 2 <= t**2 * by_items + t_units**2 * by_units

    for gain in np.geomspace(0.05, 500, 400):
        assert (allowed(gain) or allowed(-gain)) == interval.holds(float(gain)), gain


def test_a_cost_that_may_be_zero_has_no_upper_bound_and_a_clear_one_has() -> None:
    rng = np.random.default_rng(6)
    shared = rng.normal(size=UNITS)
    effect = changes(rng, 2.0, 3.0, shared)
    gone = selectivity_gain(effect, changes(rng, 0.0, 1.0, shared), np.arange(UNITS), 0.05)
    there = selectivity_gain(effect, changes(rng, 0.9, 1.0, shared), np.arange(UNITS), 0.05)
    assert gone.high == math.inf
    assert gone.low > there.high
    assert math.isfinite(there.high)


def test_an_effect_that_may_be_zero_has_no_lower_bound() -> None:
    rng = np.random.default_rng(7)
    shared = rng.normal(size=UNITS)
    none = changes(rng, 0.0, 3.0, shared)
    assert selectivity_gain(none, changes(rng, 0.9, 1.0, shared), np.arange(UNITS), 0.05).low == 0.0


def test_without_an_effect_or_a_cost_undegraded_there_is_nothing_to_gain_on() -> None:
    rng = np.random.default_rng(8)
    shared = rng.normal(size=UNITS)
    some, nothing = changes(rng, 1.0, 1.0, shared), Paired(np.zeros((UNITS, ITEMS)), rng.normal(size=(1, ITEMS)) * 1e-3)
    assert selectivity_gain(some, nothing, np.arange(UNITS), 0.05) == UNDEFINED
    assert selectivity_gain(nothing, some, np.arange(UNITS), 0.05) == UNDEFINED


def test_one_unit_leaves_the_gain_open_and_no_chance_does_not() -> None:
    rng = np.random.default_rng(9)
    effect, paid = changes(rng, 2.0, 3.0, np.zeros(1)), changes(rng, 0.5, 1.0, np.zeros(1))
    one = selectivity_gain(effect, paid, np.arange(1), 0.05)
    assert (one.low, one.high) == (0.0, math.inf)
    fixed = selectivity_gain(effect, paid, np.arange(1), 0.05, random=False)
    assert 0 < fixed.low < fixed.mean < fixed.high < math.inf


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_give_no_gain(bad: float) -> None:
    rng = np.random.default_rng(10)
    effect, paid = (changes(rng, 2.0, 3.0, np.zeros(UNITS)) for _ in range(2))
    effect.degraded[0, 0] = bad
    assert selectivity_gain(effect, paid, np.arange(UNITS), 0.05) == UNDEFINED
