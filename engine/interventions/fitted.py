"""What the optimised direction and its sham share: what is fitted, and to what."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference

if TYPE_CHECKING:
    from engine.models.base import Card
    from engine.networks.fitting import Change


class Fitted(Intervention):
    """An intervention that is computed from a change of one activation, which Adam fits to a target effect."""

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

    def fitted(self, reference: Reference) -> Change:
        """The fitted change, without its coefficient."""
        from engine.networks import fitting

        goal = fitting.Goal(self.site, self.target, self.rank, self.examples, self.steps, self.seed)
        examples = reference.data.examples
        if self.fit_on == "original":
            known = fitting.Examples(examples.fingerprint, examples)
            return fitting.fit_on_original(reference.network, known, goal)
        return fitting.fit(partial(reference.run, fit_on="degraded"), examples, goal)

    @property
    def what(self) -> str:
        """What is fitted, in words."""
        return f"a map of rank {self.rank}" if self.rank else "a vector"
