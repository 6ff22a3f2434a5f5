"""Magnitude pruning: the smallest weights are set to zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

from engine.degraders.base import Axis, Continuous, Degraded
from engine.dials import Dial, choice

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor

    from engine.models.base import Card
    from engine.networks.network import Network

SWEEP = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9)


@final
class Pruning(Continuous):
    """Sets the weights of least magnitude to zero (Han et al. 2015), in matrices; biases and norms stay.

    What goes at one strength is gone at every greater one. Of equal weights the first ones go.
    """

    name: ClassVar[str] = "pruning"
    summary: ClassVar[str] = "Sets the smallest weights to zero."
    dial: ClassVar[Dial] = Dial(
        name="strength",
        kind="number",
        default=0.3,
        low=0.001,
        high=0.999,
        unit="of the weights",
        help="Share of the weights that are set to zero.",
    )
    sweep: ClassVar[tuple[float, ...]] = SWEEP

    scope: Literal["each matrix", "all matrices"] = choice(
        "each matrix", help="Whether every matrix loses the share, or all of them together."
    )

    @property
    def random(self) -> bool:
        return False

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        import torch

        matrices = {name: tensor for name, tensor in network.weights.items() if tensor.ndim > 1}
        if self.scope == "each matrix":
            kept = {name: _kept(tensor.flatten(), strength) for name, tensor in matrices.items()}
        else:
            together = _kept(torch.cat([tensor.flatten() for tensor in matrices.values()]), strength)
            sizes = [tensor.numel() for tensor in matrices.values()]
            kept = dict(zip(matrices, together.split(sizes), strict=True))
        pruned = {name: tensor.where(kept[name].view_as(tensor), 0.0) for name, tensor in matrices.items()}
        return Degraded({**network.weights, **pruned})

    def axis(self, card: Card) -> Axis:
        return Axis(title="share of the weights that are set to zero", name="pruned")


def _kept(weights: Tensor, share: float) -> Bool[Tensor, " weight"]:
    """Which weights stay if this share of them goes, the smallest first."""
    import torch

    size, count = weights.abs(), round(share * len(weights))
    if count == 0:
        return torch.ones_like(weights, dtype=torch.bool)
    last = size.kthvalue(count).values
    kept, equal = size > last, torch.nonzero(size == last).flatten()
    kept[equal[count - int((size < last).sum()) :]] = True
    return kept
