"""Directions: differences of means, projections and the random directions that stand beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import beta, kstest, norm
from tiny_networks import SHAPES, alike, data, measured, network, noised, reference, run
from torch import Tensor

from engine import sites
from engine.degraders.base import Degraded
from engine.interventions.base import FitOn, Intervention
from engine.interventions.directional_ablation import DirectionalAblation
from engine.interventions.directions import covariant, mean_difference, random_like, without
from engine.interventions.mean_difference import MeanDifference
from engine.interventions.random_difference import RandomDifference
from engine.interventions.random_direction import RandomDirection
from engine.interventions.steering import Steering
from engine.interventions.vector_ablation import VectorAblation
from engine.randomness import normal

EVERYWHERE = [(kind, site) for kind, shape in SHAPES.items() for site in shape.parts["sites"]]
every_site = pytest.mark.parametrize(("kind", "site"), EVERYWHERE, ids=[" ".join(each) for each in EVERYWHERE])
every_kind = pytest.mark.parametrize("kind", SHAPES)


def shift_of(intervention: Intervention, kind: str, site: str) -> Tensor:
    """What an intervention adds to an activation, one place of it; checks that it is the same everywhere."""
    made = network(kind)
    state = run(made, made.weights, data(kind).behaviour)
    change = intervention.edits(reference(kind))[site](torch.zeros_like(state[site]), state)
    torch.testing.assert_close(change, change[:1].expand_as(change))
    if kind == "transformer":
        torch.testing.assert_close(change, change[:, :1].expand_as(change))
        return change[0, 0]
    return change[0]


def by_hand(kind: str, site: str, weights: Any) -> np.ndarray:
    """Mean over scored slots (of images: over items) of the counterparts' activations minus the items' own."""
    made, items = network(kind), data(kind).examples
    clean, corrupt = (run(made, weights, each) for each in (items, replace(items, inputs=items.corrupt)))
    changes = []
    for item, (read, scored) in enumerate(zip(items.read, items.scored, strict=True)):
        change = (corrupt[site][item] - clean[site][item]).double().numpy()
        if kind != "transformer":
            changes.append(change)
        elif made.stage(site).slots:
            changes += list(change[scored])
        else:
            changes += list(change[read[scored]])
    return np.mean(changes, axis=0)


# ---- difference of means ---------------------------------------------------------------------------------------------


@every_site
@pytest.mark.parametrize("fit_on", ["degraded", "original"])
def test_the_difference_is_corrupt_minus_clean_where_examples_are_read(kind: str, site: str, fit_on: FitOn) -> None:
    degraded = noised(network(kind))
    direction = mean_difference(reference(kind, degraded), site, fit_on)
    weights = degraded.weights if fit_on == "degraded" else network(kind).weights
    np.testing.assert_allclose(direction, by_hand(kind, site, dict(weights)), atol=1e-5)


@every_site
@pytest.mark.parametrize("coefficient", [1.0, -2.5, 0.0])
def test_steering_adds_it_everywhere(kind: str, site: str, coefficient: float) -> None:
    added = shift_of(MeanDifference(site=site, coefficient=coefficient), kind, site)
    torch.testing.assert_close(added, coefficient * mean_difference(reference(kind), site, "degraded"))


@every_kind
def test_coefficient_1_moves_the_mean_of_the_items_onto_that_of_their_counterparts(kind: str) -> None:
    site = SHAPES[kind].parts["sites"][-1]
    computed_from = reference(kind)
    clean, corrupt = (computed_from.examples(site, "degraded", world) for world in ("clean", "corrupt"))
    moved = MeanDifference(site=site).edits(computed_from)[site](clean, {})
    scored = torch.from_numpy(data(kind).examples.scored)
    if kind == "transformer":
        clean, corrupt, moved = (activation[scored] for activation in (clean, corrupt, moved))
    torch.testing.assert_close(moved.mean(0), corrupt.mean(0), rtol=0, atol=1e-5)
    assert not torch.allclose(clean.mean(0), corrupt.mean(0), atol=1e-2)


@every_kind
def test_no_dose_is_no_change(kind: str) -> None:
    site = SHAPES[kind].parts["sites"][1]
    unchanged, *under = measured(
        kind,
        None,
        MeanDifference(site=site, coefficient=0),
        RandomDifference(site=site, coefficient=0),
        RandomDirection(vector="some", coefficient=0),
        Steering(vector="some", coefficient=0),
    )
    assert all(alike(each, unchanged) for each in under)


# ---- projections -----------------------------------------------------------------------------------------------------


def projections(kind: str) -> dict[str, Intervention]:
    """Directional ablations by site."""
    return {
        **{site: DirectionalAblation(site=site) for site in SHAPES[kind].parts["sites"][1:]},
        network(kind).card.vectors["some"]: VectorAblation(vector="some"),
    }


@every_kind
def test_a_projection_is_idempotent_and_leaves_nothing_along_its_direction(kind: str) -> None:
    made, computed_from = network(kind), reference(kind)
    state = run(made, made.weights, data(kind).behaviour)
    for site, intervention in projections(kind).items():
        edit, x = intervention.edits(computed_from)[site], state[site]
        once = edit(x, state)
        torch.testing.assert_close(edit(once, state), once, rtol=0, atol=1e-5)
        supplied = isinstance(intervention, VectorAblation)
        direction = made.vectors["some"] if supplied else mean_difference(computed_from, site, "degraded")
        rows = (each.flatten(each.ndim - direction.ndim).double() for each in (x, once, x - once))
        before, after, taken = rows
        unit = (direction / direction.norm()).flatten().double()
        assert (before @ unit).abs().max() > 1e-2
        assert (after @ unit).abs().max() < 1e-5
        torch.testing.assert_close(taken, (before @ unit)[..., None] * unit, rtol=0, atol=1e-5)


@every_kind
def test_projecting_twice_measures_the_same(kind: str) -> None:
    last = SHAPES[kind].parts["sites"][-1]
    for intervention in (VectorAblation(vector="some"), DirectionalAblation(site=last, fit_on="original")):
        projected = Degraded(network(kind).weights, intervention.edits(reference(kind)))
        without, once = measured(kind, None, intervention)
        (twice,) = measured(kind, intervention, degraded=projected)
        assert alike(once, twice, 1e-5)
        assert not alike(once, without, 1e-3)


@every_kind
def test_what_was_projected_out_no_longer_tells_items_from_counterparts(kind: str) -> None:
    site = SHAPES[kind].parts["sites"][-1]
    computed_from = reference(kind)
    edit = DirectionalAblation(site=site).edits(computed_from)[site]
    clean, corrupt = (edit(computed_from.examples(site, "degraded", world), {}) for world in ("clean", "corrupt"))
    scored = torch.from_numpy(data(kind).examples.scored)
    change = corrupt - clean
    left = change[scored] if kind == "transformer" else change
    torch.testing.assert_close(left.mean(0), torch.zeros_like(left[0]), rtol=0, atol=1e-5)


def test_nothing_lies_along_a_direction_of_length_0() -> None:
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(without(x, torch.zeros(5)), x)


# ---- random directions -----------------------------------------------------------------------------------------------


def test_a_covariant_vector_has_the_covariance_of_the_rows() -> None:
    rng = np.random.default_rng(1)
    mixing = rng.standard_normal((4, 4))
    rows = torch.from_numpy(5 + rng.standard_normal((50, 4)) @ mixing).float()
    true = np.cov(rows.numpy(), rowvar=False)
    drawn = np.array([covariant(rows, "test", number).numpy() for number in range(4000)], dtype=np.float64)
    # of n normal vectors the mean square x_i·x_j has the variance (Σ_ii Σ_jj + Σ_ij²)/n (Isserlis)
    error = np.sqrt((np.outer(np.diag(true), np.diag(true)) + true**2) / len(drawn))
    assert (np.abs(drawn.T @ drawn / len(drawn) - true) < 4 * error).all()
    assert (np.abs(drawn.mean(0)) < 4 * np.sqrt(np.diag(true) / len(drawn))).all()
    along = drawn @ np.array([1.0, -2.0, 0.5, 1.0])
    spread = np.sqrt(np.array([1.0, -2.0, 0.5, 1.0]) @ true @ np.array([1.0, -2.0, 0.5, 1.0]))
    assert kstest(along / spread, norm.cdf).pvalue > 1e-3


@pytest.mark.parametrize("kind", SHAPES)
def test_a_covariant_direction_stays_where_activations_vary(kind: str) -> None:
    """The residual stream varies in few directions if few inputs are seen: no random direction leaves their span."""
    site = SHAPES[kind].parts["sites"][0]
    computed_from = reference(kind)
    like = mean_difference(computed_from, site, "degraded")
    seen = computed_from.activations(site, "degraded")
    rows = seen.flatten(seen.ndim - like.ndim).flatten(0, -2).double()
    centred = rows - rows.mean(0)
    for number in range(3):
        random = random_like(like, computed_from, site, "covariance", "degraded", number).flatten().double()
        coefficients = torch.linalg.lstsq(centred.T, random[:, None], driver="gelsd").solution
        torch.testing.assert_close((centred.T @ coefficients)[:, 0], random, rtol=0, atol=1e-5)


def test_an_isotropic_direction_has_no_preference() -> None:
    like, computed_from = torch.full((6,), 0.5), reference("transformer")
    drawn = torch.stack(
        [random_like(like, computed_from, sites.embed(), "isotropic", "original", k) for k in range(2000)]
    )
    squares = (drawn / like.norm()).square().numpy()
    for feature in range(
        6
    ):  # a coordinate of a uniform unit vector in d dimensions: its square is Beta(1/2, (d − 1)/2)
        assert kstest(squares[:, feature], beta(0.5, 2.5).cdf).pvalue > 1e-3
    assert abs(drawn.sign().mean()) < 0.05


@every_kind
@pytest.mark.parametrize("shape", ["isotropic", "covariance"])
def test_a_random_direction_is_as_long_as_what_it_stands_beside(kind: str, shape: Any) -> None:
    made = network(kind)
    for number in range(3):
        vector_site = made.card.vectors["some"]
        sham = RandomDirection(vector="some", coefficient=-2, direction=number, shape=shape)
        state = run(made, made.weights, data(kind).behaviour)
        added = sham.edits(reference(kind))[vector_site](torch.zeros_like(state[vector_site]), state)
        expected = (2 * made.vectors["some"].norm()).expand(added.shape[:2])
        torch.testing.assert_close(added.flatten(2).norm(dim=-1), expected)
        for site in SHAPES[kind].parts["sites"]:
            added = shift_of(RandomDifference(site=site, direction=number, shape=shape), kind, site)
            torch.testing.assert_close(added.norm(), mean_difference(reference(kind), site, "degraded").norm())


def test_each_number_is_another_direction() -> None:
    site = sites.resid_post(0)
    added = [shift_of(RandomDifference(site=site, direction=k), "transformer", site) for k in range(30)]
    unit = torch.stack(added) / added[0].norm()
    assert (unit @ unit.T - torch.eye(30)).abs().max() < 0.999


def test_what_random_direction_has_always_meant() -> None:
    """Its first release had no choice of shape: normal numbers for these labels, brought to the vector's length."""
    vector = network("transformer").vectors["some"].numpy()
    random = normal(vector.shape, "random-direction", 3).astype(np.float64)
    expected = 1.5 * np.linalg.norm(vector) * random / np.linalg.norm(random)
    sham = RandomDirection(vector="some", coefficient=1.5, direction=3)
    np.testing.assert_allclose(shift_of(sham, "transformer", sites.embed()), expected, atol=1e-5)


@every_kind
def test_a_vector_is_asked_for_only_where_there_is_one(kind: str) -> None:
    card = network(kind).card
    bare = card.model_copy(update={"vectors": {}})
    for variant in (Steering, VectorAblation, RandomDirection):
        assert variant.is_compatible(card)
        assert not variant.is_compatible(bare)
    assert all(each.is_compatible(bare) for each in (MeanDifference, DirectionalAblation, RandomDifference))
