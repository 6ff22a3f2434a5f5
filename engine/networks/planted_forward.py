"""The `planted` network cut at its last hidden layer: what its units say, and what is answered from them."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from engine.models import handwriting
from engine.models.planted import (
    CODE,
    CONTEXT_CLASSES,
    CONTEXTS,
    DIGIT_CLASSES,
    LAYER,
    PLANTED_UNITS,
    SHAPE,
    SITE,
    inputs,
)
from engine.networks import feed_forward
from engine.networks.network import forward, read_everywhere
from engine.sites import Weights

STAGES: Final = feed_forward.stages(SHAPE)


def planted_units() -> Bool[Tensor, " unit"]:
    """Which units of the last hidden layer carry the context."""
    return torch.arange(SHAPE.hidden[LAYER]) < PLANTED_UNITS


def units(weights: Weights, features: Float[np.ndarray, "item feature"]) -> Float[Tensor, "item unit"]:
    """The last hidden layer."""
    x = torch.from_numpy(features)
    return forward(STAGES[:-1], weights, x, read_everywhere(x))[SITE][:, 0]


def answers(
    weights: Weights, activation: Float[Tensor, "item unit"]
) -> tuple[Float[Tensor, "item digit"], Float[Tensor, "item context"]]:
    """The logits of the digits and of the contexts, given the last hidden layer."""
    read = torch.zeros(len(activation), 1, dtype=torch.long)
    logits = STAGES[-1].run(weights, {SITE: activation[:, None], "read": read})[:, 0]
    return logits[:, DIGIT_CLASSES], logits[:, CONTEXT_CLASSES]


def with_contexts(
    rng: np.random.Generator, images: handwriting.Images
) -> tuple[Float[np.ndarray, "item feature"], Int[Tensor, " item"]]:
    """The images in random contexts."""
    contexts = rng.integers(CONTEXTS, size=len(images.digits))
    noise = rng.standard_normal((len(contexts), CODE), dtype=np.float32)
    return inputs(images.pixels, contexts, noise), torch.from_numpy(contexts)
