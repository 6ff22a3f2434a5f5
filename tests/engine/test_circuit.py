"""Circuits: keeping is idempotent, removing is the other side of it, and with nothing left a token alone decides."""

from __future__ import annotations

from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from tiny_networks import SHAPES, TRANSFORMER, alike, data, measured, network, noised, reference, run, with_inputs

from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.base import FitOn
from engine.interventions.circuit import Circuit
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.mlp_ablation import MlpAblation
from engine.interventions.parts import Settled
from engine.items import Items
from engine.measure import measure
from engine.networks.network import Network

EVERY = TRANSFORMER.parts["components"]
CIRCUITS = [("0.0",), ("1.1", "mlp.0"), ("0.0", "0.1", "1.0", "mlp.1")]

every_circuit = pytest.mark.parametrize("components", CIRCUITS, ids=", ".join)
every_value = pytest.mark.parametrize("value", get_args(Settled))


@every_circuit
@every_value
def test_keeping_twice_is_keeping_once(components: tuple[str, ...], value: Settled) -> None:
    keep = Circuit(components=components, value=value)
    # in float64: a mean of equal numbers is rounded
    degraded = Degraded({name: each.double() for name, each in noised(network("transformer")).weights.items()})
    kept = Degraded(degraded.weights, keep.edits(reference("transformer", degraded)))
    once = measured("transformer", keep, degraded=degraded)[0]
    nothing, twice = measured("transformer", None, keep, degraded=kept)
    assert alike(nothing, once)
    assert alike(twice, once, 1e-12)


@every_circuit
@every_value
def test_keeping_is_removing_the_others(components: tuple[str, ...], value: Settled) -> None:
    others = tuple(each for each in EVERY if each not in components)
    keep, remove = measured(
        "transformer",
        Circuit(components=components, value=value),
        Circuit(components=others, value=value, mode="remove"),
    )
    assert alike(keep, remove)


@every_value
def test_keeping_everything_changes_nothing(value: Settled) -> None:
    without, under = measured("transformer", None, Circuit(components=EVERY, value=value))
    assert alike(without, under)


@every_value
def test_removing_is_ablation(value: Settled) -> None:
    heads, mlps = TRANSFORMER.parts["heads"], TRANSFORMER.parts["mlps"]
    pairs = [
        (Circuit(components=heads, mode="remove", value=value), HeadAblation(heads=heads, value=value)),
        (Circuit(components=mlps, mode="remove", value=value), MlpAblation(mlps=mlps, value=value)),
    ]
    for circuit, ablation in pairs:
        removed, ablated = measured("transformer", circuit, ablation)
        assert alike(removed, ablated)


def last_token_losses(network: Network, items: Items) -> np.ndarray:
    """Mean loss of every item for a network of embedding, biases of attention, LayerNorm and unembedding alone."""
    w = {name: tensor.double().numpy() for name, tensor in network.weights.items()}
    biases = sum(w[name] for name in w if name.endswith("attn.b_O"))
    means = []
    for tokens, read, targets, scored in zip(items.inputs, items.read, items.targets, items.scored, strict=True):
        x = w["embed.W_E"][tokens[read[scored]]] + w["pos_embed.W_pos"][read[scored]] + biases
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        logits = (x * w["ln_final.w"] + w["ln_final.b"]) @ w["unembed.W_U"] + w["unembed.b_U"]
        right = logits[np.arange(len(logits)), targets[scored]]
        means.append((np.log(np.exp(logits).sum(-1)) - right).mean())
    return np.array(means)


def test_with_everything_removed_the_last_token_and_its_position_decide(network: Network, data: Dataset) -> None:
    every = network.card.options("components")
    gone = Circuit(components=every, mode="remove", value="zero")
    losses = measure(network, data, Degraded(network.weights), [gone])[0]
    np.testing.assert_allclose(losses.performance, last_token_losses(network, data.performance), atol=1e-5)
    np.testing.assert_allclose(losses.behaviour, last_token_losses(network, data.behaviour), atol=1e-5)


def test_so_it_is_with_mlps() -> None:
    made = network("transformer")
    losses = measured("transformer", Circuit(components=EVERY, mode="remove", value="zero"))[0]
    np.testing.assert_allclose(losses.behaviour, last_token_losses(made, data("transformer").behaviour), atol=1e-5)


def test_with_everything_removed_no_earlier_token_makes_a_difference() -> None:
    """With means in their place, too: nothing is computed from the text any more."""
    made, dataset = network("transformer"), data("transformer").behaviour
    degraded = Degraded(made.weights)
    other = dataset.inputs.copy()
    for item, read in enumerate(dataset.read):
        for position in set(range(TRANSFORMER.context)) - set(read):
            other[item, position] = (other[item, position] + 1) % TRANSFORMER.vocab
    changed = with_inputs(data("transformer"), data("transformer").performance.inputs, other)
    for value in ("zero", "mean"):
        gone = Circuit(components=EVERY, mode="remove", value=value)
        without, under = (measure(made, each, degraded, [None, gone]) for each in (data("transformer"), changed))
        assert not np.array_equal(without[0].behaviour, under[0].behaviour)
        np.testing.assert_array_equal(without[1].behaviour, under[1].behaviour)


@pytest.mark.parametrize("fit_on", ["degraded", "original"])
def test_means_are_those_of_the_network_asked_for(fit_on: FitOn) -> None:
    made, degraded, site = network("transformer"), noised(network("transformer")), "blocks.0.attn.hook_z"
    computed_from = reference("transformer", degraded)
    state = run(made, made.weights, data("transformer").behaviour)
    replaced = Circuit(components=("0.0",), fit_on=fit_on).edits(computed_from)[site](state[site], state)
    means = computed_from.activations(site, fit_on).mean((0, 1))[1]
    np.testing.assert_allclose(replaced[:, :, 1], means.expand_as(replaced[:, :, 1]), atol=1e-6)
    np.testing.assert_array_equal(replaced[:, :, 0], state[site][:, :, 0])


@pytest.mark.parametrize("kind", SHAPES)
def test_a_circuit_is_offered_where_there_are_components(kind: str) -> None:
    assert Circuit.is_compatible(network(kind).card) == (kind == "transformer")


def test_another_order_is_the_same_circuit() -> None:
    for pair in combinations(EVERY, 2):
        assert Circuit(components=pair) == Circuit(components=pair[::-1])
