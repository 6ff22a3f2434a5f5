"""Randomness as an argument: noise is a function of its labels, never of the order in which it was asked for.

Noise is counter-based: Philox (Salmon et al. 2011) keyed by the hash of the labels, so the same labels give the same
numbers in any order, batch, process or number of threads, and on every device (they are drawn on the CPU in float32).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float


def generator(*labels: int | str) -> np.random.Generator:
    """A generator of its own for these labels; no two different rows of labels share a stream."""
    digest = hashlib.sha256(json.dumps(labels).encode()).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64)))


def normal(shape: tuple[int, ...], *labels: int | str) -> Float[np.ndarray, ...]:
    """Standard normal numbers of this shape, float32, for these labels."""
    return generator(*labels).standard_normal(shape, dtype=np.float32)
