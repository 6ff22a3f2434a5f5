"""Our weights in TransformerLens, and what it measures with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.items import Items
from engine.measure import measure
from engine.networks.network import Network

Hook = tuple[str | Callable[..., Any], Callable[..., Any]]


def carry(weights: Mapping[str, Tensor], bridge: TransformerBridge) -> None:
    """Writes our weights into TransformerLens' parameters: x·W + b here is torch's `Linear` with W transposed there."""
    named: dict[str, Tensor] = {
        "tok_embed.weight": weights["embed.W_E"],
        "pos.weight": weights["pos_embed.W_pos"],
        "ln_out.weight": weights["ln_final.w"],
        "ln_out.bias": weights["ln_final.b"],
        "head.weight": weights["unembed.W_U"].T if "unembed.W_U" in weights else weights["embed.W_E"],
        "head.bias": weights["unembed.b_U"],
    }
    for layer in range(bridge.cfg.n_layers):
        ours, theirs = f"blocks.{layer}", f"layers.{layer}"
        for name in "QKVO":
            named[f"{theirs}.attn.{name.lower()}.weight"] = weights[f"{ours}.attn.W_{name}"].T
            named[f"{theirs}.attn.{name.lower()}.bias"] = weights[f"{ours}.attn.b_{name}"]
        for norm in ("ln1", "ln2"):
            if f"{ours}.{norm}.w" in weights:
                named[f"{theirs}.{norm}.weight"] = weights[f"{ours}.{norm}.w"]
                named[f"{theirs}.{norm}.bias"] = weights[f"{ours}.{norm}.b"]
        for name in ("in", "out"):
            if f"{ours}.mlp.W_{name}" in weights:
                named[f"{theirs}.mlp.fc_{name}.weight"] = weights[f"{ours}.mlp.W_{name}"].T
                named[f"{theirs}.mlp.fc_{name}.bias"] = weights[f"{ours}.mlp.b_{name}"]
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


def cached(oracle: TransformerBridge, inputs: np.ndarray) -> Any:
    """Every activation of these inputs, by the name of its hook."""
    with torch.no_grad():
        return oracle.run_with_cache(torch.from_numpy(inputs))[1]


def item_losses(oracle: TransformerBridge, items: Items, hooks: list[Hook]) -> np.ndarray:
    """Mean loss of every item, nats, from the logits at every position."""
    with torch.no_grad():
        logits = oracle.run_with_hooks(torch.from_numpy(items.inputs), fwd_hooks=hooks).double()
    classes = list(range(logits.shape[-1]) if items.among is None else items.among)
    log_probabilities = torch.full_like(logits, torch.nan)
    log_probabilities[..., classes] = logits[..., classes].log_softmax(-1)
    return np.array(
        [
            np.mean([-log_probabilities[item, items.read[item, slot], items.targets[item, slot]] for slot in slots])
            for item, slots in enumerate(map(np.flatnonzero, items.scored))
        ]
    )


def agree(
    network: Network,
    degraded: Degraded,
    oracle: TransformerBridge,
    data: Dataset,
    ours: Any,
    hooks: list[Hook] | Callable[[Items], list[Hook]],
) -> None:
    """Asserts that an intervention measures what hooks do, which may differ by set of items."""
    losses = measure(network, data, degraded, [ours])[0]
    for items, found in ((data.performance, losses.performance), (data.behaviour, losses.behaviour)):
        given = hooks(items) if callable(hooks) else hooks
        np.testing.assert_allclose(found, item_losses(oracle, items, given), rtol=0, atol=1e-5)
        if given:
            untouched = item_losses(oracle, items, [])
            assert np.abs(found - untouched).max() > 1e-3, "the hooks were there and did something"


def by_layer(heads: tuple[str, ...]) -> dict[int, list[int]]:
    """Heads by number, in the layers that they are in."""
    found: dict[int, list[int]] = {}
    for head in heads:
        layer, index = map(int, head.split("."))
        found.setdefault(layer, []).append(index)
    return found


def put(z: Tensor, hook: object, heads: list[int], value: Tensor) -> Tensor:
    """A hook: replaces what some heads put out."""
    z = z.clone()
    z[:, :, heads] = value
    return z
