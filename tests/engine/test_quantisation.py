"""Quantisation: 2^bits − 1 levels, each weight on one of the two next to it, on average where it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_networks as tiny
import torch
from torch import Tensor

from engine.degraders.base import Degraded, Setting
from engine.degraders.quantisation import BITS, Quantisation
from engine.dials import InputError
from engine.models.induction import Induction
from engine.networks.network import Network
from engine.randomness import generator

NEAREST, STOCHASTIC = Quantisation(), Quantisation(rounding="stochastic")
KINDS = ("transformer", "perceptron", "convolution")


def rounded(network: Network, bits: int, degrader: Quantisation, draw: int = 0, seed: int = 0) -> dict[str, Tensor]:
    return dict(degrader.degrade_one(network, 2.0 ** (1 - bits), draw, seed).weights)


def steps(network: Network, bits: int) -> dict[str, float]:
    """The distance between levels of every matrix: as many from 0 up to the largest weight as down to its opposite."""
    return {
        name: tensor.double().abs().max().item() / (2 ** (bits - 1) - 1)
        for name, tensor in network.weights.items()
        if tensor.ndim > 1
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [2, 3, 5, 8, 16])
@pytest.mark.parametrize(("degrader", "most"), [(NEAREST, 0.5), (STOCHASTIC, 1.0)])
def test_every_weight_is_on_a_level_no_further_than_it_may(
    kind: str, bits: int, degrader: Quantisation, most: float
) -> None:
    network = tiny.network(kind)
    after = rounded(network, bits, degrader)
    for name, step in steps(network, bits).items():
        w, level = network.weights[name].double(), after[name].double() / step
        assert (level - level.round()).abs().max() <= 2e-7 * 2**bits
        assert level.abs().max() <= 2 ** (bits - 1) - 1 + 2e-7 * 2**bits
        assert ((after[name].double() - w).abs().max() / step).item() <= most + 2e-7 * 2**bits
        assert len(after[name].unique()) <= 2**bits - 1
    for name, tensor in network.weights.items():
        if tensor.ndim == 1:
            assert after[name] is tensor


def test_the_nearest_level_is_that_of_a_search_over_all() -> None:
    network = tiny.network("convolution")
    for bits in (2, 4):
        after = rounded(network, bits, NEAREST)
        for name, step in steps(network, bits).items():
            levels = step * torch.arange(1 - 2 ** (bits - 1), 2 ** (bits - 1), dtype=torch.float64)
            nearest = levels[(network.weights[name].double()[..., None] - levels).abs().argmin(-1)]
            torch.testing.assert_close(after[name].double(), nearest, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("bits", [2, 4, 7])
def test_by_chance_it_goes_up_and_down_so_that_the_mean_is_right(bits: int) -> None:
    network, draws = tiny.network("perceptron"), 600
    found = [rounded(network, bits, STOCHASTIC, draw) for draw in range(draws)]
    for name, step in steps(network, bits).items():
        w = network.weights[name].double().numpy() / step
        up = w - np.floor(w)
        several = np.stack([each[name].double().numpy() for each in found]) / step
        pairs = several.reshape(draws // 2, 2, *w.shape).mean(1)
        off = pairs.mean(0) - w
        # a pair varies no more than two independent draws do: what goes up in the one rather stays down in the other
        error = np.sqrt(up * (1 - up) / draws) + 1e-6
        assert np.abs(off / error).max() < 5
        assert abs(off.sum()) < 4 * np.sqrt((error**2).sum())


def test_the_draws_of_a_pair_go_opposite_ways(network: Network) -> None:
    plus, minus = (rounded(network, 4, STOCHASTIC, draw) for draw in (0, 1))
    for name, step in steps(network, 4).items():
        w = network.weights[name].double() / step
        up = w - w.floor()
        both = (plus[name] + minus[name]).double() / step - 2 * w.floor()
        certain = (up - 0.5).abs() > 1e-4
        # below half way at most one of the two goes up, above it at least one
        assert (both[certain & (up < 0.5)].round() <= 1).all()
        assert (both[certain & (up > 0.5)].round() >= 1).all()
        assert not torch.equal(plus[name], minus[name])


def test_at_every_strength_the_same_chance_decides() -> None:
    network = tiny.network("transformer")
    for bits in (3, 6):
        after = rounded(network, bits, STOCHASTIC, draw=4, seed=9)
        for name, step in steps(network, bits).items():
            w = network.weights[name].double() / step
            chance = torch.from_numpy(generator("quantisation", 9, 2, name).random(tuple(w.shape), dtype=np.float32))
            certain = ((w - w.floor()) - chance).abs() > 1e-4
            expected = w.floor() + (w - w.floor() > chance)
            assert certain.double().mean() > 0.99
            assert torch.equal((after[name].double() / step).round()[certain], expected[certain])


def test_what_is_on_a_level_stays_there() -> None:
    network = tiny.network("perceptron")
    step = 0.25
    weights = {
        name: tensor if tensor.ndim == 1 else step * (torch.arange(tensor.numel()) % 15 - 7.0).view_as(tensor)
        for name, tensor in network.weights.items()
    }
    on_levels = replace(network, weights=weights)
    for degrader, draw in ((NEAREST, 0), (STOCHASTIC, 0), (STOCHASTIC, 1)):
        after = rounded(on_levels, 4, degrader, draw)
        assert all(torch.equal(after[name], tensor) for name, tensor in weights.items())


def test_a_matrix_of_zeros_stays_one() -> None:
    network = tiny.network("perceptron")
    zeros = replace(network, weights={name: torch.zeros_like(tensor) for name, tensor in network.weights.items()})
    for degrader in (NEAREST, STOCHASTIC):
        assert all((tensor == 0).all() for tensor in rounded(zeros, 3, degrader).values())


def test_only_one_kind_of_rounding_is_random() -> None:
    assert not NEAREST.random
    assert STOCHASTIC.random
    assert [STOCHASTIC.unit(draw) for draw in range(4)] == [0, 0, 1, 1]


def test_strengths_are_bits_on_the_axis() -> None:
    card = Induction().card()
    labels = [NEAREST.label(strength, card) for strength in NEAREST.strengths(card)]
    assert labels == ["32", *map(str, BITS)]
    assert f"{NEAREST.axis(card).name} {labels[-1]}" == "bits 2"
    assert NEAREST.canonical(0.12501, card) == 0.125
    with pytest.raises(InputError, match=r"got 0\.1 \(4\.32 bits\); the nearest is 0\.125 \(4 bits\)\."):
        NEAREST.canonical(0.1, card)


def test_draws_of_several_settings_share_their_chance() -> None:
    network = tiny.network("perceptron")
    settings = [Setting(2.0 ** (1 - bits), draw) for bits in (3, 5) for draw in (0, 1)]
    together = [each for each in STOCHASTIC.degrade(network, settings, 1) if isinstance(each, Degraded)]
    for setting, degraded in zip(settings, together, strict=True):
        alone = STOCHASTIC.degrade_one(network, setting.strength, setting.draw, 1)
        assert all(torch.equal(degraded.weights[name], alone.weights[name]) for name in network.weights)
