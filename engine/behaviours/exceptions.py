"""Memorised exceptions: behaviour is the loss on wrong labels that the network learnt by heart, performance that on the
rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset
from engine.behaviours.images import other_of
from engine.items import Items, classified
from engine.models import digits, handwriting

if TYPE_CHECKING:
    from engine.models.base import Model

MEASURED = 60
"""Exceptions to measure on; the others are examples."""
REFERENCE_ITEMS = 128


@final
class MemorisedExceptions(Behaviour):
    """Loss on training images against the wrong labels that they had; performance is the loss on held-out images.

    The counterpart of an image is another image of the same digit, with the right label.
    """

    name: ClassVar[str] = "exceptions"
    summary: ClassVar[str] = "Remembers the wrong labels that some training images had."
    effect: ClassVar[str] = "nats lost on memorised exceptions"
    behaviour_item: ClassVar[str] = "memorised exception"
    performance_item: ClassVar[str] = "held-out image"
    view: ClassVar[Literal["tokens", "image"]] = "image"

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, digits.Digits) and model.exceptions == "memorised"

    def available(self, model: Model) -> int | None:
        return len(handwriting.held_out().digits)

    def data(self, model: Model, items: int) -> Dataset:
        held_out, right = handwriting.held_out(), digits.rightly_labelled()
        chosen = np.arange(min(items, len(held_out.digits)))
        memorised = _memorised()
        return Dataset(
            performance=classified(
                held_out.pixels[chosen], held_out.digits[chosen], other_of(held_out, held_out.digits[chosen], chosen)
            ),
            behaviour=memorised.part(0, min(items, MEASURED)),
            examples=memorised.part(MEASURED, len(memorised)),
            reference=right.pixels[:REFERENCE_ITEMS],
        )

    def show(self, model: Model, answer: int) -> str:
        return str(answer)


def _memorised() -> Items:
    wrong = digits.exceptions()
    images = handwriting.training().where(wrong.images)
    right = digits.rightly_labelled()
    return classified(images.pixels, wrong.labels, other_of(right, images.digits, np.arange(len(images.digits))))
