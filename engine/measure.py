"""The planner: measures one degraded network, with and without an intervention, doing no work twice.

Whatever comes before the first site that an intervention changes is computed once and shared with the run without it.
The last layer is computed only where a loss is read, and items run in tiles that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from engine.behaviours.base import Dataset, Items
from engine.degraders.base import Degraded
from engine.interventions.base import FitOn, Intervention
from engine.networks.network import Network, read_everywhere
from engine.sites import Edit, Stage, State

TILE = 32
"""Items that run together: at most this many rows of the embedded models fit the L2 cache of one core."""

Edits = Mapping[str, Edit]


EXAMPLES = 2
"""Of so many items of each set every single loss is kept, to be shown."""


class Losses(NamedTuple):
    """What one run of one network says, in nats: the mean of every item, and the single losses of the first few (NaN
    in slots that are not scored).
    """

    performance: Float[np.ndarray, " item"]
    behaviour: Float[np.ndarray, " item"]
    performance_examples: Float[np.ndarray, "example slot"]
    behaviour_examples: Float[np.ndarray, "example slot"]


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
        reference = LazyReference(network, degraded, torch.from_numpy(data.reference))
        conditions = [{} if each is None else each.edits(reference) for each in interventions]
        performance = _losses(network.stages, degraded, data.performance, conditions)
        behaviour = _losses(network.stages, degraded, data.behaviour, conditions)
    return [
        Losses(_item_means(p, data.performance), _item_means(b, data.behaviour), p[:EXAMPLES], b[:EXAMPLES])
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


def _losses(
    stages: Sequence[Stage], degraded: Degraded, items: Items, conditions: Sequence[Edits]
) -> list[Float[np.ndarray, "item slot"]]:
    tokens, read, targets, scored = map(torch.from_numpy, (items.tokens, items.read, items.targets, items.scored))
    ends = read.amax(dim=1) + 1  # nothing after the last position read is needed, so items of one length run together
    results = [torch.empty(targets.shape) for _ in conditions]
    for tile in ends.argsort(stable=True).split(TILE):
        end = int(ends[tile].max())
        logits = run(stages, degraded, {"tokens": tokens[tile, :end], "read": read[tile]}, conditions)
        for result, each in zip(results, logits, strict=True):
            result[tile] = _loss(each, targets[tile], scored[tile])
    return [result.numpy() for result in results]


def _loss(
    logits: Float[Tensor, "item slot vocab"], targets: Int[Tensor, "item slot"], scored: Bool[Tensor, "item slot"]
) -> Float[Tensor, "item slot"]:
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
    return loss.masked_fill(~scored, torch.nan)


def _item_means(losses: Float[np.ndarray, "item slot"], items: Items) -> Float[np.ndarray, " item"]:
    # by `scored`, not by what is NaN: the loss of a network that has come apart must stay NaN
    return np.where(items.scored, losses, 0).sum(axis=1, dtype=np.float64) / items.scored.sum(axis=1)


class LazyReference:
    """The reference items' activations, computed as far as they are asked for; see `interventions.base.Reference`."""

    def __init__(self, network: Network, degraded: Degraded, tokens: Tensor) -> None:
        self.network = network
        self._networks: dict[FitOn, Degraded] = {"degraded": degraded, "original": Degraded(network.weights)}
        inputs = {"tokens": tokens, "read": read_everywhere(tokens)}
        self._states: dict[FitOn, State] = {fit_on: dict(inputs) for fit_on in self._networks}

    def activations(self, site: str, fit_on: FitOn) -> Float[Tensor, "item pos ..."]:
        """The activations at a site, on the degraded or on the original network."""
        state, degraded = self._states[fit_on], self._networks[fit_on]
        for stage in self.network.stages:
            if site in state:
                break
            if stage.site not in state:
                state[stage.site] = _step(stage, degraded, state, {})
        return state[site]
