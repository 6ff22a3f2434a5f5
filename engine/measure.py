"""The planner: measures one degraded network, with and without an intervention, doing no work twice.

Whatever comes before the first site that an intervention changes is computed once and shared with the run without it.
The last layer is computed only where a loss is read, and items run in tiles that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.base import FitOn, Intervention, World
from engine.items import Items
from engine.networks.network import Network, read_everywhere, run_until
from engine.networks.reading import among, losses_of, state_of
from engine.sites import Edit, Stage, State, Weights

TILE = 32
"""Items that run together: at most this many rows of the embedded models fit the L2 cache of one core."""

Edits = Mapping[str, Edit]


EXAMPLES = 2
"""Of so many items of each set every single loss is kept, to be shown."""


SHOWN_CLASSES = 16
"""Of a network with at most so many classes the whole answer is kept for these items."""


class Losses(NamedTuple):
    """What one run of one network says: the mean of every item, in nats or as a probability (`Items.metric`), and of
    the first few items the loss in every slot in nats (NaN where nothing is scored) and the probability of each class
    (of no class, if there are more than `SHOWN_CLASSES`).
    """

    performance: Float[np.ndarray, " item"]
    behaviour: Float[np.ndarray, " item"]
    performance_examples: Float[np.ndarray, "example slot"]
    behaviour_examples: Float[np.ndarray, "example slot"]
    performance_answers: Float[np.ndarray, "example slot class"]
    behaviour_answers: Float[np.ndarray, "example slot class"]


def measure(
    network: Network, data: Dataset, degraded: Degraded, interventions: Sequence[Intervention | None]
) -> list[Losses]:
    """The losses of a degraded network under each intervention; None is the run without one.

    Args:
        network: the original network.
        data: what to measure on.
        degraded: the network's weights and activations as a degrader left them.
        interventions: what to do to it, each measured on its own.

    Returns:
        One `Losses` for each intervention, in their order.
    """
    with torch.inference_mode():
        reference = LazyReference(network, degraded, data)
        conditions = [{} if each is None else each.edits(reference) for each in interventions]
        performance = _read(network, degraded, data.performance, conditions)
        behaviour = _read(network, degraded, data.behaviour, conditions)
    return [
        Losses(p.means, b.means, p.losses, b.losses, p.answers, b.answers)
        for p, b in zip(performance, behaviour, strict=True)
    ]


def run(
    stages: Sequence[Stage], degraded: Degraded, state: State, conditions: Sequence[Edits]
) -> list[Float[Tensor, "item slot vocab"]]:
    """The last activation under each condition, with every stage before a condition's first edit computed only once."""
    trunk = dict(state)
    forks: dict[int, State] = {}
    for stage in stages:
        waiting = [i for i in range(len(conditions)) if i not in forks]
        for fork, own in forks.items():
            own[stage.site] = _step(stage, degraded, own, conditions[fork])
        if not waiting:
            continue
        trunk[stage.site] = _step(stage, degraded, trunk, {})
        for i in waiting:
            if stage.site in conditions[i]:
                forks[i] = trunk | {stage.site: conditions[i][stage.site](trunk[stage.site], trunk)}
    last = stages[-1].site
    return [forks.get(i, trunk)[last] for i in range(len(conditions))]


def _step(stage: Stage, degraded: Degraded, state: State, edits: Edits) -> Tensor:
    activation = stage.run(degraded.weights, state)
    for change in (degraded.edits, edits):
        if stage.site in change:
            activation = change[stage.site](activation, state)
    return activation


class _Reading(NamedTuple):
    """What is read of one set under one condition: see `Losses`."""

    means: Float[np.ndarray, " item"]
    losses: Float[np.ndarray, "example slot"]
    answers: Float[np.ndarray, "example slot class"]


