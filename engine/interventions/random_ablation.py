"""A sham for directional ablation: a random direction is projected out at the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.directions import DIRECTIONS, Shape, random_like, without
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class RandomAblation(Intervention):
    """Replaces x by x − (x·v̂)v̂ at every position, with v a random direction: it takes as many dimensions out as
    `directional-ablation`, or as `vector-ablation` by a vector that spans one place.
    """

    name: ClassVar[str] = "random-ablation"
    summary: ClassVar[str] = "A sham: projects a random direction out of an activation."

    site: str = options(of="sites", help="Where the random direction is projected out.")
    direction: int = dial(0, low=0, high=DIRECTIONS - 1, help="Number of the random direction; each is another sham.")
    shape: Shape = choice("isotropic", help="Any direction alike, or distributed as activations at the site are.")
    extent: Literal["one place", "all places"] = choice(
        "all places", help="What the direction spans where inputs have no positions (as images): features, or all."
    )
    fit_on: FitOn = choice(
        "degraded", help="The network whose activations it is distributed as: degraded, or original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("sites"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        activation = reference.activations(self.site, self.fit_on)[0]
        whole = self.extent == "all places" and reference.data.examples.inputs.dtype.kind == "f"
        like = activation if whole else activation[0]
        like = like.new_ones(like.shape)
        direction = random_like(like, reference, self.site, self.shape, self.fit_on, self.direction)
        return {self.site: lambda activation, _: without(activation, direction)}

    def describe(self) -> str:
        return f"Projecting out a random direction at {self.site}"
