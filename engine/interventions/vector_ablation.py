"""Directional ablation of a direction that comes with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import options
from engine.interventions.base import Intervention, Reference
from engine.interventions.directions import DIRECTIONS, without
from engine.interventions.random_ablation import RandomAblation
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class VectorAblation(Intervention):
    """Replaces x by x − (x·v̂)v̂ at every position of the vector's site (Arditi et al. 2024)."""

    name: ClassVar[str] = "vector-ablation"
    summary: ClassVar[str] = "Projects one of the model's vectors out of the activation at its site."

    vector: str = options(of="vectors", help="One of the directions that come with the model.")

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.vectors)

    def edits(self, reference: Reference) -> dict[str, Edit]:
        direction = reference.network.vectors[self.vector]
        return {reference.network.card.vectors[self.vector]: lambda activation, _: without(activation, direction)}

    def sham(self, card: Card, number: int) -> Intervention | None:
        if number >= DIRECTIONS:
            return None
        # isotropic: a direction that is distributed as activations are may lie along the very vector
        site = card.vectors[self.vector]
        return RandomAblation(site=site, direction=number, extent="one place", fit_on="original")

    def describe(self) -> str:
        return f"Projecting out {self.vector}"
