"""A sham for steering: a random direction of the same length at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import dial, options
from engine.interventions.base import Intervention, Reference
from engine.randomness import normal
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class RandomDirection(Intervention):
    """Adds an isotropic random vector whose norm is that of one of the model's vectors, at that vector's site."""

    name: ClassVar[str] = "random-direction"
    summary: ClassVar[str] = "A sham: steers by a random vector of the same norm."

    vector: str = options(of="vectors", help="The vector whose norm and site the random one takes.")
    coefficient: float = dial(1.0, low=-10.0, high=10.0, step=0.1, help="How many times that norm.")
    direction: int = dial(0, low=0, high=9_999, help="Number of the random direction; each is another sham.")

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.vectors)

    def edits(self, reference: Reference) -> dict[str, Edit]:
        import torch

        matched = reference.network.vectors[self.vector]
        random = torch.from_numpy(normal(tuple(matched.shape), "random-direction", self.direction)).to(matched)
        shift = self.coefficient * matched.norm() * random / random.norm()
        return {reference.network.card.vectors[self.vector]: lambda activation, _: activation + shift}

    def describe(self) -> str:
        times = "" if self.coefficient == 1 else f"{self.coefficient:g} × "
        return f"Adding {times}a random vector as long as {self.vector}"
