"""Functions on the numbers modulo p as sums of waves: constant, and a cosine and a sine of each frequency 1…(p−1)/2."""

from __future__ import annotations

from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor


def waves(p: int, frequencies: Collection[int]) -> Float[Tensor, "wave p"]:
    """√(2/p)·cos(2πkt/p) and √(2/p)·sin(2πkt/p) for each frequency k: orthonormal rows, float64."""
    angles = 2 * torch.pi * torch.tensor(list(frequencies), dtype=torch.float64)[:, None] * torch.arange(p) / p
    return (2 / p) ** 0.5 * torch.cat([angles.cos(), angles.sin()])


def component(table: Float[Tensor, "p d"], frequencies: Collection[int]) -> Float[Tensor, "p d"]:
    """The part of each column, a function of the row's number, that lies in the waves of these frequencies."""
    basis = waves(len(table), frequencies).to(table.device)
    return (basis.T @ (basis @ table.double())).to(table)


def shares(table: Float[Tensor, "p d"]) -> Float[Tensor, " frequency"]:
    """The share of each frequency 1…(p−1)/2 in the squared norm of a table without its mean."""
    half = (len(table) - 1) // 2
    power = (waves(len(table), range(1, half + 1)) @ table.double()).square().sum(dim=1)
    power = power[:half] + power[half:]
    return power / power.sum()
