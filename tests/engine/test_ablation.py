"""Ablations: what goes is replaced by what was announced, everything else stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.stats import chisquare
from tiny_networks import SHAPES, TRANSFORMER, alike, data, measured, network, noised, reference, run
from torch import Tensor

from engine import sites
from engine.degraders.base import Degraded
from engine.interventions.base import FitOn, Intervention
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.mlp_ablation import MlpAblation
from engine.interventions.neuron_ablation import NeuronAblation
from engine.interventions.parts import Value, _donor
from engine.interventions.random_heads import RandomHeads
from engine.measure import LazyReference
from engine.networks.reading import state_of

Make = Callable[[Value, FitOn], Intervention]
CASES: dict[str, tuple[str, Make, str, list[int]]] = {
    "heads before the last layer": (
        "transformer",
        lambda value, fit_on: HeadAblation(heads=("0.1",), value=value, fit_on=fit_on),
        sites.z(0),
        [1],
    ),
    "heads of the last layer": (
        "transformer",
        lambda value, fit_on: HeadAblation(heads=("1.1", "1.0"), value=value, fit_on=fit_on),
        sites.z(1),
        [0, 1],
    ),
    "an MLP": (
        "transformer",
        lambda value, fit_on: MlpAblation(mlps=("mlp.0",), value=value, fit_on=fit_on),
        sites.mlp_out(0),
        list(range(8)),
    ),
    "the last MLP": (
        "transformer",
        lambda value, fit_on: MlpAblation(mlps=("mlp.1",), value=value, fit_on=fit_on),
        sites.mlp_out(1),
        list(range(8)),
    ),
    "neurons of a transformer": (
        "transformer",
        lambda value, fit_on: NeuronAblation(neurons=("1.5", "1.2"), value=value, fit_on=fit_on),
        sites.mlp_post(1),
        [2, 5],
    ),
    "neurons of a perceptron": (
        "perceptron",
        lambda value, fit_on: NeuronAblation(neurons=("0.0", "0.6"), value=value, fit_on=fit_on),
        sites.hidden(0),
        [0, 6],
    ),
    "channels of a convolution": (
        "convolution",
        lambda value, fit_on: NeuronAblation(neurons=("1.1",), value=value, fit_on=fit_on),
        sites.hidden(1),
        [1],
    ),
}
every_case = pytest.mark.parametrize("case", CASES)
on_either_network = pytest.mark.parametrize("fit_on", ["degraded", "original"])


def acted(case: str, value: Value, fit_on: FitOn) -> tuple[Tensor, Tensor, Tensor, Tensor, LazyReference]:
    """What goes before and after, and the rest before and after, at the one site that an ablation has."""
    kind, make, site, chosen = CASES[case]
    degraded = noised(network(kind))
    computed_from = reference(kind, degraded)
    (where, edit), *more = make(value, fit_on).edits(computed_from).items()
    assert where == site
    assert not more
    state = run(network(kind), dict(degraded.weights), data(kind).behaviour)
    before = state[site].clone()
    after = edit(state[site], state)
    assert torch.equal(state[site], before), "an edit leaves its argument as it was"
    rest = [part for part in range(before.shape[2]) if part not in chosen]
    return before[:, :, chosen], after[:, :, chosen], before[:, :, rest], after[:, :, rest], computed_from


@every_case
@on_either_network
@pytest.mark.parametrize("value", get_args(Value))
def test_the_rest_stays_as_it_was(case: str, value: Value, fit_on: FitOn) -> None:
    gone, instead, before, after, _ = acted(case, value, fit_on)
    assert torch.equal(after, before)
    assert not torch.equal(gone, instead)


@every_case
def test_zero(case: str) -> None:
    assert not acted(case, "zero", "degraded")[1].any()


@every_case
@on_either_network
def test_the_mean_is_that_of_reference_inputs_and_places(case: str, fit_on: FitOn) -> None:
    _, _, site, chosen = CASES[case]
    _, instead, _, _, computed_from = acted(case, "mean", fit_on)
    seen = computed_from.activations(site, fit_on).double().flatten(0, 1)[:, chosen]
    torch.testing.assert_close(instead.double(), seen.mean(0).expand_as(instead), rtol=0, atol=1e-6)


@every_case
@on_either_network
def test_the_position_mean_is_that_of_reference_inputs_in_the_same_place(case: str, fit_on: FitOn) -> None:
    kind, _, site, chosen = CASES[case]
    _, instead, _, _, computed_from = acted(case, "position-mean", fit_on)
    means = computed_from.activations(site, fit_on).double()[:, :, chosen].mean(0)
    for read, activation in zip(data(kind).behaviour.read, instead.double(), strict=True):
        here = means[read] if network(kind).stage(site).slots else means
        torch.testing.assert_close(activation, here, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("kind", "one_place"), [("perceptron", True), ("convolution", False)])
def test_where_there_is_one_place_both_means_are_one(kind: str, one_place: bool) -> None:
    values: tuple[Value, ...] = ("mean", "position-mean")
    over_both, at_each = measured(kind, *(NeuronAblation(neurons=("0.0", "1.1"), value=value) for value in values))
    assert alike(over_both, at_each, 1e-5) == one_place


@every_case
@on_either_network
def test_resampled_is_what_the_same_parts_do_in_the_same_place_of_one_other_input(case: str, fit_on: FitOn) -> None:
    kind, _, site, chosen = CASES[case]
    _, instead, _, _, computed_from = acted(case, "resample", fit_on)
    others = computed_from.activations(site, fit_on)[:, :, chosen]
    items = data(kind).behaviour
    possible = []
    for item, activation in enumerate(instead):
        places = items.read[item] if network(kind).stage(site).slots else np.arange(len(activation))
        same = [donor for donor, other in enumerate(others) if torch.equal(other[places], activation)]
        assert same, "it is what one of the other inputs has there (or several, on which the parts are dead)"
        possible.append(set(same))
    assert not set.intersection(*possible), "items have different inputs"


def test_resampling_at_two_sites_takes_the_same_input() -> None:
    """So all of a circuit is seen on one other input."""
    computed_from = reference("transformer")
    edits = HeadAblation(heads=("0.0", "1.0"), value="resample").edits(computed_from)
    state = run(network("transformer"), network("transformer").weights, data("transformer").behaviour)
    found = []
    for layer, edit in enumerate(edits.values()):
        others, changed = (
            computed_from.activations(sites.z(layer), "degraded")[:, :, 0],
            edit(state[sites.z(layer)], state),
        )
        places = state["read"] if layer else torch.arange(TRANSFORMER.context).expand(len(changed), -1)
        found.append(
            [
                next(donor for donor, other in enumerate(others) if torch.equal(other[places[item]], each[:, 0]))
                for item, each in enumerate(changed)
            ]
        )
    assert found[0] == found[1]


@pytest.mark.parametrize("length", [1, 3])
def test_beyond_the_end_of_reference_inputs_their_last_place_counts(length: int) -> None:
    dataset = data("transformer")
    shorter = replace(dataset, reference=dataset.reference[:, :length])
    made = network("transformer")
    computed_from = LazyReference(made, Degraded(made.weights), shorter)
    state = run(made, made.weights, dataset.behaviour)
    edits = HeadAblation(heads=("0.0", "1.0"), value="position-mean").edits(computed_from)
    for layer, places in enumerate((torch.arange(TRANSFORMER.context).expand(7, -1), state["read"])):
        site = sites.z(layer)
        means = computed_from.activations(site, "degraded").mean(0)[:, 0]
        changed = edits[site](state[site], state)[:, :, 0]
        torch.testing.assert_close(changed, means[places.clamp(max=length - 1)], rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [1, 3])
def test_an_other_input_that_is_shorter_gives_its_last_place_beyond_its_end(length: int) -> None:
    dataset = data("transformer")
    shorter = replace(dataset, reference=dataset.reference[:, :length])
    made = network("transformer")
    computed_from = LazyReference(made, Degraded(made.weights), shorter)
    state = run(made, made.weights, dataset.behaviour)
    others = computed_from.activations(sites.z(0), "degraded")
    changed = HeadAblation(heads=("0.0",), value="resample").edits(computed_from)[sites.z(0)](state[sites.z(0)], state)
    for each in changed[:, :, 0]:
        assert any(torch.equal(other[:, 0], each[:length]) for other in others)
        assert torch.equal(each[length:], each[length - 1].expand_as(each[length:]))


def test_which_other_input_depends_on_item_and_seed_alone_and_is_uniform() -> None:
    drawn = [_donor(0, item, 7) for item in range(2000)]
    assert [_donor(0, item, 7) for item in reversed(range(2000))] == drawn[::-1]
    assert [_donor(1, item, 7) for item in range(2000)] != drawn
    assert chisquare(np.bincount(drawn, minlength=7)).pvalue > 1e-3


@pytest.mark.parametrize("value", ["position-mean", "resample"])
def test_what_is_put_in_does_not_depend_on_the_tile(value: Value) -> None:
    ablation = HeadAblation(heads=("0.1", "1.0"), value=value, resample_seed=3)
    made, dataset = network("transformer"), data("transformer")
    edits = ablation.edits(reference("transformer"))
    whole = run(made, made.weights, dataset.behaviour)
    part = run(made, made.weights, dataset.behaviour.part(3, 5))
    for site, edit in edits.items():
        torch.testing.assert_close(edit(whole[site], whole)[3:5], edit(part[site], part), rtol=0, atol=1e-6)
    assert torch.equal(state_of(dataset.behaviour.part(3, 5))["index"], torch.tensor([3, 4]))


# ---- against networks whose weights are changed instead --------------------------------------------------------------


def altered(changes: dict[str, Callable[[Tensor], Tensor]]) -> Degraded:
    weights = network("transformer").weights
    return Degraded(weights | {name: change(weights[name]) for name, change in changes.items()})


def test_a_head_at_zero_is_a_head_that_nothing_is_read_from() -> None:
    def without_second_head(matrix: Tensor) -> Tensor:
        return torch.cat([matrix[:4], torch.zeros(4, 8)])

    (under,) = measured("transformer", HeadAblation(heads=("0.1", "1.1"), value="zero"))
    changes = {f"blocks.{layer}.attn.W_O": without_second_head for layer in range(2)}
    (expected,) = measured("transformer", None, degraded=altered(changes))
    assert alike(under, expected, 1e-5)


def test_an_mlp_at_zero_is_an_mlp_that_puts_out_nothing() -> None:
    (under,) = measured("transformer", MlpAblation(mlps=("mlp.0", "mlp.1"), value="zero"))
    names = [f"blocks.{layer}.mlp.{name}" for layer in range(2) for name in ("W_out", "b_out")]
    (expected,) = measured("transformer", None, degraded=altered(dict.fromkeys(names, torch.zeros_like)))
    assert alike(under, expected, 1e-5)


def test_every_neuron_at_zero_leaves_the_bias_of_the_mlp() -> None:
    (under,) = measured("transformer", NeuronAblation(neurons=TRANSFORMER.parts["neurons"], value="zero"))
    names = [f"blocks.{layer}.mlp.W_out" for layer in range(2)]
    (expected,) = measured("transformer", None, degraded=altered(dict.fromkeys(names, torch.zeros_like)))
    assert alike(under, expected, 1e-5)


# ---- sets of parts ---------------------------------------------------------------------------------------------------


def test_one_set_of_parts_is_one_question() -> None:
    assert HeadAblation(heads=("1.0", "0.10", "0.2", "1.0")).heads == ("0.2", "0.10", "1.0")
    assert NeuronAblation(neurons=("0.1000", "0.999")).neurons == ("0.999", "0.1000")
    with pytest.raises(ValidationError, match="must name at least one head"):
        HeadAblation(heads=())
    with pytest.raises(ValidationError, match="must name at least one neuron"):
        NeuronAblation(neurons=())


def test_few_parts_are_named_and_many_are_counted() -> None:
    assert HeadAblation(heads=("0.1",)).describe() == "Ablating head 0.1 (mean)"
    assert MlpAblation(mlps=("mlp.1", "mlp.0"), value="zero").describe() == "Ablating MLPs mlp.0, mlp.1 (zero)"
    many = NeuronAblation(neurons=TRANSFORMER.parts["neurons"], value="resample")
    assert many.describe() == "Ablating 12 neurons (0.0 to 1.5) (resample)"


@pytest.mark.parametrize("kind", SHAPES)
def test_an_ablation_is_offered_where_there_is_something_to_ablate(kind: str) -> None:
    card = network(kind).card
    assert NeuronAblation.is_compatible(card)
    for variant in (HeadAblation, MlpAblation, RandomHeads):
        assert variant.is_compatible(card) == (kind == "transformer")
    attention_only = card.model_copy(update={"architecture": TRANSFORMER.model_copy(update={"d_mlp": 0})})
    assert not NeuronAblation.is_compatible(attention_only)
    assert not MlpAblation.is_compatible(attention_only)


# ---- random heads ----------------------------------------------------------------------------------------------------


def test_random_heads_are_as_many_as_asked_for_or_as_there_are() -> None:
    card = network("transformer").card
    for draw in range(20):
        sizes = [RandomHeads(count=count, draw=draw).heads(card) for count in range(1, 7)]
        assert [len(set(heads)) for heads in sizes] == [1, 2, 3, 4, 4, 4]
        assert all(larger[: len(smaller)] == smaller for smaller, larger in pairwise(sizes))
    drawn = [RandomHeads(count=1, draw=draw).heads(card)[0] for draw in range(400)]
    assert chisquare([drawn.count(head) for head in card.options("heads")]).pvalue > 1e-3


def test_random_heads_are_ablated_as_chosen_ones() -> None:
    card = network("transformer").card
    sham = RandomHeads(count=2, draw=1, value="zero")
    under, chosen = measured("transformer", sham, HeadAblation(heads=sham.heads(card), value="zero"))
    assert alike(under, chosen)
