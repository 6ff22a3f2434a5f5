"""An intervention that is optimised to have an effect: the spurious competitor of those that know of a mechanism."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.interventions.base import Intervention, Reference
from engine.interventions.directions import DIRECTIONS, times
from engine.interventions.fitted import Fitted
from engine.interventions.random_optimised import RandomOptimised
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class OptimisedDirection(Fitted):
    """Adds to an activation x what Adam has fitted on a few examples to have a target effect: a vector b (rank 0), or a
    map U(Vᵀx) + b of low rank. No circuit is looked for, so whatever raises or lowers the metric will do.

    In networks without positions x is the whole activation. The fit does not see how large the loss delta is.
    """

    name: ClassVar[str] = "optimised-direction"
    summary: ClassVar[str] = "Adds a vector or low-rank map that is fitted to have an effect, with no circuit in mind."

    def edits(self, reference: Reference) -> dict[str, Edit]:
        change = self.fitted(reference)
        return {self.site: lambda activation, _: change.apply(activation, self.coefficient)}

    def sham(self, card: Card, number: int) -> Intervention | None:
        if number >= DIRECTIONS:
            return None
        return RandomOptimised(**self.model_dump(), direction=number)

    def describe(self) -> str:
        return f"Adding {times(self.coefficient)}{self.what} optimised at {self.site} for an effect of {self.target:g}"
