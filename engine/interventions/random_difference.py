"""A sham for the difference of means: a random direction of the same length at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.directions import DIRECTIONS, Shape, mean_difference, random_like, times
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class RandomDifference(Intervention):
    """Adds a random vector that is as long as the difference of means at a site, which `mean-difference` adds."""

    name: ClassVar[str] = "random-difference"
    summary: ClassVar[str] = "A sham: steers by a random vector as long as the difference of means."

    site: str = options(of="sites", help="Where the random vector is added, as long as the difference of means there.")
    coefficient: float = dial(1.0, low=-10.0, high=10.0, step=0.1, help="How many times that norm.")
    direction: int = dial(0, low=0, high=DIRECTIONS - 1, help="Number of the random direction; each is another sham.")
    shape: Shape = choice("isotropic", help="Any direction alike, or distributed as activations at the site are.")
    fit_on: FitOn = choice(
        "degraded", help="The network that norm and distribution are taken from: degraded, or original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("sites"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        matched = mean_difference(reference, self.site, self.fit_on)
        shift = self.coefficient * random_like(matched, reference, self.site, self.shape, self.fit_on, self.direction)
        return {self.site: lambda activation, _: activation + shift}

    def describe(self) -> str:
        return f"Adding {times(self.coefficient)}a random vector as long as the difference of means at {self.site}"
