"""Magnitude pruning: so many of the smallest weights are zero, and all else is as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import tiny_networks as tiny
import torch
from torch import Tensor

from engine.degraders.pruning import Pruning
from engine.networks.network import Network

SHARES = (0.001, 0.1, 0.3, 0.5, 0.77, 0.999)
KINDS = ("transformer", "perceptron", "convolution")


def matrices(weights: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """What may be pruned, flat."""
    return {name: tensor.flatten().numpy() for name, tensor in weights.items() if tensor.ndim > 1}


def pruned(network: Network, share: float, degrader: Pruning | None = None) -> dict[str, Tensor]:
    return dict((degrader or Pruning()).degrade_one(network, share, 0, 0).weights)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", SHARES)
def test_each_matrix_loses_its_share_the_smallest_first(kind: str, share: float) -> None:
    network = tiny.network(kind)
    after = matrices(pruned(network, share))
    for name, before in matrices(network.weights).items():
        gone = after[name] == 0
        assert gone.sum() == round(share * before.size)
        assert (after[name][~gone] == before[~gone]).all()
        if gone.any() and not gone.all():
            assert abs(before[gone]).max() < abs(before[~gone]).min()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", SHARES)
def test_all_matrices_together_lose_it(kind: str, share: float) -> None:
    network = tiny.network(kind)
    after = matrices(pruned(network, share, Pruning(scope="all matrices")))
    every, left = (np.concatenate(list(each.values())) for each in (matrices(network.weights), after))
    gone = left == 0
    assert gone.sum() == round(share * every.size)
    assert (left[~gone] == every[~gone]).all()
    if gone.any() and not gone.all():
        assert abs(every[gone]).max() < abs(every[~gone]).min()


def test_together_a_matrix_of_small_weights_loses_more() -> None:
    network = tiny.network("perceptron")
    weights = {name: tensor / 1e5 if name == "hidden.1.W" else tensor for name, tensor in network.weights.items()}
    small = replace(network, weights=weights)
    share = weights["hidden.1.W"].numel() / sum(tensor.numel() for tensor in weights.values() if tensor.ndim > 1)
    together = pruned(small, share, Pruning(scope="all matrices"))
    assert (together["hidden.1.W"] == 0).all()
    assert (together["hidden.0.W"] != 0).all()
    assert (pruned(small, share)["hidden.1.W"] != 0).any()


@pytest.mark.parametrize("scope", ["each matrix", "all matrices"])
def test_what_is_gone_stays_gone_and_biases_and_norms_stay(scope: str, network: Network) -> None:
    degrader = Pruning.model_validate({"scope": scope})
    found = [pruned(network, share, degrader) for share in degrader.strengths(network.card)]
    for weaker, stronger in pairwise(found):
        for name, tensor in weaker.items():
            if tensor.ndim == 1:
                assert stronger[name] is tensor is network.weights[name]
            else:
                assert (stronger[name][tensor == 0] == 0).all()
                assert (stronger[name] == 0).sum() > (tensor == 0).sum()


@pytest.mark.parametrize("scope", ["each matrix", "all matrices"])
def test_of_equal_weights_the_first_go(scope: str) -> None:
    network = tiny.network("perceptron")
    signs = torch.tensor([1.0, -1.0]).repeat(1000)
    weights = {name: signs[: tensor.numel()].view_as(tensor) for name, tensor in network.weights.items()}
    found = pruned(replace(network, weights=weights), 0.5, Pruning.model_validate({"scope": scope}))
    flat = list(matrices(found).values())
    for each in [np.concatenate(flat)] if scope == "all matrices" else flat:
        assert (np.flatnonzero(each == 0) == np.arange(round(each.size / 2))).all()


def test_nothing_is_left_to_chance() -> None:
    assert not Pruning().random
