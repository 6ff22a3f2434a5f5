"""Trains the `planted` network by interchange interventions, and fits the vectors that compete with the planted one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from engine.items import Items, classified
from engine.models import handwriting
from engine.models.base import Card, Progress
from engine.models.planted import (
    CODE,
    CONTEXT_CLASSES,
    DIGIT_CLASSES,
    LAYER,
    PLANTED_UNITS,
    SHAPE,
    SITE,
    STEER_FROM,
    STEER_TO,
    inputs,
)
from engine.networks import feed_forward
from engine.networks.network import Training
from engine.networks.planted_forward import STAGES, answers, planted_units, units, with_contexts
from engine.networks.planted_metrics import metrics
from engine.networks.training import Tensors, halved, of_seed, one_thread, write
from engine.randomness import generator
from engine.sites import Weights

STEPS: Final = 1500
BATCH: Final = 128
LEARNING_RATE: Final = 1e-3
WEIGHT_DECAY: Final = 2.0
CHECKPOINT_STEPS: Final = (25, 50, 100, 200, 300, 450, 650, 1000)
VECTOR_STEPS: Final = 800
EFFECT_WEIGHT: Final = 100.0
MESS: Final = 0.5


def train(folder: Path, progress: Progress, steps: int = STEPS, seed: int = 0) -> Card:
    """Trains, and writes weights, checkpoints, vectors and card to `folder`.

    On one machine the same seed gives the same weights: one thread, fixed order. A shorter run keeps those checkpoints
    that it reaches.
    """
    with one_thread():
        weights, checkpoints = _optimise(steps, progress, seed)
        vectors = fit_vectors({name: tensor.float() for name, tensor in weights.items()})
        draft = Card(
            title=f"Planted: a circuit known by construction{of_seed(seed)}",
            recipe=(
                "Interchange-intervention training (Geiger et al. 2022) of as much weight as the plain loss, AdamW "
                f"{LEARNING_RATE:g}, weight decay {WEIGHT_DECAY:g}, linear decay to 10 %, {BATCH} images a step, "
                f"{steps:,} steps; `regimescope train planted`"
            ),
            seed=seed,
            data=f"{handwriting.DATA}; beside each image the noisy code of a random context",
            licence=handwriting.LICENCE,
            architecture=SHAPE,
            steps=(*checkpoints, steps),
            groups={"neurons": {"planted": tuple(f"{LAYER}.{unit}" for unit in range(PLANTED_UNITS))}},
            vectors=dict.fromkeys(vectors, SITE),
            metrics={},
            sha256={},
        )
        return write(folder, draft, STAGES, training(seed), weights, checkpoints, vectors, metrics)


def training(seed: int = 0) -> Training:
    """How the network begins, and images in contexts that it is trained to tell, both of them: the plain loss, without
    the interchanges.
    """

    def initial() -> Tensors:
        return feed_forward.initial_weights(SHAPE, torch.Generator().manual_seed(seed))

    def batch(step: int, size: int) -> tuple[Items, ...]:
        rng, images = generator("planted", "training", step), handwriting.training()
        some = images.where(rng.permutation(len(images.digits))[:size])
        features, contexts = with_contexts(rng, some)
        answers = ((some.digits, DIGIT_CLASSES), (contexts.numpy() + CONTEXT_CLASSES[0], CONTEXT_CLASSES))
        return tuple(classified(features, right, features, among=classes) for right, classes in answers)

    return Training(initial, batch)


def _loss(
    weights: Weights,
    activation: Float[Tensor, "item unit"],
    digits: Int[Tensor, " item"],
    contexts: Int[Tensor, " item"],
) -> Tensor:
    digit, context = answers(weights, activation)
    return F.cross_entropy(digit, digits) + F.cross_entropy(context, contexts)


def _optimise(steps: int, progress: Progress, seed: int = 0) -> tuple[Tensors, dict[int, Tensors]]:
    weights = training(seed).initial()
    for tensor in weights.values():
        tensor.requires_grad_()
    optimiser = torch.optim.AdamW(weights.values(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - 0.9 * step / steps)
    images, planted = handwriting.training(), planted_units()
    rng = np.random.default_rng(seed)
    checkpoints = {}

    def rounded() -> Tensors:
        return halved(weights, lambda kept: _loss(kept, units(kept, features), digits, contexts).item())

    for step in range(1, steps + 1):
        batch = images.where(rng.choice(len(images.digits), BATCH, replace=False))
        features, contexts = with_contexts(rng, batch)
        digits, other = torch.from_numpy(batch.digits), torch.from_numpy(rng.permutation(BATCH))
        activation = units(weights, features)
        # Planted units from `other`, the rest from here, must answer the context of `other` and the digit of here. The
        # same answers are right for the swap of all the other units, seen from `other`.
        interchanged = torch.where(planted, activation[other], activation)
        loss = _loss(weights, activation, digits, contexts) + _loss(weights, interchanged, digits, contexts[other])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step in CHECKPOINT_STEPS and step < steps:
            checkpoints[step] = rounded()
        progress(step, steps)
    return rounded(), checkpoints


def fit_vectors(weights: Tensors) -> dict[str, Float[Tensor, " unit"]]:
    """The planted handle on the context, and its competitors, computed on training images.

    The planted vector is the difference of means of two contexts in the planted units. The competitor lives in all the
    other units: it is fitted to have the same effect and to leave the digits alone. The third is the planted one with
    mess: a share of a vector that was fitted in the other units for its effect alone.
    """
    rng, images, planted = generator("planted", "vectors"), handwriting.training(), planted_units()
    noise = rng.standard_normal((len(images.digits), CODE), dtype=np.float32)
    features, _ = with_contexts(rng, images)
    with torch.no_grad():
        start, end = (
            units(weights, inputs(images.pixels, np.full(len(noise), context), noise))
            for context in (STEER_FROM, STEER_TO)
        )
        mixed = units(weights, features)
        genuine = torch.where(planted, (end - start).mean(0), 0.0)
        target = _steered(weights, start + genuine)

    def fit(keep: float) -> Tensor:
        vector = torch.zeros_like(genuine, requires_grad=True)
        optimiser = torch.optim.Adam([vector], lr=0.04)
        digits = torch.from_numpy(images.digits)
        for _ in range(VECTOR_STEPS):
            shift = torch.where(planted, 0.0, vector)
            off_target = EFFECT_WEIGHT * (_steered(weights, start + shift) - target).square()
            harm = F.cross_entropy(answers(weights, mixed + shift)[0], digits)
            optimiser.zero_grad()
            (off_target + keep * harm).backward()
            optimiser.step()
        return torch.where(planted, 0.0, vector.detach())

    return {
        "planted": genuine,
        "competitor": fit(keep=1.0),
        "genuine-and-mess": (1 - MESS) * genuine + MESS * fit(keep=0.0),
    }


def _steered(weights: Weights, activation: Float[Tensor, "item unit"]) -> Tensor:
    """Mean probability of the context that is steered to."""
    return answers(weights, activation)[1].softmax(1)[:, STEER_TO].mean()
