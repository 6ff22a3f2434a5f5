"""Copying repeated tokens: performance is the loss on the bigram chain, behaviour the loss on repeated blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset
from engine.items import Items, items_where
from engine.models import induction

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.models.base import Model

REFERENCE_ITEMS = 64
EXAMPLES = 64
SLOTS = 24
DATA_SEED = 7
BATCH = 256


@final
class Copying(Behaviour):
    """Loss on the second and later tokens of a repeated random block, where only a look at the first copy helps.

    Performance leaves out every token of a repeated passage: it reads the tokens that follow their predecessor in the
    bigram chain.
    """

    name: ClassVar[str] = "copying"
    summary: ClassVar[str] = "Copies blocks of random tokens that it has seen earlier in the text."
    effect: ClassVar[str] = "nats lost on copied tokens"
    behaviour_item: ClassVar[str] = "repeated block"
    performance_item: ClassVar[str] = "bigram chain"
    view: ClassVar[Literal["tokens", "image"]] = "tokens"

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, induction.Induction)

    def available(self, model: Model) -> int | None:
        return None

    def data(self, model: Model, items: int) -> Dataset:
        chain = _texts(induction.chain_with_names, 0, items)
        performance = items_where(chain.tokens, chain.roles == induction.CHAIN, SLOTS, _first_copy_replaced(chain, 0))
        return Dataset(
            performance=performance,
            behaviour=_copied(1, items),
            examples=_copied(3, EXAMPLES),
            reference=induction.training_tokens(np.random.default_rng([DATA_SEED, 2]), REFERENCE_ITEMS),
        )

    def show(self, model: Model, answer: int) -> str:
        return f"k{answer:02d}"


def _copied(part: int, items: int) -> Items:
    """Repeated blocks, scored where they repeat."""
    blocks = _texts(induction.repeated_blocks, part, items)
    copied = blocks.roles == induction.COPY
    return items_where(
        blocks.tokens, copied & (copied.cumsum(axis=1) <= SLOTS), SLOTS, _first_copy_replaced(blocks, part)
    )


def _first_copy_replaced(text: induction.Text, part: int) -> Int[np.ndarray, "item pos"]:
    """The texts with other random tokens in the first copy of what is repeated: the second has nothing to copy from.

    A short block that comes a third time can still be copied from the second.
    """
    corrupt, vocab = text.tokens.copy(), induction.SHAPE.vocab
    for item, (tokens, roles) in enumerate(zip(text.tokens, text.roles, strict=True)):
        rng = np.random.default_rng([DATA_SEED, 4, part, item])
        copied = np.flatnonzero(roles == induction.COPY)
        second = int(copied[0]) - 1  # where the passage begins once more
        length = min(len(copied) + 1, second)
        passage = tokens[second : second + length]
        first = next(start for start in range(second) if (tokens[start : start + length] == passage).all())
        corrupt[item, first : first + length] = (passage + rng.integers(1, vocab, length)) % vocab
    return corrupt


def _texts(make: Callable[[np.random.Generator, int], induction.Text], part: int, items: int) -> induction.Text:
    """So many texts, in batches that have a seed each: a larger number extends a smaller one."""
    batches = [make(np.random.default_rng([DATA_SEED, part, i]), BATCH) for i in range(-(-items // BATCH))]
    tokens, roles = (np.concatenate(arrays)[:items] for arrays in zip(*batches, strict=True))
    return induction.Text(tokens, roles)
