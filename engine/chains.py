"""How networks were sampled: what each chain recorded, and whether the chains can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Chain(NamedTuple):
    """What one chain recorded."""

    loss: Float[np.ndarray, " step"]


@dataclass(frozen=True)
class Health:
    """Whether the chains of a strength can be trusted."""

    diverged: int
    flag: str


def diagnose(chains: Sequence[Chain], units: Int[np.ndarray, " chain"]) -> Health:
    """Judges the chains of one strength."""
    raise NotImplementedError
