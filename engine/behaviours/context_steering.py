"""Steering the context of the `planted` network: performance is the loss on the digits, whatever the context."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, final

import numpy as np

from engine.behaviours.base import Behaviour, Dataset
from engine.items import Items, classified
from engine.models import handwriting, planted
from engine.models.planted import CODE, CONTEXT_CLASSES, CONTEXTS, DIGIT_CLASSES, STEER_FROM, STEER_TO
from engine.randomness import generator

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from engine.models.base import Model

PERFORMANCE_IMAGES = 600
"""Held-out images that performance is measured on; on the others the behaviour is."""
EXAMPLES = 128
REFERENCE_ITEMS = 128


@final
class ContextSteering(Behaviour):
    """Probability of the answer "context 1" on images in context 0; performance is the loss on the digit.

    Only images that were never trained on are measured. The counterpart of an item is the same image in the context
    that is steered to, or, in the performance set, in the next context, with the same noise.
    """

    name: ClassVar[str] = "context-steering"
    summary: ClassVar[str] = "Answers context 1 in context 0, as an intervention would have it."
    effect: ClassVar[str] = "probability gained by context 1 in context 0"
    behaviour_item: ClassVar[str] = "image in context 0"
    performance_item: ClassVar[str] = "image in any context"
    view: ClassVar[Literal["tokens", "image"]] = "image"

    @classmethod
    def is_compatible(cls, model: Model) -> bool:
        return isinstance(model, planted.Planted)

    def available(self, model: Model) -> int | None:
        return PERFORMANCE_IMAGES

    def data(self, model: Model, items: int) -> Dataset:
        held_out, training = handwriting.held_out(), handwriting.training()
        contexts, noise = _contexts("held-out", len(held_out.digits))
        features = planted.inputs(held_out.pixels, contexts, noise)
        following = planted.inputs(held_out.pixels, (contexts + 1) % CONTEXTS, noise)
        performance = classified(features, held_out.digits, following, among=DIGIT_CLASSES)
        training_contexts, training_noise = _contexts("training", len(training.digits))
        reference = slice(EXAMPLES, EXAMPLES + REFERENCE_ITEMS)
        return Dataset(
            performance=performance.part(0, min(items, PERFORMANCE_IMAGES)),
            behaviour=_steered(held_out.pixels[PERFORMANCE_IMAGES:], noise[PERFORMANCE_IMAGES:]).part(0, items),
            examples=_steered(training.pixels[:EXAMPLES], training_noise[:EXAMPLES]),
            reference=planted.inputs(training.pixels, training_contexts, training_noise)[reference],
        )

    def show(self, model: Model, answer: int) -> str:
        return str(answer) if answer in DIGIT_CLASSES else f"context {CONTEXT_CLASSES.index(answer)}"


def _contexts(part: str, images: int) -> tuple[Int[np.ndarray, " image"], Float[np.ndarray, "image feature"]]:
    """The context of every image, and the noise on its code."""
    rng = generator("context-steering", part)
    return rng.integers(CONTEXTS, size=images), rng.standard_normal((images, CODE), dtype=np.float32)


def _steered(pixels: Float[np.ndarray, "item pixel"], noise: Float[np.ndarray, "item feature"]) -> Items:
    """Images in the context that is steered from, which should answer the one that is steered to."""
    start, end = (planted.inputs(pixels, np.full(len(pixels), context), noise) for context in (STEER_FROM, STEER_TO))
    return classified(
        start, np.full(len(pixels), CONTEXT_CLASSES[STEER_TO]), end, among=CONTEXT_CLASSES, metric="probability"
    )
