"""What a behaviour is: two disjoint sets of items on a model, one for performance and one for the behaviour itself."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from engine.dials import Variant
from engine.items import Items, digest_array

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from engine.models.base import Model


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a behaviour measures on: the sets share no item.

    Attributes:
        performance: what the network otherwise does.
        behaviour: what it should be made to do, or not to do.
        examples: more items of the behaviour, to compute directions from and to fit interventions on.
        reference: plain inputs, [item, pos] or [item, feature], to compute means on and to resample from.
    """

    performance: Items
    behaviour: Items
    examples: Items
    reference: Int[np.ndarray, "item pos"] | Float[np.ndarray, "item feature"]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of everything."""
        digest = hashlib.sha256()
        for items in (self.performance, self.behaviour, self.examples):
            items.digest(digest)
        digest_array(digest, "reference", self.reference)
        return digest.hexdigest()


class Behaviour(Variant):
    """What the network does that an intervention should change, beside what it otherwise does."""

    effect: ClassVar[str]
    """What an effect of +1 means, in words that follow a number: "nats lost on copied tokens"."""
    behaviour_item: ClassVar[str]
    """What an item of the behaviour set is."""
    performance_item: ClassVar[str]
    """What an item of the performance set is."""
    view: ClassVar[Literal["tokens", "image"]]
    """How an item is looked at: token by token, or as a square image (the first features) with its classes."""

    @classmethod
    @abstractmethod
    def is_compatible(cls, model: Model) -> bool:
        """Whether the behaviour exists in the model."""

    @abstractmethod
    def available(self, model: Model) -> int | None:
        """The greatest number of items that `data` can give; None for as many as one likes."""

    @abstractmethod
    def data(self, model: Model, items: int) -> Dataset:
        """`items` performance items and behaviour items (of one of the two fewer, if no more exist), the same at every
        call; a larger number extends a smaller one.
        """

    @abstractmethod
    def show(self, model: Model, answer: int) -> str:
        """A token or a class as people read it."""
