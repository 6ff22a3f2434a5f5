"""How networks were sampled: what each chain recorded, and whether the chains can be trusted.

R̂ and the effective number of samples are those of Vehtari et al., "Rank-normalization, folding, and localization"
(Bayesian Analysis 16, 2021); the local learning coefficient is that of Lau et al. (2023).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engine.items import digest_array

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

LOWEST_ACCEPTANCE: Final = 0.5
"""Below, the steps are too large for the curvature, and what is sampled is not the law that is stated."""
LARGEST_R_HAT: Final = 1.2
"""Above, chains are in different places. The customary 1.01 is for long records: of 100 steps that remember about five,
four chains or more of one law stay below 1.2 in 19 of 20 cases, and hardly ever below 1.01 (by simulation).
"""
SMALLEST_LOSS: Final = 0.01
"""What chains lose counts as at least so many nats where shares of it are taken: of less, shares are noise."""
LARGEST_GAP: Final = 0.1
"""Chains with the same noise and different starts whose losses still differ by this share remember where they began."""
LARGEST_HEAT: Final = 1.0
"""At twice the temperature that is stated, another law is sampled."""
LARGEST_DRIFT: Final = 0.1
"""The mean loss may still move by this share of what it is above the original's, beyond what is chance."""
LEVEL: Final = 0.05


class Chain(NamedTuple):
    """What one chain recorded.

    Attributes:
        losses: on the batch of each step after burn-in, above that of the original network on the same batch, nats.
        n_beta: inverse temperature nβ.
        acceptance: mean probability with which a Metropolis test would have accepted a step.
        heat: what the chance of batches adds to the temperature, as a share of it.
        gap: by what share of the loss (counted as `SMALLEST_LOSS` at least) that of a chain with the same noise that
            began at the original network still differs, in the last quarter of the steps; NaN if there was none,
            infinite if that one was lost.
        diverged: whether it was lost.
    """

    losses: Float[np.ndarray, " step"]
    n_beta: Float[np.ndarray, ""]
    acceptance: Float[np.ndarray, ""]
    heat: Float[np.ndarray, ""]
    gap: Float[np.ndarray, ""]
    diverged: Bool[np.ndarray, ""]

    @property
    def fingerprint(self) -> str:
        """sha256 of everything."""
        digest = hashlib.sha256()
        for name, array in self._asdict().items():
            digest_array(digest, name, array)
        return digest.hexdigest()


@dataclass(frozen=True)
class Health:
    """Whether the chains of a strength can be trusted.

    Attributes:
        chains: how many.
        diverged: how many of them were lost.
        acceptance: the lowest of any chain.
        r_hat: between-chain R̂ of the losses; NaN for one chain.
        effective_samples: effective number of samples of the mean loss, of all chains.
        heat: the median of all chains.
        gap: the largest.
        learning_coefficient: λ̂ = nβ·(mean loss above the original's), and its 90 % interval over independent units.
        flag: empty, or why a strength must not be called clean, as a sentence.
    """

    chains: int
    diverged: int
    acceptance: float
    r_hat: float
    effective_samples: float
    heat: float
    gap: float
    learning_coefficient: float
    learning_coefficient_low: float
    learning_coefficient_high: float
    flag: str


