"""A circuit: some heads and MLPs are kept and everything else is taken out, or the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

from engine.dials import choice, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.others import with_others
from engine.interventions.parts import MEANS, Parts, Settled, ablating, listed
from engine.sites import Edit

if TYPE_CHECKING:
    from engine.models.base import Card


@final
class Circuit(Intervention):
    """Keeps only the components, ablating all others (is the circuit enough?), or removes them (is it needed?).

    What no component holds stays: embeddings, biases, LayerNorms and the unembedding. With nothing else left, and zeros
    in place of the components, a transformer predicts from the last token and its position alone.
    """

    name: ClassVar[str] = "circuit"
    summary: ClassVar[str] = "Keeps a circuit of heads and MLPs and takes all else out, or removes the circuit."

    components: Parts = options(of="components", help="The circuit: heads as layer.head, MLPs as mlp.layer.")
    mode: Literal["keep", "remove"] = choice("keep", help="Whether the circuit stays alone or goes.")
    value: Settled = choice("mean", help=f"What takes the place of the output of what goes; {MEANS}.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose mean is taken: the degraded one, or the original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("components"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        every = reference.network.card.options("components")
        going = [each for each in every if (each in self.components) == (self.mode == "remove")]
        return ablating(reference, going, self.value, self.fit_on)

    def sham(self, card: Card, number: int) -> Intervention | None:
        return with_others(self, "components", card, number, kind=_kind)

    def describe(self) -> str:
        does, rest = ("Keeping only", f"the rest: {self.value}") if self.mode == "keep" else ("Removing", self.value)
        return f"{does} {listed(self.components, 'component')} ({rest})"


def _kind(component: str) -> str:
    return "MLP" if component.startswith("mlp.") else "head"
