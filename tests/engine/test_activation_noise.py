"""Activation noise: how large it is, what it belongs to, and what it does not depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_networks import SHAPES, data, network, run
from torch import Tensor

from engine import measure as planner
from engine import sites
from engine.bounded import Bounded
from engine.degraders import activation_noise
from engine.degraders.activation_noise import ActivationNoise
from engine.degraders.base import Degraded
from engine.interventions.activation_patching import ActivationPatching
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.identity import Identity
from engine.measure import LazyReference, Losses, measure
from engine.networks.network import Network, Training, read_everywhere
from engine.networks.reading import state_of
from engine.sites import State

KINDS = tuple(SHAPES)


def trained(kind: str) -> Network:
    """A network that was trained on its own examples."""
    return replace(network(kind), training=Training(lambda: {}, lambda _, size: (data(kind).examples.part(0, size),)))


def site_of(kind: str, number: int = 1) -> str:
    return SHAPES[kind].parts["sites"][number]


def noise_at(kind: str, site: str, state: State, strength: float = 0.5, draw: int = 0, seed: int = 0) -> Tensor:
    """What is added to an activation of zeros, as large as that of these items."""
    made = trained(kind)
    shape = LazyReference(made, Degraded(made.weights), data(kind)).run(state, [site], "original")[site].shape
    degraded = ActivationNoise(sites=(site,)).degrade_one(made, strength, draw, seed)
    return degraded.edits[site](torch.zeros(shape), state)


def alike(one: Sequence[Losses], other: Sequence[Losses], tolerance: float = 0.0) -> None:
    for losses, others in zip(one, other, strict=True):
        for a, b in zip(losses, others, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


# ---- how large it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_unit_is_the_root_mean_square_of_the_site_on_training_items(kind: str) -> None:
    state = run(trained(kind), trained(kind).weights, data(kind).examples)
    for site, scale in trained(kind).activation_scale.items():
        assert scale == pytest.approx(np.sqrt((state[site].double().numpy() ** 2).mean()), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_normal_and_in_proportion_to_the_strength(kind: str) -> None:
    site = site_of(kind)
    drawn = torch.cat(
        [noise_at(kind, site, state_of(data(kind).examples), 0.5, 2 * pair).flatten() for pair in range(9)]
    )
    scaled = drawn.numpy() / (0.5 * trained(kind).activation_scale[site])
    assert stats.kstest(scaled, "norm").pvalue > 0.01
    stronger = noise_at(kind, site, state_of(data(kind).examples), 1.5)
    torch.testing.assert_close(stronger, 3 * noise_at(kind, site, state_of(data(kind).examples), 0.5))


def test_draws_come_in_antithetic_pairs() -> None:
    site, state = site_of("transformer"), state_of(data("transformer").examples)
    even, odd, next_pair = (noise_at("transformer", site, state, draw=draw) for draw in (0, 1, 2))
    assert torch.equal(even, -odd)
    assert abs(np.corrcoef(even.flatten(), next_pair.flatten())[0, 1]) < 0.1
    assert not torch.equal(even, noise_at("transformer", site, state, seed=1))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_added_where_it_is_asked_for(kind: str) -> None:
    """A pass by hand, with the noise added to one activation."""
    made, items, site = trained(kind), data(kind).behaviour, site_of(kind)
    degraded = ActivationNoise(sites=(site,)).degrade_one(made, 0.5, 0, 0)
    state = state_of(items, "behaviour")
    expected = dict(state)
    for stage in made.stages:
        expected[stage.site] = stage.run(made.weights, expected)
        if stage.site == site:
            expected[site] = expected[site] + degraded.edits[site](torch.zeros_like(expected[site]), state)
    rows = expected[sites.LOGITS].log_softmax(-1).gather(-1, torch.from_numpy(items.targets)[..., None])[..., 0]
    scored = torch.from_numpy(items.scored)
    by_item = torch.where(scored, -rows, 0).sum(1) / scored.sum(1)
    found = measure(made, data(kind), degraded, [None])[0].behaviour
    np.testing.assert_allclose(found, by_item, atol=1e-5)


# ---- what it belongs to ----------------------------------------------------------------------------------------------


def test_each_item_of_each_set_has_its_own_at_each_site() -> None:
    state = state_of(data("transformer").examples.part(0, 4), "examples")
    drawn = [noise_at("transformer", site, state)[:, 0] for site in (sites.embed(), sites.resid_post(0))]
    drawn.append(noise_at("transformer", sites.embed(), state | {"set": state["set"] * 0})[:, 0])
    assert len({tuple(row) for row in torch.cat(drawn).tolist()}) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_reference_inputs_and_examples_have_theirs(kind: str) -> None:
    made, site = trained(kind), site_of(kind)
    degraded = ActivationNoise(sites=(site,)).degrade_one(made, 0.5, 0, 0)
    reference = LazyReference(made, degraded, data(kind))
    whole = reference.activations(site, "degraded") - reference.activations(site, "original")
    clean = reference.examples(site, "degraded", "clean") - reference.examples(site, "original", "clean")
    scale = 0.5 * made.activation_scale[site]
    for drawn in (whole, clean):
        assert drawn.std().item() == pytest.approx(scale, rel=0.3)
    assert not torch.allclose(whole.flatten()[:5], clean.flatten()[:5], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_corrupt_counterpart_has_the_noise_of_its_item(kind: str) -> None:
    made, site = trained(kind), site_of(kind)
    degraded = ActivationNoise(sites=(site,)).degrade_one(made, 0.5, 0, 0)
    reference = LazyReference(made, degraded, data(kind))
    clean, corrupt = (
        reference.examples(site, "degraded", world) - reference.examples(site, "original", world)
        for world in ("clean", "corrupt")
    )
    torch.testing.assert_close(clean, corrupt, atol=1e-5, rtol=0)
    # an item that is its own counterpart is patched with itself
    own = [replace(items, corrupt=items.inputs) for items in (data(kind).performance, data(kind).behaviour)]
    same = replace(data(kind), performance=own[0], behaviour=own[1])
    without, patched = measure(made, same, degraded, [None, ActivationPatching(site=site)])
    alike([patched], [without], tolerance=1e-6)


def test_an_intervention_that_replaces_the_activation_takes_the_noise_away() -> None:
    made, site = trained("transformer"), sites.z(0)
    every = HeadAblation(heads=("0.0", "0.1"), value="zero")
    degraded = ActivationNoise(sites=(site,)).degrade_one(made, 0.5, 0, 0)
    noisy, clean = (measure(made, data("transformer"), each, [every]) for each in (degraded, Degraded(made.weights)))
    alike(noisy, clean)


def test_with_and_without_an_intervention_it_is_the_same() -> None:
    made, site = trained("transformer"), site_of("transformer", 2)
    degraded = ActivationNoise(sites=(site,)).degrade_one(made, 0.5, 3, 1)
    without, under = measure(made, data("transformer"), degraded, [None, Identity()])
    alike([without], [under])


# ---- what it does not depend on --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 40])
def test_tiles_change_nothing(kind: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trained(kind)
    degraded = ActivationNoise(sites=SHAPES[kind].parts["sites"]).degrade_one(made, 0.5, 0, 0)
    usual = measure(made, data(kind), degraded, [None])
    monkeypatch.setattr(planner, "ROWS", rows)
    alike(measure(made, data(kind), degraded, [None]), usual, tolerance=1e-5)


@pytest.mark.parametrize("site", SHAPES["transformer"].parts["sites"])
def test_an_item_alone_or_cut_short_has_the_noise_that_it_has_among_others(site: str) -> None:
    items = data("transformer").behaviour
    together = noise_at("transformer", site, state_of(items, "behaviour"))
    for number in (0, 3):
        alone = noise_at("transformer", site, state_of(items.part(number, number + 1), "behaviour"))
        assert torch.equal(alone[0], together[number])
    if not network("transformer").stage(site).slots:
        short = state_of(items, "behaviour")
        short |= {"inputs": short["inputs"][:, :5], "read": read_everywhere(short["inputs"][:, :5])}
        assert torch.equal(noise_at("transformer", site, short), together[:, :5])


def test_noise_that_finds_no_room_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = trained("transformer")
    degraded = ActivationNoise(sites=(site_of("transformer"),)).degrade_one(made, 0.5, 0, 0)
    usual = measure(made, data("transformer"), degraded, [None])
    monkeypatch.setattr(activation_noise, "_DRAWN", Bounded(100))
    alike(measure(made, data("transformer"), degraded, [None]), usual)


def test_noise_is_drawn_once_for_all_strengths(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int | str, ...]] = []
    normal = activation_noise.normal
    monkeypatch.setattr(activation_noise, "_DRAWN", Bounded(10**8))
    monkeypatch.setattr(
        activation_noise, "normal", lambda shape, *labels: (drawn.append(labels), normal(shape, *labels))[1]
    )
    made, noise = trained("transformer"), ActivationNoise(sites=(sites.embed(),))
    for strength in (0.1, 0.2, 0.5):
        for draw in (0, 1):
            measure(made, data("transformer"), noise.degrade_one(made, strength, draw, 0), [None])
    items = len(data("transformer").performance) + len(data("transformer").behaviour)
    assert len(drawn) == len(set(drawn)) == items


def test_sites_have_one_order() -> None:
    some = ("blocks.1.hook_resid_post", "blocks.0.hook_resid_pre")
    assert ActivationNoise(sites=some) == ActivationNoise(sites=(*some[::-1], some[0]))
    with pytest.raises(ValueError, match="at least one site"):
        ActivationNoise(sites=())
