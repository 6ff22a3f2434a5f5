"""The shipped networks of modular addition: what Nanda et al. (2023) found, and what the behaviours read."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.behaviours.addition import Addition
from engine.behaviours.steered_sum import SteeredSum
from engine.degraders.base import Degraded
from engine.interventions.fourier import Fourier
from engine.interventions.frequency_rotation import FrequencyRotation
from engine.interventions.identity import Identity
from engine.items import Items
from engine.measure import measure
from engine.models.modular_addition import SHIFT, ModularAddition, pairs
from engine.networks.fourier import shares
from engine.networks.modular_metrics import Losses, frequency_groups
from engine.networks.network import Network, forward

EVERY = {model.task: model for model in ModularAddition.every()}
ONE_TASK = [name for name, model in EVERY.items() if len(model.recipe.tasks) == 1]
TWO_TASKS = [name for name, model in EVERY.items() if len(model.recipe.tasks) > 1]

EARLY = "59-seed-1"
"""In this network the circuit forms while the pairs are still being learnt: it never knows them all without."""

every_network = pytest.mark.parametrize("variant", EVERY)
networks_that_only_add = pytest.mark.parametrize("variant", ONE_TASK)


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    return {name: model.load() for name, model in EVERY.items()}


def curve(variant: str) -> dict[int, Losses]:
    """The four losses of each checkpoint, from the card; the contracts check the card against the weights."""
    card = EVERY[variant].card()
    return {
        step: Losses(*(card.metrics[f"{name} loss at step {step}"] for name in Losses._fields)) for step in card.steps
    }


def item_losses(network: Network, variant: str) -> tuple[np.ndarray, int]:
    """−log P of every sum, nats, by the stages that measure; and how many of the pairs were trained on: the first."""
    known = pairs(EVERY[variant].recipe, "addition")
    weights = {name: tensor.double() for name, tensor in network.weights.items()}
    read = torch.full((len(known.inputs), 1), 2)
    with torch.no_grad():
        logits = forward(network.stages, weights, torch.from_numpy(known.inputs), read)["logits"][:, 0]
    return -logits.log_softmax(-1).numpy()[np.arange(len(known.answers)), known.answers], known.trained


@every_network
def test_it_generalises_to_pairs_that_it_never_saw(networks: dict[str, Network], variant: str) -> None:
    losses, trained = item_losses(networks[variant], variant)
    metrics = EVERY[variant].card().metrics
    assert losses[:trained].mean() == pytest.approx(metrics["train loss of addition"], rel=1e-3)
    assert losses[trained:].mean() == pytest.approx(metrics["test loss of addition"], rel=1e-3)
    for task in EVERY[variant].recipe.tasks:
        assert metrics[f"test accuracy of {task}"] > 0.95


def test_the_published_network_is_fully_grokked() -> None:
    metrics = EVERY["113"].card().metrics
    assert metrics["test loss of addition"] <= 1e-6
    assert metrics["test accuracy of addition"] == 1


@networks_that_only_add
def test_few_frequencies_are_key_and_hold_nearly_all_of_the_embedding(
    networks: dict[str, Network], variant: str
) -> None:
    network, p = networks[variant], EVERY[variant].recipe.p
    groups = network.card.groups["frequencies"]
    assert frequency_groups(network.weights, p) == groups
    assert 3 <= len(groups["key"]) <= 7
    assert not set(groups["key"]) & set(groups["other"])
    key = [int(k) - 1 for k in groups["key"]]
    assert shares(network.weights["embed.W_E"][:p])[key].sum() > 0.8


@networks_that_only_add
def test_keeping_only_key_frequencies_costs_nothing_and_removing_them_leaves_chance_or_worse(variant: str) -> None:
    metrics, p = EVERY[variant].card().metrics, EVERY[variant].recipe.p
    assert metrics["restricted loss"] <= metrics["loss of addition"]
    assert metrics["excluded loss"] >= math.log(p)


@networks_that_only_add
def test_training_went_through_memorisation_circuit_formation_and_clean_up(variant: str) -> None:
    """Section 5.2 of the paper, with the boundaries where `modular_metrics.Phases` puts them."""
    at, metrics, chance = curve(variant), EVERY[variant].card().metrics, math.log(EVERY[variant].recipe.p)
    first, last = min(at), max(at)
    memorised, formed = (int(metrics[f"last step of {phase}"]) for phase in ("memorisation", "circuit formation"))
    assert first <= memorised < formed < last
    # memorisation: the pairs trained on are known, and known without the key frequencies; no other pair is
    assert at[memorised].test > chance
    if variant != EARLY:
        assert at[memorised].train < 0.1
        assert at[memorised].excluded < 0.5 * chance
    # circuit formation: by and by even these pairs rest on the key frequencies, and the test loss shows nothing of it
    forming = [step for step in at if memorised <= step <= formed]
    assert all(at[a].excluded < at[b].excluded for a, b in pairwise(forming))
    assert all(at[a].restricted > at[b].restricted for a, b in pairwise(forming))
    assert all(at[step].test > chance for step in forming)
    assert at[formed].excluded > chance
    assert at[formed].restricted < 0.5 * at[memorised].restricted
    # clean-up: what was memorised goes, and with it the test loss
    assert at[last].test < 1e-4 < at[formed].test


def test_one_seed_never_knows_its_pairs_without_the_key_frequencies() -> None:
    at = curve(EARLY)
    assert min(each.excluded for each in at.values()) > 0.5 * math.log(59)


@networks_that_only_add
def test_clean_up_sheds_weights(networks: dict[str, Network], variant: str) -> None:
    network, metrics = networks[variant], EVERY[variant].card().metrics
    norms = {
        step: sum(tensor.square().sum().item() for tensor in network.checkpoint(step).values())
        for step in network.card.steps
    }
    assert norms[max(norms)] < 0.8 * norms[int(metrics["last step of circuit formation"])]


@networks_that_only_add
def test_turning_the_key_frequencies_steers_and_turning_others_does_not(
    networks: dict[str, Network], variant: str
) -> None:
    network, data = networks[variant], SteeredSum().data(EVERY[variant], 64)
    key, other = (network.card.groups["frequencies"][group] for group in ("key", "other"))
    conditions = [
        None,
        Identity(),
        FrequencyRotation(shift=SHIFT, frequencies=key),
        FrequencyRotation(shift=SHIFT, frequencies=network.card.options("frequencies")),
        FrequencyRotation(shift=SHIFT, frequencies=other),
        Fourier(action="remove", frequencies=key),
    ]
    plain, same, turned, whole, sham, removed = measure(network, data, Degraded(network.weights), conditions)
    chance = math.log(EVERY[variant].recipe.p / 2)
    assert np.array_equal(same.performance, plain.performance)
    assert plain.behaviour.mean() < 1e-3
    assert turned.behaviour.mean() > 0.5
    assert whole.behaviour.mean() > 0.99
    assert whole.performance.mean() < 0.01
    assert sham.behaviour.mean() < 0.01
    assert sham.performance.mean() < 0.2 * chance
    assert removed.performance.mean() > 0.8 * chance


@pytest.mark.parametrize("variant", TWO_TASKS)
def test_turning_the_first_number_spoils_sums_and_leaves_the_second_to_be_copied(
    networks: dict[str, Network], variant: str
) -> None:
    network, data = networks[variant], Addition().data(EVERY[variant], 64)
    key, other = (network.card.groups["frequencies"][group] for group in ("key", "other"))
    conditions = [
        None,
        FrequencyRotation(shift=SHIFT, frequencies=key),
        Fourier(action="remove", frequencies=key, numbers="first"),
        FrequencyRotation(shift=SHIFT, frequencies=other),
    ]
    plain, turned, removed, sham = measure(network, data, Degraded(network.weights), conditions)
    chance = math.log(EVERY[variant].recipe.p)
    for spoiled in (turned, removed):
        assert spoiled.behaviour.mean() - plain.behaviour.mean() > chance
        assert abs(spoiled.performance.mean() - plain.performance.mean()) < 0.05 * chance
    assert sham.behaviour.mean() - plain.behaviour.mean() < chance


def trained_inputs(model: ModularAddition) -> set[tuple[int, ...]]:
    known = [pairs(model.recipe, task) for task in model.recipe.tasks]
    return {tuple(row) for each in known for row in each.inputs[: each.trained].tolist()}


def is_new_and_read_at_the_sign(items: Items, model: ModularAddition) -> None:
    assert not trained_inputs(model) & {tuple(row) for row in items.inputs.tolist()}
    assert (items.read == 2).all()
    assert items.scored.all()
    assert items.inputs.shape == (len(items), 3)
    assert (items.corrupt[:, 1:] == items.inputs[:, 1:]).all(), "only the first number is another"
    assert (items.corrupt[:, :2] < model.recipe.p).all()


@every_network
def test_the_steered_sum_asks_for_seven_more(variant: str) -> None:
    model = EVERY[variant]
    data, p = SteeredSum().data(model, 10_000), model.recipe.p
    for items in (data.performance, data.behaviour, data.examples):
        is_new_and_read_at_the_sign(items, model)
        a, b, sign = items.inputs.T
        assert (sign == p).all()
        assert (items.corrupt[:, 0] == (a + 7) % p).all()
        if items is data.performance:
            assert items.also is not None
            assert (items.targets[:, 0] == (a + b) % p).all()
            assert (items.also[:, 0] == (a + b + 7) % p).all()
            assert items.metric == "loss"
        else:
            assert items.also is None
            assert (items.targets[:, 0] == (a + 7 + b) % p).all()
            assert items.metric == "probability"
    unseen = p * p - pairs(model.recipe, "addition").trained
    assert len(data.performance) + len(data.behaviour) + len(data.examples) == unseen


@pytest.mark.parametrize("variant", TWO_TASKS)
def test_addition_is_set_against_the_other_operation(variant: str) -> None:
    model = EVERY[variant]
    data, p = Addition().data(model, 10_000), model.recipe.p
    for items, place in ((data.performance, 1), (data.behaviour, 0), (data.examples, 0)):
        is_new_and_read_at_the_sign(items, model)
        a, b, sign = items.inputs.T
        assert (sign == p + place).all()
        assert (items.targets[:, 0] == (b if place else (a + b) % p)).all()
        assert items.metric == "loss"
    assert [Addition().show(model, token) for token in (0, p - 1, p, p + 1)] == ["0", str(p - 1), "+", "→"]


def test_behaviours_exist_where_they_can() -> None:
    for model in EVERY.values():
        assert SteeredSum.is_compatible(model)
        assert Addition.is_compatible(model) == (len(model.recipe.tasks) > 1)
