"""The networks that are measured: embedded ones, and the shapes of others with random weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

from engine.behaviours.base import Behaviour, Dataset
from engine.interventions.base import Intervention
from engine.interventions.head_ablation import HeadAblation
from engine.items import Items, next_tokens
from engine.models.architectures import Transformer
from engine.models.base import Card, Model
from engine.models.modular_addition import ModularAddition
from engine.networks import transformer
from engine.networks.network import Network, Training

INDUCTION: Final = Transformer(layers=2, heads=4, d_model=128, vocab=48, context=64)
CHAR: Final = Transformer(layers=6, heads=6, d_model=192, vocab=96, context=128, d_mlp=768)
GPT2: Final = Transformer(layers=12, heads=12, d_model=768, vocab=50_257, context=64, d_mlp=3072)
SLOTS: Final = 24
"""Positions of an item that are read, as in the embedded behaviours."""


@dataclass(frozen=True, eq=False)
class Case:
    """A network, what it is measured on, and which heads are ablated (to zero), one set of heads at a time."""

    title: str
    network: Network
    shape: Transformer
    data: Dataset
    ablated: tuple[tuple[str, ...], ...]

    @property
    def interventions(self) -> list[Intervention | None]:
        """The conditions as the engine takes them: none, then each ablation."""
        return [None, *(HeadAblation(heads=heads, value="zero") for heads in self.ablated)]


class Effort(NamedTuple):
    """How much is measured.

    Attributes:
        runs: of each way.
        strengths: of a curve.
        draws: of a case, times a factor of its own.
        pairs: antithetic ones, from which variances are taken.
        items: of each set of an embedded behaviour.
        steps: of a chain.
        chains: of the tiny network, where they are many.
        times: by how much growth is measured.
        char: the middling network.
        large: the largest network.
    """

    runs: int
    strengths: tuple[float, ...]
    draws: int
    pairs: int
    items: int
    steps: int
    chains: int
    times: int
    char: Transformer
    large: Transformer


FULL: Final = Effort(
    runs=5,
    strengths=(0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3),
    draws=2,
    pairs=32,
    items=32,
    steps=200,
    chains=256,
    times=8,
    char=CHAR,
    large=GPT2,
)
SMALL: Final = Transformer(layers=4, heads=2, d_model=16, vocab=50, context=32, d_mlp=32)
TINY: Final = Effort(
    runs=1,
    strengths=(0.05, 0.2),
    draws=1,
    pairs=2,
    items=2,
    steps=10,
    chains=8,
    times=2,
    char=SMALL,
    large=SMALL,
)
"""Enough to see that the benchmarks still run."""


def grok(items: int) -> Case:
    """The shipped modular addition modulo 113, on random pairs, without its first head."""
    model = ModularAddition(task="113")
    network = model.load()
    p = model.recipe.p

    def pairs(part: int) -> Items:
        tokens = np.random.default_rng([113, part]).integers(p, size=(items // 2, 3))
        tokens[:, 2] = p
        read, targets = np.full((len(tokens), 1), 2), tokens[:, :2].sum(axis=1, keepdims=True) % p
        return Items(tokens, read, targets, read == 2, tokens)

    return Case(f"grok, {items} items", network, shape_of(network), _dataset(pairs(0), pairs(1)), (("0.0",),))


def induction(items: int = 32, width: int = 128) -> Case:
    """Two layers of attention alone, without the second."""
    shape = INDUCTION.model_copy(update={"d_model": width})
    return _random(f"induction shape, {items} items, layer 1 ablated", shape, items, [heads_of(shape, 1)])


def char(shape: Transformer, *, every: bool = False) -> Case:
    """A language model of the size that people train on characters, without a layer, or without each head in turn."""
    heads = [[head] for head in heads_of(shape)] if every else [heads_of(shape, 3)]
    what = f"each of {len(heads)} heads ablated" if every else "layer 3 ablated"
    return _random(f"char shape, 8 items, {what}", shape, 8, heads)


def large(shape: Transformer) -> Case:
    """The shape of GPT-2: half of the items are read everywhere, half at 24 positions."""
    layer = shape.layers // 2
    title = f"GPT-2 shape, 4 items, layer {layer} ablated"
    return _random(title, shape, 4, [heads_of(shape, layer)], everywhere=True)


def embedded(model: Model, behaviour: Behaviour, items: int) -> Case:
    """A shipped network and its own behaviour, without the heads that one begins with there."""
    network = model.load()
    heads = next(iter(network.card.groups["heads"].values()))
    data = behaviour.data(model, items)
    return Case(f"{model.name}, 2 × {items} items, {listed(heads)} ablated", network, shape_of(network), data, (heads,))


def listed(heads: Sequence[str]) -> str:
    """Heads in a phrase."""
    return f"head{'s' * (len(heads) > 1)} {' and '.join(heads)}"


def shape_of(network: Network) -> Transformer:
    """The sizes of a transformer."""
    shape = network.card.architecture
    assert isinstance(shape, Transformer)
    return shape


def heads_of(shape: Transformer, layer: int | None = None) -> list[str]:
    """The heads of a layer, or all."""
    layers = range(shape.layers) if layer is None else (layer,)
    return [f"{each}.{head}" for each in layers for head in range(shape.heads)]


def random_network(shape: Transformer) -> Network:
    """Random weights that were never trained."""
    card = Card(
        title="random weights",
        recipe="",
        seed=0,
        data="",
        licence="",
        architecture=shape,
        steps=(0,),
        groups={},
        metrics={},
        sha256={},
    )
    weights = transformer.initial_weights(shape, torch.Generator().manual_seed(0))

    def batch(step: int, size: int) -> tuple[Items, ...]:
        return (_texts(shape, size, step, shape.context),)

    return Network(Path(), card, weights, transformer.stages(shape), Training(lambda: weights, batch))


def _random(
    title: str, shape: Transformer, items: int, ablated: Sequence[Sequence[str]], *, everywhere: bool = False
) -> Case:
    """A network with random weights on random tokens, half of the items in each set."""
    performance = _texts(shape, items // 2, 0, shape.context if everywhere else SLOTS)
    data = _dataset(performance, _texts(shape, items // 2, 1, SLOTS))
    return Case(title, random_network(shape), shape, data, tuple(tuple(heads) for heads in ablated))


def _texts(shape: Transformer, items: int, part: int, slots: int) -> Items:
    """Random tokens, of which so many in each item are to be predicted."""
    rng = np.random.default_rng([items, part])
    every = next_tokens(rng.integers(shape.vocab, size=(items, shape.context + 1)))
    slots = min(slots, shape.context)
    chosen = np.sort(np.stack([rng.permutation(shape.context)[:slots] for _ in range(items)]), axis=1)
    read, targets = (np.take_along_axis(each, chosen, axis=1) for each in (every.read, every.targets))
    return Items(every.inputs, read, targets, np.ones_like(read, dtype=bool), every.inputs)


def _dataset(performance: Items, behaviour: Items) -> Dataset:
    return Dataset(performance, behaviour, behaviour.part(0, 1), behaviour.inputs[:1])
