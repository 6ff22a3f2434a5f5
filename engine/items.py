"""Items: inputs with the places where a network's answer is read, and what is admissible there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

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
        self.digest(digest)
        return digest.hexdigest()

    def digest(self, digest: hashlib._Hash) -> None:
        """Feeds everything to a hash."""
        digest.update(f"{self.among}{self.metric}{self.first}".encode())
        for name, array in self.arrays.items():
            digest_array(digest, name, array)

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


def classified(
    inputs: Float[np.ndarray, "item feature"] | Int[np.ndarray, "item pos"],
    targets: Int[np.ndarray, " item"],
    corrupt: Float[np.ndarray, "item feature"] | Int[np.ndarray, "item pos"],
    *,
    at: int = 0,
    among: tuple[int, ...] | None = None,
    metric: Metric = "loss",
) -> Items:
    """Items with one answer each, all read at the same position."""
    read = np.full((len(inputs), 1), at, dtype=np.int64)
    return Items(inputs, read, targets[:, None], read == at, corrupt, among=among, metric=metric)


def next_tokens(tokens: Int[np.ndarray, "item pos"]) -> Items:
    """Items that score the prediction of every token but the first. They have no counterparts but themselves."""
    inputs = np.ascontiguousarray(tokens[:, :-1])
    read = np.broadcast_to(np.arange(inputs.shape[1]), inputs.shape).copy()
    return Items(inputs, read, np.ascontiguousarray(tokens[:, 1:]), np.ones(read.shape, dtype=bool), inputs)


def digest_array(digest: hashlib._Hash, name: str, array: np.ndarray) -> None:
    """Feeds a named array to a hash."""
    digest.update(f"{name}{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
