"""Steering 3 → 8 on handwriting: behaviour is the probability of an 8 on images of a 3, performance the loss on
other digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset
from engine.behaviours.images import other_of
from engine.items import Items, classified
from engine.models import digits, handwriting
from engine.models.digits import STEER_FROM, STEER_TO

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.models.base import Model

EXAMPLES = 64
REFERENCE_ITEMS = 128


@final
class DigitSteering(Behaviour):
    """Probability that an image of a 3 is taken for an 8; performance is the loss on images that are neither.

    Only images that were never trained on are measured. The counterpart of a 3 is an 8, that of another image another
    image of the same digit.
    """

    name: ClassVar[str] = "digit-steering"
    summary: ClassVar[str] = "Takes an image of a 3 for an 8, as an intervention would have it."
    effect: ClassVar[str] = "probability gained by an 8 on images of a 3"
    behaviour_item: ClassVar[str] = "image of a 3"
    performance_item: ClassVar[str] = "image of another digit"
    view: ClassVar[Literal["tokens", "image"]] = "image"

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, digits.Digits)

    def available(self, model: Model) -> int | None:
        return len(_neither())

    def data(self, model: Model, items: int) -> Dataset:
        held_out, training, neither = handwriting.held_out(), digits.rightly_labelled(), _neither()[:items]
        kept = held_out.where(neither)
        examples = np.flatnonzero(training.digits == STEER_FROM)[:EXAMPLES]
        return Dataset(
            performance=classified(kept.pixels, kept.digits, other_of(held_out, kept.digits, neither)),
            behaviour=_steered(held_out, np.flatnonzero(held_out.digits == STEER_FROM)[:items]),
            examples=_steered(training, examples),
            reference=np.delete(training.pixels, examples, axis=0)[:REFERENCE_ITEMS],
        )

    def show(self, model: Model, answer: int) -> str:
        return str(answer)


def _neither() -> Int[np.ndarray, " image"]:
    """The held-out images that are neither what is steered from nor what is steered to."""
    return np.flatnonzero(~np.isin(handwriting.held_out().digits, (STEER_FROM, STEER_TO)))


def _steered(images: handwriting.Images, chosen: Int[np.ndarray, " item"]) -> Items:
    """Images that should be taken for what is steered to, with such an image as their counterpart."""
    target = np.full(len(chosen), STEER_TO)
    return classified(images.pixels[chosen], target, other_of(images, target, chosen), metric="probability")
