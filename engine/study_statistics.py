"""How often the method is wrong, and how well it tells genuine handles from spurious ones.

Curves of one network are not independent of each other, and networks of one kind are few. So nothing here counts curves
as if they were: the intervals of shares have as many trials as there are networks, which is what is left if the curves
of a network always agreed, and those of areas under the curve resample networks.

Sources: the score interval, Wilson, JASA 22 (1927); the area under the ROC curve as a rank statistic, Hanley & McNeil,
Radiology 143 (1982); the bootstrap of clusters, Davison & Hinkley, "Bootstrap Methods and their Application" (1997),
section 3.8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from engine.intervals import Interval
from engine.randomness import generator
from engine.regime import VerdictName
from engine.study_result import Curve, Truth

LEVEL: Final = 0.95
RESAMPLES: Final = 2000

Sign = Literal["regime", "confirmed", "verdict"]
"""What counts as "found clean": any clean regime; one that held on the other items; or a verdict that calls it so."""

EVIDENCE: Final[dict[VerdictName, int]] = {
    "unmasked": 0,  # degradation has exposed it
    "never clean": 1,
    "potency lost": 1,
    "saturated": 2,  # nothing can be said
    "unresolved": 2,
    "pending": 2,
    "clean throughout": 3,
    "becomes clean": 3,
}
"""Verdicts in order of how much they speak for a genuine handle; laid down before the study was run."""


@dataclass(frozen=True)
class Rate:
    """How many curves of how many, with an interval as if curves of one network always agreed."""

    count: int
    curves: int
    interval: Interval


@dataclass(frozen=True)
class Errors:
    """Genuine handles in which nothing clean was found, and spurious ones in which it was."""

    missed: Rate
    false: Rate


def wilson(share: float, trials: float, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a binomial share."""
    z = float(ndtri((1 + level) / 2))
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def auc(genuine: NDArray[np.float64], spurious: NDArray[np.float64]) -> float:
    """The area under the ROC curve: the chance that a genuine handle scores above a spurious one; a tie counts half."""
    return _wins(genuine, spurious).sum() / (len(genuine) * len(spurious))


def auc_interval(clusters: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Interval:
    """The area under the ROC curve with a percentile interval of the bootstrap over clusters.

    Args:
        clusters: scores of the genuine and of the spurious handles of each network; none may be empty.
    """
    # every resample only weighs the pairs of clusters, so the wins of all pairs are counted once
    wins = np.array([[_wins(one, other).sum() for _, other in clusters] for one, _ in clusters])
    genuine, spurious = (np.array([len(each[part]) for each in clusters]) for part in (0, 1))
    count = len(clusters)
    weights = generator("study", "bootstrap").multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    areas = np.einsum("ri,ij,rj->r", weights, wins, weights) / ((weights @ genuine) * (weights @ spurious))
    low, high = np.quantile(areas, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(wins.sum() / (genuine.sum() * spurious.sum())), float(low), float(high))


def errors(curves: Sequence[Curve], sign: Sign) -> Errors:
    """How often a genuine handle was missed, and a spurious one taken for clean."""
    return Errors(
        missed=_rate([not _found(each, sign) for each in curves if each.standing == "genuine"], _networks(curves)),
        false=_rate([_found(each, sign) for each in curves if each.standing == "spurious"], _networks(curves)),
    )


def area_of_verdict(curves: Sequence[Curve]) -> Interval:
    """How well the verdict ranks genuine above spurious handles."""
    return _area(curves, lambda curve: float(EVIDENCE[curve.verdict]))


def area_of_gain(curves: Sequence[Curve]) -> Interval:
    """How well the greatest selectivity gain does; a curve without one comes last."""
    return _area(curves, lambda curve: -math.inf if curve.gain is None else curve.gain)


def area_of_cost(curves: Sequence[Curve]) -> Interval:
    """How well the undegraded loss delta, in margins, does, a small one first: all there is to go by without a dial."""
    return _area(curves, lambda curve: -abs(curve.loss_delta) / curve.margin)


def _area(curves: Sequence[Curve], score: Callable[[Curve], float]) -> Interval:
    def scores(network: str, standing: Truth) -> NDArray[np.float64]:
        return np.array([score(each) for each in curves if (each.network, each.standing) == (network, standing)])

    return auc_interval([(scores(each, "genuine"), scores(each, "spurious")) for each in _names(curves)])


def _wins(genuine: NDArray[np.float64], spurious: NDArray[np.float64]) -> NDArray[np.float64]:
    return (genuine[:, None] > spurious) + 0.5 * (genuine[:, None] == spurious)


def _found(curve: Curve, sign: Sign) -> bool:
    return {"regime": curve.clean_regime, "confirmed": curve.confirmed, "verdict": curve.called_clean}[sign]


def _rate(happened: Sequence[bool], networks: int) -> Rate:
    return Rate(sum(happened), len(happened), wilson(sum(happened) / len(happened), networks))


def _names(curves: Sequence[Curve]) -> list[str]:
    return list(dict.fromkeys(each.network for each in curves))


def _networks(curves: Sequence[Curve]) -> int:
    return len(_names(curves))
