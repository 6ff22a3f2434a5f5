"""The `planted` network carries the context in the units that were planted, and what competes with them is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.behaviours.context_steering import ContextSteering
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.interventions.steering import Steering
from engine.measure import measure
from engine.models import handwriting, planted
from engine.models.base import Card
from engine.models.planted import SITE, Planted
from engine.networks import feed_forward, planted_metrics, planted_training
from engine.networks.network import Network, load

STEPS = 110
PLANTED = np.arange(64) < 8


@pytest.fixture(scope="module")
def shipped() -> Network:
    return Planted().load()


def train(folder: Path, steps: int = STEPS, seen: list[tuple[int, int]] | None = None) -> Card:
    """A run that takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planted_training, "VECTOR_STEPS", 3)
        return planted_training.train(folder, lambda *done: (seen or []).append(done), steps)


def test_a_short_run_makes_a_folder_that_loads_and_has_learnt_something(tmp_path: Path) -> None:
    card = train(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"card.json", *card.sha256}
    assert card.steps == (25, 50, 100, STEPS)
    network = load(tmp_path, card, feed_forward.stages(planted.SHAPE), planted_training.training())
    assert planted_metrics.metrics(network) == card.metrics
    assert card.metrics["digit accuracy"] > 0.6
    assert card.metrics["context accuracy"] > 0.6


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    first = train(tmp_path / "first", 5)
    torch.rand(1)
    seen = [(0, 0)]
    assert train(tmp_path / "second", 5, seen) == first
    assert seen[1:] == [(step, 5) for step in range(1, 6)]
    assert train(tmp_path / "third", 6).sha256 != first.sha256


def last_hidden(network: Network, features: np.ndarray) -> np.ndarray:
    """The last hidden layer, by numpy."""
    x = features.astype(np.float64)
    for layer in range(3):
        w, b = (network.weights[f"hidden.{layer}.{name}"].double().numpy() for name in "Wb")
        x = np.maximum(x @ w + b, 0)
    return x


def answers(network: Network, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The digit and the context that the network says."""
    w, b = (network.weights[f"out.{name}"].double().numpy() for name in "Wb")
    logits = hidden @ w + b
    return logits[:, :10].argmax(1), logits[:, 10:].argmax(1)


def test_interchanging_the_planted_units_moves_the_context_and_nothing_else(shipped: Network) -> None:
    """On pairs of images that were never trained on, each in a context of its own."""
    rng, images = np.random.default_rng(3), handwriting.held_out()
    contexts = rng.integers(4, size=len(images.digits))
    hidden = last_hidden(shipped, planted.inputs(images.pixels, contexts, rng.standard_normal((len(contexts), 16))))
    own_digit, own_context = answers(shipped, hidden)
    assert (own_digit == images.digits).mean() > 0.95
    assert (own_context == contexts).mean() > 0.99
    other = rng.permutation(len(contexts))
    pairs = (contexts != contexts[other]) & (images.digits != images.digits[other])
    assert pairs.sum() > 500
    for units, digit_from, context_from in ((PLANTED, slice(None), other), (~PLANTED, other, slice(None))):
        digit, context = answers(shipped, np.where(units, hidden[other], hidden))
        assert (digit == own_digit[digit_from])[pairs].mean() > 0.97
        assert (context == own_context[context_from])[pairs].mean() > 0.99


def test_the_metrics_say_what_an_interchange_shows(shipped: Network) -> None:
    metrics = shipped.card.metrics
    assert metrics["context written through the planted units"] > 0.99
    assert metrics["digit kept when the planted units are swapped"] > 0.95
    assert metrics["digit written through the other units"] > 0.95
    assert metrics["context written through the other units"] < 0.01
    # what can be read is not all used: a probe finds the context in the little of it that the other units have
    assert metrics["variance share of the context in the other units"] < 0.03
    assert metrics["variance share of the context in the planted units"] > 0.8
    assert metrics["context read from the planted units"] > 0.99


def test_the_group_names_the_units_that_the_vectors_keep_to(shipped: Network) -> None:
    card, vectors = shipped.card, {name: vector.numpy() for name, vector in shipped.vectors.items()}
    assert card.groups["neurons"]["planted"] == tuple(f"2.{unit}" for unit in np.flatnonzero(PLANTED))
    assert card.vectors == dict.fromkeys(("planted", "competitor", "genuine-and-mess"), SITE)
    assert (vectors["planted"][~PLANTED] == 0).all()
    assert (vectors["competitor"][PLANTED] == 0).all()
    mess = vectors["genuine-and-mess"]
    np.testing.assert_allclose(mess[PLANTED], vectors["planted"][PLANTED] / 2, rtol=1e-6)
    assert np.abs(mess[~PLANTED]).max() > 0.1


def test_the_planted_vector_is_the_difference_of_means_in_the_planted_units(shipped: Network) -> None:
    rng, images = np.random.default_rng(4), handwriting.training()
    noise = rng.standard_normal((len(images.digits), 16))
    start, end = (
        last_hidden(shipped, planted.inputs(images.pixels, np.full(len(noise), context), noise)).mean(0)
        for context in (0, 1)
    )
    expected, found = (end - start)[PLANTED], shipped.vectors["planted"].numpy()[PLANTED]
    assert np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected), "but for other noise on the codes"


def test_the_handles_have_one_effect_and_only_degradation_tells_the_competitor(shipped: Network) -> None:
    data, vectors = ContextSteering().data(Planted(), 256), ("planted", "competitor", "genuine-and-mess")

    def delta_and_effect(degraded: Degraded) -> dict[str, np.ndarray]:
        without, *under = measure(shipped, data, degraded, [None, *(Steering(vector=each) for each in vectors)])
        means = [(e.performance - without.performance, e.behaviour - without.behaviour) for e in under]
        return {
            name: np.array([delta.mean(), effect.mean()]) for name, (delta, effect) in zip(vectors, means, strict=True)
        }

    undegraded = delta_and_effect(Degraded(shipped.weights))
    loss = measure(shipped, data, Degraded(shipped.weights), [None])[0].performance.mean()
    margin = 0.05 * (data.performance.chance - loss)
    assert all(effect > 0.93 for _, effect in undegraded.values())
    assert abs(undegraded["planted"][0]) < 0.1 * margin
    assert abs(undegraded["competitor"][0]) < 0.8 * margin, "looks clean"
    assert undegraded["genuine-and-mess"][0] > 2 * margin
    noise = WeightNoise()
    draws = [delta_and_effect(noise.degrade_one(shipped, 0.4, draw, 0)) for draw in range(8)]
    degraded = {name: np.mean([draw[name] for draw in draws], axis=0) for name in vectors}
    assert abs(degraded["planted"][0]) < margin
    assert degraded["planted"][1] > 0.9 * undegraded["planted"][1]
    assert degraded["competitor"][0] > 2 * margin, "is unmasked"
    assert degraded["genuine-and-mess"][0] > 2 * margin
