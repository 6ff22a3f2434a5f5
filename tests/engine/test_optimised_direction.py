"""The optimised competitor: it reaches its target, is fitted once, depends on its seed alone and leaves no trace."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_networks import SHAPES, alike, data, measured, network, noised, reference, run

from engine import sites
from engine.behaviours.base import Dataset
from engine.behaviours.copying import Copying
from engine.degraders.base import Degraded
from engine.interventions.optimised_direction import OptimisedDirection
from engine.measure import measure
from engine.models.induction import Induction
from engine.networks import fitting
from engine.networks.network import Network

every_kind = pytest.mark.parametrize("kind", SHAPES)


def as_examples(kind: str, **changes: Any) -> Dataset:
    """A dataset that measures on its own examples, where the effect is known: the target."""
    examples = replace(data(kind).examples, **changes)
    return replace(data(kind), examples=examples, behaviour=examples)


def effect(kind: str, dataset: Dataset, intervention: OptimisedDirection, degraded: Degraded | None = None) -> float:
    made = network(kind)
    without, under = measure(made, dataset, degraded or Degraded(made.weights), [None, intervention])
    return float((under.behaviour - without.behaviour).mean())


@every_kind
@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("target", [0.5, -0.1])
def test_it_has_the_effect_that_it_is_fitted_to_have_on_its_examples(kind: str, rank: int, target: float) -> None:
    site = SHAPES[kind].parts["sites"][-1]
    fitted = OptimisedDirection(site=site, target=target, rank=rank, examples=24, steps=100)
    assert effect(kind, as_examples(kind), fitted) == pytest.approx(target, abs=0.03)


def always_class_0(kind: str) -> Dataset:
    """A dataset of probabilities of one and the same answer, which a vector can raise as far as one likes."""
    return as_examples(kind, metric="probability", targets=np.zeros_like(data(kind).examples.targets))


@every_kind
@pytest.mark.parametrize("target", [0.3, -0.05])
def test_an_effect_on_a_probability(kind: str, target: float) -> None:
    fitted = OptimisedDirection(site=SHAPES[kind].parts["sites"][-1], target=target, examples=24, steps=300)
    assert effect(kind, always_class_0(kind), fitted) == pytest.approx(target, abs=0.02)


@pytest.mark.parametrize("target", [1.0, 10.0])
def test_a_probability_is_not_asked_to_be_1_or_more(target: float) -> None:
    made, fitted = (
        network("perceptron"),
        OptimisedDirection(site=sites.hidden(1), target=target, examples=24, steps=300),
    )
    without, under = measure(made, always_class_0("perceptron"), Degraded(made.weights), [None, fitted])
    assert without.behaviour.mean() < 0.5
    assert 0.9 < under.behaviour.mean() <= fitting.SURE


def test_what_a_vector_cannot_do_is_done_as_far_as_it_can() -> None:
    dataset, few = as_examples("perceptron"), OptimisedDirection(site=sites.hidden(1), examples=24, steps=100)
    reached = [effect("perceptron", dataset, few.model_copy(update={"target": target})) for target in (-2.0, -5.0)]
    assert reached[0] == pytest.approx(reached[1], abs=1e-3)
    assert -2.0 < reached[0] < 0


@every_kind
def test_fitted_on_the_degraded_network_it_has_its_effect_there(kind: str) -> None:
    dataset, site, degraded = as_examples(kind), SHAPES[kind].parts["sites"][-1], noised(network(kind), 0.5)
    there = OptimisedDirection(site=site, target=0.5, examples=24, steps=100, fit_on="degraded")
    fitted = effect(kind, dataset, there, degraded)
    assert fitted == pytest.approx(0.5, abs=0.03)
    frozen = there.model_copy(update={"fit_on": "original"})
    assert abs(effect(kind, dataset, frozen, degraded) - 0.5) > 2 * abs(fitted - 0.5)


def test_what_degrades_activations_is_there_when_it_is_fitted() -> None:
    site = sites.hidden(1)
    degraded = Degraded(network("perceptron").weights, {site: lambda x, _: 0.3 * x, sites.LOGITS: lambda x, _: 2 * x})
    fitted = OptimisedDirection(site=site, target=0.5, examples=24, steps=100, fit_on="degraded")
    assert effect("perceptron", as_examples("perceptron"), fitted, degraded) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("layer", [0, 1])
def test_on_the_induction_network_it_holds_for_other_items(network: Network, layer: int) -> None:
    dataset = Copying().data(Induction(), 64)
    fitted = OptimisedDirection(site=sites.resid_post(layer), target=2.0)
    without, under = measure(network, dataset, Degraded(network.weights), [None, fitted])
    assert (under.behaviour - without.behaviour).mean() == pytest.approx(2.0, rel=0.15)


# ---- what it adds ----------------------------------------------------------------------------------------------------


@every_kind
def test_rank_0_adds_one_vector_and_rank_r_a_map_of_that_rank(kind: str) -> None:
    made, site = network(kind), SHAPES[kind].parts["sites"][-1]
    state = run(made, made.weights, data(kind).behaviour)
    axes = 2 if kind == "transformer" else 1
    for rank in (0, 1, 2):
        edit = OptimisedDirection(site=site, rank=rank, steps=20).edits(reference(kind))[site]
        rows = (edit(state[site], state) - state[site]).flatten(axes).flatten(0, -2).double()
        singular = torch.linalg.svdvals(rows - rows.mean(0))
        assert (singular > 1e-4).sum() == rank
        assert rows.mean(0).norm() > 1e-2


@every_kind
def test_the_coefficient_scales_what_is_added(kind: str) -> None:
    made, site = network(kind), SHAPES[kind].parts["sites"][0]
    state = run(made, made.weights, data(kind).behaviour)
    once, thrice, never = (
        OptimisedDirection(site=site, rank=1, steps=20, coefficient=c).edits(reference(kind))[site](state[site], state)
        for c in (1.0, -3.0, 0.0)
    )
    torch.testing.assert_close(thrice - state[site], -3 * (once - state[site]), rtol=1e-4, atol=1e-4)
    assert torch.equal(never, state[site])


def test_tokens_after_the_last_that_is_read_make_no_difference() -> None:
    examples, site = data("transformer").examples, sites.embed()
    read, scored = np.full_like(examples.read[:, :1], 3), np.ones_like(examples.scored[:, :1])
    few = replace(examples, read=read, scored=scored, targets=examples.inputs[:, 4:5])
    later = few.inputs.copy()
    later[:, 4:] = 0
    goal = fitting.Goal(site, 1.0, rank=1, examples=24, steps=20, seed=0)
    one, other = (
        fitting._fit_on_original(network("transformer"), fitting.Examples(name, items), goal)
        for name, items in (("as they are", few), ("changed", replace(few, inputs=later)))
    )
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# ---- once, and without a trace ---------------------------------------------------------------------------------------


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[fitting.Goal]:
    """What is fitted, fit by fit."""
    done: list[fitting.Goal] = []
    fit = fitting.fit

    def counted(run: fitting.Run, examples: Any, goal: fitting.Goal) -> fitting.Change:
        done.append(goal)
        return fit(run, examples, goal)

    monkeypatch.setattr(fitting, "fit", counted)
    fitting._fit_on_original.cache_clear()
    return done


def test_on_the_original_it_is_fitted_once_however_many_points_ask(fits: list[fitting.Goal]) -> None:
    fitted = OptimisedDirection(site=sites.hidden(0), steps=10)
    for by in (0.0, 0.1, 0.2):
        measured("perceptron", None, fitted, degraded=noised(network("perceptron"), by))
        measured("perceptron", fitted.model_copy(update={"coefficient": 2.0}))
    fewer = replace(data("perceptron"), behaviour=data("perceptron").behaviour.part(0, 2))
    measure(network("perceptron"), fewer, Degraded(network("perceptron").weights), [fitted])
    assert len(fits) == 1, "whatever is measured, the examples are the same"
    measured("perceptron", fitted.model_copy(update={"seed": 1}))
    measure(network("perceptron", 6), data("perceptron"), Degraded(network("perceptron", 6).weights), [fitted])
    other = replace(data("perceptron"), examples=replace(data("perceptron").examples, metric="probability"))
    measure(network("perceptron"), other, Degraded(network("perceptron").weights), [fitted])
    assert len(fits) == 4, "another seed, network or example is another fit"


def test_on_the_degraded_network_it_is_fitted_each_time(fits: list[fitting.Goal]) -> None:
    fitted = OptimisedDirection(site=sites.hidden(0), steps=10, fit_on="degraded")
    one, other = (measured("perceptron", fitted, degraded=noised(network("perceptron")))[0] for _ in range(2))
    assert len(fits) == 2
    assert alike(one, other)


@every_kind
def test_the_seed_decides_everything(kind: str) -> None:
    site = SHAPES[kind].parts["sites"][-1]
    changes = []
    for seed, threads in ((0, 1), (0, 2), (1, 1)):
        fitting._fit_on_original.cache_clear()
        torch.set_num_threads(threads)
        try:
            torch.rand(1)
            (edit,) = OptimisedDirection(site=site, rank=1, seed=seed, steps=30).edits(reference(kind)).values()
            assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(1)
        state = run(network(kind), network(kind).weights, data(kind).behaviour)
        changes.append(edit(state[site], state))
    assert torch.equal(changes[0], changes[1])
    assert not torch.allclose(changes[0], changes[2], atol=1e-2)


def test_it_touches_no_global_generator_and_leaves_no_gradients(fits: list[fitting.Goal]) -> None:
    def states() -> tuple[object, ...]:
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist(), torch.is_grad_enabled()

    before = states()
    with torch.inference_mode():  # as measuring is
        edits = OptimisedDirection(site=sites.hidden(0), rank=1, steps=10).edits(reference("perceptron"))
        assert torch.is_inference_mode_enabled()
    assert states() == before
    assert len(fits) == 1
    assert not any(weight.requires_grad or weight.grad is not None for weight in network("perceptron").weights.values())
    state = run(network("perceptron"), network("perceptron").weights, data("perceptron").behaviour)
    assert not edits[sites.hidden(0)](state[sites.hidden(0)], state).requires_grad


def test_its_description_says_what_was_fitted() -> None:
    assert (
        OptimisedDirection(site="hidden.0", coefficient=2, target=0.5).describe()
        == "Adding 2 × a vector optimised at hidden.0 for an effect of 0.5"
    )
    assert "a map of rank 3" in OptimisedDirection(site="hidden.0", rank=3).describe()
