"""The planner: measures one degraded network, with and without an intervention, doing no work twice.

Whatever comes before the first site that an intervention changes is computed once and shared with the run without it.
Whatever comes before the first stage that is degraded is computed once and shared by all degraded networks. The last
layer is computed only where a loss is read, and items run in tiles that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.base import FitOn, Intervention, World
from engine.items import Items
from engine.networks.network import Network, run_until
from engine.networks.reading import Part, Tile, among, examples_of, losses_of, on_device, reference_of, tiles_of
from engine.sites import Edit, Stage, State, Weights

ROWS: Final = 2048
"""Rows (positions of items, or items that have none) that run together on a CPU: of the embedded models, about as many
as fit the L2 cache of one core."""

ROWS_ON_GPU: Final = 65_536

EXAMPLES: Final = 2
"""Of so many items of each set every single loss is kept, to be shown."""

SHOWN_CLASSES: Final = 16
"""Of a network with at most so many classes the whole answer is kept for these items."""

Edits = Mapping[str, Edit]


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


class TileRead(NamedTuple):
    """What is read of one tile under one condition, as tensors: the loss in every slot, and of each item that is shown
    the probability of each class.
    """

    losses: Tensor
    answers: Tensor


class Read(NamedTuple):
    """What is read of both sets, tile by tile and for each condition."""

    performance: list[list[TileRead]]
    behaviour: list[list[TileRead]]


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
        return losses_by_network(network, data, read(network, data, degraded, interventions))[0]


def read(network: Network, data: Dataset, degraded: Degraded, interventions: Sequence[Intervention | None]) -> Read:
    """`measure`, up to tensors: this much may run under `torch.vmap` over the weights."""
    reference = LazyReference(network, degraded, data)
    conditions = [{} if each is None else each.edits(reference) for each in interventions]
    sets = [_tiles(network, items, part) for part, items in _measured(data)]
    common = network.undegraded.common(degraded.weights, degraded.edits, sets[0][0].state)
    known = _known(network, conditions, common, sets[0][0].state)

    def read_tile(tile: Tile) -> list[TileRead]:
        state = tile.state
        if known:
            state = state | network.undegraded.activations(data, tile, state, known)
        logits = run(network.stages, degraded, state, conditions, common)
        return [_read_logits(each, tile, _classes_shown(network)) for each in logits]

    return Read(*([read_tile(tile) for tile in tiles] for tiles in sets))


def losses_by_network(network: Network, data: Dataset, found: Read) -> list[list[Losses]]:
    """What was read, of each network (one, unless the tensors have an axis of networks before all others) for each
    condition.
    """
    classes = _classes_shown(network)
    performance, behaviour = (
        [_by_item(items, _tiles(network, items, part), read, classes) for read in zip(*tiles, strict=True)]
        for (part, items), tiles in zip(_measured(data), found, strict=True)
    )
    networks = len(performance[0].means) if performance else 1
    return [
        [
            Losses(p.means[i], b.means[i], p.losses[i], b.losses[i], p.answers[i], b.answers[i])
            for p, b in zip(performance, behaviour, strict=True)
        ]
        for i in range(networks)
    ]


def run(
    stages: Sequence[Stage], degraded: Degraded, state: State, conditions: Sequence[Edits], common: int = 0
) -> list[Float[Tensor, "item slot vocab"]]:
    """The last activation under each condition, with every stage before a condition's first edit computed only once.

    Args:
        stages: the network's.
        degraded: its weights, and what is done to its activations.
        state: what the run begins with.
        conditions: what is done to its activations besides.
        common: the first so many stages need not be computed: what is read of them is in the state, without any edit.
    """
    trunk = dict(state)
    forks: dict[int, State] = {}
    for number, stage in enumerate(stages):
        waiting = [i for i in range(len(conditions)) if i not in forks]
        for fork, own in forks.items():
            own[stage.site] = _step(stage, degraded, own, conditions[fork])
        if not waiting or (number < common and stage.site not in trunk):
            continue
        known = trunk[stage.site] if number < common else None
        trunk[stage.site] = _step(stage, degraded, trunk, {}, known)
        for i in waiting:
            if stage.site in conditions[i]:
                forks[i] = trunk | {stage.site: conditions[i][stage.site](trunk[stage.site], trunk)}
    last = stages[-1].site
    return [forks.get(i, trunk)[last] for i in range(len(conditions))]


def _step(stage: Stage, degraded: Degraded, state: State, edits: Edits, known: Tensor | None = None) -> Tensor:
    activation = stage.run(degraded.weights, state) if known is None else known
    for change in (degraded.edits, edits):
        if stage.site in change:
            activation = change[stage.site](activation, state)
    return activation


def _step_of(degraded: Degraded, stage: Stage, state: State) -> Tensor:
    return _step(stage, degraded, state, {})


def _measured(data: Dataset) -> tuple[tuple[Part, Items], ...]:
    return ("performance", data.performance), ("behaviour", data.behaviour)


def _tiles(network: Network, items: Items, part: Part) -> tuple[Tile, ...]:
    rows = ROWS if network.device.type == "cpu" else ROWS_ON_GPU
    return tiles_of(items, part, network.device, rows, EXAMPLES)


def _known(network: Network, conditions: Sequence[Edits], common: int, state: State) -> tuple[str, ...]:
    """The sites of the first so many stages that are read after them, or after the first edit of a condition."""
    names = [stage.site for stage in network.stages[:common]]
    wanted = set(network.undegraded.entering(common, state)) if common else set()
    for edits in conditions:
        first = next((number for number, name in enumerate(names, 1) if name in edits), 0)
        wanted |= set(network.undegraded.entering(first, state)) if first else set()
    return tuple(name for name in names if name in wanted)


def _classes_shown(network: Network) -> int:
    classes = network.card.architecture.classes
    return classes if classes <= SHOWN_CLASSES else 0


def _read_logits(logits: Float[Tensor, "item slot vocab"], tile: Tile, classes: int) -> TileRead:
    some = logits[tile.places] if classes and len(tile.shown) else logits.new_empty(0, 0, logits.shape[-1])
    return TileRead(losses_of(logits, tile.answers), among(some, tile.answers).softmax(-1))


class _Set(NamedTuple):
    """What is read of one set under one condition: see `Losses`."""

    means: Float[np.ndarray, "network item"]
    losses: Float[np.ndarray, "network example slot"]
    answers: Float[np.ndarray, "network example slot class"]


def _by_item(items: Items, tiles: Sequence[Tile], found: Sequence[TileRead], classes: int) -> _Set:
    """What was read of the items, in their order."""
    first = found[0].losses
    networks, slots = len(first) if first.ndim == 3 else 1, items.targets.shape[1]
    losses = np.empty((networks, len(items), slots), dtype=np.float32)
    answers = np.empty((networks, min(EXAMPLES, len(items)), slots, classes), dtype=np.float32)
    for tile, part in zip(tiles, found, strict=True):
        losses[:, tile.items] = part.losses.cpu().numpy()
        if classes and len(tile.shown):
            answers[:, tile.shown] = part.answers.cpu().numpy()
    return _Set(_item_means(losses, items), losses[:, :EXAMPLES], answers)


def _item_means(losses: Float[np.ndarray, "network item slot"], items: Items) -> Float[np.ndarray, "network item"]:
    read = losses if items.metric == "loss" else np.exp(-losses)
    # by `scored`, not by what is NaN: the loss of a network that has come apart must stay NaN
    return np.where(items.scored, read, 0).sum(axis=-1, dtype=np.float64) / items.scored.sum(axis=-1)


class LazyReference:
    """Activations, computed as far as they are asked for; see `interventions.base.Reference`."""

    def __init__(self, network: Network, degraded: Degraded, data: Dataset) -> None:
        self.network = network
        self.data = data
        self._networks: dict[FitOn, Degraded] = {"degraded": degraded, "original": Degraded(network.weights)}
        self._states: dict[str, State] = {}

    def weights(self, fit_on: FitOn) -> Weights:
        """The weights of the degraded or of the original network."""
        return self._networks[fit_on].weights

    def activations(self, site: str, fit_on: FitOn) -> Float[Tensor, "item pos ..."]:
        """The activations of the reference inputs at a site, at every position."""
        return self._kept(site, fit_on, "reference", reference_of(self.data, self.network.device))

    def examples(self, site: str, fit_on: FitOn, world: World) -> Float[Tensor, "item slot ..."]:
        """The activations of the example items at a site, at the positions that are read."""
        state = examples_of(self.data, self.network.device)
        if world == "corrupt":
            state = state | {"inputs": state["corrupt"], "corrupt": state["inputs"]}
        activation = self._kept(site, fit_on, world, state)
        if self.network.stage(site).slots or state["inputs"].is_floating_point():
            return activation
        return activation[torch.arange(len(activation), device=activation.device)[:, None], state["read"]]

    def run(self, state: State, sites: Collection[str], fit_on: FitOn) -> dict[str, Tensor]:
        """The activations of any inputs at these sites."""
        state = on_device(state, self.network.device)
        return run_until(self.network.stages, partial(_step_of, self._networks[fit_on]), state, sites)

    def _kept(self, site: str, fit_on: FitOn, name: str, inputs: State) -> Tensor:
        """The activation of some inputs at a site. What is computed on the way is kept: another site may need it."""
        undegraded, degraded, stages = self.network.undegraded, self._networks[fit_on], self.network.stages
        common = len(stages) if fit_on == "original" else undegraded.common(degraded.weights, degraded.edits, inputs)
        names = [stage.site for stage in stages[:common]]
        if site in names and not (site == names[-1] and site in degraded.edits):
            return undegraded.activations(self.data, name, inputs, [site])[site]
        if name not in self._states:
            state = inputs
            if common:
                state = state | undegraded.activations(self.data, name, inputs, undegraded.entering(common, inputs))
                state[names[-1]] = _step(stages[common - 1], degraded, state, {}, state[names[-1]])
            self._states[name] = state
        self._states[name] = run_until(stages[common:], partial(_step_of, degraded), self._states[name], [site])
        return self._states[name][site]
