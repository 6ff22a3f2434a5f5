"""An independent implementation agrees: the shipped code model in TransformerLens, ablated and patched by its hooks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal, cast

import numpy as np
import pytest
import torch
from bridges import Hook, agree, by_layer, carry, item_losses, put
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from benchmarks.lens import bridge_of
from engine.behaviours.base import Behaviour, Dataset
from engine.behaviours.closing import Closing
from engine.behaviours.code_copying import CodeCopying
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.interventions.activation_patching import ActivationPatching
from engine.interventions.head_ablation import HeadAblation
from engine.items import Items
from engine.measure import measure
from engine.models.architectures import Transformer
from engine.models.code_lm import CodeLm
from engine.networks.network import Network

BEHAVIOURS: dict[str, Behaviour] = {
    "snippets": CodeCopying(text="snippets"),
    "identifiers": CodeCopying(text="identifiers"),
    "closing": Closing(),
}
SITES = (
    *("blocks.0.hook_resid_pre", "blocks.1.attn.hook_z", "blocks.2.hook_mlp_out", "blocks.2.hook_resid_post"),
    *("blocks.3.attn.hook_z", "blocks.3.mlp.hook_post"),
)
HEADS = {"first layers": ("0.0", "0.1", "1.2"), "last layer": ("3.0", "3.2"), "all": ("0.3", "1.1", "2.0", "3.1")}

Where = Literal["every position", "one position"]


@pytest.fixture(scope="module")
def code() -> Network:
    return CodeLm().load()


@pytest.fixture(scope="module")
def bridge(code: Network) -> TransformerBridge:
    """A network of the same shape in TransformerLens, still with random weights."""
    shape = code.card.architecture
    assert isinstance(shape, Transformer)
    return bridge_of(shape)


@pytest.fixture(params=["trained", "checkpoint", "noised"])
def degraded(request: pytest.FixtureRequest, code: Network) -> Degraded:
    """One of the networks that are compared."""
    if request.param == "checkpoint":
        return Degraded(code.checkpoint(code.card.steps[-3]))
    return WeightNoise().degrade_one(code, 0.1 if request.param == "noised" else 0.0, 1, 0)


@pytest.fixture
def oracle(bridge: TransformerBridge, degraded: Degraded) -> TransformerBridge:
    """The same weights in TransformerLens."""
    carry(dict(degraded.weights), bridge)
    return bridge


def data_of(behaviour: str) -> Dataset:
    data = BEHAVIOURS[behaviour].data(CodeLm(), 4)
    return replace(data, reference=data.reference[:8])


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_plain_losses_agree(code: Network, degraded: Degraded, oracle: TransformerBridge, behaviour: str) -> None:
    agree(code, degraded, oracle, data_of(behaviour), None, [])


@pytest.mark.parametrize("value", ["zero", "mean"])
@pytest.mark.parametrize("where", HEADS)
def test_ablation_agrees(
    code: Network, degraded: Degraded, oracle: TransformerBridge, where: str, value: Literal["zero", "mean"]
) -> None:
    data = data_of("snippets")
    with torch.no_grad():
        _, cache = oracle.run_with_cache(torch.from_numpy(data.reference))
    hooks: list[Hook] = []
    for layer, heads in by_layer(HEADS[where]).items():
        usual = cache[f"blocks.{layer}.attn.hook_z"].mean((0, 1))[heads]
        hooks.append((f"blocks.{layer}.attn.hook_z", partial(put, heads=heads, value=usual * (value == "mean"))))
    agree(code, degraded, oracle, data, HeadAblation(heads=HEADS[where], value=value), hooks)


@pytest.mark.parametrize("at", ["every position", "one position"])
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("behaviour", ["snippets", "closing"])
def test_patching_agrees(code: Network, bridge: TransformerBridge, behaviour: str, site: str, at: str) -> None:
    carry(code.weights, bridge)
    data = data_of(behaviour)
    position = int(data.behaviour.read[data.behaviour.scored].min())
    where = slice(None) if at == "every position" else slice(position, position + 1)
    patching = ActivationPatching(site=site, at=cast(Where, at), position=position)
    losses = measure(code, data, Degraded(code.weights), [patching])[0]
    for items, ours in ((data.performance, losses.performance), (data.behaviour, losses.behaviour)):
        theirs = item_losses(
            bridge, items, [(site, partial(_patch, source=_corrupt(bridge, items, site), where=where))]
        )
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    if at == "every position":
        assert np.abs(losses.behaviour - item_losses(bridge, data.behaviour, [])).max() > 1e-3, "something was patched"


def _corrupt(bridge: TransformerBridge, items: Items, site: str) -> Tensor:
    with torch.no_grad():
        _, cache = bridge.run_with_cache(torch.from_numpy(items.corrupt))
    return cache[site]


def _patch(activation: Tensor, hook: object, source: Tensor, where: slice) -> Tensor:
    activation = activation.clone()
    activation[:, where] = source[:, where]
    return activation
