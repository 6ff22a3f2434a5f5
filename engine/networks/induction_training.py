"""Trains the `induction` model, finds its heads by score, and fits vectors that only look like a handle."""

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
from engine.items import next_tokens
from engine.models.architectures import Transformer
from engine.models.base import Card, Progress
from engine.models.induction import CHAIN, COPY, SHAPE, chain_with_names, repeated_blocks, training_tokens
from engine.networks import attention_scores, transformer
from engine.networks.attention_scores import Scores, head_groups, previous
from engine.networks.network import Network, Training, forward, read_everywhere
from engine.networks.training import Tensors, halved, of_seed, one_thread, write
from engine.randomness import generator

STEPS: Final = 4000
BATCH: Final = 144
WARM_UP: Final = 100
LEARNING_RATE: Final = 2e-3
CHECKPOINT_STEPS: Final = (
    *(100, 150, 200, 260, 320, 380, 440, 480, 520, 540, 560, 580, 600, 620, 650, 700, 760, 840, 940),
    *(1050, 1200, 1400, 1700, 2050, 2500, 3150, 4000),
)  # log-spaced, and dense where copying sets in
FEWER_CHECKPOINTS: Final = (200, 480, 540, 600, 760, 1050, 1400, 2500)
"""Of the networks from further seeds."""
VECTOR_EFFECT: Final = 2.0
VECTOR_STEPS: Final = 400
PROBE_ITEMS: Final = 128


def train(folder: Path, progress: Progress, steps: int = STEPS, shape: Transformer = SHAPE, seed: int = 0) -> Card:
    """Trains, and writes weights, checkpoints, vectors and card to `folder`.

    On one machine the same seed gives the same weights: one thread, fixed order. A shorter or smaller run keeps those
    checkpoints that it reaches.
    """
    with one_thread():
        weights, checkpoints = _optimise(shape, steps, progress, seed)
        stages = transformer.stages(shape)
        with torch.no_grad():
            scores = head_scores(shape, weights)
        vectors = {
            f"optimised-after-layer-{layer}": fit_vector(stages, weights, sites.resid_post(layer), shape.d_model)
            for layer in range(shape.layers)
        }
        draft = Card(
            title=f"Induction: a two-layer attention-only transformer{of_seed(seed)}",
            recipe=(
                f"AdamW {LEARNING_RATE:g}, warm-up {WARM_UP} steps, linear decay to 10 %, {BATCH} sequences a step, "
                f"{steps:,} steps; `regimescope train induction`"
            ),
            seed=seed,
            data="Synthetic: two thirds a fixed bigram chain with a random name in it twice, one third repeated blocks",
            licence="MIT, as the code that generates it",
            architecture=shape,
            steps=(*checkpoints, steps),
            groups={"heads": head_groups(scores)},
            vectors={name: sites.resid_post(layer) for layer, name in enumerate(vectors)},
            metrics={},
            sha256={},
        )
        return write(folder, draft, stages, training(shape, seed), weights, checkpoints, vectors, metrics)


def training(shape: Transformer = SHAPE, seed: int = 0) -> Training:
    """How the network begins, and sequences like those it is trained on."""

    def initial() -> Tensors:
        return transformer.initial_weights(shape, torch.Generator().manual_seed(seed))

    return Training(
        initial,
        lambda step, size: (next_tokens(training_tokens(generator("induction", "training", step), size)),),
    )


def metrics(network: Network) -> dict[str, float]:
    """What the network has learned, and its heads' scores."""
    shape = network.card.architecture
    assert isinstance(shape, Transformer)
    with torch.no_grad():
        scores, losses = head_scores(shape, network.weights), measured(shape, network.weights)
    named = {f"{kind} score of head {head}": by[head] for kind, by in scores.items() for head in by}
    return {**{name: round(score, 3) for name, score in named.items()}, **losses}


