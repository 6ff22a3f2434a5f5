"""Intervals of means over crossed items and draws, and of the ratio of two such means.

Every draw of a degrader is measured on the same items, so a value has two sources of chance that cross: which items
were taken and which draws. Both intervals here count both. A bound of the two-sided (1 − 2α) interval is the one-sided
(1 − α) bound, so the interval that is shown is the one that decides.

Sources: Cameron, Gelbach & Miller, "Robust inference with multiway clustering", JBES 29 (2011); Searle, Casella &
McCulloch, "Variance Components" (1992), ch. 4, for the unbiased form in a balanced layout; Fieller, "Some problems in
interval estimation", JRSS B 16 (1954).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Values = NDArray[np.float64]

TOO_LARGE = 1e50
"""Values from here on count as infinite: products of four of them, which a ratio's interval takes, would overflow."""

GROWTH = np.geomspace(1.1, 100.0, 100)
"""By what factors it is thought worth proposing to add to the present data."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its bounds; infinite bounds where the data cannot tell, a NaN estimate where there is none."""

    mean: float
    low: float
    high: float

    def inside(self, margin: float) -> bool:
        """Whether all of it lies in (−margin, margin)."""
        return -margin < self.low and self.high < margin

    def outside(self, margin: float) -> bool:
        """Whether none of it lies in (−margin, margin)."""
        return self.low >= margin or self.high <= -margin

    def holds(self, value: float) -> bool:
        """Whether `value` lies between the bounds."""
        return self.low <= value <= self.high


UNDEFINED = Interval(math.nan, -math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class CrossedMean:
    """The mean of a crossed layout and what its variance is made of.

    Attributes:
        mean: the grand mean; NaN if any value was not finite.
        item_means: mean over units of each item, shape [item].
        units: number of independent units of draws; None without randomness, where items are the only source of chance.
        by_items: s²(item means) / items. It expects σ²_item / items + σ²_residual / (items · units).
        by_units: s²(unit means) / units. It expects σ²_unit / units + σ²_residual / (items · units).
        residual: mean square of the interaction / (items · units), which the two above hold both.
    """

    mean: float
    item_means: Values
    units: int | None
    by_items: float
    by_units: float
    residual: float

    @property
    def items(self) -> int:
        """Number of items."""
        return self.item_means.size

    @property
    def variance(self) -> float:
        """Variance of the mean, unbiased but for its floor; infinite if one unit or one item leaves it unknown.

        The residual is in both parts and has to be taken off once. With few units the difference can fall below either
        part, even below zero; each part alone is a variance that is surely there, and an interval that is too short
        gives a wrong verdict where one too long only asks for more data. Hence the floor.
        """
        return max(self.by_items + self.by_units - self.residual, self.by_items, self.by_units)

    @property
    def df(self) -> int:
        """Degrees of freedom: those of the scarcer of units and items."""
        return (self.items if self.units is None else min(self.units, self.items)) - 1

    def interval(self, alpha: float) -> Interval:
        """The two-sided (1 − 2·alpha) interval of the mean by Student's t; infinite if its variance is unknown."""
        if math.isnan(self.mean):
            return UNDEFINED
        if math.isinf(self.variance):
            return Interval(self.mean, -math.inf, math.inf)
        half = float(stdtrit(self.df, 1 - alpha)) * math.sqrt(self.variance)
        return Interval(self.mean, self.mean - half, self.mean + half)

    def more_data(self, distance: float, alpha: float) -> dict[str, float]:
        """By what factor the measured cells (draws × items) would have to grow to bring the bounds within `distance`.

        Args:
            distance: from the mean to the threshold that the interval has to clear, in the units of the values.
            alpha: level of each bound.

        Returns:
            The factor for each way of growing, infinite beyond 100: more "draws" shrink `by_units` and leave the rest,
            more "items" shrink `by_items` and leave the rest, "draws and items" grow each by the factor's square root.
        """
        cells, each = GROWTH, np.sqrt(GROWTH)
        variance, items = self.variance, self.items
        if self.units is None:
            ways = {"items": (variance / cells, cells * items)}
        else:
            ways = {
                "draws": (variance - self.by_units + self.by_units / cells, np.minimum(cells * self.units, items)),
                "items": (variance - self.by_items + self.by_items / cells, np.minimum(self.units, cells * items)),
                "draws and items": (variance / each, each * min(self.units, items)),
            }
        factors = {}
        for way, (projected, count) in ways.items():
            enough = stdtrit(count - 1, 1 - alpha) * np.sqrt(projected) <= distance
            factors[way] = float(cells[np.argmax(enough)]) if enough.any() else math.inf
        return factors


def crossed(values: Values, units: NDArray[np.int_] | None) -> CrossedMean:
    """The mean of paired values with the variance that items and draws give it.

    Args:
        values: shape [draw, item], any unit.
        units: the independent unit of each draw, shape [draw]; the draws of one unit (an antithetic pair) are averaged
            first. None if the one draw holds no randomness.
    """
    # a comparison with NaN is false, so this also finds NaN
    if not (np.abs(values) < TOO_LARGE).all():
        return CrossedMean(math.nan, np.full(values.shape[1], math.nan), None, math.inf, 0.0, 0.0)
    if units is not None:
        values = np.stack([values[units == unit].mean(axis=0) for unit in np.unique(units)])
    count, items = values.shape
    item_means, unit_means = values.mean(axis=0), values.mean(axis=1)
    mean = float(unit_means.mean())
    by_items = float(item_means.var(ddof=1)) / items if items > 1 else math.inf
    if units is None:
        return CrossedMean(mean, item_means, None, by_items, 0.0, 0.0)
    by_units = float(unit_means.var(ddof=1)) / count if count > 1 else math.inf
    residual = 0.0
    if items > 1 and count > 1:
        interaction = values - item_means - unit_means[:, None] + mean
        residual = float(np.square(interaction).sum()) / ((items - 1) * (count - 1)) / (items * count)
    return CrossedMean(mean, item_means, count, by_items, by_units, residual)


def ratio_interval(numerator: CrossedMean, denominator: CrossedMean, alpha: float) -> Interval:
    """Fieller's two-sided (1 − 2·alpha) interval of a ratio of means over the same items, where only items are shared.

    Bounds are infinite where the variance is unknown or the denominator cannot be told from zero (g ≥ 1), for then the
    set of ratios that the data allow has no end. The ratio itself lies always within: the floor of
    `CrossedMean.variance` keeps the covariance matrix positive semidefinite, so the square root exists.
    """
    a, b = numerator.mean, denominator.mean
    if math.isnan(a) or math.isnan(b) or b == 0:
        return UNDEFINED
    ratio, df = a / b, min(numerator.df, denominator.df)
    var_a, var_b = numerator.variance, denominator.variance
    if math.isinf(var_a) or math.isinf(var_b):
        return Interval(ratio, -math.inf, math.inf)
    t = float(stdtrit(df, 1 - alpha))
    if t * t * var_b >= b * b:
        return Interval(ratio, -math.inf, math.inf)
    items = numerator.items
    together = float(np.dot(numerator.item_means - a, denominator.item_means - b)) / (items - 1) / items
    g = t * t * var_b / (b * b)
    under = var_a - 2 * ratio * together + ratio * ratio * var_b - t * t * (var_a * var_b - together**2) / (b * b)
    half = t / abs(b) * math.sqrt(max(under, 0.0))  # rounding alone can make it negative
    centre = ratio - t * t * together / (b * b)
    return Interval(ratio, (centre - half) / (1 - g), (centre + half) / (1 - g))
