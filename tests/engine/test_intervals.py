"""Intervals against simulations with a known truth, textbook analysis of variance, and brute-force inversion."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from engine.intervals import UNDEFINED, Interval, Values, crossed, ratio_interval

SPREADS = {"items": (1.0, 0.0, 0.2), "draws": (0.0, 1.0, 0.2), "residual": (0.0, 0.0, 1.0), "mixed": (1.0, 0.4, 1.0)}
"""Standard deviations of item, unit and residual effects."""


def simulate(rng: np.random.Generator, spread: tuple[float, float, float], units: int, items: int) -> Values:
    by_item, by_unit, rest = spread
    return (
        by_item * rng.normal(size=items)
        + by_unit * rng.normal(size=(units, 1))
        + rest * rng.normal(size=(units, items))
    )


@pytest.mark.parametrize("items", [32, 256])
@pytest.mark.parametrize("units", [4, 8, 16, 64])
@pytest.mark.parametrize("source", SPREADS)
def test_nominal_95_percent_interval_covers_the_truth_as_often(source: str, units: int, items: int) -> None:
    rng, repeats = np.random.default_rng(7), 1200
    labels = np.arange(units)
    means = [crossed(simulate(rng, SPREADS[source], units, items), labels) for _ in range(repeats)]
    chance = 2 * math.sqrt(0.95 * 0.05 / repeats)
    assert 0.93 - chance <= np.mean([mean.interval(0.025).holds(0.0) for mean in means]) <= 0.97 + chance
    by_item, by_unit, rest = SPREADS[source]
    truth = by_item**2 / items + by_unit**2 / units + rest**2 / (units * items)
    variances = [mean.by_items + mean.by_units - mean.residual for mean in means]
    assert np.mean(variances) == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("items", [32, 256])
@pytest.mark.parametrize("source", SPREADS)
def test_two_units_do_not_make_the_interval_too_short(source: str, items: int) -> None:
    """Two antithetic pairs, the least that a sweep with chance can have."""
    rng = np.random.default_rng(15)
    means = [crossed(simulate(rng, SPREADS[source], 2, items), np.arange(2)) for _ in range(1200)]
    assert np.mean([mean.interval(0.025).holds(0.0) for mean in means]) >= 0.93


def test_parts_of_the_variance_are_those_of_an_analysis_of_variance() -> None:
    units, items = 5, 7
    values = simulate(np.random.default_rng(1), SPREADS["mixed"], units, items)
    table = pd.DataFrame(
        {"value": values.ravel(), "unit": np.repeat(range(units), items), "item": [*range(items)] * units}
    )
    squares = anova_lm(ols("value ~ C(unit) + C(item)", table).fit())["mean_sq"] / (units * items)
    mean = crossed(values, np.arange(units))
    assert mean.by_units == pytest.approx(squares["C(unit)"])
    assert mean.by_items == pytest.approx(squares["C(item)"])
    assert mean.residual == pytest.approx(squares["Residual"])


def test_parts_of_the_variance_are_the_cluster_robust_ones_of_statsmodels() -> None:
    """Clustered by items, and by units, without its correction for few clusters; ours divides by n − 1 for n."""
    units, items = 6, 9
    values = simulate(np.random.default_rng(16), SPREADS["mixed"], units, items)
    table = pd.DataFrame(
        {"value": values.ravel(), "unit": np.repeat(range(units), items), "item": [*range(items)] * units}
    )

    def clustered(by: str) -> float:
        how = {"groups": table[by], "use_correction": False}
        return float(ols("value ~ 1", table).fit(cov_type="cluster", cov_kwds=how).bse["Intercept"] ** 2)

    mean = crossed(values, np.arange(units))
    assert mean.by_items == pytest.approx(clustered("item") * items / (items - 1))
    assert mean.by_units == pytest.approx(clustered("unit") * units / (units - 1))


def test_without_randomness_the_interval_is_students_over_items() -> None:
    values = np.random.default_rng(3).normal(0.2, 1.0, size=(1, 40))
    expected = stats.ttest_1samp(values[0], 0.0).confidence_interval(0.9)
    interval = crossed(values, None).interval(0.05)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_draws_of_a_unit_are_averaged_first() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(6, 20))
    paired = crossed(values[[0, 2, 4, 1, 3, 5]], np.array([9, 2, 4, 9, 2, 4]))
    averaged = crossed((values[0::2] + values[1::2]) / 2, np.arange(3))
    assert paired.units == 3
    assert paired.mean == pytest.approx(averaged.mean)
    assert paired.interval(0.05).low == pytest.approx(averaged.interval(0.05).low)
    assert paired.interval(0.05).high == pytest.approx(averaged.interval(0.05).high)


def test_antithetic_pairs_that_cancel_leave_only_the_items() -> None:
    rng = np.random.default_rng(5)
    items, noise = rng.normal(size=20), rng.normal(size=(4, 20))
    mean = crossed(np.concatenate([items + noise, items - noise]), np.tile(np.arange(4), 2))
    assert mean.by_units == pytest.approx(0.0, abs=1e-20)
    alone = crossed(items[None], None).interval(0.05)
    assert (mean.interval(0.05).low, mean.interval(0.05).high) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize(("shape", "random"), [((1, 5), True), ((4, 1), True), ((1, 1), True), ((1, 1), False)])
def test_one_unit_or_one_item_cannot_tell(shape: tuple[int, int], random: bool) -> None:
    interval = crossed(np.full(shape, 0.25), np.arange(shape[0]) if random else None).interval(0.05)
    assert interval == Interval(0.25, -math.inf, math.inf)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_what_is_not_finite_has_no_mean_and_no_bounds(bad: float) -> None:
    values = np.ones((3, 4))
    values[1, 2] = bad
    interval = crossed(values, np.arange(3)).interval(0.05)
    assert math.isnan(interval.mean)
    assert (interval.low, interval.high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        (Interval(0.25, 0.1, 0.4), "+0.25 (+0.10 to +0.40)"),
        (Interval(-0.25, -0.4, -0.1), "-0.25 (-0.40 to -0.10)"),
        (Interval(0.25, 0.1, math.inf), "+0.25 (at least +0.10)"),
        (Interval(0.25, -math.inf, 0.4), "+0.25 (at most +0.40)"),
        (Interval(0.25, -math.inf, math.inf), "+0.25 (no bounds: too few data)"),
        (UNDEFINED, "unknown"),
    ],
)
def test_an_interval_is_told_without_infinity(interval: Interval, told: str) -> None:
    assert interval.told("+.2f") == told


def test_identical_zeros_have_an_interval_without_width() -> None:
    assert crossed(np.zeros((4, 9)), np.arange(4)).interval(0.05) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize("source", SPREADS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_fieller_bounds_are_where_the_test_of_a_ratio_turns(source: str, sign: float) -> None:
    """A ratio θ is in the interval if the mean of numerator − θ·denominator cannot be told from zero."""
    rng, units, items = np.random.default_rng(6), 9, 30
    base = sign * (3.0 + rng.normal(size=(1, items)))
    values = 0.6 * base + 0.3 * simulate(rng, SPREADS[source], units, items)
    numerator, denominator = crossed(values, np.arange(units)), crossed(base, None)
    interval = ratio_interval(numerator, denominator, 0.05)
    t, t_units = stats.t.ppf(0.95, items - 1), stats.t.ppf(0.95, units - 1)

    def by_items(ratio: float) -> float:
        return float((values.mean(axis=0) - ratio * base[0]).var(ddof=1)) / items

    # what is taken off is the same everywhere; the item means of a difference carry the covariance by themselves
    off = min(numerator.residual, by_items(interval.mean))

    def excess(ratio: float) -> float:
        difference = values.mean() - ratio * base.mean()
        return difference**2 - t**2 * (by_items(ratio) - off) - t_units**2 * numerator.by_units

    for bound in (interval.low, interval.high):
        assert excess(bound) == pytest.approx(0.0, abs=1e-9)
    for ratio in np.linspace(interval.low - 2, interval.high + 2, 997):
        assert (excess(ratio) < 0) == (interval.low < ratio < interval.high)


def test_fieller_covers_the_true_ratio() -> None:
    rng, units, items, hits = np.random.default_rng(8), 8, 64, 0
    for _ in range(1500):
        shared = rng.normal(size=(1, items))
        base = 1.0 + shared + 0.5 * rng.normal(size=(1, items))
        values = 0.5 + 0.4 * shared + simulate(rng, (0.3, 0.1, 0.5), units, items)
        hits += ratio_interval(crossed(values, np.arange(units)), crossed(base, None), 0.025).holds(0.5)
    assert 0.93 <= hits / 1500 <= 0.98


def test_a_denominator_near_zero_leaves_the_ratio_without_bounds() -> None:
    rng = np.random.default_rng(9)
    near_zero = crossed(rng.normal(0.0, 1.0, size=(1, 50)), None)
    interval = ratio_interval(crossed(rng.normal(1.0, 1.0, size=(1, 50)), None), near_zero, 0.05)
    assert (interval.low, interval.high) == (-math.inf, math.inf)
    zero = crossed(np.zeros((1, 50)), None)
    assert math.isnan(ratio_interval(near_zero, zero, 0.05).mean)


def test_a_ratio_of_a_mean_to_itself_is_one() -> None:
    mean = crossed(np.random.default_rng(10).normal(2.0, 1.0, size=(1, 50)), None)
    interval = ratio_interval(mean, mean, 0.05)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((1.0, 1.0, 1.0), abs=1e-7)


def test_a_ratio_of_proportional_values_has_no_width() -> None:
    rng = np.random.default_rng(14)
    for share in rng.uniform(-2, 2, size=50):  # rounding drives some of these below a square root of zero
        values = rng.normal(2.0, 1.0, size=(1, 50))
        interval = ratio_interval(crossed(share * values, None), crossed(values, None), 0.05)
        assert (interval.mean, interval.low, interval.high) == pytest.approx((share,) * 3, abs=1e-7)


def test_half_the_distance_takes_four_times_the_data() -> None:
    values = np.random.default_rng(11).normal(size=(1, 4000))
    mean = crossed(values, None)
    half = mean.interval(0.05).high - mean.mean
    assert mean.more_data(half / 2, 0.05)["items"] == pytest.approx(4.0, rel=0.05)
    assert mean.more_data(0.0, 0.05) == {"items": math.inf}


@pytest.mark.parametrize(("source", "way", "useless"), [("draws", "draws", "items"), ("items", "items", "draws")])
def test_more_data_knows_which_kind_is_short(source: str, way: str, useless: str) -> None:
    rng, units, items = np.random.default_rng(12), 60, 60
    mean = crossed(simulate(rng, SPREADS[source], units, items), np.arange(units))
    half = mean.interval(0.05).high - mean.mean
    growth = mean.more_data(half / 2, 0.05)
    assert growth[way] == pytest.approx(4.0, rel=0.25)
    assert math.isinf(growth[useless])


def test_where_draws_and_items_are_both_short_only_both_help() -> None:
    units = 400
    zigzag = np.tile([1.0, -1.0], 200)
    mean = crossed(zigzag + zigzag[:, None], np.arange(units))
    half = mean.interval(0.05).high - mean.mean
    growth = mean.more_data(half / 2, 0.05)
    assert growth["draws and items"] == pytest.approx(16.0, rel=0.06)
    assert math.isinf(growth["draws"])
    assert math.isinf(growth["items"])


def test_the_data_asked_for_do_bring_the_bounds_near_enough() -> None:
    rng, units, items, spread = np.random.default_rng(13), 16, 400, (0.1, 0.3, 1.0)
    first = crossed(simulate(rng, spread, units, items), np.arange(units))
    distance = (first.interval(0.05).high - first.mean) / 3
    growth = first.more_data(distance, 0.05)["draws"]
    assert 1 < growth < 9  # fewer than 9 times, since Student's t shrinks as well
    more, halves = math.ceil(growth * units), []
    for _ in range(50):
        mean = crossed(simulate(rng, spread, more, items), np.arange(more))
        halves.append(mean.interval(0.05).high - mean.mean)
    # sixteen draws know the spread of draws to a fifth
    assert np.median(halves) == pytest.approx(distance, rel=0.4)
