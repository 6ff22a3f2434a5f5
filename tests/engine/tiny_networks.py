"""Tiny networks of every architecture with random weights, and random items for them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.base import Intervention
from engine.items import Items
from engine.measure import LazyReference, Losses, measure
from engine.models.architectures import Architecture, Convolution, Perceptron, Transformer
from engine.models.induction import Induction
from engine.networks import feed_forward, transformer
from engine.networks.network import Network
from engine.networks.reading import state_of
from engine.sites import State

TRANSFORMER = Transformer(layers=2, heads=2, d_model=8, vocab=11, context=12, d_mlp=6)
PERCEPTRON = Perceptron(inputs=9, hidden=(7, 5), outputs=4)
CONVOLUTION = Convolution(side=4, channels=(3, 2), outputs=4)
SHAPES: dict[str, Architecture] = {
    "transformer": TRANSFORMER,
    "perceptron": PERCEPTRON,
    "convolution": CONVOLUTION,
}
ITEMS = 9


@cache
def network(kind: str, seed: int = 5) -> Network:
    """A network whose random weights hold no zeros; it has a vector at its first hidden site."""
    shape, generator = SHAPES[kind], torch.Generator().manual_seed(seed)
    if isinstance(shape, Transformer):
        weights, stages = transformer.initial_weights(shape, generator), transformer.stages(shape)
    else:
        weights, stages = feed_forward.initial_weights(shape, generator), feed_forward.stages(shape)
    weights = {name: w + 0.3 * torch.randn(w.shape, generator=generator) for name, w in weights.items()}
    site = shape.parts["sites"][0]
    card = (
        Induction()
        .card()
        .model_copy(update={"architecture": shape, "groups": {}, "parts": {}, "vectors": {"some": site}})
    )
    made = Network(Path(), card, weights, stages, Induction().load().training)
    state = run(made, made.weights, data(kind).examples)
    vars(made)["vectors"] = {"some": torch.randn(state[site].shape[2:], generator=generator)}
    return made


@cache
def data(kind: str) -> Dataset:
    """Items of several lengths with gaps between the positions that are read; or random features."""
    rng = np.random.default_rng(0)
    shape = SHAPES[kind]

    def inputs(count: int) -> np.ndarray:
        if isinstance(shape, Transformer):
            return rng.integers(shape.vocab, size=(count, shape.context))
        features = shape.inputs if isinstance(shape, Perceptron) else shape.side**2
        return rng.standard_normal((count, features), dtype=np.float32)

    def items(count: int) -> Items:
        x = inputs(count)
        if not isinstance(shape, Transformer):
            read = np.zeros((count, 1), dtype=np.int64)
            return Items(x, read, rng.integers(shape.outputs, size=read.shape), read == 0, inputs(count))
        read = np.stack([np.sort(rng.choice(shape.context - 1, size=4, replace=False)) for _ in range(count)])
        scored = rng.random((count, 4)) < 0.7
        scored[:, 1] = True
        return Items(x, read, np.take_along_axis(x, read + 1, axis=1), scored, inputs(count))

    return Dataset(items(ITEMS), items(7), items(24), inputs(5))


def run(network: Network, weights: dict[str, Tensor], items: Items) -> State:
    """Every activation of a plain pass over items."""
    state = state_of(items)
    for stage in network.stages:
        state[stage.site] = stage.run(weights, state)
    return state


def noised(network: Network, by: float = 0.1) -> Degraded:
    """A degraded network."""
    generator = torch.Generator().manual_seed(1)
    return Degraded({name: w + by * torch.randn(w.shape, generator=generator) for name, w in network.weights.items()})


def reference(kind: str, degraded: Degraded | None = None) -> LazyReference:
    """What interventions are computed from."""
    made = network(kind)
    return LazyReference(made, degraded or Degraded(made.weights), data(kind))


def measured(kind: str, *interventions: Intervention | None, degraded: Degraded | None = None) -> list[Losses]:
    """The losses of the network, or of a degraded one, under each intervention."""
    made = network(kind)
    return measure(made, data(kind), degraded or Degraded(made.weights), interventions)


def with_inputs(dataset: Dataset, performance: np.ndarray, behaviour: np.ndarray) -> Dataset:
    """A dataset with other inputs, all else the same."""
    return replace(
        dataset,
        performance=replace(dataset.performance, inputs=performance),
        behaviour=replace(dataset.behaviour, inputs=behaviour),
    )


def alike(one: Losses, other: Losses, tolerance: float = 0.0) -> bool:
    """Whether two measurements agree; without a tolerance, bit by bit."""
    return all(np.allclose(a, b, rtol=0, atol=tolerance, equal_nan=True) for a, b in zip(one, other, strict=True))
