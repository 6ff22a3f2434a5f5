"""Trains the `modular-addition` networks: every pair of the training share in every step (Nanda et al. 2023)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from engine.items import Items, classified
from engine.models.base import Card, Progress
from engine.models.modular_addition import SYMBOLS, Recipe, pairs
from engine.networks import transformer
from engine.networks.modular_forward import logits
from engine.networks.modular_metrics import frequency_groups, metrics
from engine.networks.network import Training
from engine.networks.training import Tensors, halved, of_seed, one_thread, write
from engine.randomness import generator
from engine.sites import Weights

WARM_UP: Final = 10
BETAS: Final = (0.9, 0.98)


def train(folder: Path, progress: Progress, recipe: Recipe) -> Card:
    """Trains, and writes weights, checkpoints and card to `folder`. On one machine a seed gives the same weights."""
    with one_thread():
        weights, checkpoints = _optimise(recipe, progress)
        learned = " and ".join(f"{task} ({SYMBOLS[task]})" for task in recipe.tasks)
        draft = Card(
            title=f"Modular {' beside '.join(recipe.tasks)}: a one-layer transformer that groks, p = {recipe.p}"
            + of_seed(recipe.seed if recipe.tasks == ("addition",) else 0),
            recipe=(
                f"AdamW {recipe.learning_rate:g}, weight decay {recipe.weight_decay:g}, β {BETAS[0]:g} and "
                f"{BETAS[1]:g}, warm-up {WARM_UP} steps, {recipe.share:.0%} of the pairs in every one of "
                f"{recipe.steps:,} steps; `regimescope train modular-addition`"
            ),
            seed=recipe.seed,
            data=f"All pairs of numbers below {recipe.p}, under {learned} modulo {recipe.p}",
            licence="MIT, as the code that generates it",
            architecture=recipe.shape,
            steps=(*checkpoints, recipe.steps),
            groups={"frequencies": frequency_groups(weights, recipe.p)},
            parts={"frequencies": tuple(str(k) for k in range(1, (recipe.p + 1) // 2))},
            metrics={},
            sha256={},
        )
        return write(
            folder,
            draft,
            transformer.stages(recipe.shape),
            training(recipe),
            weights,
            checkpoints,
            {},
            lambda network: metrics(network, recipe),
        )


def training(recipe: Recipe) -> Training:
    """How the network begins, and pairs that it is trained on."""

    def initial() -> Tensors:
        chance = torch.Generator().manual_seed(recipe.seed)
        return transformer.initial_weights(recipe.shape, chance, norms=False, biases=False)

    def batch(step: int, size: int) -> tuple[Items, ...]:
        inputs, answers = _trained_on(recipe)
        some = generator("modular-addition", recipe.p, "training", step).permutation(len(inputs))[:size]
        return (classified(inputs[some], answers[some], inputs[some], at=2),)

    return Training(initial, batch)


def _trained_on(recipe: Recipe) -> tuple[Int[np.ndarray, "pair 3"], Int[np.ndarray, " pair"]]:
    """The pairs of all operations, and their answers."""
    known = [pairs(recipe, task) for task in recipe.tasks]
    inputs = np.concatenate([each.inputs[: each.trained] for each in known])
    return inputs, np.concatenate([each.answers[: each.trained] for each in known])


def _optimise(recipe: Recipe, progress: Progress) -> tuple[Tensors, dict[int, Tensors]]:
    """The weights at the end, and at the recipe's steps before; all rounded to 16 bits."""
    inputs, answers = map(torch.from_numpy, _trained_on(recipe))
    weights = training(recipe).initial()
    for tensor in weights.values():
        tensor.requires_grad_()
    optimiser = torch.optim.AdamW(
        weights.values(), lr=recipe.learning_rate, betas=BETAS, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min((step + 1) / WARM_UP, 1))

    def loss_of(weights: Weights) -> Float[Tensor, ""]:
        # a loss of 1e-7 is a difference of logits near 1 that float32 would round away
        return F.cross_entropy(logits(weights, inputs, recipe).double(), answers)

    kept = {}
    for step in range(1, recipe.steps + 1):
        loss = loss_of(weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step in recipe.checkpoints or step == recipe.steps:
            kept[step] = halved(weights, lambda rounded: loss_of(rounded).item())
        progress(step, recipe.steps)
    return kept.pop(recipe.steps), kept
