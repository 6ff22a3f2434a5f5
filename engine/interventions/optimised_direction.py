"""An intervention that is optimised to have an effect: the spurious competitor of those that know of a mechanism."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.directions import times
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class OptimisedDirection(Intervention):
    """Adds to an activation x what Adam has fitted on a few examples to have a target effect: a vector b (rank 0), or a
    map U(Vᵀx) + b of low rank. No circuit is looked for, so whatever raises or lowers the metric will do.

    In networks without positions x is the whole activation. The fit does not see how large the loss delta is.
    """

    name: ClassVar[str] = "optimised-direction"
    summary: ClassVar[str] = "Adds a vector or low-rank map that is fitted to have an effect, with no circuit in mind."

    site: str = options(of="sites", help="Where it is added.")
    target: float = dial(
        1.0, low=-10.0, high=10.0, step=0.1, help="Effect to reach on the examples: nats lost, or probability gained."
    )
    rank: int = dial(0, low=0, high=8, help="Rank of the map; 0 for a vector alone.")
    examples: int = dial(64, low=1, high=256, help="How many examples of the behaviour it is fitted on.")
    steps: int = dial(200, low=10, high=300, step=10, help="Steps of Adam.")
    seed: int = dial(0, low=0, high=9_999, help="Seed of the random start; each finds another optimum.")
    coefficient: float = dial(1.0, low=-10.0, high=10.0, step=0.1, help="How many times the fitted change is added.")
    fit_on: FitOn = choice("original", help="The network it is fitted on: the original (frozen), or the degraded one.")

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("sites"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        from engine.networks import fitting

        goal = fitting.Goal(self.site, self.target, self.rank, self.examples, self.steps, self.seed)
        examples = reference.data.examples
        if self.fit_on == "original":
            known = fitting.Examples(examples.fingerprint, examples)
            change = fitting.fit_on_original(reference.network, known, goal)
        else:
            change = fitting.fit(partial(reference.run, fit_on="degraded"), examples, goal)
        return {self.site: lambda activation, _: change.apply(activation, self.coefficient)}

    def describe(self) -> str:
        what = f"a map of rank {self.rank}" if self.rank else "a vector"
        return f"Adding {times(self.coefficient)}{what} optimised at {self.site} for an effect of {self.target:g}"
