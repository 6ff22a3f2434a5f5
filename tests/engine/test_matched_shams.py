"""Shams: sets of other parts are drawn uniformly, each once; random directions match what they stand beside."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import comb
from typing import Any

import pytest
import torch
from scipy.stats import chisquare
from tiny_networks import SHAPES, data, network, reference, run

from engine.interventions.circuit import Circuit
from engine.interventions.directional_ablation import DirectionalAblation
from engine.interventions.directions import DIRECTIONS
from engine.interventions.neuron_ablation import NeuronAblation
from engine.interventions.optimised_direction import OptimisedDirection
from engine.interventions.others import others_than
from engine.interventions.random_ablation import RandomAblation
from engine.interventions.random_optimised import RandomOptimised
from engine.interventions.steering import Steering

every_kind = pytest.mark.parametrize("kind", SHAPES)
LETTERS = tuple("abcdefgh")


def test_every_set_of_others_comes_once_and_then_none() -> None:
    rest = [letter for letter in LETTERS if letter not in "bd"]
    found = [others_than(("b", "d"), LETTERS, number) for number in range(comb(6, 2))]
    assert set(found) == set(combinations(rest, 2))
    assert others_than(("b", "d"), LETTERS, comb(6, 2)) is None


def test_a_set_without_enough_others_has_none() -> None:
    assert others_than(LETTERS[:5], LETTERS, 0) is None
    assert others_than(LETTERS, LETTERS, 0) is None
    assert others_than(LETTERS[:4], LETTERS, 0) == LETTERS[4:]
    assert others_than(LETTERS[:4], LETTERS, 1) is None


def test_of_each_kind_there_are_as_many() -> None:
    every = tuple(f"{kind}{number}" for kind in "xyz" for number in range(5))
    chosen, sets = ("x0", "x1", "z3"), comb(3, 2) * comb(4, 1)
    found = [others_than(chosen, every, number, kind=lambda part: part[0]) for number in range(sets + 1)]
    assert len(set(found)) == sets + 1
    assert found[-1] is None
    for others in found[:-1]:
        assert others is not None
        assert Counter(part[0] for part in others) == {"x": 2, "z": 1}


def test_sets_of_others_are_uniform() -> None:
    """The first set, for 3,000 sets that it stands beside: each of the rest is in it equally often."""
    every = tuple(f"{number}" for number in range(3010))
    rest = every[3000:]
    firsts = [others_than((one,), (one, *rest), 0) for one in every[:3000]]
    counts = Counter(part for first in firsts if first is not None for part in first)
    assert chisquare([counts[part] for part in rest]).pvalue > 1e-3


def test_the_sets_of_millions_of_parts_are_not_enumerated() -> None:
    every = tuple(f"{number}" for number in range(5000))
    sets = {others_than(every[:100], every, number) for number in range(4)}
    assert len(sets) == 4
    assert all(each is not None and len(set(each) - set(every[:100])) == 100 for each in sets)


def test_parts_of_a_kind_stand_in_for_each_other() -> None:
    card = network("transformer").card
    layers = Circuit(components=("0.1", "mlp.0")).sham(card, 0)
    assert isinstance(layers, Circuit)
    assert "mlp.1" in layers.components
    card = network("perceptron").card
    for number in range(10):
        sham = NeuronAblation(neurons=("0.1", "1.2", "1.3")).sham(card, number)
        assert isinstance(sham, NeuronAblation)
        assert [neuron[0] for neuron in sham.neurons] == ["0", "1", "1"]


def test_there_are_as_many_directions_as_can_be_chosen() -> None:
    card = network("transformer").card
    assert Steering(vector="some").sham(card, DIRECTIONS - 1) is not None
    assert Steering(vector="some").sham(card, DIRECTIONS) is None


@every_kind
@pytest.mark.parametrize("shape", ["isotropic", "covariance"])
@pytest.mark.parametrize("extent", ["one place", "all places"])
def test_a_random_ablation_is_a_projection_of_rank_1(kind: str, shape: Any, extent: Any) -> None:
    made = network(kind)
    state = run(made, made.weights, data(kind).behaviour)
    for site in SHAPES[kind].parts["sites"]:
        sham = RandomAblation(site=site, direction=3, shape=shape, extent=extent)
        edit, x = sham.edits(reference(kind))[site], state[site]
        once = edit(x, state)
        torch.testing.assert_close(edit(once, state), once, rtol=0, atol=1e-5)
        whole = extent == "all places" and kind != "transformer"
        taken = (x - once).flatten(1) if whole else (x - once).flatten(2).flatten(0, 1)
        assert torch.linalg.matrix_rank(taken, rtol=1e-3) == 1


@every_kind
@pytest.mark.parametrize("rank", [0, 2])
def test_a_random_vector_is_as_long_as_the_fitted_change_in_every_place(kind: str, rank: int) -> None:
    made, site = network(kind), SHAPES[kind].parts["sites"][-1]
    x = run(made, made.weights, data(kind).behaviour)[site]
    fitted = OptimisedDirection(site=site, rank=rank, examples=8, steps=10, coefficient=-2)
    sham = fitted.sham(made.card, 1)
    assert isinstance(sham, RandomOptimised)
    added, instead = (each.edits(reference(kind))[site](x, {}) - x for each in (fitted, sham))
    by_place = 2 if kind == "transformer" else 1
    added, instead = (each.flatten(by_place) for each in (added, instead))
    torch.testing.assert_close(instead.norm(dim=-1), added.norm(dim=-1), rtol=1e-4, atol=1e-5)
    assert torch.nn.functional.cosine_similarity(added, instead, dim=-1).abs().max() < 0.99


def test_a_sham_of_a_projection_keeps_its_place_and_what_it_is_fitted_on() -> None:
    site = SHAPES["transformer"].parts["sites"][1]
    sham = DirectionalAblation(site=site, fit_on="original").sham(network("transformer").card, 5)
    assert sham == RandomAblation(site=site, direction=5, fit_on="original")
