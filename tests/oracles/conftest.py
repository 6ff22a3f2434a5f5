"""The shipped induction network as it is, as it was, and noised, here and in TransformerLens."""

from __future__ import annotations

import pytest
from bridges import carry
from transformer_lens.model_bridge import TransformerBridge

from benchmarks.lens import bridge_of
from engine.degraders.base import Degraded
from engine.degraders.checkpoint import Checkpoint
from engine.degraders.weight_noise import WeightNoise
from engine.models.architectures import Transformer
from engine.networks.network import Network


@pytest.fixture(scope="session")
def bridge(network: Network) -> TransformerBridge:
    """A network of the same shape in TransformerLens, still with random weights."""
    shape = network.card.architecture
    assert isinstance(shape, Transformer)
    return bridge_of(shape)


@pytest.fixture(params=["trained", "checkpoint", "noised"])
def degraded(network: Network, request: pytest.FixtureRequest) -> Degraded:
    """One of the networks that are compared."""
    if request.param == "checkpoint":
        return Checkpoint().degrade_one(network, 1 - 600 / network.card.steps[-1], 0, 0)
    return WeightNoise().degrade_one(network, 0.2 if request.param == "noised" else 0.0, 1, 0)


@pytest.fixture
def oracle(bridge: TransformerBridge, degraded: Degraded) -> TransformerBridge:
    """The same weights in TransformerLens."""
    carry(degraded.weights, bridge)
    return bridge
