"""Copying in source code: snippets that stand in the text a second time, or names that come again by themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final, Literal, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset
from engine.dials import choice
from engine.items import Items, items_where
from engine.models.code_lm import SHAPE, CodeLm
from engine.networks import code_windows
from engine.networks.code_structure import Name, names_within
from engine.networks.code_windows import Shard
from engine.randomness import generator

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

    from engine.models.base import Model

Text = Literal["snippets", "identifiers"]

SLOTS: Final = 24


@final
class CodeCopying(Behaviour):
    """Loss on tokens that can be copied: what follows them stands in the text before, after the same token.

    That is the second copy of a snippet, written into the text, but for its first token; or the last occurrence of an
    identifier that occurred before, but for its first token. Performance leaves out every token that followed the same
    token before. In the counterpart of an item, other text stands where it could be copied from.
    """

    name: ClassVar[str] = "code-copying"
    summary: ClassVar[str] = "Copies passages and names that it has seen earlier in the source code."
    effect: ClassVar[str] = "nats lost on copied tokens"
    behaviour_item: ClassVar[str] = "source code with a repetition"
    performance_item: ClassVar[str] = "source code, where nothing is repeated"
    view: ClassVar[Literal["tokens", "image"]] = "tokens"

    text: Text = choice(
        "snippets", help="What is copied: snippets that were written in twice, or identifiers as they come."
    )

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, CodeLm)

    def available(self, model: Model) -> int | None:
        every = _everything(code_windows.shard(model.folder), self.text)
        return max(len(every.performance), len(every.behaviour))

    def data(self, model: Model, items: int) -> Dataset:
        every = _everything(code_windows.shard(model.folder), self.text)
        return replace(every, performance=every.performance.part(0, items), behaviour=every.behaviour.part(0, items))

    def show(self, model: Model, answer: int) -> str:
        return code_windows.spellings(model.folder)[answer]


@lru_cache(maxsize=4)
def _everything(shard: Shard, text: Text) -> Dataset:
    """All the items that there are."""
    split = code_windows.split(shard, SHAPE.context)
    make = {"snippets": _snippets, "identifiers": _identifiers}[text]
    return Dataset(
        performance=_fresh(shard, split.performance),
        behaviour=make(shard, split.behaviour),
        examples=make(shard, split.examples),
        reference=code_windows.windows(shard, split.reference, SHAPE.context),
    )


def _fresh(shard: Shard, starts: Int[np.ndarray, " window"]) -> Items:
    """Text as it is, scored where nothing is to be copied."""
    tokens = code_windows.windows(shard, starts, SHAPE.context)
    repeats = code_windows.repeats(tokens)
    wanted = ~repeats.max(axis=2) & (np.arange(SHAPE.context) > 0)
    items = items_where(tokens, wanted, SLOTS, tokens)
    copied_from = repeats.max(axis=1)
    for row, (read, scored) in enumerate(zip(items.read, items.scored, strict=True)):
        copied_from[row, read[scored]] = False  # what is scored is predicted from this very token, not from a copy
    return replace(items, corrupt=_replaced(shard, starts, tokens, copied_from))


def _snippets(shard: Shard, starts: Int[np.ndarray, " window"]) -> Items:
    """Text with a snippet in it twice, scored in the second copy."""
    made = code_windows.with_snippets(shard, starts, SHAPE.context)
    return items_where(made.inputs, made.copied, SLOTS, made.corrupt)


def _identifiers(shard: Shard, starts: Int[np.ndarray, " window"]) -> Items:
    """Text as it is, scored in names that it has had before, where they occur for the last time."""
    tokens = code_windows.windows(shard, starts, SHAPE.context)
    wanted, copied_from = np.zeros(tokens.shape, dtype=bool), np.zeros(tokens.shape, dtype=bool)
    for row, (start, repeats) in enumerate(zip(starts.tolist(), code_windows.repeats(tokens), strict=True)):
        wanted[row], copied_from[row] = _last_occurrences(names_within(shard, start, SHAPE.context), repeats)
    some = wanted.any(axis=1)
    return items_where(tokens[some], wanted[some], SLOTS, _replaced(shard, starts, tokens, copied_from)[some])


def _last_occurrences(
    occurrences: list[Name], repeats: Bool[np.ndarray, "pos earlier"]
) -> tuple[Bool[np.ndarray, " pos"], Bool[np.ndarray, " pos"]]:
    """The tokens that can be copied in the last occurrences of names, and where from: every place where they stand
    after the same token.

    No occurrence is counted in which another one would have to be replaced, or the counterpart would differ in more
    than what is copied from.
    """
    wanted, copied_from, counted = np.zeros((3, len(repeats)), dtype=bool)
    for number, name in reversed(list(enumerate(occurrences))):
        others = {each.text for each in occurrences[:number]}, {each.text for each in occurrences[number + 1 :]}
        if name.text not in others[0] or name.text in others[1]:
            continue
        here = np.zeros_like(wanted)
        here[name.first : name.end] = True
        places = np.flatnonzero(here & repeats.any(axis=1))
        places = places[places > name.first]
        sources = repeats[places].any(axis=0)
        if len(places) and not (sources & (here | counted)).any() and not (here & copied_from).any():
            wanted[places] = True
            copied_from |= sources
            counted |= here
    return wanted, copied_from


def _replaced(
    shard: Shard,
    starts: Int[np.ndarray, " window"],
    tokens: Int[np.ndarray, "window pos"],
    where: Bool[np.ndarray, "window pos"],
) -> Int[np.ndarray, "window pos"]:
    """Windows with other text in some places: the tokens that a reference window has there."""
    reference = code_windows.windows(shard, code_windows.split(shard, SHAPE.context).reference, SHAPE.context)
    changed = tokens.copy()
    for row, start in enumerate(starts.tolist()):
        other = reference[generator("code-copying", start).integers(len(reference))]
        for place in np.flatnonzero(where[row]):
            here_on = np.roll(other, -place)
            changed[row, place] = here_on[here_on != tokens[row, place]][0]
    return changed
