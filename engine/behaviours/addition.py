"""Addition, in the network that has learned a second operation: what is lost of the one, and what of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset
from engine.items import Items
from engine.models.modular_addition import ModularAddition, answers, pairs
from engine.randomness import generator

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.models.base import Model

EXAMPLES = 128
REFERENCE_ITEMS = 128


@final
class Addition(Behaviour):
    """Loss on sums; performance is the loss on the other operation, which the same weights compute from the same
    numbers. All items are pairs that the network was not trained on.
    """

    name: ClassVar[str] = "addition"
    summary: ClassVar[str] = "Adds two numbers, beside another operation on them."
    effect: ClassVar[str] = "nats lost on sums"
    behaviour_item: ClassVar[str] = "sum"
    performance_item: ClassVar[str] = "other operation"
    view: ClassVar[Literal["tokens", "image"]] = "tokens"

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, ModularAddition) and len(model.recipe.tasks) > 1

    def available(self, model: Model) -> int | None:
        return max(len(_unseen(model, "addition")) - EXAMPLES, len(_unseen(model, _other(model))))

    def data(self, model: Model, items: int) -> Dataset:
        assert isinstance(model, ModularAddition)
        sums = _unseen(model, "addition")
        plain = [pairs(model.recipe, task).inputs[:REFERENCE_ITEMS] for task in model.recipe.tasks]
        return Dataset(
            performance=_items(model, _other(model), _unseen(model, _other(model))[:items]),
            behaviour=_items(model, "addition", sums[EXAMPLES:][:items]),
            examples=_items(model, "addition", sums[:EXAMPLES]),
            reference=np.concatenate(plain),
        )

    def show(self, model: Model, answer: int) -> str:
        assert isinstance(model, ModularAddition)
        return model.recipe.word(answer)


def _other(model: Model) -> str:
    assert isinstance(model, ModularAddition)
    return model.recipe.tasks[1]


def _unseen(model: Model, task: str) -> Int[np.ndarray, "pair 3"]:
    assert isinstance(model, ModularAddition)
    known = pairs(model.recipe, task)
    return known.inputs[known.trained :]


def _items(model: ModularAddition, task: str, inputs: Int[np.ndarray, "pair 3"]) -> Items:
    """Pairs read where the answer is given; their counterparts have another number in a's place, the same for a pair
    whatever the items around it.
    """
    p = model.recipe.p
    other = generator("addition", "counterparts", p).integers(1, p, size=(p, p))
    corrupt = inputs.copy()
    corrupt[:, 0] = (inputs[:, 0] + other[inputs[:, 0], inputs[:, 1]]) % p
    targets = answers(task, inputs[:, 0], inputs[:, 1], p)[:, None]
    return Items(
        inputs=inputs,
        read=np.full_like(targets, 2),
        targets=targets,
        scored=np.ones_like(targets, dtype=bool),
        corrupt=corrupt,
    )
