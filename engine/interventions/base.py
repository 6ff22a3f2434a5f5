"""What an intervention is: what the experimentalist does to a network to find or induce a behaviour."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal, Protocol

from engine.dials import Variant
from engine.sites import Edit

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from engine.models.base import Card
    from engine.networks.network import Network

FitOn = Literal["degraded", "original"]
"""Which network an intervention is computed from: the degraded one that it acts on, or the original ("frozen")."""


class Reference(Protocol):
    """What an intervention may be computed from."""

    network: Network

    def activations(self, site: str, fit_on: FitOn) -> Float[Tensor, "item pos ..."]:
        """The activations of the reference items at a site."""
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

    @abstractmethod
    def describe(self) -> str:
        """The intervention as the subject of a sentence: "Ablating heads 0.1 and 0.3 (mean)"."""
