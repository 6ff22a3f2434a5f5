"""A sham for the optimised direction: a random direction, by as much as the fitted change is long."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import dial
from engine.interventions.base import Reference
from engine.interventions.directions import DIRECTIONS, random_like, rows, times
from engine.interventions.fitted import Fitted
from engine.sites import Edit, State

if TYPE_CHECKING:
    from torch import Tensor


@final
class RandomOptimised(Fitted):
    """Adds to an activation x a random direction, times the length of what `optimised-direction` adds to that x: in
    every place as much, but nowhere what was fitted.
    """

    name: ClassVar[str] = "random-optimised"
    summary: ClassVar[str] = "A sham: adds a random vector, as long as the fitted change would be."

    direction: int = dial(0, low=0, high=DIRECTIONS - 1, help="Number of the random direction; each is another sham.")

    def edits(self, reference: Reference) -> dict[str, Edit]:
        fitted = self.fitted(reference)
        random = random_like(fitted.shift, reference, self.site, "isotropic", self.fit_on, self.direction)
        unit = random / random.norm()

        def edit(activation: Tensor, _: State) -> Tensor:
            added = fitted.apply(activation, self.coefficient) - activation
            lengths = rows(added, unit).norm(dim=-1, keepdim=True)
            return activation + (lengths * unit.flatten()).view_as(activation)

        return {self.site: edit}

    def describe(self) -> str:
        return (
            f"Adding a random vector as long as {times(self.coefficient)}{self.what} optimised at {self.site} for an "
            f"effect of {self.target:g}"
        )