def _optimise(shape: Transformer, steps: int, progress: Progress, seed: int = 0) -> tuple[Tensors, dict[int, Tensors]]:
    weights = training(shape, seed).initial()
    for tensor in weights.values():
        tensor.requires_grad_()
    stages = transformer.stages(shape)
    optimiser = torch.optim.AdamW(weights.values(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / WARM_UP, 1 - 0.9 * (step - WARM_UP) / max(1, steps - WARM_UP))
    )
    rng, kept = np.random.default_rng(seed), FEWER_CHECKPOINTS if seed else CHECKPOINT_STEPS
    checkpoints = {}
    for step in range(1, steps + 1):
        tokens = torch.from_numpy(training_tokens(rng, BATCH))
        loss = _loss(stages, tokens, weights)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step in kept and step < steps:
            checkpoints[step] = halved(weights, partial(_loss, stages, tokens))
        progress(step, steps)
    return {name: tensor.detach() for name, tensor in weights.items()}, checkpoints


def _loss(stages: tuple[sites.Stage, ...], tokens: Tensor, weights: sites.Weights) -> Float[Tensor, ""]:
    """Mean loss of every next token, nats."""
    logits = forward(stages, weights, tokens, read_everywhere(tokens[:, 1:]))[sites.LOGITS]
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def measured(shape: Transformer, weights: Tensors) -> dict[str, float]:
    """What the network has learned, on text that it was not trained on (nats), and its number of parameters."""
    rng = generator("induction", "metrics")
    texts = {
        "chain": (chain_with_names(rng, PROBE_ITEMS), CHAIN),
        "copied": (repeated_blocks(rng, PROBE_ITEMS), COPY),
    }
    losses = {}
    for name, (text, role) in texts.items():
        tokens, wanted = torch.from_numpy(text.tokens), torch.from_numpy(text.roles[:, 1:] == role)
        logits = forward(transformer.stages(shape), weights, tokens, read_everywhere(tokens[:, 1:]))[sites.LOGITS]
        losses[f"loss on {name} tokens"] = round(F.cross_entropy(logits[wanted], tokens[:, 1:][wanted]).item(), 4)
    return {**losses, "parameters": float(sum(tensor.numel() for tensor in weights.values()))}


def head_scores(shape: Transformer, weights: Tensors) -> Scores:
    """How much attention each head pays, on average over repeated blocks, to the previous token, and to the token after
    the last occurrence of the present one (Olsson et al. 2022).
    """
    tokens = repeated_blocks(generator("induction", "scores"), PROBE_ITEMS).tokens
    lags = np.array([[_lag(row)] for row in tokens])
    after_last = (np.arange(tokens.shape[1]) + 1 - lags).clip(-1)
    return attention_scores.head_scores(
        shape, weights, tokens, {"previous-token": previous(tokens), "induction": after_last}
    )


def _lag(row: Int[np.ndarray, " pos"]) -> int:
    """Length of the block that a sequence repeats."""
    return next(lag for lag in range(1, len(row)) if (row[lag:] == row[:-lag]).all())


def fit_vector(
    stages: tuple[sites.Stage, ...], weights: dict[str, Tensor], site: str, size: int
) -> Float[Tensor, " d_model"]:
    """A vector that, added at a site, makes copying worse by `VECTOR_EFFECT` nats.

    It is fitted on a few sequences to match an effect, with no circuit in mind: the spurious competitor of the genuine
    handles.
    """
    text = repeated_blocks(generator("induction", "vectors"), PROBE_ITEMS)
    tokens, copied = torch.from_numpy(text.tokens), torch.from_numpy(text.roles[:, 1:] == COPY)

    def copy_loss(vector: Tensor) -> Tensor:
        state = {"inputs": tokens, "read": read_everywhere(tokens[:, 1:])}
        for stage in stages:
            state[stage.site] = stage.run(weights, state)
            if stage.site == site:
                state[site] = state[site] + vector
        return F.cross_entropy(state[sites.LOGITS][copied], tokens[:, 1:][copied])

    start = torch.from_numpy(generator("induction", "vectors", site).standard_normal(size, dtype=np.float32))
    vector = (0.1 * start).requires_grad_()
    optimiser = torch.optim.Adam([vector], lr=0.02)
    with torch.no_grad():
        target = copy_loss(torch.zeros(size)) + VECTOR_EFFECT
    for _ in range(VECTOR_STEPS):
        optimiser.zero_grad()
        (copy_loss(vector) - target).square().backward()
        optimiser.step()
    return vector.detach()
