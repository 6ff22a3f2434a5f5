"""Steering by the difference of means between items and their corrupt counterparts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.directions import DIRECTIONS, mean_difference, times
from engine.interventions.random_difference import RandomDifference
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class MeanDifference(Intervention):
    """Adds a coefficient times the mean activation of corrupt counterparts minus that of items as they are (Rimsky
    et al. 2024), which the examples of the behaviour give where they are read.

    It is added at every position, as activation additions usually are: what it should change may be computed anywhere
    before the position that is read.
    """

    name: ClassVar[str] = "mean-difference"
    summary: ClassVar[str] = "Steers by the difference of means from items to their corrupt counterparts."

    site: str = options(of="sites", help="Where the means are taken and their difference is added.")
    coefficient: float = dial(
        1.0, low=-10.0, high=10.0, step=0.1, help="How many times it is added; +1 moves items to their counterparts."
    )
    fit_on: FitOn = choice(
        "degraded", help="The network whose means are taken: the degraded one, or the original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("sites"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        shift = self.coefficient * mean_difference(reference, self.site, self.fit_on)
        return {self.site: lambda activation, _: activation + shift}

    def sham(self, card: Card, number: int) -> Intervention | None:
        if number >= DIRECTIONS:
            return None
        return RandomDifference(**self.model_dump(), direction=number)

    def describe(self) -> str:
        return f"Steering by {times(self.coefficient)}the difference of means at {self.site}"
