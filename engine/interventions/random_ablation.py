"""A sham for directional ablation: a random direction is projected out at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.directions import DIRECTIONS, Shape, random_like, without
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class RandomAblation(Intervention):
    """Replaces x by x − (x·v̂)v̂ at every position, with v a random direction: like `directional-ablation` and
    `vector-ablation` it takes one dimension out.
    """

    name: ClassVar[str] = "random-ablation"
    summary: ClassVar[str] = "A sham: projects a random direction out of an activation."

    site: str = options(of="sites", help="Where the random direction is projected out.")
    direction: int = dial(0, low=0, high=DIRECTIONS - 1, help="Number of the random direction; each is another sham.")
    shape: Shape = choice("isotropic", help="Any direction alike, or distributed as activations at the site are.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose activations it is distributed as: degraded, or original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("sites"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        activation = reference.activations(self.site, self.fit_on)[0]
        one_place = activation if reference.data.examples.inputs.dtype.kind == "f" else activation[0]
        like = one_place.new_ones(one_place.shape)
        direction = random_like(like, reference, self.site, self.shape, self.fit_on, self.direction)
        return {self.site: lambda activation, _: without(activation, direction)}

    def describe(self) -> str:
        return f"Projecting out a random direction at {self.site}"
