"""An independent implementation agrees: the shipped weights in TransformerLens, ablated and steered by its hooks."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from bridges import Hook, agree, by_layer, cached, carry, put
from safetensors.torch import load_file
from transformer_lens.model_bridge import TransformerBridge

from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.base import FitOn
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.parts import Value
from engine.interventions.steering import Steering
from engine.networks.network import Network

HEADS = {"layer 0": ("0.1", "0.3"), "layer 1": ("1.0", "1.2"), "both layers": ("0.0", "0.3", "1.1", "1.3")}
VECTORS = {0: "optimised-after-layer-0", 1: "optimised-after-layer-1"}


def test_plain_losses_agree(network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset) -> None:
    agree(network, degraded, oracle, data, None, [])


@pytest.mark.parametrize("where", HEADS)
def test_zero_ablation_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, where: str
) -> None:
    hooks: list[Hook] = [
        (f"blocks.{layer}.attn.hook_z", partial(put, heads=heads, value=torch.zeros(len(heads), 16)))
        for layer, heads in by_layer(HEADS[where]).items()
    ]
    agree(network, degraded, oracle, data, HeadAblation(heads=HEADS[where], value="zero"), hooks)


@pytest.mark.parametrize("fit_on", ["degraded", "original"])
@pytest.mark.parametrize(("value", "over"), [("mean", (0, 1)), ("position-mean", 0)])
@pytest.mark.parametrize("where", HEADS)
def test_mean_ablation_agrees(
    network: Network,
    degraded: Degraded,
    oracle: TransformerBridge,
    data: Dataset,
    where: str,
    value: Value,
    over: int | tuple[int, int],
    fit_on: FitOn,
) -> None:
    if fit_on == "original":
        carry(network.weights, oracle)
    cache = cached(oracle, data.reference)
    carry(degraded.weights, oracle)
    hooks: list[Hook] = []
    for layer, heads in by_layer(HEADS[where]).items():
        site = f"blocks.{layer}.attn.hook_z"
        hooks.append((site, partial(put, heads=heads, value=cache[site].mean(over, keepdim=True)[:, :, heads])))
    agree(network, degraded, oracle, data, HeadAblation(heads=HEADS[where], value=value, fit_on=fit_on), hooks)


@pytest.mark.parametrize("layer", VECTORS)
def test_steering_agrees(
    network: Network, degraded: Degraded, oracle: TransformerBridge, data: Dataset, layer: int
) -> None:
    vector = load_file(network.folder / "vectors.safetensors")[VECTORS[layer]]
    hooks: list[Hook] = [(f"blocks.{layer}.hook_resid_post", lambda resid, hook: resid - 0.7 * vector)]
    agree(network, degraded, oracle, data, Steering(vector=VECTORS[layer], coefficient=-0.7), hooks)
