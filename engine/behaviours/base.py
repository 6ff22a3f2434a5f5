"""What a behaviour is: two disjoint sets of items on a model, one for performance and one for the behaviour itself."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from engine.dials import Variant

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

    from engine.models.base import Model


@dataclass(frozen=True)
class Items:
    """Sequences and the places where a loss is read.

    Slot k of an item reads the prediction made at position `read[k]` against `targets[k]`; slots that are not `scored`
    only fill up the array.
    """

    tokens: Int[np.ndarray, "item pos"]
    read: Int[np.ndarray, "item slot"]
    targets: Int[np.ndarray, "item slot"]
    scored: Bool[np.ndarray, "item slot"]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def chance(self) -> float:
        """Loss of the best input-independent predictor, nats: the entropy of the targets, weighed as item means do."""
        weight = self.scored / self.scored.sum(axis=1, keepdims=True) / len(self)
        frequency = np.bincount(self.targets.ravel(), weight.ravel())
        seen = frequency[frequency > 0]
        return float(-(seen * np.log(seen)).sum())


def items_where(tokens: Int[np.ndarray, "item pos"], wanted: Bool[np.ndarray, "item pos"], most: int) -> Items:
    """Items that score the prediction of `wanted` tokens, read one position before each.

    An item with more than `most` wanted tokens scores that many of them, evenly spread.
    """
    assert not wanted[:, 0].any(), "the first token has no position before it"
    assert wanted.any(axis=1).all(), "every item scores something"
    read = np.zeros((len(tokens), most), dtype=np.int64)
    targets, scored = np.zeros_like(read), np.zeros_like(read, dtype=bool)
    for item, places in enumerate(map(np.flatnonzero, wanted)):
        count = min(most, len(places))
        chosen = places[np.linspace(0, len(places) - 1, count).round().astype(int)]
        read[item, :count], targets[item, :count], scored[item, :count] = chosen - 1, tokens[item, chosen], True
    return Items(tokens, read, targets, scored)


@dataclass(frozen=True)
class Dataset:
    """What a behaviour measures on: the two sets share no item. `reference` is a third, disjoint set of plain
    sequences [item, pos] on which an intervention may compute means and directions.
    """

    performance: Items
    behaviour: Items
    reference: Int[np.ndarray, "item pos"]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of every array."""
        digest = hashlib.sha256()
        for items in (self.performance, self.behaviour):
            for array in (items.tokens, items.read, items.targets, items.scored):
                _digest(digest, array)
        _digest(digest, self.reference)
        return digest.hexdigest()


def _digest(digest: hashlib._Hash, array: np.ndarray) -> None:
    digest.update(f"{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())


class Behaviour(Variant):
    """What the network does that an intervention should change, beside what it otherwise does."""

    effect: ClassVar[str]
    """What an effect of +1 means, in words that follow a number: "nats lost on copied tokens"."""
    behaviour_item: ClassVar[str]
    """What an item of the behaviour set is."""
    performance_item: ClassVar[str]
    """What an item of the performance set is."""

    @classmethod
    @abstractmethod
    def is_compatible(cls, model: Model) -> bool:
        """Whether the behaviour exists in the model."""

    @abstractmethod
    def data(self, items: int) -> Dataset:
        """`items` performance items and as many behaviour items, the same at every call; a larger number extends a
        smaller one.
        """

    @abstractmethod
    def show(self, token: int) -> str:
        """A token as people read it."""
