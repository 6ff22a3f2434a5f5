"""Interpolation towards the weights that training began with."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.degraders.base import Axis, Continuous, Degraded
from engine.dials import Dial

if TYPE_CHECKING:
    from engine.models.base import Card
    from engine.networks.network import Network

SWEEP = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1.0)


@final
class Interpolation(Continuous):
    """(1 − s)·w + s·w_initial: a straight line, not the way that training came (Goodfellow et al. 2015)."""

    name: ClassVar[str] = "interpolation"
    summary: ClassVar[str] = "Moves the weights in a straight line back to those before training."
    dial: ClassVar[Dial] = Dial(
        name="strength",
        kind="number",
        default=0.2,
        low=0.001,
        high=1.0,
        unit="of the way",
        help="How far the weights go back to those before training: 0.5 is half way, 1 all of it.",
    )
    sweep: ClassVar[tuple[float, ...]] = SWEEP

    @property
    def random(self) -> bool:
        return False

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        if strength == 0:
            return Degraded(network.weights)
        initial = network.training.initial()
        return Degraded(
            {name: tensor.lerp(initial[name].to(tensor), strength) for name, tensor in network.weights.items()}
        )

    def axis(self, card: Card) -> Axis:
        return Axis(title="share of the way back to the initial weights", name="interpolated")
