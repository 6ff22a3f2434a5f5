"""TransformerLens' hooks do what our interventions do: patching, directions, circuits, and ablations where MLPs are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bridges import Hook, agree, cached, carry
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from benchmarks.lens import bridge_of
from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.activation_patching import ActivationPatching
from engine.interventions.base import FitOn
from engine.interventions.circuit import Circuit
from engine.interventions.directional_ablation import DirectionalAblation
from engine.interventions.mean_difference import MeanDifference
from engine.interventions.mlp_ablation import MlpAblation
from engine.interventions.neuron_ablation import NeuronAblation
from engine.interventions.vector_ablation import VectorAblation
from engine.items import Items
from engine.models.architectures import Transformer
from engine.models.induction import Induction
from engine.networks import transformer
from engine.networks.network import Network

SITES = ("blocks.0.hook_resid_pre", "blocks.0.attn.hook_z", "blocks.0.hook_resid_post", "blocks.1.attn.hook_z")
LAST = "blocks.1.hook_resid_post"
WITH_MLP = Transformer(layers=2, heads=4, d_model=16, vocab=48, context=64, d_mlp=24)

noised = pytest.mark.parametrize("degraded", ["noised"], indirect=True)
fitted_on_either = pytest.mark.parametrize("fit_on", ["degraded", "original"])


class Seen:
    """What TransformerLens sees on inputs, with the weights that an intervention is computed from."""

    def __init__(self, network: Network, degraded: Degraded, oracle: TransformerBridge, fit_on: FitOn) -> None:
        self._fitted = network.weights if fit_on == "original" else degraded.weights
        self._acting, self._oracle = degraded.weights, oracle

    def __call__(self, inputs: np.ndarray, site: str) -> Tensor:
        carry(self._fitted, self._oracle)
        activation = cached(self._oracle, inputs)[site]
        carry(self._acting, self._oracle)
        return activation


@pytest.fixture
def seen(network: Network, degraded: Degraded, oracle: TransformerBridge, fit_on: FitOn) -> Seen:
    return Seen(network, degraded, oracle, fit_on)


# ---- patching --------------------------------------------------------------------------------------------------------


def patching(seen: Callable[[np.ndarray, str], Tensor], site: str, here: Callable[[Items], np.ndarray]) -> Any:
    """A hook for a set of items that patches from their counterparts where `here` [item, pos] says."""

    def hooks(items: Items) -> list[Hook]:
        counterpart, where = seen(items.corrupt, site), torch.from_numpy(here(items))

        def patch(activation: Tensor, hook: object) -> Tensor:
            activation = activation.clone()
            activation[where] = counterpart[where]
            return activation

        return [(site, patch)]

    return hooks


def everywhere(items: Items) -> np.ndarray:
    return np.ones(items.inputs.shape, dtype=bool)


def where_read(items: Items) -> np.ndarray:
    here = np.zeros(items.inputs.shape, dtype=bool)
    for item, (read, scored) in enumerate(zip(items.read, items.scored, strict=True)):
        here[item, read[scored]] = True
    return here


@noised
@fitted_on_either
@pytest.mark.parametrize("site", [*SITES, LAST])
def test_patching_every_position_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, seen: Seen, site: str, fit_on: FitOn
) -> None:
    ours = ActivationPatching(site=site, fit_on=fit_on)
    agree(network, degraded, oracle, data, ours, patching(seen, site, everywhere))


@noised
@pytest.mark.parametrize("fit_on", ["degraded"])
@pytest.mark.parametrize("site", [*SITES[1:], LAST])
def test_patching_the_positions_read_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, seen: Seen, site: str
) -> None:
    ours = ActivationPatching(site=site, at="positions read")
    agree(network, degraded, oracle, data, ours, patching(seen, site, where_read))


@noised
@pytest.mark.parametrize("fit_on", ["degraded"])
@pytest.mark.parametrize("position", [2, 20])
@pytest.mark.parametrize("site", SITES[:3])
def test_patching_one_position_agrees(
    network: Network,
    degraded: Degraded,
    oracle: TransformerBridge,
    data: Dataset,
    seen: Seen,
    site: str,
    position: int,
) -> None:
    def here(items: Items) -> np.ndarray:
        return everywhere(items) & (np.arange(items.inputs.shape[1]) == position)

    ours = ActivationPatching(site=site, at="one position", position=position)
    agree(network, degraded, oracle, data, ours, patching(seen, site, here))


# ---- directions ------------------------------------------------------------------------------------------------------


def difference(seen: Callable[[np.ndarray, str], Tensor], data: Dataset, site: str) -> Tensor:
    """Mean of the counterparts minus mean of the examples, where they are read and scored."""
    items = data.examples
    rows = np.repeat(np.arange(len(items)), items.scored.sum(1)), items.read[items.scored]
    return seen(items.corrupt, site)[rows].mean(0) - seen(items.inputs, site)[rows].mean(0)


@noised
@fitted_on_either
@pytest.mark.parametrize("site", [*SITES[1:], LAST])
def test_steering_by_a_difference_of_means_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, seen: Seen, site: str, fit_on: FitOn
) -> None:
    shift = -1.3 * difference(seen, data, site)
    hooks: list[Hook] = [(site, lambda activation, hook: activation + shift)]
    agree(network, degraded, oracle, data, MeanDifference(site=site, coefficient=-1.3, fit_on=fit_on), hooks)


def project(activation: Tensor, direction: Tensor) -> Tensor:
    """X without its component along a direction, by the matrix 1 − v vᵀ/vᵀv."""
    v = direction.flatten().double()
    matrix = torch.eye(len(v), dtype=torch.float64) - torch.outer(v, v) / (v @ v)
    return (activation.double().flatten(2) @ matrix).view_as(activation).to(activation)


@noised
@fitted_on_either
@pytest.mark.parametrize("site", [*SITES[1:], LAST])
def test_directional_ablation_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, seen: Seen, site: str, fit_on: FitOn
) -> None:
    direction = difference(seen, data, site)
    hooks: list[Hook] = [(site, lambda activation, hook: project(activation, direction))]
    agree(network, degraded, oracle, data, DirectionalAblation(site=site, fit_on=fit_on), hooks)


@noised
@pytest.mark.parametrize("layer", [0, 1])
def test_ablation_of_a_vector_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, layer: int
) -> None:
    name = f"optimised-after-layer-{layer}"
    vector = network.vectors[name]
    hooks: list[Hook] = [(f"blocks.{layer}.hook_resid_post", lambda activation, hook: project(activation, vector))]
    agree(network, degraded, oracle, data, VectorAblation(vector=name), hooks)


# ---- circuits, MLPs and neurons --------------------------------------------------------------------------------------


def put(chosen: list[int] | slice, value: float | Tensor) -> Callable[..., Tensor]:
    """A hook that replaces some heads or neurons."""

    def replace(activation: Tensor, hook: object) -> Tensor:
        activation = activation.clone()
        activation[:, :, chosen] = value
        return activation

    return replace


@noised
def test_keeping_a_circuit_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset
) -> None:
    cache = cached(oracle, data.reference)
    hooks: list[Hook] = []
    for layer, others in ((0, [0, 2]), (1, [1, 2, 3])):
        site = f"blocks.{layer}.attn.hook_z"
        hooks.append((site, put(others, cache[site].mean((0, 1))[others])))
    agree(network, degraded, oracle, data, Circuit(components=("0.1", "0.3", "1.0")), hooks)


@pytest.fixture(scope="module")
def with_mlp() -> Network:
    """A small network with MLPs and random weights, none of them zero."""
    generator = torch.Generator().manual_seed(3)
    weights = transformer.initial_weights(WITH_MLP, generator)
    weights = {name: w + 0.2 * torch.randn(w.shape, generator=generator) for name, w in weights.items()}
    card = Induction().card().model_copy(update={"architecture": WITH_MLP})
    return Network(Path(), card, weights, transformer.stages(WITH_MLP), Induction().load().training)


@pytest.mark.parametrize("value", ["zero", "mean", "position-mean"])
@pytest.mark.parametrize(
    ("make", "chosen"),
    [
        (MlpAblation(mlps=("mlp.0",)), {"blocks.0.hook_mlp_out": slice(None)}),
        (
            MlpAblation(mlps=("mlp.0", "mlp.1")),
            dict.fromkeys(("blocks.0.hook_mlp_out", "blocks.1.hook_mlp_out"), slice(None)),
        ),
        (
            NeuronAblation(neurons=("0.3", "0.20", "1.7")),
            {"blocks.0.mlp.hook_post": [3, 20], "blocks.1.mlp.hook_post": [7]},
        ),
        (
            Circuit(components=("1.2", "mlp.1"), mode="remove"),
            {"blocks.1.attn.hook_z": [2], "blocks.1.hook_mlp_out": slice(None)},
        ),
    ],
    ids=["an MLP", "both MLPs", "neurons", "a circuit"],
)
def test_ablations_agree_where_there_are_mlps(
    with_mlp: Network, data: Dataset, value: str, make: Any, chosen: dict[str, Any]
) -> None:
    oracle = bridge_of(WITH_MLP)
    carry(with_mlp.weights, oracle)
    cache = cached(oracle, data.reference)
    over = {"mean": (0, 1), "position-mean": 0}
    hooks: list[Hook] = [
        (site, put(parts, cache[site].mean(over[value], keepdim=True)[:, :, parts] if value in over else 0.0))
        for site, parts in chosen.items()
    ]
    ours = make.model_copy(update={"value": value})
    agree(with_mlp, Degraded(with_mlp.weights), oracle, data, ours, hooks)
