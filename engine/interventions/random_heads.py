"""A sham for the ablation of heads: as many heads, drawn at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, dial
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.parts import MEANS, Settled, ablating
from engine.randomness import generator
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class RandomHeads(Intervention):
    """Ablates so many heads, drawn from all heads of the model without replacement.

    A draw holds every smaller draw of the same number. It may hold the very heads that it is a sham of: take several.
    """

    name: ClassVar[str] = "random-heads"
    summary: ClassVar[str] = "A sham: ablates as many heads, drawn at random."

    count: int = dial(2, low=1, high=64, help="How many heads; no more than there are.")
    draw: int = dial(0, low=0, high=9_999, help="Number of the random set; each is another sham.")
    value: Settled = choice("mean", help=f"What takes the place of a head's output; {MEANS}.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose mean is taken: the degraded one, or the original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("heads"))

    def heads(self, card: Card) -> tuple[str, ...]:
        """The heads that are drawn."""
        every = card.options("heads")
        order = generator("random-heads", self.draw).permutation(len(every))
        return tuple(every[number] for number in order[: self.count])

    def edits(self, reference: Reference) -> dict[str, Edit]:
        return ablating(reference, self.heads(reference.network.card), self.value, self.fit_on)

    def describe(self) -> str:
        return f"Ablating {self.count} random head{'s' if self.count > 1 else ''} ({self.value})"
