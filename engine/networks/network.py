"""A loaded network: its weights, its stages and the checkpoints of its training. Weights come from safetensors only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from engine.dials import InputError
from engine.models.base import Card
from engine.sites import Stage

WEIGHTS, CHECKPOINTS, VECTORS = "weights.safetensors", "checkpoints.safetensors", "vectors.safetensors"


@dataclass(frozen=True)
class Network:
    """Weights, stages and checkpoints of one trained model. Nothing in here is ever modified."""

    folder: Path
    card: Card
    weights: dict[str, Tensor]
    stages: tuple[Stage, ...]

    def checkpoint(self, step: int) -> dict[str, Tensor]:
        """The weights after so many training steps; the last of the card's steps is the network itself."""
        if step == self.card.steps[-1]:
            return self.weights
        with safe_open(self.folder / CHECKPOINTS, framework="pt") as file:
            return {name: file.get_tensor(f"{step}/{name}") for name in self.weights}

    @cached_property
    def vectors(self) -> dict[str, Tensor]:
        """The directions that the card names, each [d_model]."""
        return load_file(self.folder / VECTORS)

    @cached_property
    def scale(self) -> dict[str, Tensor]:
        """Root mean square of every tensor of weights: the unit of weight noise, a scalar each."""
        return {name: tensor.square().mean().sqrt() for name, tensor in self.weights.items()}


def load(folder: Path, card: Card, stages: tuple[Stage, ...]) -> Network:
    """Loads a network and checks that its files are those that the card describes.

    Raises:
        InputError: a file is missing, damaged or not the one that was trained.
    """
    for name, expected in card.sha256.items():
        path = folder / name
        found = file_hash(path) if path.is_file() else "no file"
        if found != expected:
            raise InputError(
                f"model file {path} must have sha256 {expected[:12]}…, got {found[:12]}; restore it or train the model "
                "again with `regimescope train`."
            )
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise InputError(f"model file {folder / WEIGHTS} must be safetensors, got {error}; restore it.") from error
    return Network(folder, card, {name: tensor.requires_grad_(False) for name, tensor in weights.items()}, stages)


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def forward(stages: tuple[Stage, ...], weights: dict[str, Tensor], tokens: Tensor, read: Tensor) -> dict[str, Tensor]:
    """Every activation of a plain forward pass, by site; tokens [item, pos], positions to read [item, slot]."""
    state = {"tokens": tokens, "read": read}
    for stage in stages:
        state[stage.site] = stage.run(weights, state)
    return state


def read_everywhere(tokens: Tensor) -> Tensor:
    """Reads every position, [item, pos]."""
    return torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape)
