"""Closing brackets and quotes in source code: which one it is, given that one closes here."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final, Literal, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset
from engine.items import Items, items_where
from engine.models.code_lm import SHAPE, CodeLm
from engine.networks import code_windows
from engine.networks.code_structure import CLOSERS, delimiters, openers
from engine.networks.code_windows import Shard

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.models.base import Model

SLOTS: Final = 24
OTHER: Final = {"(": "[", "[": "{", "{": "(", "'": '"', '"': "'"}
"""What a bracket or quote is exchanged for in the counterpart of an item."""


@final
class Closing(Behaviour):
    """Loss on the closing bracket or quote among the five that there are, where the text closes one that it opened.

    Performance leaves out every bracket and quote that can close anything. In the counterpart of an item, the brackets
    and quotes that open in it are others, and so are those that close them.
    """

    name: ClassVar[str] = "closing"
    summary: ClassVar[str] = "Closes brackets and strings with the right bracket or quote."
    effect: ClassVar[str] = "nats lost on closing brackets and quotes"
    behaviour_item: ClassVar[str] = "source code, where it closes"
    performance_item: ClassVar[str] = "source code, where nothing closes"
    view: ClassVar[Literal["tokens", "image"]] = "tokens"

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, CodeLm)

    def available(self, model: Model) -> int | None:
        every = _everything(code_windows.shard(model.folder))
        return max(len(every.performance), len(every.behaviour))

    def data(self, model: Model, items: int) -> Dataset:
        every = _everything(code_windows.shard(model.folder))
        return replace(every, performance=every.performance.part(0, items), behaviour=every.behaviour.part(0, items))

    def show(self, model: Model, answer: int) -> str:
        return code_windows.spellings(model.folder)[answer]


@lru_cache(maxsize=2)
def _everything(shard: Shard) -> Dataset:
    """All the items that there are."""
    split, exchanged = code_windows.split(shard, SHAPE.context), _exchanged(shard)
    closers = np.array([shard.spelled.index(closer) for closer in CLOSERS.values()])

    def items(starts: Int[np.ndarray, " window"], *, closing: bool) -> Items:
        places = starts[:, None] + np.arange(SHAPE.context)
        tokens, inside = shard.tokens[places], openers(shard, starts, SHAPE.context) >= 0
        opened_before = (delimiters(shard)[places] >= 0) & ~inside
        corrupt = np.where(opened_before, tokens, exchanged[places])
        same_before = np.roll(tokens == corrupt, 1, axis=1)  # what is scored is predicted from the token before it
        wanted = inside if closing else ~np.isin(tokens, closers) & same_before
        wanted[:, 0] = False
        some = wanted.any(axis=1)
        made = items_where(tokens[some], wanted[some], SLOTS, corrupt[some])
        return replace(made, among=tuple(sorted(closers.tolist()))) if closing else made

    return Dataset(
        performance=items(split.performance, closing=False),
        behaviour=items(split.behaviour, closing=True),
        examples=items(split.examples, closing=True),
        reference=code_windows.windows(shard, split.reference, SHAPE.context),
    )


def _exchanged(shard: Shard) -> Int[np.ndarray, " token"]:
    """The text with every bracket and quote of a pair exchanged for another."""
    opened = delimiters(shard)
    closing = np.flatnonzero(opened >= 0)
    tokens = shard.tokens.copy()
    for opener, other in OTHER.items():
        pairs = closing[shard.tokens[opened[closing]] == shard.spelled.index(opener)]
        tokens[opened[pairs]], tokens[pairs] = shard.spelled.index(other), shard.spelled.index(CLOSERS[other])
    return tokens
