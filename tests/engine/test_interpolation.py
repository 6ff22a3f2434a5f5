"""Interpolation: a straight line from the trained weights to those that training really began with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import discovery
from engine.degraders.interpolation import Interpolation
from engine.models.base import Model
from engine.models.digits import Digits
from engine.models.modular_addition import RECIPES
from engine.networks import digits_training, induction_training, modular_training, planted_training
from engine.networks.network import Network, Training, forward

MODELS = [model for variant in discovery.find("models").values() for model in variant.every() if model.folder.is_dir()]


def quiet(done: int, total: int) -> None:
    """Nobody looks at the progress."""


def interpolated(network: Network, strength: float) -> dict[str, Tensor]:
    return dict(Interpolation().degrade_one(network, strength, 0, 0).weights)


def test_it_ends_at_the_initial_weights(network: Network) -> None:
    initial = network.training.initial()
    assert all(torch.equal(tensor, initial[name]) for name, tensor in interpolated(network, 1.0).items())


@pytest.mark.parametrize("strength", [0.001, 0.25, 0.5, 0.9])
def test_between_it_is_the_weighted_mean(network: Network, strength: float) -> None:
    initial = network.training.initial()
    for name, tensor in interpolated(network, strength).items():
        by_hand = (1 - strength) * network.weights[name].double() + strength * initial[name].double()
        torch.testing.assert_close(tensor.double(), by_hand, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("model", MODELS, ids=lambda each: each.title)
def test_the_initial_weights_are_those_of_the_network_and_always_the_same(model: Model) -> None:
    network = model.load()
    initial, again = network.training.initial(), network.training.initial()
    assert {name: tensor.shape for name, tensor in initial.items()} == {
        name: tensor.shape for name, tensor in network.weights.items()
    }
    for name, tensor in initial.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, again[name])


@pytest.mark.parametrize("model", MODELS, ids=lambda each: each.title)
def test_at_the_initial_weights_nothing_is_known(model: Model) -> None:
    network = model.load()
    began, trained = (
        sum(_loss(network, weights, number) for number in range(len(network.training.batch(0, 1))))
        for weights in (network.training.initial(), network.weights)
    )
    items = network.training.batch(0, 64)
    uniform = sum(np.log(len(part.among or range(network.card.architecture.classes))) for part in items)
    assert began > 0.95 * uniform
    assert trained < 0.75 * uniform


def _loss(network: Network, weights: dict[str, Tensor], number: int) -> float:
    """The mean loss of training items in one of the answers, by hand."""
    items = network.training.batch(0, 64)[number]
    inputs, read = torch.from_numpy(items.inputs), torch.from_numpy(items.read)
    with torch.inference_mode():
        logits = forward(network.stages, weights, inputs, read)["logits"]
    among = list(items.among or range(logits.shape[-1]))
    right = torch.from_numpy(items.targets)[..., None] == torch.tensor(among)
    return -logits[..., among].log_softmax(-1)[right].mean().item()


def _one_step() -> dict[str, tuple[Training, Callable[[], dict[str, Tensor]], float, float]]:
    """Of each kind of training: how it began, its weights after one step, learning rate and weight decay."""
    recipe = RECIPES["59"]._replace(steps=1, checkpoints=())
    digits = Digits(network="cnn")
    return {
        "induction": (
            induction_training.training(),
            lambda: induction_training._optimise(induction_training.SHAPE, 1, quiet)[0],
            induction_training.LEARNING_RATE / induction_training.WARM_UP,
            0.01,
        ),
        "modular-addition": (
            modular_training.training(recipe),
            lambda: modular_training._optimise(recipe, quiet)[0],
            recipe.learning_rate / modular_training.WARM_UP,
            recipe.weight_decay,
        ),
        "planted": (
            planted_training.training(),
            lambda: planted_training._optimise(1, quiet)[0],
            planted_training.LEARNING_RATE,
            planted_training.WEIGHT_DECAY,
        ),
        "digits": (
            digits_training.training(digits),
            lambda: digits_training._optimise(digits, digits_training.LEARNING_RATE["cnn"], 1, quiet)[0],
            digits_training.LEARNING_RATE["cnn"],
            digits_training.WEIGHT_DECAY,
        ),
    }


@pytest.mark.parametrize("kind", ["induction", "modular-addition", "planted", "digits"])
def test_training_is_one_step_away_after_one_step(kind: str) -> None:
    training, train, rate, decay = _one_step()[kind]
    initial = training.initial()
    for name, tensor in train().items():
        # the first step of AdamW moves each weight by the learning rate, against its gradient, after the decay
        moved = (tensor.double() - (1 - rate * decay) * initial[name].double()).abs()
        assert (moved <= 1.001 * rate + 2.0**-11 * initial[name].double().abs() + 1e-7).all()
        assert (tensor.float() != initial[name]).any()
