"""The simultaneous band against simulated curves, and where it is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from engine.bands import simultaneous_level
from engine.intervals import crossed

ALPHA = 0.025


def test_independent_strengths_need_sidaks_level() -> None:
    """Of K independent intervals all cover with (1 − 2a)^K."""
    rng, strengths = np.random.default_rng(0), 5
    by_item = [rng.normal(size=20_000) for _ in range(strengths)]
    level = simultaneous_level(by_item, [np.zeros(1)] * strengths, ALPHA)
    assert level == pytest.approx((1 - (1 - 2 * ALPHA) ** (1 / strengths)) / 2, rel=0.05)


def test_strengths_that_are_one_and_the_same_need_no_more_than_one() -> None:
    values = np.random.default_rng(1).normal(size=500)
    assert simultaneous_level([values, 3 * values, -values], [np.zeros(1)] * 3, ALPHA) == pytest.approx(ALPHA, rel=0.05)


def test_strengths_without_any_spread_need_no_band() -> None:
    assert simultaneous_level([np.zeros(9)] * 4, [np.zeros(1)] * 4, ALPHA) == ALPHA
    assert simultaneous_level([np.zeros(9), np.arange(9.0)], [np.zeros(1)] * 2, ALPHA) == ALPHA


@pytest.mark.parametrize(("units", "items"), [(8, 64), (16, 32), (None, 64)])
def test_the_band_covers_the_whole_curve(units: int | None, items: int) -> None:
    """Curves of six strengths that share items and draws, as a sweep's do."""
    rng, repeats, strengths, covered, alone = np.random.default_rng(2), 400, 6, 0, 0
    grid = np.arange(strengths)
    mixing = np.linalg.cholesky(np.exp(-np.abs(grid[:, None] - grid) / 2))
    for _ in range(repeats):
        draws = units or 1
        values = np.einsum("st,ti->si", mixing, rng.normal(size=(strengths, items)))[:, None, :]
        if units:
            by_unit = np.einsum("st,tu->su", mixing, rng.normal(size=(strengths, draws)))
            values = values + 0.4 * by_unit[:, :, None] + 0.5 * rng.normal(size=(strengths, draws, items))
        means = [crossed(each, np.arange(draws) if units else None) for each in values]
        level = simultaneous_level(
            [each.mean(axis=0) for each in values], [each.mean(axis=1) for each in values], ALPHA
        )
        covered += all(mean.interval(level).holds(0.0) for mean in means)
        alone += all(mean.interval(ALPHA).holds(0.0) for mean in means)
    assert alone / repeats < 0.9
    assert 0.93 <= covered / repeats <= 0.98
