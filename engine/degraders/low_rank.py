"""Low rank: matrices keep only their largest singular values."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, final
from weakref import WeakKeyDictionary

import numpy as np
from pydantic import field_validator

from engine.degraders.base import Axis, Degraded, Separate, within_range
from engine.dials import Dial, InputError, options

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from engine.models.base import Card
    from engine.networks.network import Network

STRENGTH = Dial(
    name="strength",
    kind="number",
    default=0.5,
    low=0.0,
    high=1.0,
    unit="of the rank",
    help="1 − rank / full rank, of the matrix whose full rank is the greatest. Whole ranks only, from 1.",
)
UPPER, LOWER = 5, 12
"""Ranks of a default sweep above half the full one, where large networks break, and below, where small ones do."""


@final
class LowRank(Separate):
    """Truncates the singular value decomposition of each chosen matrix to the same rank: the nearest matrix of that
    rank (Eckart and Young 1936). A matrix whose full rank is no greater stays as it is.

    A convolution counts as a matrix from all it reads (channels × pixels) to its output channels.
    """

    name: ClassVar[str] = "low-rank"
    summary: ClassVar[str] = "Keeps only the largest singular values of matrices."

    matrices: tuple[str, ...] = options(of="matrices", help="Which matrices are truncated.")

    @field_validator("matrices")
    @classmethod
    def _in_order(cls, matrices: tuple[str, ...]) -> tuple[str, ...]:
        if not matrices:
            raise ValueError("must name at least one matrix")
        return tuple(sorted(set(matrices)))  # one set is one question

    @property
    def strength(self) -> Dial:
        return STRENGTH

    @property
    def random(self) -> bool:
        return False

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("matrices"))

    def strengths(self, card: Card) -> tuple[float, ...]:
        full = self._full(card)
        upper, lower = np.linspace(full / 2, full, UPPER), np.geomspace(1, full / 2, LOWER)
        ranks = {max(1, round(rank)) for rank in (*upper, *lower)}
        return tuple(1 - rank / full for rank in sorted(ranks, reverse=True))

    def canonical(self, strength: float, card: Card) -> float:
        within_range(self, strength)
        full = self._full(card)
        rank = (1 - strength) * full
        near = max(1, round(rank))
        if abs(rank - near) > 0.02:
            raise InputError(
                f"strength of low-rank must be 1 − rank/{full} for a whole rank from 1, got {strength:g} (rank "
                f"{rank:.2f}); the nearest is {1 - near / full:.6g} (rank {near})."
            )
        return 1 - near / full

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        rank = round((1 - strength) * self._full(network.card))
        whole = {name: network.weights[name] for name in self.matrices}
        truncated = {
            name: _decomposed(network, name).truncated(rank, tensor)
            for name, tensor in whole.items()
            if rank < _full_rank(tuple(tensor.shape))
        }
        return Degraded({**network.weights, **truncated})

    def label(self, strength: float, card: Card) -> str:
        return f"{round((1 - strength) * self._full(card))}"

    def axis(self, card: Card) -> Axis:
        return Axis(title="rank of the matrices", name="rank")

    def _full(self, card: Card) -> int:
        """The greatest of the full ranks."""
        shapes = card.architecture.matrices
        return max(_full_rank(shapes[name]) for name in self.matrices)


def _full_rank(shape: tuple[int, ...]) -> int:
    """The full rank of a matrix, or of a convolution [out, in, height, width] as one."""
    return min(shape[0], int(np.prod(shape[1:])))


class Decomposition(NamedTuple):
    """U·diag(S)·Vᵀ of a matrix."""

    u: Float[Tensor, "row rank"]
    s: Float[Tensor, " rank"]
    v: Float[Tensor, "rank column"]

    def truncated(self, rank: int, like: Tensor) -> Tensor:
        """The matrix of this rank, in the shape of another."""
        return ((self.u[:, :rank] * self.s[:rank]) @ self.v[:rank]).view_as(like)


_KNOWN: WeakKeyDictionary[Network, dict[str, Decomposition]] = WeakKeyDictionary()
"""Of each network that is there, what was decomposed so far: once for all ranks."""


def _decomposed(network: Network, name: str) -> Decomposition:
    import torch

    known = _KNOWN.setdefault(network, {})
    if name not in known:
        matrix = network.weights[name]
        u, s, v = torch.linalg.svd(matrix.flatten(1).double(), full_matrices=False)
        known[name] = Decomposition(u.to(matrix), s.to(matrix), v.to(matrix))
    return known[name]
