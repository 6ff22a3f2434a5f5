"""What an intervention is: what the experimentalist does to a network to find or induce a behaviour."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, Protocol

from engine.dials import Variant
from engine.sites import Edit, State, Weights

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from engine.behaviours.base import Dataset
    from engine.models.base import Card
    from engine.networks.network import Network

FitOn = Literal["degraded", "original"]
"""Which network an intervention is computed from: the degraded one that it acts on, or the original ("frozen")."""


World = Literal["clean", "corrupt"]
"""Items as they are, or their corrupt counterparts."""


class Reference(Protocol):
    """What an intervention may be computed from, and on which network: the degraded one or the original."""

    network: Network
    """The original network."""
    data: Dataset
    """The items; an intervention may use `examples` and `reference`, never what is measured on."""

    def weights(self, fit_on: FitOn) -> Weights:
        """The weights."""
        ...

    def activations(self, site: str, fit_on: FitOn) -> Float[Tensor, "item pos ..."]:
        """The activations of the reference inputs at a site, at every position."""
        ...

    def examples(self, site: str, fit_on: FitOn, world: World) -> Float[Tensor, "item slot ..."]:
        """The activations of the example items at a site, at the positions that are read."""
        ...

    def run(self, state: State, sites: Collection[str], fit_on: FitOn) -> dict[str, Tensor]:
        """The activations of any inputs (`inputs` and `read`) at these sites; computed no further than needed."""
        ...


class Intervention(Variant):
    """Replaces activations at one or more sites."""

    @classmethod
    @abstractmethod
    def is_compatible(cls, card: Card) -> bool:
        """Whether any choice of the parameters makes sense on the model."""

    @abstractmethod
    def edits(self, reference: Reference) -> dict[str, Edit]:
        """What to do at which site."""

    def sham(self, card: Card, number: int) -> Intervention | None:
        """The number-th control (from 0) of matched size, as many parts or the same norm, that should have no genuine
        effect; None if there is none of this kind, or not so many.
        """
        return None

    @abstractmethod
    def describe(self) -> str:
        """The intervention as the subject of a sentence: "Ablating heads 0.1 and 0.3 (mean)"."""
