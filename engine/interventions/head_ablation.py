"""Ablation of attention heads: their output is replaced by zero, by a mean or by that on another input."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.others import with_others
from engine.interventions.parts import MEANS, Parts, Value, ablating, listed
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class HeadAblation(Intervention):
    """Replaces what the heads put out (z, before W_O): by zero, by its mean over reference inputs and positions, by its
    mean over reference inputs at the same position, or by what they put out at the same position of another input.
    """

    name: ClassVar[str] = "head-ablation"
    summary: ClassVar[str] = "Takes attention heads out: their output becomes zero, a mean or that on another input."

    heads: Parts = options(of="heads", help="The heads to ablate, as layer.head.")
    value: Value = choice("mean", help=f"What takes the place of a head's output; {MEANS}.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose mean is taken: the degraded one, or the original (frozen)."
    )
    resample_seed: int = dial(0, low=0, high=9_999, help="Which other inputs, if the value is resampled.")

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("heads"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        return ablating(reference, self.heads, self.value, self.fit_on, self.resample_seed)

    def sham(self, card: Card, number: int) -> Intervention | None:
        return with_others(self, "heads", card, number)

    def describe(self) -> str:
        return f"Ablating {listed(self.heads, 'head')} ({self.value})"
