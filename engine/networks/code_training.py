"""Trains the `code-lm` model and finds its heads by score."""

from __future__ import annotations

import logging
import platform
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from engine import sites
from engine.items import Items, next_tokens
from engine.models.architectures import Transformer
from engine.models.base import Card, Progress
from engine.models.code_lm import MIXTURE, PYTHON, SHAPE, TEXT_SHA256, training_tokens
from engine.networks import code_windows, transformer
from engine.networks.attention_scores import head_groups, head_scores, previous
from engine.networks.code_structure import openers
from engine.networks.code_text import EVALUATION, Source, encode, train_tokenizer, write_texts
from engine.networks.network import Network, Training, file_hash, forward, read_everywhere
from engine.networks.training import Tensors, halved, one_thread, write
from engine.randomness import generator

SEED: Final = 0
STEPS: Final = 5500
WARM_UP: Final = 200
DECAY: Final = 1500
"""Of the last steps the learning rate falls to nothing."""
LEARNING_RATE: Final = 3e-3
CHECKPOINT_STEPS: Final = (600, 1500, 1700, 1800, 2000, 3200)
"""Log-spaced, and dense where copying sets in."""
PROBE_WINDOWS: Final = 48
OTHER_SETS: Final = 4

log = logging.getLogger(__name__)


def train(folder: Path, progress: Progress, source: Source, steps: int = STEPS, shape: Transformer = SHAPE) -> Card:
    """Trains on a source text, and writes tokenizer, evaluation text, weights, checkpoints and card to `folder`.

    On one machine the same text and seed give the same weights: one thread, fixed order. A shorter or smaller run keeps
    those checkpoints that it reaches.
    """
    if source.sha256 != TEXT_SHA256:
        log.warning(
            "code-lm is trained on another text than the shipped network, the standard library of Python %s instead of "
            "%s, so its weights, its evaluation text and its numbers will differ.",
            platform.python_version(),
            PYTHON,
        )
    tokenizer = train_tokenizer(source.training, shape.vocab)
    texts = write_texts(folder, source, tokenizer)
    stages = transformer.stages(shape)
    with one_thread():
        weights, checkpoints = _optimise(folder, encode(tokenizer, source.training), shape, steps, progress)
        scores = _scores(shape, {name: tensor.float() for name, tensor in weights.items()}, folder)
        draft = Card(
            title="Code: a four-layer language model of Python's standard library",
            recipe=(
                f"AdamW {LEARNING_RATE:g}, warm-up {WARM_UP} steps, linear decay to 0 over the last {DECAY:,}, "
                f"{sum(MIXTURE.values())} sequences of {shape.context} tokens a step, {steps:,} steps; in "
                f"{MIXTURE['repeated']} of them a snippet of the text is repeated, in {MIXTURE['scrambled']} one of "
                "tokens drawn one by one; `regimescope train code-lm`"
            ),
            seed=SEED,
            data=(
                f"The source of the standard library of Python {platform.python_version()} without tests and tables "
                f"(sha256 {source.sha256}): {len(source.training)} files to train on; held out, in {EVALUATION}: "
                + ", ".join(source.evaluation)
            ),
            licence="PSF-2.0, as Python's source, with the notices that its files carry",
            architecture=shape,
            steps=(*checkpoints, steps),
            groups={"heads": head_groups(scores)},
            metrics={},
            sha256={name: file_hash(folder / name) for name in texts},
        )
        return write(folder, draft, stages, training(folder, shape), weights, checkpoints, {}, metrics)


