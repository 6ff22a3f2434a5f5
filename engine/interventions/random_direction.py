"""A sham for steering by a vector: a random direction of the same length at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.directions import DIRECTIONS, Shape, random_like, times
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class RandomDirection(Intervention):
    """Adds a random vector whose norm is that of one of the model's vectors, at that vector's site.

    For the sham of a difference of means see `random-difference`.
    """

    name: ClassVar[str] = "random-direction"
    summary: ClassVar[str] = "A sham: steers by a random vector of the same norm."

    vector: str = options(of="vectors", help="The vector whose norm and site the random one takes.")
    coefficient: float = dial(1.0, low=-10.0, high=10.0, step=0.1, help="How many times that norm.")
    direction: int = dial(0, low=0, high=DIRECTIONS - 1, help="Number of the random direction; each is another sham.")
    shape: Shape = choice("isotropic", help="Any direction alike, or distributed as activations at the site are.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose activations it is distributed as: degraded, or original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.vectors)

    def edits(self, reference: Reference) -> dict[str, Edit]:
        matched, site = reference.network.vectors[self.vector], reference.network.card.vectors[self.vector]
        shift = self.coefficient * random_like(matched, reference, site, self.shape, self.fit_on, self.direction)
        return {site: lambda activation, _: activation + shift}

    def describe(self) -> str:
        return f"Adding {times(self.coefficient)}a random vector as long as {self.vector}"
