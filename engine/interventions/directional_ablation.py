"""Directional ablation: the difference of means is projected out of an activation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.directions import DIRECTIONS, mean_difference, without
from engine.interventions.random_ablation import RandomAblation
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class DirectionalAblation(Intervention):
    """Replaces x by x − (x·v̂)v̂ at every position (Arditi et al. 2024), with v the mean activation of corrupt
    counterparts minus that of items as they are. For a direction that comes with the model see `vector-ablation`.
    """

    name: ClassVar[str] = "directional-ablation"
    summary: ClassVar[str] = "Projects out the difference of means between items and their corrupt counterparts."

    site: str = options(of="sites", help="Where the means are taken and their difference is projected out.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose means are taken: the degraded one, or the original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("sites"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        direction = mean_difference(reference, self.site, self.fit_on)
        return {self.site: lambda activation, _: without(activation, direction)}

    def sham(self, card: Card, number: int) -> Intervention | None:
        if number >= DIRECTIONS:
            return None
        return RandomAblation(**self.model_dump(), direction=number)

    def describe(self) -> str:
        return f"Projecting out the difference of means at {self.site}"
