"""Ablation of neurons: their activation is replaced by zero, by a mean or by that on another input."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar, final

from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.others import with_others
from engine.interventions.parts import MEANS, Parts, Value, listed, replacing
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class NeuronAblation(Intervention):
    """Replaces neurons after their nonlinearity (in a convolution channels): by zero, by their mean over reference
    inputs and places, by their mean over reference inputs in the same place (where there is but one, the same), or by
    what they are in the same place of another input.
    """

    name: ClassVar[str] = "neuron-ablation"
    summary: ClassVar[str] = "Takes neurons out: their activation becomes zero, a mean or that on another input."

    neurons: Parts = options(of="neurons", help="The neurons (or channels) to ablate, as layer.neuron.")
    value: Value = choice("mean", help=f"What takes the place of a neuron's activation; {MEANS}.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose mean is taken: the degraded one, or the original (frozen)."
    )
    resample_seed: int = dial(0, low=0, high=9_999, help="Which other inputs, if the value is resampled.")

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("neurons"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        by_layer: dict[int, list[int]] = defaultdict(list)
        for neuron in self.neurons:
            layer, number = map(int, neuron.split("."))
            by_layer[layer].append(number)
        site = reference.network.card.architecture.neuron_site
        return {
            site(layer): replacing(reference, site(layer), neurons, self.value, self.fit_on, self.resample_seed)
            for layer, neurons in by_layer.items()
        }

    def sham(self, card: Card, number: int) -> Intervention | None:
        return with_others(self, "neurons", card, number, kind=_layer)

    def describe(self) -> str:
        return f"Ablating {listed(self.neurons, 'neuron')} ({self.value})"


def _layer(neuron: str) -> str:
    return neuron.split(".")[0]
