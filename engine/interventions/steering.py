"""Steering: a vector is added to the residual stream (activation addition)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import dial, options
from engine.interventions.base import Intervention, Reference
from engine.interventions.directions import DIRECTIONS, times
from engine.interventions.random_direction import RandomDirection
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class Steering(Intervention):
    """Adds a coefficient times one of the model's vectors at every position of its site (Turner et al. 2023)."""

    name: ClassVar[str] = "steering"
    summary: ClassVar[str] = "Adds one of the model's vectors to an activation, at every position."

    vector: str = options(of="vectors", help="One of the directions that come with the model.")
    coefficient: float = dial(1.0, low=-10.0, high=10.0, step=0.1, help="How many times the vector is added.")

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.vectors)

    def edits(self, reference: Reference) -> dict[str, Edit]:
        shift = self.coefficient * reference.network.vectors[self.vector]
        return {reference.network.card.vectors[self.vector]: lambda activation, _: activation + shift}

    def sham(self, card: Card, number: int) -> Intervention | None:
        if number >= DIRECTIONS:
            return None
        return RandomDirection(vector=self.vector, coefficient=self.coefficient, direction=number)

    def describe(self) -> str:
        return f"Steering by {times(self.coefficient)}{self.vector}"
