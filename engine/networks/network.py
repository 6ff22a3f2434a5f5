"""A loaded network: its weights, its stages and the checkpoints of its training. Weights come from safetensors only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from engine.dials import InputError
from engine.items import Items
from engine.models.base import Card
from engine.networks.undegraded import Undegraded
from engine.sites import Stage, State, Weights

WEIGHTS, CHECKPOINTS, VECTORS = "weights.safetensors", "checkpoints.safetensors", "vectors.safetensors"

SCALE_ITEMS: Final = 64
"""Of so many items the size of activations is taken."""


@dataclass(frozen=True)
class Training:
    """How a network came about, as far as degraders need it.

    Attributes:
        initial: the weights that training began with.
        batch: so many items (or all, if there are fewer) of what it was trained on, the same for the same number of a
            step. Where it was trained to give several answers, one `Items` for each: the loss is the sum of theirs.
    """

    initial: Callable[[], dict[str, Tensor]]
    batch: Callable[[int, int], tuple[Items, ...]]


@dataclass(frozen=True, eq=False)
class Network:
    """Weights, stages and checkpoints of one trained model. Nothing in here is ever modified."""

    folder: Path
    card: Card
    weights: dict[str, Tensor]
    stages: tuple[Stage, ...]
    training: Training

    def checkpoint(self, step: int) -> dict[str, Tensor]:
        """The weights after so many training steps; the last of the card's steps is the network itself."""
        if step == self.card.steps[-1]:
            return self.weights
        with safe_open(self.folder / CHECKPOINTS, framework="pt") as file:
            return {name: file.get_tensor(f"{step}/{name}").float().to(self.device) for name in self.weights}

    def stage(self, site: str) -> Stage:
        """The stage that writes the activation of a site."""
        return next(stage for stage in self.stages if stage.site == site)

    @cached_property
    def vectors(self) -> dict[str, Tensor]:
        """The directions that the card names, each with the shape of an activation at its site in one place."""
        vectors = load_file(self.folder / VECTORS) if self.card.vectors else {}
        return {name: vector.to(self.device) for name, vector in vectors.items()}

    @cached_property
    def scale(self) -> dict[str, Tensor]:
        """Root mean square of every tensor of weights: the unit of weight noise, a scalar each."""
        return {name: tensor.square().mean().sqrt() for name, tensor in self.weights.items()}

    @cached_property
    def activation_scale(self) -> dict[str, float]:
        """Root mean square of the activation at every site, on the first items of training: the unit of activation
        noise.
        """
        items = self.training.batch(0, SCALE_ITEMS)[0]
        inputs, read = (torch.from_numpy(array).to(self.device) for array in (items.inputs, items.read))
        with torch.inference_mode():
            state = forward(self.stages, self.weights, inputs, read)
        return {stage.site: state[stage.site].double().square().mean().sqrt().item() for stage in self.stages}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(iter(self.weights.values())).device

    def to(self, device: torch.device) -> Network:
        """The network with its weights on a device."""
        return replace(self, weights={name: tensor.to(device) for name, tensor in self.weights.items()})

    @cached_property
    def undegraded(self) -> Undegraded:
        """Activations that degraded networks share with this one."""
        return Undegraded(self.stages, self.weights)


def load(folder: Path, card: Card, stages: tuple[Stage, ...], training: Training) -> Network:
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
    return Network(folder, card, {name: tensor.float() for name, tensor in weights.items()}, stages, training)


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def forward(stages: tuple[Stage, ...], weights: Weights, inputs: Tensor, read: Tensor) -> dict[str, Tensor]:
    """Every activation of a plain forward pass, by site; inputs [item, pos], positions to read [item, slot]."""
    state = {"inputs": inputs, "read": read}
    for stage in stages:
        state[stage.site] = stage.run(weights, state)
    return state


def run_until(
    stages: Sequence[Stage], step: Callable[[Stage, State], Tensor], state: State, sites: Collection[str]
) -> State:
    """The state with the activations of these sites; those that are there already are kept, and none is computed that
    is not needed.
    """
    state = dict(state)
    for stage in stages:
        if all(site in state for site in sites):
            break
        if stage.site not in state:
            state[stage.site] = step(stage, state)
    return state


def read_everywhere(inputs: Tensor) -> Tensor:
    """Reads every position of sequences, [item, pos]; of inputs that have none, position 0."""
    if inputs.is_floating_point():
        return torch.zeros(len(inputs), 1, dtype=torch.long, device=inputs.device)
    return torch.arange(inputs.shape[1], device=inputs.device).expand(inputs.shape)