def _read(network: Network, degraded: Degraded, items: Items, conditions: Sequence[Edits]) -> list[_Reading]:
    state, classes = state_of(items), network.card.architecture.classes
    losses = [torch.empty(items.targets.shape) for _ in conditions]
    shape = (min(EXAMPLES, len(items)), items.targets.shape[1], classes if classes <= SHOWN_CLASSES else 0)
    answers = [torch.empty(shape) for _ in conditions]
    for tile, end in _tiles(items):
        part = {name: tensor[tile] for name, tensor in state.items()}
        part |= {name: part[name][:, :end] for name in ("inputs", "corrupt")}
        for i, logits in enumerate(run(network.stages, degraded, part, conditions)):
            losses[i][tile] = losses_of(logits, items, tile)
            for place in torch.nonzero(tile < EXAMPLES).flatten() if shape[-1] else ():
                answers[i][tile[place]] = among(logits[place], items).softmax(-1)
    return [
        _Reading(_item_means(each.numpy(), items), each[:EXAMPLES].numpy(), shown.numpy())
        for each, shown in zip(losses, answers, strict=True)
    ]


def _tiles(items: Items) -> Iterator[tuple[Int[Tensor, " tile"], int]]:
    """Indices of items that run together, and how much of their inputs is needed: all the features, but no token after
    the last position read, so sequences of one length run together.
    """
    if items.inputs.dtype.kind == "f":
        yield from ((tile, items.inputs.shape[1]) for tile in torch.arange(len(items)).split(TILE))
        return
    ends = torch.from_numpy(items.read).amax(dim=1) + 1
    yield from ((tile, int(ends[tile].max())) for tile in ends.argsort(stable=True).split(TILE))


def _item_means(losses: Float[np.ndarray, "item slot"], items: Items) -> Float[np.ndarray, " item"]:
    read = losses if items.metric == "loss" else np.exp(-losses)
    # by `scored`, not by what is NaN: the loss of a network that has come apart must stay NaN
    return np.where(items.scored, read, 0).sum(axis=1, dtype=np.float64) / items.scored.sum(axis=1)


class LazyReference:
    """Activations, computed as far as they are asked for; see `interventions.base.Reference`."""

    def __init__(self, network: Network, degraded: Degraded, data: Dataset) -> None:
        self.network = network
        self.data = data
        self._networks: dict[FitOn, Degraded] = {"degraded": degraded, "original": Degraded(network.weights)}
        self._states: dict[tuple[FitOn, str], State] = {}

    def weights(self, fit_on: FitOn) -> Weights:
        """The weights of the degraded or of the original network."""
        return self._networks[fit_on].weights

    def activations(self, site: str, fit_on: FitOn) -> Float[Tensor, "item pos ..."]:
        """The activations of the reference inputs at a site, at every position."""
        inputs = torch.from_numpy(self.data.reference)
        return self._kept(site, fit_on, "reference", {"inputs": inputs, "read": read_everywhere(inputs)})

    def examples(self, site: str, fit_on: FitOn, world: World) -> Float[Tensor, "item slot ..."]:
        """The activations of the example items at a site, at the positions that are read."""
        state = state_of(self.data.examples)
        inputs = state["inputs" if world == "clean" else "corrupt"]
        activation = self._kept(site, fit_on, world, {"inputs": inputs, "read": state["read"]})
        if self.network.stage(site).slots or inputs.is_floating_point():
            return activation
        return activation[torch.arange(len(inputs))[:, None], state["read"]]

    def run(self, state: State, sites: Collection[str], fit_on: FitOn) -> dict[str, Tensor]:
        """The activations of any inputs at these sites."""
        degraded = self._networks[fit_on]
        return run_until(self.network.stages, lambda stage, known: _step(stage, degraded, known, {}), state, sites)

    def _kept(self, site: str, fit_on: FitOn, name: str, inputs: State) -> Tensor:
        state = self._states.get((fit_on, name), inputs)
        self._states[fit_on, name] = state = self.run(state, [site], fit_on)
        return state[site]
