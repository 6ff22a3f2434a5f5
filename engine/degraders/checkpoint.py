"""An earlier checkpoint of the same training run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.degraders.base import Axis, Degraded, Separate, within_range
from engine.dials import Dial, InputError

if TYPE_CHECKING:
    from engine.models.base import Card
    from engine.networks.network import Network

STRENGTH = Dial(
    name="strength",
    kind="number",
    default=0.5,
    low=0.0,
    high=1.0,
    unit="of training",
    help="Fraction of training taken away: 1 − step / last step. Only saved checkpoints can be chosen.",
)


@final
class Checkpoint(Separate):
    """The network as it was earlier in training; strength is the share of training taken away, 1 − step/last step."""

    name: ClassVar[str] = "checkpoint"
    summary: ClassVar[str] = "An earlier checkpoint of the same training run."
    replaces: ClassVar[bool] = True

    @property
    def strength(self) -> Dial:
        return STRENGTH

    @property
    def random(self) -> bool:
        return False

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return len(card.steps) > 1

    def strengths(self, card: Card) -> tuple[float, ...]:
        return tuple(1 - step / card.steps[-1] for step in reversed(card.steps))

    def canonical(self, strength: float, card: Card) -> float:
        within_range(self, strength)
        step = self.step(strength, card)
        if step not in card.steps:
            nearest = min(card.steps, key=lambda s: abs(s - step))
            raise InputError(
                f"strength of checkpoint must be 1 − step/{card.steps[-1]} for one of the {len(card.steps)} saved "
                f"steps, got {strength:g} (step {step}); the nearest is {1 - nearest / card.steps[-1]:.6g} "
                f"(step {nearest})."
            )
        return 1 - step / card.steps[-1]

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        return Degraded(network.checkpoint(self.step(strength, network.card)))

    def label(self, strength: float, card: Card) -> str:
        return f"{self.step(strength, card):,}"

    def axis(self, card: Card) -> Axis:
        return Axis(title="training step of the checkpoint", name="step", total=f"{card.steps[-1]:,}")

    def step(self, strength: float, card: Card) -> int:
        """The training step that a strength stands for."""
        return round((1 - strength) * card.steps[-1])
