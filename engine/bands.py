"""A band that covers a whole curve at once, where the interval of every strength alone would cover it too seldom.

The band is made of the intervals of the single strengths at a stricter level: the one at which the greatest deviation
of all of them, in units of its own standard error, stays within. How the strengths go together is estimated from the
items and the draws that they have in common.

Source: Montiel Olea & Plagborg-Møller, "Simultaneous confidence bands: theory, implementation, and an application to
SVARs", J. Appl. Econometrics 34 (2019): the sup-t band.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from engine.intervals import Values

SAMPLES: Final = 20_000
"""Of the greatest deviation: its quantile is known to about a hundredth of a standard error."""


def simultaneous_level(by_item: Sequence[Values], by_unit: Sequence[Values], alpha: float) -> float:
    """The level at which every strength's two-sided interval has to be taken, so that all of them cover at once.

    Args:
        by_item: of each strength the mean of every item, [item]; the items are the same.
        by_unit: of each strength the mean of every unit of draws, [unit]; units of the same place are the same draws.
            One unit alone where there is no chance.
        alpha: level of the single bounds; the band covers with probability 1 − 2·alpha.

    Returns:
        At most alpha.
    """
    together = _covariance(by_item) + _covariance(by_unit)
    spread = np.sqrt(np.diag(together))
    moving = spread > 0
    if moving.sum() < 2:
        return alpha
    correlation = (together / np.outer(spread, spread).clip(min=np.finfo(float).tiny))[np.ix_(moving, moving)]
    values, vectors = np.linalg.eigh(correlation)
    normal = np.random.default_rng(0).standard_normal((SAMPLES, len(values)))
    deviations = normal @ (vectors * np.sqrt(values.clip(min=0.0))).T
    greatest = np.quantile(np.abs(deviations).max(axis=1), 1 - 2 * alpha)
    return min(float(ndtr(-greatest)), alpha)


def _covariance(values: Sequence[Values]) -> Float[np.ndarray, "strength strength"]:
    """Of the means, over what the strengths have in common."""
    count = min((len(each) for each in values if len(each) > 1), default=0)
    if count < 2:
        return np.zeros((len(values), len(values)))
    centred = np.stack([each[:count] - each[:count].mean() if len(each) > 1 else np.zeros(count) for each in values])
    return centred @ centred.T / (count - 1) / count
