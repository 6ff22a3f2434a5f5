"""An independent implementation agrees: the shipped weights in TransformerLens, ablated and steered by its hooks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import boot_native

from engine.behaviours.base import Dataset, Items
from engine.degraders.base import Degraded
from engine.degraders.checkpoint import Checkpoint
from engine.degraders.weight_noise import WeightNoise
from engine.interventions.base import FitOn
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.steering import Steering
from engine.measure import measure
from engine.networks.network import Network

Hook = tuple[str | Callable[..., Any], Callable[..., Any]]

HEADS = {"layer 0": ("0.1", "0.3"), "layer 1": ("1.0", "1.2"), "both layers": ("0.0", "0.3", "1.1", "1.3")}
VECTORS = {0: "optimised-after-layer-0", 1: "optimised-after-layer-1"}
NETWORKS = ("trained", "checkpoint", "noised")

on_every_network = pytest.mark.parametrize("which", NETWORKS)


@pytest.fixture(scope="module")
def bridge(network: Network) -> TransformerBridge:
    """A network of the same shape in TransformerLens, still with random weights."""
    shape = network.card.architecture
    return boot_native(
        TransformerBridgeConfig(
            d_model=shape.d_model,
            d_head=shape.d_model // shape.heads,
            n_heads=shape.heads,
            n_layers=shape.layers,
            n_ctx=shape.context,
            d_vocab=shape.vocab,
            attn_only=True,
            normalization_type="LN",
            eps=1e-5,
            seed=0,
        )
    )


@pytest.fixture
def degraded(network: Network, which: str) -> Degraded:
    """One of the networks that are compared."""
    if which == "checkpoint":
        return Checkpoint().degrade(network, 1 - 600 / network.card.steps[-1], 0, 0)
    return WeightNoise().degrade(network, 0.2 if which == "noised" else 0.0, 1, 0)


@pytest.fixture
def oracle(bridge: TransformerBridge, degraded: Degraded) -> TransformerBridge:
    """The same weights in TransformerLens."""
    carry(dict(degraded.weights), bridge)
    return bridge


def carry(weights: dict[str, Tensor], bridge: TransformerBridge) -> None:
    """Writes our weights into TransformerLens' parameters: x·W + b here is torch's `Linear` with W transposed there."""
    named: dict[str, Tensor] = {
        "tok_embed.weight": weights["embed.W_E"],
        "pos.weight": weights["pos_embed.W_pos"],
        "ln_out.weight": weights["ln_final.w"],
        "ln_out.bias": weights["ln_final.b"],
        "head.weight": weights["unembed.W_U"].T,
        "head.bias": weights["unembed.b_U"],
    }
    for layer in range(2):
        for name in "QKVO":
            named[f"layers.{layer}.attn.{name.lower()}.weight"] = weights[f"blocks.{layer}.attn.W_{name}"].T
            named[f"layers.{layer}.attn.{name.lower()}.bias"] = weights[f"blocks.{layer}.attn.b_{name}"]
        named[f"layers.{layer}.ln1.weight"] = weights[f"blocks.{layer}.ln1.w"]
        named[f"layers.{layer}.ln1.bias"] = weights[f"blocks.{layer}.ln1.b"]
    parameters: dict[str, Tensor] = {
        name.replace("._original_component", ""): each for name, each in bridge.named_parameters()
    }
    # the native model has an output bias, but the bridge does not list it among its parameters
    native: Any = bridge.original_model
    parameters |= {"head.bias": native.head.bias}
    assert parameters.keys() == named.keys(), "nothing keeps its random weights"
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(named[name])


def item_losses(oracle: TransformerBridge, items: Items, hooks: list[Hook]) -> np.ndarray:
    """Mean loss of every item, nats, from the logits at every position."""
    with torch.no_grad():
        logits = oracle.run_with_hooks(torch.from_numpy(items.inputs), fwd_hooks=hooks)
    log_probabilities = logits.double().log_softmax(-1).numpy()
    return np.array(
        [
            np.mean([-log_probabilities[item, items.read[item, slot], items.targets[item, slot]] for slot in slots])
            for item, slots in enumerate(map(np.flatnonzero, items.scored))
        ]
    )


def agree(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, ours: Any, hooks: list[Hook]
) -> None:
    losses = measure(network, data, degraded, [ours])[0]
    np.testing.assert_allclose(losses.performance, item_losses(oracle, data.performance, hooks), rtol=0, atol=1e-5)
    np.testing.assert_allclose(losses.behaviour, item_losses(oracle, data.behaviour, hooks), rtol=0, atol=1e-5)
    if hooks:
        untouched = item_losses(oracle, data.behaviour, [])
        assert np.abs(losses.behaviour - untouched).max() > 1e-3, "the hooks were there and did something"


@on_every_network
def test_plain_losses_agree(network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset) -> None:
    agree(network, degraded, oracle, data, None, [])


@on_every_network
@pytest.mark.parametrize("where", HEADS)
def test_zero_ablation_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, where: str
) -> None:
    hooks: list[Hook] = [
        (f"blocks.{layer}.attn.hook_z", partial(_put, heads=heads, value=torch.zeros(len(heads), 16)))
        for layer, heads in _by_layer(HEADS[where]).items()
    ]
    agree(network, degraded, oracle, data, HeadAblation(heads=HEADS[where], value="zero"), hooks)


@on_every_network
@pytest.mark.parametrize("fit_on", ["degraded", "original"])
@pytest.mark.parametrize("where", HEADS)
def test_mean_ablation_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, where: str, fit_on: FitOn
) -> None:
    if fit_on == "original":
        carry(network.weights, oracle)
    with torch.no_grad():
        _, cache = oracle.run_with_cache(torch.from_numpy(data.reference))
    carry(dict(degraded.weights), oracle)
    hooks: list[Hook] = []
    for layer, heads in _by_layer(HEADS[where]).items():
        site = f"blocks.{layer}.attn.hook_z"
        hooks.append((site, partial(_put, heads=heads, value=cache[site].mean((0, 1))[heads])))
    agree(network, degraded, oracle, data, HeadAblation(heads=HEADS[where], value="mean", fit_on=fit_on), hooks)


@on_every_network
@pytest.mark.parametrize("layer", VECTORS)
def test_steering_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, layer: int
) -> None:
    vector = load_file(network.folder / "vectors.safetensors")[VECTORS[layer]]
    hooks: list[Hook] = [(f"blocks.{layer}.hook_resid_post", lambda resid, hook: resid - 0.7 * vector)]
    agree(network, degraded, oracle, data, Steering(vector=VECTORS[layer], coefficient=-0.7), hooks)


def _by_layer(heads: tuple[str, ...]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for head in heads:
        layer, index = map(int, head.split("."))
        found.setdefault(layer, []).append(index)
    return found


def _put(z: Tensor, hook: object, heads: list[int], value: Tensor) -> Tensor:
    z = z.clone()
    z[:, :, heads] = value
    return z
