"""What a behaviour is: two disjoint sets of items on a model, one for performance and one for the behaviour itself."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np

from engine.dials import Variant

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from engine.models.base import Model


EM_STEPS: Final = 200

Metric = Literal["loss", "probability"]
"""What is read of an answer: the loss −log P in nats, or P itself."""


@dataclass(frozen=True, eq=False)
class Items:
    """Inputs and the places where an answer is read.

    Slot k of an item reads the prediction made at position `read[k]` against `targets[k]`; slots that are not `scored`
    only fill up the array. A network without positions is read at position 0.

    Attributes:
        inputs: tokens, or features such as pixels.
        corrupt: every item's counterpart, from which what the behaviour rests on is missing or is another; shaped as
            `inputs`. Activation patching and differences of means set the two side by side.
        also: a second answer that is as good as the target; its probability counts, too.
        among: the classes among which the answer is to be found; none for all of them.
        metric: what is read.
        first: number of the first item in the behaviour's row of items; chance that belongs to an item goes by it.
    """

    inputs: Int[np.ndarray, "item pos"] | Float[np.ndarray, "item feature"]
    read: Int[np.ndarray, "item slot"]
    targets: Int[np.ndarray, "item slot"]
    scored: Bool[np.ndarray, "item slot"]
    corrupt: Int[np.ndarray, "item pos"] | Float[np.ndarray, "item feature"]
    also: Int[np.ndarray, "item slot"] | None = None
    among: tuple[int, ...] | None = None
    metric: Metric = "loss"
    first: int = 0

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Every array that has the axis `item`, by name."""
        named = {name: getattr(self, name) for name in ("inputs", "read", "targets", "scored", "corrupt", "also")}
        return {name: array for name, array in named.items() if array is not None}

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of everything."""
        digest = hashlib.sha256()
        _digest_items(digest, self)
        return digest.hexdigest()

    def part(self, start: int, stop: int) -> Items:
        """The items from `start` up to `stop`."""
        arrays: dict[str, Any] = {name: array[start:stop] for name, array in self.arrays.items()}
        return replace(self, **arrays, first=self.first + start)

    @property
    def chance(self) -> float:
        """Loss of the best input-independent predictor, nats, weighed as item means are.

        With one answer to each slot that is the entropy of the targets. With two, expectation–maximisation finds the
        prediction q that minimises the mean of −log(q[target] + q[also]).
        """
        weight = (self.scored / self.scored.sum(axis=1, keepdims=True) / len(self))[self.scored]
        answers = self.targets[self.scored][:, None]
        if self.also is not None:
            answers = np.stack([answers[:, 0], self.also[self.scored]], axis=1)
            assert (answers[:, 0] != answers[:, 1]).all(), "the second answer is another one"
        prediction = np.bincount(answers[:, 0], weight)
        if answers.shape[1] == 1:
            seen = prediction[prediction > 0]
            return float(-(seen * np.log(seen)).sum())
        prediction = np.full(answers.max() + 1, 1 / (answers.max() + 1))
        for _ in range(EM_STEPS):
            share = prediction[answers]
            share = weight[:, None] * share / share.sum(axis=1, keepdims=True)
            prediction = np.bincount(answers.ravel(), share.ravel(), minlength=len(prediction))
        return float(-(weight * np.log(prediction[answers].sum(axis=1))).sum())


def items_where(
    tokens: Int[np.ndarray, "item pos"],
    wanted: Bool[np.ndarray, "item pos"],
    most: int,
    corrupt: Int[np.ndarray, "item pos"],
) -> Items:
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
    return Items(tokens, read, targets, scored, corrupt)


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
            _digest_items(digest, items)
        _digest(digest, "reference", self.reference)
        return digest.hexdigest()


def _digest_items(digest: hashlib._Hash, items: Items) -> None:
    digest.update(f"{items.among}{items.metric}{items.first}".encode())
    for name, array in items.arrays.items():
        _digest(digest, name, array)


def _digest(digest: hashlib._Hash, name: str, array: np.ndarray) -> None:
    digest.update(f"{name}{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())


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
