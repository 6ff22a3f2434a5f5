"""Turns waves in the embedding of the first number, so that it acts as the number that lies a shift further."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from engine import sites
from engine.dials import choice, dial, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.others import with_others
from engine.interventions.parts import Parts, listed
from engine.sites import Edit, State

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.base import Card


@final
class FrequencyRotation(Intervention):
    """Replaces the component of E[a] in the plane of each chosen frequency's cosine and sine by that of E[a + shift].

    With E[a] = Σ_k c_k cos(2πka/p) + s_k sin(2πka/p) that turns both waves by 2πk·shift/p. With every frequency chosen,
    the network reads a + shift instead of a.
    """

    name: ClassVar[str] = "frequency-rotation"
    summary: ClassVar[str] = "Turns frequencies of the first number's embedding, as if another number stood there."

    shift: int = dial(7, low=-112, high=112, help="By how much the first number is to be shifted.")
    frequencies: Parts = options(of="frequencies", help="The frequencies to turn, 1 to (p − 1)/2.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose embedding is analysed: the degraded one, or the original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("frequencies"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        from engine.networks.fourier import component

        embedding = reference.weights(self.fit_on)["embed.W_E"][: reference.network.card.architecture.classes]
        waves = component(embedding, [int(frequency) for frequency in self.frequencies])
        change = waves.roll(-self.shift, dims=0) - waves  # row a: what stands at a + shift, for what stands at a

        def edit(activation: Tensor, state: State) -> Tensor:
            changed = activation.clone()
            changed[:, 0] += change[state["inputs"][:, 0]]
            return changed

        return {sites.embed(): edit}

    def sham(self, card: Card, number: int) -> Intervention | None:
        return with_others(self, "frequencies", card, number)

    def describe(self) -> str:
        return f"Turning {listed(self.frequencies, 'frequency')} of the first number by {self.shift:+d}"
