"""The selectivity gain: how many times more effect a nat of cost buys than undegraded, with an interval.

G(s) = |ρ| with ρ = R/Q, R = E(s)/E(0) what is left of the effect and Q = Δ(s)/Δ(0) what is left of the cost. Near a
clean strength Q is near zero, so the interval is Fieller's: a ratio ρ is within if R − ρ·Q cannot be told from zero.
The effect is measured on other items than the cost, but on the same draws. R and Q are taken as linear in the values
around their estimates (delta method), which needs E(0) and Δ(0) to be told from zero.

Source: Fieller, "Some problems in interval estimation", JRSS B 16 (1954), § 4 for the three shapes of the set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from engine.intervals import UNDEFINED, CrossedMean, Interval, Values, crossed


@dataclass(frozen=True, eq=False)
class Paired:
    """A change that the intervention makes, at a strength [draw, item] and at strength 0 [1, item], same items."""

    degraded: Values
    undegraded: Values


def selectivity_gain(
    effect: Paired, cost: Paired, units: NDArray[np.int_], alpha: float, *, random: bool = True
) -> Interval:
    """G with its two-sided (1 − 2·alpha) interval; the upper bound is infinite where the cost may be zero.

    Args:
        effect: of the intervention, in the unit of the behaviour metric.
        cost: the loss delta, nats.
        units: the independent unit of each draw, shape [draw].
        alpha: level of each bound.
        random: whether the draws hold any chance.

    Returns:
        UNDEFINED where the effect or the cost at strength 0 cannot be told from zero: then there is nothing to gain on.
    """
    if any(_is_nothing(each.undegraded, alpha) for each in (effect, cost)):
        return UNDEFINED
    of = units if random else None
    left, paid = _share(effect, of), _share(cost, of)
    if left is None or paid is None:
        return UNDEFINED
    gain = abs(left.share / paid.share) if paid.share else math.inf
    spread = [math.isinf(each.by_items) or math.isinf(each.by_units) for each in (left.mean, paid.mean)]
    if any(spread):
        return Interval(gain, 0.0, math.inf)
    t_effect, t_units = left.mean.students(alpha)
    t_cost = float(stdtrit(paid.mean.items - 1, 1 - alpha))
    together = _covariance(left.unit_means, paid.unit_means)
    square = paid.share**2 - t_cost**2 * _by_items_alone(paid.mean) - t_units**2 * paid.mean.by_units
    mixed = left.share * paid.share - t_units**2 * together
    plain = left.share**2 - t_effect**2 * _by_items_alone(left.mean) - t_units**2 * left.mean.by_units
    return Interval(gain, *_absolute_bounds(square, mixed, plain))


@dataclass(frozen=True, eq=False)
class _Share:
    """What is left of a change, and the mean of what it is made of: its influence values, which have mean zero."""

    share: float
    mean: CrossedMean
    unit_means: Values


def _share(change: Paired, units: NDArray[np.int_] | None) -> _Share | None:
    origin = float(change.undegraded.mean())
    share = float(change.degraded.mean()) / origin
    if not math.isfinite(share):
        return None
    influence = (change.degraded - share * change.undegraded) / origin
    labels = np.zeros(len(influence), dtype=int) if units is None else units
    by_unit = np.stack([influence[labels == unit].mean() for unit in np.unique(labels)])
    return _Share(share, crossed(influence, units), by_unit)


def _is_nothing(values: Values, alpha: float) -> bool:
    interval = crossed(values, None).interval(alpha / 2)
    return interval.holds(0.0)


def _by_items_alone(mean: CrossedMean) -> float:
    return max(mean.by_items - mean.residual, 0.0)


def _covariance(one: Values, other: Values) -> float:
    """Of two means over the same units."""
    return float(np.cov(one, other)[0, 1]) / len(one) if len(one) > 1 else 0.0


def _absolute_bounds(square: float, mixed: float, plain: float) -> tuple[float, float]:
    """The least and the greatest |ρ| with square·ρ² − 2·mixed·ρ + plain ≤ 0."""
    root = mixed * mixed - square * plain
    if square == 0.0 or root < 0.0:  # no ρ is ruled out, or with square = 0 a half-line
        return 0.0, math.inf
    ends = sorted(abs((mixed + sign * math.sqrt(root)) / square) for sign in (-1.0, 1.0))
    least = 0.0 if plain <= 0.0 else ends[0]
    return least, ends[1] if square > 0.0 else math.inf
