"""Ablation of MLPs: what they add to the residual stream becomes zero, a mean or that on another input."""

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
class MlpAblation(Intervention):
    """Replaces what whole MLPs put out: by zero, by its mean over reference inputs and positions, by its mean over
    reference inputs at the same position, or by what they put out at the same position of another input.
    """

    name: ClassVar[str] = "mlp-ablation"
    summary: ClassVar[str] = "Takes MLPs out: what they add becomes zero, a mean or that on another input."

    mlps: Parts = options(of="mlps", help="The MLPs to ablate, as mlp.layer.")
    value: Value = choice("mean", help=f"What takes the place of an MLP's output; {MEANS}.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose mean is taken: the degraded one, or the original (frozen)."
    )
    resample_seed: int = dial(0, low=0, high=9_999, help="Which other inputs, if the value is resampled.")

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("mlps"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        return ablating(reference, self.mlps, self.value, self.fit_on, self.resample_seed)

    def sham(self, card: Card, number: int) -> Intervention | None:
        return with_others(self, "mlps", card, number)

    def describe(self) -> str:
        return f"Ablating {listed(self.mlps, 'MLP')} ({self.value})"
