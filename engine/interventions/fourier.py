"""Keeps or removes waves in the embedding of the two numbers that modular addition adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

from engine import sites
from engine.dials import choice, options
from engine.interventions.base import FitOn, Intervention, Reference
from engine.interventions.others import with_others
from engine.interventions.parts import Parts, listed
from engine.sites import Edit, State

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.base import Card


@final
class Fourier(Intervention):
    """Takes frequencies out of the embedding of a number, as a function of the number: the chosen ones, or all but
    these. What is constant, the mean embedding, stays (Nanda et al. 2023).
    """

    name: ClassVar[str] = "fourier"
    summary: ClassVar[str] = "Keeps or removes frequencies of the embedding of the numbers that are added."

    action: Literal["remove", "keep"] = choice("remove", help="Whether the chosen frequencies go, or all the others.")
    frequencies: Parts = options(of="frequencies", help="The frequencies, 1 to (p − 1)/2.")
    numbers: Literal["both", "first", "second"] = choice("both", help="Whose embedding is changed.")
    fit_on: FitOn = choice(
        "degraded", help="The network whose embedding is analysed: the degraded one, or the original (frozen)."
    )

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("frequencies"))

    def edits(self, reference: Reference) -> dict[str, Edit]:
        from engine.networks.fourier import component

        card = reference.network.card
        chosen = set(self.frequencies)
        gone = chosen if self.action == "remove" else set(card.options("frequencies")) - chosen
        embedding = reference.weights(self.fit_on)["embed.W_E"][: card.architecture.classes]
        removed = component(embedding, sorted(map(int, gone)))
        at = {"both": slice(0, 2), "first": slice(0, 1), "second": slice(1, 2)}[self.numbers]

        def edit(activation: Tensor, state: State) -> Tensor:
            changed = activation.clone()
            changed[:, at] -= removed[state["inputs"][:, at]]
            return changed

        return {sites.embed(): edit}

    def sham(self, card: Card, number: int) -> Intervention | None:
        return with_others(self, "frequencies", card, number)

    def describe(self) -> str:
        verb = "Removing" if self.action == "remove" else "Keeping only"
        whose = "both numbers" if self.numbers == "both" else f"the {self.numbers} number"
        return f"{verb} {listed(self.frequencies, 'frequency')} of {whose}"