def diagnose(chains: Sequence[Chain], units: Int[np.ndarray, " chain"]) -> Health:
    """Judges the chains of one strength.

    Args:
        chains: at least one.
        units: the independent unit of each; an antithetic pair shares one.
    """
    from arviz_stats.base.array import array_stats  # slow to import

    lost = [bool(chain.diverged) for chain in chains]
    kept = [chain for chain, is_lost in zip(chains, lost, strict=True) if not is_lost]
    losses = np.array([chain.losses for chain in kept or chains], dtype=float)[: len(kept)]
    of_unit = np.asarray(units)[[not is_lost for is_lost in lost]]
    long_enough = len(kept) > 1 and losses.shape[1] > 3
    gaps = [float(chain.gap) for chain in kept if not math.isnan(chain.gap)]
    means = _by_unit(losses.mean(axis=1), of_unit) if kept else np.array([])
    coefficient = float(chains[0].n_beta) * _interval(means)
    drift = losses[:, losses.shape[1] // 2 :].mean(1) - losses[:, : losses.shape[1] // 2].mean(1) if kept else means
    health = Health(
        chains=len(chains),
        diverged=sum(lost),
        acceptance=float(np.min([chain.acceptance for chain in kept or chains])),  # NaN if any is
        r_hat=_number(array_stats.rhat(losses, chain_axis=0, draw_axis=1)) if long_enough else math.nan,
        effective_samples=(
            _number(array_stats.ess(losses, chain_axis=0, draw_axis=1, method="mean")) if long_enough else math.nan
        ),
        heat=float(np.median([chain.heat for chain in kept or chains])),  # the ratio of small numbers has outliers
        gap=max(gaps, default=math.nan),
        learning_coefficient=float(coefficient[0]),
        learning_coefficient_low=float(coefficient[1]),
        learning_coefficient_high=float(coefficient[2]),
        flag="",
    )
    return _flagged(health, _by_unit(drift, of_unit), float(losses.mean()) if kept else math.nan)


def _flagged(health: Health, drift: Float[np.ndarray, " unit"], above: float) -> Health:
    moved, low, high = _interval(drift)
    flag = ""
    if health.diverged:
        flag = (
            f"{health.diverged} of {health.chains} chains diverged: the loss is too steep here for the sampler; lower "
            "the strength or nβ."
        )
    elif health.chains == 1:
        flag = "One chain alone cannot be checked: add draws."
    elif not health.acceptance >= LOWEST_ACCEPTANCE:
        flag = (
            f"The sampler's steps are too coarse: acceptance is {health.acceptance:.2g}, less than "
            f"{LOWEST_ACCEPTANCE}; lower nβ or the strength."
        )
    elif not health.heat <= LARGEST_HEAT:
        flag = (
            f"Hotter than stated: the chance of batches adds {health.heat:.0%} to the temperature, more than "
            f"{LARGEST_HEAT:.0%}; raise the batch."
        )
    elif math.isinf(health.gap):
        flag = "Not mixed: a chain with the same noise and another start diverged; lower the strength or nβ."
    elif health.gap > LARGEST_GAP:
        flag = (
            f"Not mixed: what a chain with the same noise and another start loses still differs by {health.gap:.0%}, "
            f"more than {LARGEST_GAP:.0%}; raise the steps."
        )
    elif (low > 0 or high < 0) and abs(moved) > LARGEST_DRIFT * max(abs(above), SMALLEST_LOSS):
        flag = (
            f"Not mixed: the loss still moves, by {moved:+.2g} nats over the last half of the record; raise the steps."
        )
    elif health.r_hat > LARGEST_R_HAT:
        flag = (
            f"Not mixed: between-chain R̂ of the losses is {health.r_hat:.2f}, more than {LARGEST_R_HAT}; raise the "
            "steps."
        )
    return replace(health, flag=flag)


def _by_unit(values: Float[np.ndarray, " chain"], units: Int[np.ndarray, " chain"]) -> Float[np.ndarray, " unit"]:
    return np.array([values[units == unit].mean() for unit in np.unique(units)])


def _interval(values: Float[np.ndarray, " unit"]) -> Float[np.ndarray, " bound"]:
    """The mean and its 90 % interval by Student's t; infinite for one unit."""
    from scipy.special import stdtrit

    if not len(values):
        return np.full(3, math.nan)
    if len(values) == 1:
        return np.array([values[0], -math.inf, math.inf])
    half = float(stdtrit(len(values) - 1, 1 - LEVEL)) * values.std(ddof=1) / math.sqrt(len(values))
    return values.mean() + half * np.array([0, -1, 1])


def _number(statistic: object) -> float:
    return float(np.asarray(statistic).item())
