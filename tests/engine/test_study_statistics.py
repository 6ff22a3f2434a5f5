"""The study's statistics against textbook values, scipy and statsmodels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from statsmodels.stats.proportion import proportion_confint

from engine.study_result import Curve, Truth
from engine.study_statistics import (
    EVIDENCE,
    area_of_cost,
    area_of_gain,
    area_of_verdict,
    auc,
    auc_interval,
    errors,
    wilson,
)

CURVE = Curve(
    model="planted", network="planted", seed=0, step=None, dial="pruning", handle="a", standing="genuine",
    matched_to="a", wanted=1.0, effect=1.0, matched=True, loss_delta=0.1, margin=0.1, verdict="never clean",
    clean_regime=False, confirmed=False, gain=1.0, gain_strength=0.1, frontier=math.inf,
)  # fmt: skip


@pytest.mark.parametrize(
    ("count", "trials", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_that_of_the_textbook(count: int, trials: int, low: float, high: float) -> None:
    found = wilson(count / trials, trials)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize("trials", [3, 9])
def test_wilsons_interval_is_that_of_statsmodels(trials: int) -> None:
    for count in range(trials + 1):
        low, high = proportion_confint(count, trials, method="wilson")
        found = wilson(count / trials, trials)
        assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_the_rank_statistic_of_mann_and_whitney(seed: int) -> None:
    rng = np.random.default_rng(seed)
    genuine, spurious = rng.integers(0, 6, size=17).astype(float), rng.integers(0, 5, size=11).astype(float)
    statistic = mannwhitneyu(genuine, spurious).statistic
    assert auc(genuine, spurious) == pytest.approx(statistic / (17 * 11))
    cut = [(genuine[:9], spurious[:4]), (genuine[9:], spurious[4:])]
    assert auc_interval(cut).mean == pytest.approx(auc(genuine, spurious)), "whatever the clusters"


def test_the_interval_of_the_area_is_that_of_a_plain_bootstrap_of_clusters() -> None:
    rng = np.random.default_rng(0)
    clusters = [(rng.normal(shift, 1, 4) + 0.7, rng.normal(shift, 1, 6)) for shift in rng.normal(0, 1, 8)]
    areas = []
    for _ in range(4000):
        some = [clusters[place] for place in rng.integers(8, size=8)]
        areas.append(auc(np.concatenate([one for one, _ in some]), np.concatenate([other for _, other in some])))
    found = auc_interval(clusters)
    low, high = np.quantile(areas, [0.025, 0.975])
    assert (found.low, found.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))
    assert found == auc_interval(clusters), "no chance of its own"


def test_a_score_that_tells_all_has_area_1_and_one_that_tells_nothing_a_half() -> None:
    clusters = [(np.array([2.0, 3.0]), np.array([0.0, 1.0])) for _ in range(3)]
    assert (auc_interval(clusters).low, auc_interval(clusters).high) == (1, 1)
    same = [(np.ones(2), np.ones(3)) for _ in range(3)]
    assert auc_interval(same).mean == auc_interval(same).high == 0.5


def curves(standing: Truth, network: str, *found: bool) -> list[Curve]:
    one = replace(CURVE, standing=standing, network=network)
    return [replace(one, clean_regime=each, verdict="becomes clean" if each else "never clean") for each in found]


def test_errors_are_counted_with_as_many_trials_as_networks() -> None:
    some = [
        *(*curves("genuine", "one", True, False), *curves("spurious", "one", True, False, False)),
        *(*curves("genuine", "two", True, True), *curves("spurious", "two", False, False, False)),
    ]
    found = errors(some, "regime")
    assert (found.missed.count, found.missed.curves, found.missed.interval) == (1, 4, wilson(1 / 4, 2))
    assert (found.false.count, found.false.curves, found.false.interval) == (1, 6, wilson(1 / 6, 2))
    assert errors(some, "verdict") == found
    nothing = errors(some, "confirmed")
    assert (nothing.missed.count, nothing.false.count) == (4, 0)


def test_a_regime_of_what_degradation_unmasks_is_not_called_clean() -> None:
    unmasked = replace(CURVE, clean_regime=True, verdict="unmasked", standing="spurious")
    assert errors([CURVE, unmasked], "regime").false.count == 1
    assert errors([CURVE, unmasked], "verdict").false.count == 0


def test_areas_rank_by_the_verdict_and_by_the_gain() -> None:
    assert max(EVIDENCE, key=lambda name: EVIDENCE[name]) in ("clean throughout", "becomes clean")
    assert min(EVIDENCE, key=lambda name: EVIDENCE[name]) == "unmasked"
    genuine = replace(CURVE, verdict="clean throughout", gain=None)
    spurious = replace(CURVE, standing="spurious", verdict="unmasked", gain=0.1)
    assert area_of_verdict([genuine, spurious]).mean == 1
    assert area_of_gain([genuine, spurious]).mean == 0, "no gain comes after any"
    assert area_of_gain([replace(genuine, gain=0.1), spurious]).mean == 0.5


def test_the_cost_undegraded_ranks_by_its_size_in_margins() -> None:
    genuine = replace(CURVE, loss_delta=-0.1, margin=0.1)
    spurious = replace(CURVE, standing="spurious", loss_delta=0.05, margin=0.04)
    assert area_of_cost([genuine, spurious]).mean == 1
    assert area_of_cost([replace(genuine, margin=0.02), spurious]).mean == 0
