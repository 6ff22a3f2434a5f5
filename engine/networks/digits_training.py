"""Trains the `digits` networks: the rule first, and where labels are wrong, the exceptions after it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from engine import sites
from engine.items import Items, classified
from engine.models import handwriting
from engine.models.base import Card, Progress
from engine.models.digits import SHAPES, STEER_FROM, STEER_TO, VECTOR, Digits, exceptions, rightly_labelled
from engine.networks import feed_forward
from engine.networks.network import Network, Training, forward, read_everywhere
from engine.networks.training import Tensors, halved, one_thread, write
from engine.randomness import generator
from engine.sites import Stage, Weights

SEED: Final = 0
STEPS: Final = 1200
BATCH: Final = 128
LEARNING_RATE: Final = {"mlp": 2e-3, "cnn": 5e-3}
WEIGHT_DECAY: Final = 0.01
CHECKPOINT_STEPS: Final = (20, 40, 80, 160, 320, 480, 750)


def train(model: Digits, folder: Path, progress: Progress, steps: int = STEPS) -> Card:
    """Trains, and writes weights, checkpoints, vectors and card to `folder`.

    On one machine the same seed gives the same weights: one thread, fixed order. A shorter run keeps those checkpoints
    that it reaches.
    """
    shape, rate = SHAPES[model.network], LEARNING_RATE[model.network]
    stages = feed_forward.stages(shape)
    memorised = model.exceptions == "memorised"
    with one_thread():
        weights, checkpoints = _optimise(model, rate, steps, progress)
        kind = "perceptron 64-128-128-10" if model.network == "mlp" else "three 3×3 convolutions"
        draft = Card(
            title=f"Digits: {kind}" + (" with memorised exceptions" if memorised else ""),
            recipe=(
                f"AdamW {rate:g}, weight decay {WEIGHT_DECAY:g}, linear decay to 10 %, {BATCH} images a step, "
                f"{steps:,} steps; `regimescope train {model.title}`"
            ),
            seed=SEED,
            data=handwriting.DATA
            + (f"; {len(exceptions().images)} training images have a random wrong label" if memorised else ""),
            licence=handwriting.LICENCE,
            architecture=shape,
            steps=(*checkpoints, steps),
            groups={},
            vectors={VECTOR: last_hidden(stages)},
            metrics={},
            sha256={},
        )
        vectors = {VECTOR: mean_difference(stages, {name: tensor.float() for name, tensor in weights.items()})}
        return write(folder, draft, stages, training(model), weights, checkpoints, vectors, partial(metrics, model))


def training(model: Digits) -> Training:
    """How the network begins, and images with the labels that it is trained to give, wrong ones where it has some."""

    def initial() -> Tensors:
        return feed_forward.initial_weights(SHAPES[model.network], torch.Generator().manual_seed(SEED))

    def batch(step: int, size: int) -> tuple[Items, ...]:
        pixels, labels = handwriting.training().pixels, _labels(model.exceptions == "memorised")
        some = generator("digits", "training", step).permutation(len(pixels))[:size]
        return (classified(pixels[some], labels[some], pixels[some]),)

    return Training(initial, batch)


def metrics(model: Digits, network: Network) -> dict[str, float]:
    """Loss (nats) and accuracy on held-out images, which is the rule, and on the training images; where some of these
    had a wrong label, on these exceptions against that label, and on the others.
    """
    held_out, training = handwriting.held_out(), handwriting.training()
    sets = {"held-out images": (held_out.pixels, held_out.digits)}
    if model.exceptions == "memorised":
        wrong, others = exceptions(), rightly_labelled()
        sets["memorised exceptions"] = (training.pixels[wrong.images], wrong.labels)
        sets["other training images"] = (others.pixels, others.digits)
    else:
        sets["training images"] = (training.pixels, training.digits)
    found = {"parameters": float(sum(tensor.numel() for tensor in network.weights.values()))}
    for name, (pixels, labels) in sets.items():
        with torch.no_grad():
            answers, wanted = logits(network.stages, network.weights, pixels), torch.from_numpy(labels)
        found[f"loss on {name}"] = round(F.cross_entropy(answers, wanted).item(), 4)
        found[f"accuracy on {name}"] = round((answers.argmax(1) == wanted).double().mean().item(), 4)
    return found


def logits(
    stages: tuple[Stage, ...], weights: Weights, pixels: Float[np.ndarray, "image pixel"]
) -> Float[Tensor, "image class"]:
    """What the network answers."""
    return _activations(stages, weights, pixels)[sites.LOGITS][:, 0]


def mean_difference(stages: tuple[Stage, ...], weights: Weights) -> Float[Tensor, " unit"]:
    """From the mean activation of one digit to that of another, over training images and pixels of the last hidden
    layer.
    """
    images = rightly_labelled()
    start, end = (
        _activations(stages, weights, images.where(images.digits == digit).pixels)[last_hidden(stages)].mean((0, 1))
        for digit in (STEER_FROM, STEER_TO)
    )
    return end - start


def last_hidden(stages: tuple[Stage, ...]) -> str:
    """The site before the logits."""
    return stages[-2].site


def _activations(
    stages: tuple[Stage, ...], weights: Weights, pixels: Float[np.ndarray, "image pixel"]
) -> dict[str, Tensor]:
    inputs = torch.from_numpy(pixels)
    return forward(stages, weights, inputs, read_everywhere(inputs))


def _labels(memorised: bool) -> Int[np.ndarray, " image"]:
    labels = handwriting.training().digits.copy()
    if memorised:
        labels[exceptions().images] = exceptions().labels
    return labels


def _optimise(model: Digits, rate: float, steps: int, progress: Progress) -> tuple[Tensors, dict[int, Tensors]]:
    weights = training(model).initial()
    for tensor in weights.values():
        tensor.requires_grad_()
    stages, pixels = feed_forward.stages(SHAPES[model.network]), handwriting.training().pixels
    wanted = torch.from_numpy(_labels(model.exceptions == "memorised"))
    optimiser = torch.optim.AdamW(weights.values(), lr=rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - 0.9 * step / steps)
    rng = np.random.default_rng(SEED)

    def rounded() -> Tensors:
        return halved(weights, lambda kept: F.cross_entropy(logits(stages, kept, pixels), wanted).item())

    checkpoints = {}
    for step in range(1, steps + 1):
        batch = rng.choice(len(pixels), BATCH, replace=False)
        loss = F.cross_entropy(logits(stages, weights, pixels[batch]), wanted[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step in CHECKPOINT_STEPS and step < steps:
            checkpoints[step] = rounded()
        progress(step, steps)
    return rounded(), checkpoints
