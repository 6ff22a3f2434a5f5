"""Weight noise: w + s·σ·ε, σ the root mean square of the tensor or filter, ε standard normal and the same at every
strength.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_networks as tiny
import torch
from scipy import stats

from engine.degraders.weight_noise import WeightNoise
from engine.models.digits import Digits
from engine.networks.network import Network
from engine.randomness import normal

STRENGTH = 0.2


def noised(network: Network, strength: float = STRENGTH, draw: int = 0, seed: int = 0) -> dict[str, np.ndarray]:
    """Degraded weights, float64."""
    degraded = WeightNoise().degrade_one(network, strength, draw, seed)
    return {name: tensor.double().numpy() for name, tensor in degraded.weights.items()}


@pytest.fixture(scope="module")
def weights(network: Network) -> dict[str, np.ndarray]:
    """The network's own weights, float64."""
    return {name: tensor.double().numpy() for name, tensor in network.weights.items()}


def by_filter(tensor: np.ndarray) -> np.ndarray:
    """A matrix [in, out] or kernel [out, in, height, width] as [unit, what goes into it]."""
    return tensor.T if tensor.ndim == 2 else tensor.reshape(len(tensor), -1)


def noise(weights: dict[str, np.ndarray], degraded: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """(w′ − w) / σ of every tensor, flat."""
    return {name: ((degraded[name] - w) / np.sqrt((w**2).mean())).ravel() for name, w in weights.items()}


def rounding(*arrays: np.ndarray) -> np.ndarray:
    """How far float32 arithmetic may be from exact: half a unit in the last place of each number."""
    return sum((np.abs(array) for array in arrays), np.zeros(1)) * 2.0**-23


@pytest.mark.parametrize(("draw", "seed"), [(0, 0), (3, 0), (0, 17)])
def test_the_noise_of_every_tensor_is_normal_with_its_rms_as_unit(
    network: Network, weights: dict[str, np.ndarray], draw: int, seed: int
) -> None:
    added = noise(weights, noised(network, STRENGTH, draw, seed))
    pvalues = [stats.kstest(each, "norm", (0, STRENGTH)).pvalue for each in added.values()]
    assert min(pvalues) > 0.01 / len(pvalues), "each tensor, with the level shared out"
    assert stats.kstest(np.concatenate(list(added.values())), "norm", (0, STRENGTH)).pvalue > 0.01


@pytest.mark.parametrize("strength", [0.001, 0.05, 2.0])
def test_its_size_is_the_strength(network: Network, weights: dict[str, np.ndarray], strength: float) -> None:
    added = np.concatenate(list(noise(weights, noised(network, strength)).values()))
    # the variance of n normal numbers has the relative standard error √(2/n)
    assert (added**2).mean() == pytest.approx(strength**2, rel=4 * np.sqrt(2 / added.size))


def test_the_draws_of_a_pair_mirror_each_other(network: Network, weights: dict[str, np.ndarray]) -> None:
    for pair in (0, 1, 5):
        plus, minus = (noised(network, draw=draw) for draw in (2 * pair, 2 * pair + 1))
        for name, w in weights.items():
            assert (np.abs(plus[name] + minus[name] - 2 * w) <= rounding(plus[name], minus[name])).all()
            assert (plus[name] != minus[name]).mean() > 0.99


def test_a_pair_is_one_unit() -> None:
    assert [WeightNoise().unit(draw) for draw in range(6)] == [0, 0, 1, 1, 2, 2]


def test_the_noise_of_a_draw_is_in_proportion_to_the_strength(network: Network, weights: dict[str, np.ndarray]) -> None:
    weak, strong = noised(network, 0.1), noised(network, 0.4)
    for name, w in weights.items():
        assert (
            np.abs((strong[name] - w) - 4 * (weak[name] - w)) <= rounding(strong[name], 4 * weak[name], 5 * w)
        ).all()


def test_pairs_seeds_and_tensors_are_independent(network: Network, weights: dict[str, np.ndarray]) -> None:
    shape = weights["blocks.0.attn.W_Q"].shape
    alike = [name for name, w in weights.items() if w.shape == shape]
    assert len(alike) >= 8
    rows = [
        noise(weights, noised(network, draw=draw, seed=seed))[name]
        for draw, seed in ((0, 0), (2, 0), (0, 1))
        for name in alike
    ]
    correlations = np.corrcoef(rows)[np.triu_indices(len(rows), 1)] * np.sqrt(len(rows[0]))
    assert stats.kstest(correlations, "norm").pvalue > 0.01
    assert np.abs(correlations).max() < 5


@pytest.mark.parametrize("model", ["induction", "digits"])
def test_the_noise_of_every_filter_is_normal_with_its_rms_as_unit(model: str, network: Network) -> None:
    studied = network if model == "induction" else Digits(network="cnn").load()
    degraded = WeightNoise(per="filter").degrade_one(studied, STRENGTH, 0, 0).weights
    added = {}
    for name, tensor in studied.weights.items():
        if tensor.ndim > 1:
            w, after = by_filter(tensor.double().numpy()), by_filter(degraded[name].double().numpy())
            assert len(w) == (tensor.shape[1] if tensor.ndim == 2 else tensor.shape[0])
            added[name] = ((after - w) / np.sqrt((w**2).mean(1, keepdims=True))).ravel()
    pvalues = [stats.kstest(each, "norm", (0, STRENGTH)).pvalue for each in added.values()]
    assert min(pvalues) > 0.01 / len(pvalues), "each tensor, with the level shared out"
    every = np.concatenate(list(added.values()))
    assert stats.kstest(every, "norm", (0, STRENGTH)).pvalue > 0.01
    assert (every**2).mean() == pytest.approx(STRENGTH**2, rel=4 * np.sqrt(2 / every.size))


@pytest.mark.parametrize("kind", ["transformer", "convolution"])
def test_per_filter_it_is_the_same_noise_in_other_units_and_vectors_stay(kind: str) -> None:
    network = tiny.network(kind)
    for draw, sign in ((2, 1), (3, -1)):
        degraded = WeightNoise(per="filter").degrade_one(network, STRENGTH, draw, 7).weights
        for name, tensor in network.weights.items():
            if tensor.ndim == 1:
                assert degraded[name] is tensor
                continue
            w, into = tensor.double(), 0 if tensor.ndim == 2 else (1, 2, 3)
            drawn = torch.from_numpy(normal(tuple(tensor.shape), "weight-noise", 7, 1, name)).double()
            rms = w.square().mean(into, keepdim=True).sqrt()
            torch.testing.assert_close(degraded[name].double(), w + sign * STRENGTH * rms * drawn, rtol=1e-5, atol=1e-6)


def test_a_filter_without_weights_gets_no_noise() -> None:
    network = tiny.network("perceptron")
    weights = {name: tensor.clone() for name, tensor in network.weights.items()}
    weights["hidden.0.W"][:, 2] = 0
    degraded = WeightNoise(per="filter").degrade_one(replace(network, weights=weights), STRENGTH, 0, 0).weights
    assert (degraded["hidden.0.W"][:, 2] == 0).all()
    assert (degraded["hidden.0.W"] != weights["hidden.0.W"]).sum() == weights["hidden.0.W"].numel() - len(
        weights["hidden.0.W"]
    )


def test_the_axis_says_whose_size_counts(network: Network) -> None:
    assert "each tensor" in WeightNoise().axis(network.card).title
    assert "each filter" in WeightNoise(per="filter").axis(network.card).title
