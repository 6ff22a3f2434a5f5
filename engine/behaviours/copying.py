"""Copying repeated tokens: performance is the loss on the bigram chain, behaviour the loss on repeated blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset, items_where
from engine.models import induction

if TYPE_CHECKING:
    from engine.models.base import Model

REFERENCE_ITEMS = 64
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

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, induction.Induction)

    def data(self, items: int) -> Dataset:
        chain = _texts(induction.chain_with_names, 0, items)
        blocks = _texts(induction.repeated_blocks, 1, items)
        reference = np.random.default_rng([DATA_SEED, 2])
        copied = blocks.roles == induction.COPY
        return Dataset(
            performance=items_where(chain.tokens, chain.roles == induction.CHAIN, SLOTS),
            behaviour=items_where(blocks.tokens, copied & (copied.cumsum(axis=1) <= SLOTS), SLOTS),
            reference=induction.training_tokens(reference, REFERENCE_ITEMS),
        )

    def show(self, token: int) -> str:
        return f"k{token:02d}"


def _texts(make: Callable[[np.random.Generator, int], induction.Text], part: int, items: int) -> induction.Text:
    """So many texts, in batches that have a seed each: a larger number extends a smaller one."""
    batches = [make(np.random.default_rng([DATA_SEED, part, i]), BATCH) for i in range(-(-items // BATCH))]
    tokens, roles = (np.concatenate(arrays)[:items] for arrays in zip(*batches, strict=True))
    return induction.Text(tokens, roles)
