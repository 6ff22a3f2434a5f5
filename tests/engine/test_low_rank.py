"""Low rank: the truncated singular value decomposition of each chosen matrix, which no matrix of that rank beats."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import pytest
import tiny_networks as tiny
import torch
from torch import Tensor

from engine.degraders import low_rank
from engine.degraders.low_rank import LowRank
from engine.dials import InputError
from engine.networks.network import Network

KINDS = ("transformer", "perceptron", "convolution")


def everything(network: Network) -> LowRank:
    return network.card.usual(LowRank)


def full_rank(degrader: LowRank, network: Network) -> int:
    return max(min(network.weights[name].flatten(1).shape) for name in degrader.matrices)


def at_rank(network: Network, rank: int, degrader: LowRank | None = None) -> dict[str, Tensor]:
    degrader = degrader or everything(network)
    return dict(degrader.degrade_one(network, 1 - rank / full_rank(degrader, network), 0, 0).weights)


@pytest.mark.parametrize("kind", KINDS)
def test_cards_name_the_matrices_of_the_weights(kind: str) -> None:
    network = tiny.network(kind)
    found = {name: tuple(tensor.shape) for name, tensor in network.weights.items() if tensor.ndim > 1}
    assert network.card.architecture.matrices == found
    assert set(network.card.options("matrices")) == set(everything(network).matrices) == set(found)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_truncation_of_the_decomposition(kind: str) -> None:
    network = tiny.network(kind)
    for rank in range(1, full_rank(everything(network), network) + 1):
        after = at_rank(network, rank)
        for name, tensor in network.weights.items():
            if tensor.ndim == 1 or min(tensor.flatten(1).shape) <= rank:
                assert after[name] is tensor, "vectors, and matrices of no greater rank"
                continue
            u, s, v = torch.linalg.svd(tensor.flatten(1).double(), full_matrices=False)
            by_hand = (u[:, :rank] @ torch.diag(s[:rank]) @ v[:rank]).view_as(tensor)
            torch.testing.assert_close(after[name].double(), by_hand, rtol=1e-5, atol=1e-6)
            assert torch.linalg.matrix_rank(after[name].flatten(1).double(), rtol=1e-5) == rank


def test_no_matrix_of_that_rank_is_nearer(network: Network) -> None:
    # Eckart–Young: the error is the root of the sum of the squares of the singular values that are left out
    for rank in (40, 12, 1):
        after = at_rank(network, rank)
        for name in everything(network).matrices:
            w = network.weights[name].double().numpy()
            left_out = np.linalg.svd(w, compute_uv=False)[rank:]
            error = np.linalg.norm(after[name].double().numpy() - w)
            assert error == pytest.approx(np.sqrt((left_out**2).sum()), rel=1e-4, abs=1e-5)


def test_only_chosen_matrices_are_truncated_and_their_own_full_rank_counts() -> None:
    network = tiny.network("perceptron")
    degrader = LowRank(matrices=("out.W",))  # 5 × 4
    assert degrader.strengths(network.card) == (0.0, 0.25, 0.5, 0.75)
    after = at_rank(network, 2, degrader)
    assert {name for name in after if after[name] is not network.weights[name]} == {"out.W"}
    assert torch.linalg.matrix_rank(after["out.W"].double(), rtol=1e-5) == 2


def test_a_kernel_is_a_matrix_into_its_channels() -> None:
    network = tiny.network("convolution")
    after = at_rank(network, 1)["hidden.1.W"]
    assert after.shape == network.weights["hidden.1.W"].shape == (2, 3, 3, 3)
    one, other = after.flatten(1)
    assert abs(torch.nn.functional.cosine_similarity(one, other, dim=0)) == pytest.approx(1, abs=1e-5)


def test_a_network_is_decomposed_once_for_all_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    decompose = torch.linalg.svd
    monkeypatch.setattr(torch.linalg, "svd", lambda *args, **kwargs: calls.append(1) or decompose(*args, **kwargs))
    network = replace(tiny.network("perceptron"))
    for rank in (3, 2, 1, 2):
        at_rank(network, rank)
    assert len(calls) == 3


def test_decompositions_go_with_their_network_and_are_never_another_ones() -> None:
    gc.collect()
    before = len(low_rank._KNOWN)
    network = replace(tiny.network("perceptron"))
    first = at_rank(network, 1)
    doubled = replace(network, weights={name: 2 * tensor for name, tensor in network.weights.items()})
    second = at_rank(doubled, 1)
    torch.testing.assert_close(second["hidden.0.W"], 2 * first["hidden.0.W"])
    assert len(low_rank._KNOWN) == before + 2
    del network, doubled
    gc.collect()
    assert len(low_rank._KNOWN) == before


def test_the_sweep_goes_from_the_full_rank_to_one(network: Network) -> None:
    degrader, card = everything(network), network.card
    strengths = degrader.strengths(card)
    ranks = [int(degrader.label(strength, card)) for strength in strengths]
    assert ranks[0] == 64
    assert ranks[-1] == 1
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) <= 17
    assert sum(rank <= 32 for rank in ranks) > len(ranks) / 2, "denser at low ranks"
    assert strengths[-1] < 1


def test_a_rank_that_is_not_whole_is_refused_with_the_nearest(network: Network) -> None:
    degrader, card = everything(network), network.card
    assert degrader.canonical(0.375001, card) == 0.375
    assert f"{degrader.axis(card).name} {degrader.label(0.375, card)}" == "rank 40"
    with pytest.raises(InputError, match=r"got 0\.38 \(rank 39\.68\); the nearest is 0\.375 \(rank 40\)\."):
        degrader.canonical(0.38, card)
    with pytest.raises(InputError, match=r"the nearest is 0\.984375 \(rank 1\)\."):
        degrader.canonical(1.0, card)
