"""Activation patching: with itself it changes nothing, and where all else follows from a patch it is the other run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_networks import SHAPES, TRANSFORMER, alike, data, measured, network, noised, reference, run, with_inputs

from engine import sites
from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.activation_patching import ActivationPatching
from engine.interventions.base import FitOn
from engine.items import Items
from engine.measure import Losses, measure
from engine.networks.reading import state_of

PLACES = ("every position", "positions read", "one position")
EVERYWHERE = [(kind, site) for kind, shape in SHAPES.items() for site in shape.parts["sites"]]
every_site = pytest.mark.parametrize(("kind", "site"), EVERYWHERE, ids=[" ".join(each) for each in EVERYWHERE])


def plain(kind: str, dataset: Dataset, *interventions: ActivationPatching | None) -> list[Losses]:
    made = network(kind)
    return measure(made, dataset, Degraded(made.weights), interventions)


def own_counterparts(items: Items) -> Items:
    return replace(items, corrupt=items.inputs)


def counterparts_at(items: Items, here: np.ndarray) -> np.ndarray:
    """The inputs with those of the counterparts at some positions, [item, pos]."""
    return np.where(here, items.corrupt, items.inputs)


@every_site
@pytest.mark.parametrize("at", PLACES)
def test_with_itself_as_counterpart_nothing_changes(kind: str, site: str, at: str) -> None:
    dataset = data(kind)
    dataset = replace(
        dataset, performance=own_counterparts(dataset.performance), behaviour=own_counterparts(dataset.behaviour)
    )
    patching = ActivationPatching.model_validate({"site": site, "at": at})
    without, under = plain(kind, dataset, None, patching)
    assert alike(without, under), "bit for bit"


@every_site
def test_with_another_counterpart_something_does(kind: str, site: str) -> None:
    without, under = measured(kind, None, ActivationPatching(site=site))
    assert not alike(without, under, 1e-4)


@pytest.mark.parametrize(
    ("kind", "site"),
    [
        ("transformer", sites.embed()),
        ("transformer", sites.resid_post(0)),
        ("transformer", sites.resid_post(1)),
        ("perceptron", sites.hidden(0)),
        ("perceptron", sites.hidden(1)),
        ("convolution", sites.hidden(0)),
        ("convolution", sites.hidden(1)),
    ],
)
def test_where_everything_passes_through_it_is_the_run_of_the_counterpart(kind: str, site: str) -> None:
    dataset = data(kind)
    (under,) = plain(kind, dataset, ActivationPatching(site=site))
    (expected,) = plain(kind, with_inputs(dataset, dataset.performance.corrupt, dataset.behaviour.corrupt), None)
    assert alike(under, expected, 1e-6)


@pytest.mark.parametrize("position", range(TRANSFORMER.context))
def test_one_position_of_the_embedding_is_one_token(position: int) -> None:
    dataset = data("transformer")
    here = np.arange(TRANSFORMER.context)[None] == position
    patching = ActivationPatching(site=sites.embed(), at="one position", position=position)
    (under,) = plain("transformer", dataset, patching)
    changed = [counterparts_at(items, here) for items in (dataset.performance, dataset.behaviour)]
    (expected,) = plain("transformer", with_inputs(dataset, *changed), None)
    assert alike(under, expected, 1e-6)


def test_positions_read_are_those_that_are_scored() -> None:
    dataset = data("transformer")
    changed = []
    for items in (dataset.performance, dataset.behaviour):
        here = np.zeros(items.inputs.shape, dtype=bool)
        for item, (read, scored) in enumerate(zip(items.read, items.scored, strict=True)):
            here[item, read[scored]] = True
        changed.append(counterparts_at(items, here))
    (under,) = plain("transformer", dataset, ActivationPatching(site=sites.embed(), at="positions read"))
    (expected,) = plain("transformer", with_inputs(dataset, *changed), None)
    assert alike(under, expected, 1e-6)


@pytest.mark.parametrize("site", TRANSFORMER.parts["sites"])
def test_a_position_that_no_item_has_is_not_there(site: str) -> None:
    beyond = ActivationPatching(site=site, at="one position", position=TRANSFORMER.context)
    without, under = measured("transformer", None, beyond)
    assert alike(without, under)


@pytest.mark.parametrize("site", [sites.z(1), sites.resid_post(1)])
def test_in_the_last_layer_a_position_is_a_slot_that_reads_it(site: str) -> None:
    made, items = network("transformer"), data("transformer").behaviour
    own = run(made, made.weights, items)
    other = run(made, made.weights, replace(items, inputs=items.corrupt))[site]
    position = int(items.read[0, 2])
    edit = ActivationPatching(site=site, at="one position", position=position).edits(reference("transformer"))[site]
    here = items.read == position
    assert here.any()
    assert not here.all()
    changed = edit(own[site], own)
    torch.testing.assert_close(changed[here], other[here], rtol=0, atol=1e-6)
    assert torch.equal(changed[~here], own[site][~here])


def test_a_pixel_is_a_position() -> None:
    made, items, site = network("convolution"), data("convolution").behaviour, sites.hidden(0)
    own = run(made, made.weights, items)
    other = run(made, made.weights, replace(items, inputs=items.corrupt))[site]
    edit = ActivationPatching(site=site, at="one position", position=6).edits(reference("convolution"))[site]
    changed = edit(own[site], own)
    torch.testing.assert_close(changed[:, 6], other[:, 6], rtol=0, atol=1e-6)
    elsewhere = [pixel for pixel in range(16) if pixel != 6]
    assert torch.equal(changed[:, elsewhere], own[site][:, elsewhere])


@every_site
def test_the_counterpart_is_run_by_the_network_asked_for(kind: str, site: str) -> None:
    made, items = network(kind), data(kind).behaviour
    degraded = noised(made)
    state = run(made, dict(degraded.weights), items)
    networks: dict[FitOn, sites.Weights] = {"degraded": degraded.weights, "original": made.weights}
    for fit_on, weights in networks.items():
        edit = ActivationPatching(site=site, fit_on=fit_on).edits(reference(kind, degraded))[site]
        other = run(made, dict(weights), replace(items, inputs=items.corrupt))[site]
        torch.testing.assert_close(edit(state[site], state), other, rtol=0, atol=1e-6)


def test_what_degrades_activations_acts_on_the_counterpart_too() -> None:
    made, items = network("transformer"), data("transformer").behaviour
    by_item: dict[str, list[int]] = {"index": []}

    def edit(activation: torch.Tensor, state: sites.State) -> torch.Tensor:
        by_item["index"] += state["index"].tolist()
        return 2 * activation

    degraded = Degraded(made.weights, {sites.embed(): edit})
    patch = ActivationPatching(site=sites.embed()).edits(reference("transformer", degraded))[sites.embed()]
    state = run(made, made.weights, items)
    expected = 2 * run(made, made.weights, replace(items, inputs=items.corrupt))[sites.embed()]
    torch.testing.assert_close(patch(state[sites.embed()], state), expected)
    assert by_item["index"] == state_of(items)["index"].tolist(), "it knows which items they are"


def test_it_says_where() -> None:
    patching = ActivationPatching(site=sites.embed(), at="one position", position=3)
    assert patching.describe() == "Patching blocks.0.hook_resid_pre at position 3 from the corrupt counterpart"
    assert "every position" in ActivationPatching(site=sites.embed()).describe()
