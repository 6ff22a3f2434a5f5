"""Intervals of means over crossed items and draws, and of the ratio of two such means.

Every draw of a degrader is measured on the same items, so a value has two sources of chance that cross: which items
were taken and which draws. Both intervals here count both. A bound of the two-sided (1 − 2α) interval is the one-sided
(1 − α) bound, so the interval that is shown is the one that decides.

The variance of the mean has two parts, one by items and one by draws, each known with its own degrees of freedom. Each
part gets its own Student's t, so that a part that hardly matters but is badly known does not widen the whole.

Sources: Cameron, Gelbach & Miller, "Robust inference with multiway clustering", JBES 29 (2011); Searle, Casella &
McCulloch, "Variance Components" (1992), ch. 4, for the unbiased form in a balanced layout; Banerjee, "On confidence
interval for two-means problem based on separate estimates of variances and tabulated values of t-table", Sankhyā A 23
(1961); Fieller, "Some problems in interval estimation", JRSS B 16 (1954).
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

    def told(self, form: str) -> str:
        """As people read it, numbers in this format: "0.25 (0.1 to 0.4)"; "unknown" without an estimate."""
        if math.isnan(self.mean):
            return "unknown"
        low, high = (f"{bound:{form}}" if math.isfinite(bound) else "" for bound in (self.low, self.high))
        if low and high:
            bounds = f"{low} to {high}"
        else:
            bounds = f"at least {low}" if low else f"at most {high}" if high else "no bounds: too few data"
        return f"{self.mean:{form}} ({bounds})"


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

    def interval(self, alpha: float) -> Interval:
        """The two-sided (1 − 2·alpha) interval of the mean; infinite if one unit or one item leaves a variance unknown.

        Its half-width is √(t²·(by_items − residual) + t′²·by_units): the residual is in both parts and has to be taken
        off once; t is Student's with items − 1 degrees of freedom, t′ with units − 1.
        """
        if math.isnan(self.mean):
            return UNDEFINED
        if math.isinf(self.by_items) or math.isinf(self.by_units):
            return Interval(self.mean, -math.inf, math.inf)
        t, t_units = self.students(alpha)
        half = math.sqrt(t * t * max(self.by_items - self.residual, 0.0) + t_units * t_units * self.by_units)
        return Interval(self.mean, self.mean - half, self.mean + half)

    def students(self, alpha: float) -> tuple[float, float]:
        """Student's t for a bound of level alpha: of the items, and of the units (0 without randomness)."""
        of_units = 0.0 if self.units is None else float(stdtrit(self.units - 1, 1 - alpha))
        return float(stdtrit(self.items - 1, 1 - alpha)), of_units

    def more_data(self, distance: float, alpha: float) -> dict[str, float]:
        """By what factor the measured cells (draws × items) would have to grow to bring the bounds within `distance`.

        Args:
            distance: from the mean to the threshold that the interval has to clear, in the units of the values.
            alpha: level of each bound.

        Returns:
            The factor for each way of growing, infinite beyond 100: more "draws" shrink `by_units` and leave the rest,
            more "items" shrink `by_items` and leave the rest, "draws and items" grow each by the factor's square root.
        """
        cells, each, one = GROWTH, np.sqrt(GROWTH), np.ones_like(GROWTH)
        ways = {"items": (cells, one)}
        if self.units is not None:
            ways = {"draws": (one, cells), **ways, "draws and items": (each, each)}
        factors = {}
        for way, (more_items, more_units) in ways.items():
            enough = self._half_width(alpha, more_items, more_units) <= distance
            factors[way] = float(cells[np.argmax(enough)]) if enough.any() else math.inf
        return factors

    def _half_width(self, alpha: float, more_items: Values, more_units: Values) -> Values:
        """Of the interval, if there were so many times the items and the units."""
        only_items = max(self.by_items - self.residual, 0.0) / more_items
        half = stdtrit(more_items * self.items - 1, 1 - alpha) * np.sqrt(only_items)
        if self.units is None:
            return half
        only_units = max(self.by_units - self.residual, 0.0) / more_units
        of_units = stdtrit(more_units * self.units - 1, 1 - alpha)
        by_units = only_units + min(self.residual, self.by_units) / (more_items * more_units)
        return np.sqrt(half**2 + of_units**2 * by_units)


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

    Bounds are infinite where a variance is unknown or the denominator cannot be told from zero (g ≥ 1), for then the
    set of ratios that the data allow has no end. A ratio ρ is within if the mean of numerator − ρ·denominator cannot be
    told from zero by its interval, in which no more is taken off the part by items than there is at the ratio itself.
    """
    a, b = numerator.mean, denominator.mean
    if math.isnan(a) or math.isnan(b) or b == 0:
        return UNDEFINED
    ratio, items = a / b, numerator.items
    by_items, by_units, of_denominator = numerator.by_items, numerator.by_units, denominator.by_items
    if math.isinf(by_items) or math.isinf(by_units) or math.isinf(of_denominator):
        return Interval(ratio, -math.inf, math.inf)
    t, t_units = numerator.students(alpha)
    g = t * t * of_denominator / (b * b)
    if g >= 1:
        return Interval(ratio, -math.inf, math.inf)
    together = float(np.dot(numerator.item_means - a, denominator.item_means - b)) / (items - 1) / items
    at_ratio = by_items - 2 * ratio * together + ratio * ratio * of_denominator
    rest = t_units * t_units * by_units - t * t * min(numerator.residual, at_ratio)
    under = t * t * (at_ratio - t * t * (by_items * of_denominator - together**2) / (b * b)) + (1 - g) * rest
    half = math.sqrt(max(under, 0.0)) / abs(b)  # rounding alone can make it negative
    centre = ratio - t * t * together / (b * b)
    return Interval(ratio, (centre - half) / (1 - g), (centre + half) / (1 - g))
