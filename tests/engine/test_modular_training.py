"""Training modular addition: a tiny run end to end, its fast forward pass, and what its losses and phases mean."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.models.base import Card
from engine.models.modular_addition import RECIPES, Recipe, pairs
from engine.networks import modular_training, transformer
from engine.networks.modular_forward import logits
from engine.networks.modular_metrics import Losses, frequency_groups, losses, metrics, phases_of, sum_component
from engine.networks.network import Network, forward, load

TINY = Recipe(11, ("addition", "copying"), 16, 32, 0.7, 1e-2, 0.1, steps=120, checkpoints=(30, 60))


def train(folder: Path, recipe: Recipe = TINY, seen: list[tuple[int, int]] | None = None) -> Card:
    """A run that takes half a second."""
    return modular_training.train(folder, lambda *done: (seen or []).append(done), recipe)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "tiny"
    train(made)
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Network:
    card = Card.model_validate_json((folder / "card.json").read_bytes())
    return load(folder, card, transformer.stages(TINY.shape), modular_training.training(TINY))


def test_the_folder_loads_and_holds_what_the_card_says(folder: Path, trained: Network) -> None:
    card = trained.card
    assert {path.name for path in folder.iterdir()} == {"card.json", *card.sha256}
    assert card.steps == (30, 60, 120)
    assert card.architecture == TINY.shape
    assert card.options("frequencies") == ("1", "2", "3", "4", "5")
    assert metrics(trained, TINY) == card.metrics
    for task in TINY.tasks:
        assert card.metrics[f"train loss of {task}"] < 0.5 * math.log(TINY.p)


@pytest.mark.parametrize("recipe", [TINY, *RECIPES.values()], ids=["tiny", *RECIPES])
def test_the_fast_forward_pass_is_that_of_the_stages(recipe: Recipe) -> None:
    weights = transformer.initial_weights(recipe.shape, torch.Generator().manual_seed(1), norms=False, biases=False)
    weights = {name: tensor + 0.1 for name, tensor in weights.items()}  # biases that are not zero
    inputs = torch.cat([torch.from_numpy(pairs(recipe, task).inputs[:200]) for task in recipe.tasks])
    state = forward(transformer.stages(recipe.shape), weights, inputs, torch.full((len(inputs), 1), 2))
    torch.testing.assert_close(logits(weights, inputs, recipe), state["logits"][:, 0], rtol=1e-5, atol=1e-5)


def test_the_fast_forward_pass_has_the_gradients_of_the_stages() -> None:
    recipe = RECIPES["59-two-tasks"]
    known = pairs(recipe, "addition")
    inputs, answers = torch.from_numpy(known.inputs[:100]), torch.from_numpy(known.answers[:100])
    gradients = []
    for fast in (True, False):
        weights = transformer.initial_weights(recipe.shape, torch.Generator().manual_seed(1), norms=False, biases=False)
        for tensor in weights.values():
            tensor.requires_grad_()
        if fast:
            found = logits(weights, inputs, recipe)
        else:
            read = torch.full((len(inputs), 1), 2)
            found = forward(transformer.stages(recipe.shape), weights, inputs, read)["logits"][:, 0]
        F.cross_entropy(found, answers).backward()
        gradients.append({name: tensor.grad for name, tensor in weights.items()})
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-7)


def test_the_same_seed_gives_the_same_files_whatever_the_threads_and_the_global_state(tmp_path: Path) -> None:
    short = TINY._replace(steps=20, checkpoints=(10,))
    first = train(tmp_path / "first", short)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        torch.rand(1)
        assert train(tmp_path / "second", short) == first
        assert torch.get_num_threads() == 3, "as it was found"
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "first" / "card.json").read_bytes() == (tmp_path / "second" / "card.json").read_bytes()
    assert train(tmp_path / "third", short._replace(seed=1)).sha256 != first.sha256


def test_progress_is_told_step_by_step(tmp_path: Path) -> None:
    seen = [(0, 0)]
    train(tmp_path, TINY._replace(steps=3, checkpoints=()), seen)
    assert seen[1:] == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_pairs_are_all_there_once_and_the_answers_right(recipe: Recipe) -> None:
    for place, task in enumerate(recipe.tasks):
        known = pairs(recipe, task)
        assert len({tuple(row) for row in known.inputs.tolist()}) == recipe.p**2
        assert known.trained == int(recipe.share * recipe.p**2)
        for (a, b, operation), answer in zip(known.inputs[:50].tolist(), known.answers[:50].tolist(), strict=True):
            assert operation == recipe.p + place
            assert answer == ((a + b) % recipe.p if task == "addition" else b)
    assert recipe.shape.classes == recipe.p


def ideal(p: int, frequencies: tuple[int, ...]) -> Tensor:
    """Logits of all pairs as Nanda et al. (2023) say a grokked network computes them: Σ cos w(a + b − c)."""
    known = pairs(TINY._replace(p=p), "addition")
    away = known.inputs[:, :2].sum(1)[:, None] - np.arange(p)
    return torch.from_numpy(sum(np.cos(2 * np.pi * k * away / p) for k in frequencies))


def test_the_waves_of_the_sum_are_those_of_the_diagonal_of_the_two_dimensional_fft() -> None:
    p, known = TINY.p, pairs(TINY, "addition")
    found = torch.from_numpy(np.random.default_rng(0).standard_normal((p * p, p)))
    grid = np.empty((p, p, p))
    grid[known.inputs[:, 0], known.inputs[:, 1]] = found
    coefficients = np.fft.fft2(grid, axes=(0, 1))
    kept = np.zeros_like(coefficients)
    for k in (2, 3, p - 2, p - 3):  # cos w(a + b) and sin w(a + b): the same frequency in a and in b
        kept[k, k] = coefficients[k, k]
    expected = np.fft.ifft2(kept, axes=(0, 1)).real[known.inputs[:, 0], known.inputs[:, 1]]
    np.testing.assert_allclose(sum_component(found, known, [2, 3]), expected, atol=1e-12)


def test_an_ideal_network_is_nothing_but_its_key_frequencies() -> None:
    known, found = pairs(TINY, "addition"), ideal(TINY.p, (1, 4))
    torch.testing.assert_close(sum_component(found, known, [1, 4]), found)
    assert sum_component(found, known, [2, 3, 5]).abs().max() < 1e-12
    assert (found.argmax(1).numpy() == known.answers).all()


def test_what_is_restricted_and_excluded_adds_up(trained: Network) -> None:
    """Restricted to every frequency a network knows nothing but the sum; with none excluded it is itself."""
    none, every = losses(trained.weights, TINY, []), losses(trained.weights, TINY, [1, 2, 3, 4, 5])
    assert none.excluded == pytest.approx(none.train, rel=1e-9)
    assert none.restricted > 0.9 * math.log(TINY.p), "only the mean is left"
    assert every.restricted < none.restricted
    assert (none.train, none.test) == (every.train, every.test)


def test_key_frequencies_are_found_where_embedding_and_neurons_agree() -> None:
    recipe = TINY._replace(p=31, tasks=("addition",), d_model=32, d_mlp=32)
    p, number = recipe.p, np.arange(recipe.p)
    weights = {name: 1e-3 * tensor for name, tensor in transformer.initial_weights(
        recipe.shape, torch.Generator().manual_seed(0), norms=False, biases=False).items()}  # fmt: skip
    for strength, (column, frequency) in zip((3, 5, 2, 4), enumerate((3, 8, 5, 12)), strict=True):
        weights["embed.W_E"][:p, column] = torch.from_numpy(strength * np.cos(2 * np.pi * frequency * number / p))
    weights["blocks.0.mlp.W_out"] = torch.eye(32)
    for column, frequency in enumerate((3, 8, 7)):  # of 5 and 12 no neuron makes use, and 7 is not embedded
        weights["unembed.W_U"][column] = torch.from_numpy(np.sin(2 * np.pi * frequency * number / p))
    assert frequency_groups(weights, p) == {"key": ("8", "3"), "other": ("12", "5")}


def test_phases_are_told_by_the_excluded_and_the_test_loss() -> None:
    curve = {
        10: Losses(train=2.0, test=5.0, restricted=4.0, excluded=2.2),
        20: Losses(train=0.1, test=9.0, restricted=3.0, excluded=0.6),
        30: Losses(train=1e-3, test=8.0, restricted=1.0, excluded=3.0),
        40: Losses(train=1e-5, test=4.0, restricted=0.1, excluded=7.0),
        50: Losses(train=1e-6, test=0.1, restricted=1e-6, excluded=6.0),
    }
    assert phases_of(curve, 11) == (20, 40)
