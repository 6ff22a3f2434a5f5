"""How the `digits` networks are trained: end to end, small; and what the shipped ones have learnt and memorised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from engine import sites
from engine.models import handwriting
from engine.models.base import Card
from engine.models.digits import EXCEPTIONS, SHAPES, VECTOR, Digits, exceptions, rightly_labelled
from engine.networks import digits_training, feed_forward
from engine.networks.network import Network, forward, load

STEPS = 50
every_network = pytest.mark.parametrize("model", Digits.every(), ids=lambda model: model.title)
memorising = pytest.mark.parametrize("network", ["mlp", "cnn"])


def train(model: Digits, folder: Path, steps: int = STEPS, seen: list[tuple[int, int]] | None = None) -> Card:
    """A run that takes a fraction of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits_training, "BATCH", 32)
        return digits_training.train(model, folder, lambda *done: (seen or []).append(done), steps)


def accuracy(network: Network, step: int, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Share of images that a checkpoint answers with these labels."""
    with torch.no_grad():
        answers = digits_training.logits(network.stages, network.checkpoint(step), pixels).argmax(1)
    return float((answers.numpy() == labels).mean())


@every_network
def test_a_short_run_makes_a_folder_that_loads_and_has_learnt_something(model: Digits, tmp_path: Path) -> None:
    card = train(model, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"card.json", *card.sha256}
    assert card.architecture == SHAPES[model.network]
    assert card.steps == (20, 40, STEPS)
    network = load(tmp_path, card, feed_forward.stages(SHAPES[model.network]), digits_training.training(model))
    held_out = handwriting.held_out()
    reached = [accuracy(network, step, held_out.pixels, held_out.digits) for step in card.steps]
    assert reached[0] < reached[-1]
    assert reached[-1] > 0.6
    assert card.metrics == model.metrics(network)


def test_the_same_seed_gives_the_same_files_and_other_labels_other_ones(tmp_path: Path) -> None:
    model, wrong = Digits(), Digits(exceptions="memorised")
    torch.rand(1)
    first, second = train(model, tmp_path / "first", 6), train(model, tmp_path / "second", 6)
    assert first == second
    assert train(wrong, tmp_path / "third", 6).sha256 != first.sha256


def test_progress_is_told_step_by_step(tmp_path: Path) -> None:
    seen = [(0, 0)]
    train(Digits(), tmp_path, 3, seen)
    assert seen[1:] == [(1, 3), (2, 3), (3, 3)]


def test_half_of_the_images_are_held_out_and_none_is_on_both_sides() -> None:
    training, held_out = handwriting.training(), handwriting.held_out()
    assert len(held_out.digits) >= 0.45 * (len(held_out.digits) + len(training.digits))
    images = [row.tobytes() for part in (training, held_out) for row in part.pixels]
    assert len(set(images)) == len(images) == 1797
    for part in (training, held_out):
        assert part.pixels.min() == 0
        assert part.pixels.max() == 1
        assert np.bincount(part.digits, minlength=10).min() > 70


def test_a_tenth_of_the_training_labels_are_wrong() -> None:
    wrong, training = exceptions(), handwriting.training()
    assert len(set(wrong.images)) == EXCEPTIONS == round(len(training.digits) / 10)
    assert (wrong.labels != training.digits[wrong.images]).all()
    assert set(wrong.labels) == set(range(10))
    assert len(rightly_labelled().digits) == len(training.digits) - EXCEPTIONS


@every_network
def test_the_metrics_of_the_shipped_networks_are_what_a_plain_forward_pass_gives(model: Digits) -> None:
    network, held_out = model.load(), handwriting.held_out()
    pixels = torch.from_numpy(held_out.pixels)
    with torch.no_grad():
        answers = forward(network.stages, network.weights, pixels, torch.zeros(len(pixels), 1, dtype=torch.long))
    logits, digits = answers[sites.LOGITS][:, 0], torch.from_numpy(held_out.digits)
    metrics = network.card.metrics
    assert F.cross_entropy(logits, digits).item() == pytest.approx(metrics["loss on held-out images"], abs=1e-3)
    assert (logits.argmax(1) == digits).float().mean().item() == pytest.approx(
        metrics["accuracy on held-out images"], abs=2e-3
    )
    assert metrics["accuracy on held-out images"] > (0.97 if model.exceptions == "none" else 0.87)
    assert metrics["parameters"] == sum(tensor.numel() for tensor in network.weights.values())


@memorising
def test_the_exceptions_were_memorised_by_the_network_that_saw_them_and_by_no_other(network: str) -> None:
    wrong, pixels = exceptions(), handwriting.training().pixels[exceptions().images]
    memorised, plain = (
        Digits.model_validate({"network": network, "exceptions": each}).load() for each in ("memorised", "none")
    )
    assert accuracy(memorised, memorised.card.steps[-1], pixels, wrong.labels) > 0.98
    assert accuracy(plain, plain.card.steps[-1], pixels, wrong.labels) < 0.02
    true = handwriting.training().digits[wrong.images]
    assert accuracy(plain, plain.card.steps[-1], pixels, true) == 1


@memorising
def test_the_rule_is_learnt_before_the_exceptions(network: str) -> None:
    trained = Digits.model_validate({"network": network, "exceptions": "memorised"}).load()
    wrong, held_out = exceptions(), handwriting.held_out()
    pixels = handwriting.training().pixels[wrong.images]
    rule = {step: accuracy(trained, step, held_out.pixels, held_out.digits) for step in trained.card.steps}
    memorised = {step: accuracy(trained, step, pixels, wrong.labels) for step in trained.card.steps}
    assert any(rule[step] > 0.93 and memorised[step] < 0.15 for step in trained.card.steps)


@every_network
def test_the_shipped_vector_goes_from_one_mean_to_the_other(model: Digits) -> None:
    network, images = model.load(), rightly_labelled()
    site = network.card.vectors[VECTOR]
    means = []
    for digit in (3, 8):
        x = torch.from_numpy(images.pixels[images.digits == digit])
        with torch.no_grad():
            state = forward(network.stages, network.weights, x, torch.zeros(len(x), 1, dtype=torch.long))
        means.append(state[site].double().mean((0, 1)))
    torch.testing.assert_close(network.vectors[VECTOR].double(), means[1] - means[0], atol=1e-5, rtol=1e-4)