def training(folder: Path, shape: Transformer = SHAPE) -> Training:
    """How the network begins, and text like that which it is trained on.

    The training text is not shipped. In its place come the windows of the evaluation text that no behaviour measures,
    one after the other, in the same mixture with repeated snippets.
    """

    def initial() -> Tensors:
        return transformer.initial_weights(shape, torch.Generator().manual_seed(SEED))

    def batch(step: int, size: int) -> tuple[Items, ...]:
        shard, rng = code_windows.shard(folder), generator("code-lm", "training", step)
        split = code_windows.split(shard, shape.context)
        kept = np.sort(np.concatenate([split.reference, split.examples]))
        text = code_windows.windows(shard, kept, shape.context).ravel()
        rows = [training_tokens(text, rng, shape.context) for _ in range(-(-size // sum(MIXTURE.values())))]
        return (next_tokens(rng.permutation(np.concatenate(rows))[:size]),)

    return Training(initial, batch)


def _optimise(
    folder: Path, text: Int[np.ndarray, " token"], shape: Transformer, steps: int, progress: Progress
) -> tuple[Tensors, dict[int, Tensors]]:
    weights = training(folder, shape).initial()
    for tensor in weights.values():
        tensor.requires_grad_()
    stages = transformer.stages(shape)
    optimiser = torch.optim.AdamW(weights.values(), lr=LEARNING_RATE, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / WARM_UP, (steps - step) / DECAY, 1.0)
    )
    checkpoints: dict[int, Tensors] = {}
    for step in range(1, steps + 1):
        tokens = torch.from_numpy(training_tokens(text, generator("code-lm", SEED, step), shape.context))

        def loss(weights: sites.Weights, tokens: Tensor = tokens) -> Tensor:
            logits = forward(stages, weights, tokens[:, :-1], read_everywhere(tokens[:, 1:]))[sites.LOGITS]
            return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

        optimiser.zero_grad()
        loss(weights).backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.step()
        schedule.step()
        if step in CHECKPOINT_STEPS or step == steps:
            checkpoints[step] = halved(weights, loss)
        progress(step, steps)
    return checkpoints.pop(steps), checkpoints


def metrics(network: Network) -> dict[str, float]:
    """What the network has learned, its heads' scores, and what they do for copying and closing."""
    shape, weights = network.card.architecture, network.weights
    assert isinstance(shape, Transformer)
    shard = code_windows.shard(network.folder)
    split = code_windows.split(shard, shape.context)
    starts = split.examples[:PROBE_WINDOWS]
    plain, snippets = (
        code_windows.windows(shard, starts, shape.context),
        code_windows.with_snippets(shard, starts, shape.context),
    )
    reference = torch.from_numpy(code_windows.windows(shard, split.reference, shape.context))
    with torch.no_grad():
        usual = forward(network.stages, weights, reference, read_everywhere(reference))

    def losses(weights: sites.Weights, without: Collection[str] = ()) -> dict[str, float]:
        text, copying = (
            _losses(network.stages, weights, inputs, without, usual) for inputs in (plain, snippets.inputs)
        )
        return {
            "evaluation text": text.mean(),
            "first copies": copying[snippets.first[:, 1:]].mean(),
            "copied tokens": copying[snippets.copied[:, 1:]].mean(),
            "closing brackets and quotes": text[openers(shard, starts, shape.context)[:, 1:] >= 0].mean(),
        }

    whole = losses(weights)
    measured = {f"loss on {name}": loss for name, loss in whole.items()}
    for kind, sets in _ablated(network.card).items():
        without = [losses(weights, heads) for heads in sets]
        for name, loss in whole.items():
            lost = sum(each[name] for each in without) / len(sets) - loss
            measured[f"nats lost on {name} without {kind}"] = lost
    for step in network.card.steps[:-1]:
        copying = _losses(network.stages, network.checkpoint(step), snippets.inputs)
        measured[f"loss on copied tokens at step {step}"] = copying[snippets.copied[:, 1:]].mean()
    scores = _scores(shape, weights, network.folder)
    measured |= {f"{kind} score of head {head}": by[head] for kind, by in scores.items() for head in by}
    measured["parameters"] = sum(tensor.numel() for tensor in weights.values())
    return {name: round(float(value), 3) for name, value in measured.items()}


def _ablated(card: Card) -> dict[str, list[tuple[str, ...]]]:
    """The groups of heads, and to compare with them some sets of random heads of no group, as large as the largest."""
    groups = card.groups.get("heads", {})
    others = sorted(set(card.options("heads")) - {head for heads in groups.values() for head in heads})
    size = min(len(others), max(map(len, groups.values()), default=1))
    rng = generator("code-lm", "other heads")
    drawn = [tuple(rng.choice(others, size, replace=False).tolist()) for _ in range(OTHER_SETS)]
    return {**{f"{kind} heads": [heads] for kind, heads in groups.items()}, f"{size} other heads": drawn}


def _scores(shape: Transformer, weights: sites.Weights, folder: Path) -> dict[str, dict[str, float]]:
    """How much attention heads pay to the token before; from a copied token to the one that followed it in the first
    copy (Olsson et al. 2022); and where a bracket or quote closes to the one that it closes.
    """
    shard = code_windows.shard(folder)
    starts = code_windows.split(shard, shape.context).examples[:PROBE_WINDOWS]
    snippets = code_windows.with_snippets(shard, starts, shape.context)
    copying = {"previous-token": previous(snippets.inputs), "induction": snippets.sources}
    closing = np.full_like(snippets.sources, -1)
    closing[:, :-1] = openers(shard, starts, shape.context)[:, 1:]  # from where it is predicted
    plain = code_windows.windows(shard, starts, shape.context)
    return head_scores(shape, weights, snippets.inputs, copying) | head_scores(
        shape, weights, plain, {"opening": closing}
    )


def _losses(
    stages: tuple[sites.Stage, ...],
    weights: sites.Weights,
    inputs: Int[np.ndarray, "window pos"],
    without: Collection[str] = (),
    usual: Mapping[str, Tensor] | None = None,
) -> Float[np.ndarray, "window pos-1"]:
    """The loss on every token but the first, nats; in place of heads `without` comes the mean of what is usual."""
    tokens = torch.from_numpy(inputs)
    state = {"inputs": tokens, "read": read_everywhere(tokens[:, 1:])}
    with torch.no_grad():
        for stage in stages:
            state[stage.site] = stage.run(weights, state)
            for layer, head in (map(int, name.split(".")) for name in without):
                if usual is not None and stage.site == sites.z(layer):
                    state[stage.site][:, :, head] = usual[stage.site].mean((0, 1))[head]
        logits = state[sites.LOGITS]
        return F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none").numpy()
