"""The steered sum: modular addition is made to answer (a + 7) + b."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset
from engine.items import Items
from engine.models.modular_addition import SHIFT, ModularAddition, pairs

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.models.base import Model

EXAMPLES = 256
REFERENCE_ITEMS = 256


@final
class SteeredSum(Behaviour):
    """The probability of (a + 7) + b, which the network is to answer as if a + 7 stood in a's place.

    On the performance set, too, a steered network answers a + b + 7, and if a was shifted cleanly it is as sure of that
    as it was of a + b. So both answers are admissible there and their probabilities add up: a perfect steer costs
    nothing, and one that drags the network anywhere else pays. Everything is measured on pairs that the network was not
    trained on.
    """

    name: ClassVar[str] = "steered-sum"
    summary: ClassVar[str] = "Answers a sum as if 7 had been added to its first number."
    effect: ClassVar[str] = "probability gained by a + b + 7"
    behaviour_item: ClassVar[str] = "pair to steer"
    performance_item: ClassVar[str] = "other pair"
    view: ClassVar[Literal["tokens", "image"]] = "tokens"

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, ModularAddition)

    def available(self, model: Model) -> int | None:
        return (len(_unseen(model)) - EXAMPLES + 1) // 2

    def data(self, model: Model, items: int) -> Dataset:
        assert isinstance(model, ModularAddition)
        unseen, p = _unseen(model), model.recipe.p
        measured = unseen[EXAMPLES:]
        return Dataset(
            performance=_items(measured[::2][:items], p, steered=False),
            behaviour=_items(measured[1::2][:items], p, steered=True),
            examples=_items(unseen[:EXAMPLES], p, steered=True),
            reference=pairs(model.recipe, "addition").inputs[:REFERENCE_ITEMS],
        )

    def show(self, model: Model, answer: int) -> str:
        assert isinstance(model, ModularAddition)
        return model.recipe.word(answer)


def _unseen(model: Model) -> Int[np.ndarray, "pair 3"]:
    assert isinstance(model, ModularAddition)
    known = pairs(model.recipe, "addition")
    return known.inputs[known.trained :]


def _items(inputs: Int[np.ndarray, "pair 3"], p: int, *, steered: bool) -> Items:
    """Pairs read where the answer is given; their counterparts have a + 7 in a's place."""
    plain = inputs[:, :2].sum(axis=1, keepdims=True) % p
    shifted = (plain + SHIFT) % p
    corrupt = inputs.copy()
    corrupt[:, 0] = (corrupt[:, 0] + SHIFT) % p
    return Items(
        inputs=inputs,
        read=np.full_like(plain, 2),
        targets=shifted if steered else plain,
        scored=np.ones_like(plain, dtype=bool),
        corrupt=corrupt,
        also=None if steered else shifted,
        metric="probability" if steered else "loss",
    )
