"""What every training run shares: reproducible on one machine, written whole or not at all, half as large on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, SupportsFloat

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.models.base import Card
from engine.networks.network import CHECKPOINTS, VECTORS, WEIGHTS, Network, Training, file_hash, load
from engine.sites import Stage

HALF_TOLERANCE: Final = 1e-3
"""By how much a loss may move when weights are rounded to 16 bits, nats."""

Tensors = dict[str, Tensor]


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in another order end in other weights: training runs on one thread, so that a seed decides everything."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def of_seed(seed: int) -> str:
    """What the titles of networks from further seeds end with."""
    return f", seed {seed}" if seed else ""


def halved(weights: Mapping[str, Tensor], loss: Callable[[Tensors], SupportsFloat]) -> Tensors:
    """The weights rounded to 16 bits, which is how they are stored.

    Raises:
        ValueError: the rounding moves the loss by more than `HALF_TOLERANCE`.
    """
    exact = {name: tensor.detach() for name, tensor in weights.items()}
    half = {name: tensor.half() for name, tensor in exact.items()}
    with torch.no_grad():
        moved = abs(float(loss({name: tensor.float() for name, tensor in half.items()})) - float(loss(exact)))
    if not moved <= HALF_TOLERANCE:
        raise ValueError(f"rounding the weights to 16 bits moves the loss by {moved:.2g} nats; store them in 32 bits")
    return half


def write(
    folder: Path,
    draft: Card,
    stages: tuple[Stage, ...],
    training: Training,
    weights: Tensors,
    checkpoints: Mapping[int, Tensors],
    vectors: Tensors,
    metrics: Callable[[Network], dict[str, float]],
) -> Card:
    """Writes what a training run has made, and returns its card.

    Args:
        folder: where to.
        draft: the card, still without metrics; its hashes are those of further files that are there already.
        stages: the network's forward pass.
        training: how it came about.
        weights: at the end of the run.
        checkpoints: by step, without the last.
        vectors: directions that come with the model.
        metrics: measures the network as it will be loaded.
    """
    files = {
        WEIGHTS: weights,
        CHECKPOINTS: {f"{step}/{name}": t for step, kept in checkpoints.items() for name, t in kept.items()},
        VECTORS: vectors,
    }
    files = {name: tensors for name, tensors in files.items() if tensors}
    folder.mkdir(parents=True, exist_ok=True)
    for name, tensors in files.items():
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / f"{name}.new")
        (folder / f"{name}.new").replace(folder / name)  # whole or not at all
    card = draft.model_copy(update={"sha256": draft.sha256 | {name: file_hash(folder / name) for name in files}})
    card = card.model_copy(update={"metrics": metrics(load(folder, card, stages, training))})
    write_card(folder, card)
    return card


def write_card(folder: Path, card: Card) -> None:
    """Writes a card beside its weights."""
    path = folder / "card.json"
    path.with_suffix(".new").write_text(json.dumps(card.model_dump(mode="json"), indent=2) + "\n")
    path.with_suffix(".new").replace(path)
