"""The contract of every intervention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from specimens import (
    brief,
    experiment_form,
    home,
    identical,
    is_one_sentence,
    loaded,
    models,
    one_of_each,
    some_data,
    state_of,
    variations,
)
from torch import Tensor

from engine import discovery
from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError, dials_of
from engine.interventions.base import Intervention
from engine.interventions.identity import Identity
from engine.measure import LazyReference, Losses, measure
from engine.models.architectures import Perceptron
from engine.models.base import Card, Model
from engine.networks.reading import examples_of
from engine.sites import Edit, State
from engine.spec import Experiment

ITEMS = 4
ROUNDING, RELATIVE = 1e-5, 1e-6
"""By how much sums in another order may move a loss: float32 rounds logits of up to 80 to about 5e-6. In float64
there is no difference.
"""

every_intervention = pytest.mark.parametrize(
    "variant", discovery.find("interventions").values(), ids=lambda each: each.name
)


def specimens(variant: type[Intervention]) -> Iterator[tuple[Intervention, Model]]:
    """The intervention with all its variations on its own model, and with its defaults on every other that it fits."""
    at_home = home("interventions", variant)
    for specimen in variations(variant, at_home.card()):
        yield brief(specimen), at_home
    for model in one_of_each():
        if model != at_home and variant.is_compatible(model.card()):
            yield brief(model.card().usual(variant)), model


def degraded(model: Model) -> Degraded:
    """A network that is not the original, so that `fit_on` makes a difference."""
    return WeightNoise().degrade_one(loaded(model), 0.1, 0, 0)


def measured(model: Model, data: Dataset, *interventions: Intervention | None) -> list[Losses]:
    """The losses of the degraded network under each intervention."""
    return measure(loaded(model), data, degraded(model), interventions)


@every_intervention
def test_it_runs_and_gives_a_finite_loss_for_every_item(variant: type[Intervention]) -> None:
    for intervention, model in specimens(variant):
        for losses in measured(model, some_data(model, ITEMS), None, intervention):
            assert losses.performance.shape == losses.behaviour.shape == (ITEMS,)
            assert np.isfinite(losses.performance).all()
            assert np.isfinite(losses.behaviour).all()


@every_intervention
def test_the_network_is_never_modified(variant: type[Intervention]) -> None:
    for intervention, model in specimens(variant):
        before = state_of(loaded(model))
        measured(model, some_data(model, ITEMS), intervention)
        assert state_of(loaded(model)) == before


@every_intervention
def test_the_run_without_it_is_not_disturbed(variant: type[Intervention]) -> None:
    for intervention, model in specimens(variant):
        data = some_data(model, ITEMS)
        alone = measured(model, data, None)[0]
        assert identical(measured(model, data, None, intervention)[0], alone)
        assert identical(measured(model, data, intervention, None)[1], alone)


@every_intervention
def test_sharing_the_prefix_gives_the_same_bits_as_running_alone(variant: type[Intervention]) -> None:
    for intervention, model in specimens(variant):
        data = some_data(model, ITEMS)
        alone = measured(model, data, intervention)[0]
        assert identical(measured(model, data, None, intervention)[1], alone)
        assert identical(measured(model, data, intervention, Identity(), None, intervention)[3], alone)


@every_intervention
def test_items_together_give_what_they_give_one_by_one(variant: type[Intervention]) -> None:
    for intervention, model in specimens(variant):
        data = some_data(model, ITEMS)
        together = measured(model, data, intervention)[0]
        for item in range(ITEMS):
            single = replace(
                data, performance=data.performance.part(item, item + 1), behaviour=data.behaviour.part(item, item + 1)
            )
            alone = measured(model, single, intervention)[0]
            assert alone.performance[0] == pytest.approx(together.performance[item], abs=ROUNDING, rel=RELATIVE)
            assert alone.behaviour[0] == pytest.approx(together.behaviour[item], abs=ROUNDING, rel=RELATIVE)


@every_intervention
def test_it_is_the_subject_of_a_sentence(variant: type[Intervention]) -> None:
    told = {}
    for intervention, model in specimens(variant):
        subject = intervention.describe()
        assert is_one_sentence(f"{subject} becomes clean.")
        assert subject[0].isupper()
        told.setdefault(model, set()).add(subject)
    assert all(subjects for subjects in told.values())


@every_intervention
def test_a_model_that_has_no_place_for_it_is_refused_in_one_sentence(
    variant: type[Intervention], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = home("interventions", variant)
    card = model.card()
    form = experiment_form("interventions", card.usual(variant), model)
    form["degrader"] = "weight-noise"
    no_parts = Perceptron(inputs=1, hidden=(), outputs=2)
    bare = card.model_copy(update={"vectors": {}, "groups": {}, "parts": {}, "architecture": no_parts})
    monkeypatch.setattr(type(model), "card", lambda _: bare)
    if variant.is_compatible(bare):
        Experiment.read(form)
        return
    with pytest.raises(InputError) as refused:
        Experiment.read(form)
    assert is_one_sentence(str(refused.value)), str(refused.value)
    assert variant.name in str(refused.value)


def test_the_identity_costs_and_does_exactly_nothing() -> None:
    model = models()[0]
    without, under = measured(model, some_data(model, ITEMS), None, Identity())
    assert (under.performance - without.performance == 0).all()
    assert (under.behaviour - without.behaviour == 0).all()
    assert identical(measured(model, some_data(model, ITEMS), Identity())[0], without), "computed apart as well"


# ---- shams -----------------------------------------------------------------------------------------------------------

NUMBERS = range(4)
WITHOUT_SHAMS = ("activation-patching", "identity")
PROJECTIONS = ("directional-ablation", "vector-ablation")
"""What they take out is as long as the activation has it; what counts is how many dimensions it has."""


def shams_of(intervention: Intervention, card: Card) -> list[Intervention]:
    """Its first shams."""
    return [sham for number in NUMBERS if (sham := intervention.sham(card, number)) is not None]


def parts_of(intervention: Intervention) -> dict[str, set[str]]:
    """What it names of the model, by the kind of parts."""
    several = [dial for dial in dials_of(type(intervention)) if dial.kind == "options" and dial.several]
    return {dial.of: set(getattr(intervention, dial.name)) for dial in several}


def changes(edit: Edit, activation: Tensor, state: State) -> Tensor:
    """What an edit adds in each place; of inputs without positions, in all places together."""
    change = edit(activation, state) - activation
    return change.flatten(1) if state["inputs"].is_floating_point() else change.flatten(2).flatten(0, 1)


def dimensions(change: Tensor) -> int:
    """Of the space that rows span."""
    return int(torch.linalg.matrix_rank(change, rtol=1e-3))


@every_intervention
def test_shams_are_other_interventions_that_the_model_takes(variant: type[Intervention]) -> None:
    for intervention, model in specimens(variant):
        card = model.card()
        shams = shams_of(intervention, card)
        assert shams == shams_of(intervention, card), "the same number is the same sham"
        distinct = {each.model_dump_json() + each.name for each in (intervention, *shams)}
        assert len(distinct) == 1 + len(shams), "each is another one, and none is what it is a sham of"
        first = [intervention.sham(card, number) for number in NUMBERS][: len(shams)]
        assert first == shams, "where there are no more, there are none later on"
        for sham in shams:
            form = experiment_form("interventions", sham, model)
            assert Experiment.from_json(Experiment.read(form).to_json()).intervention == sham


@every_intervention
def test_there_are_shams_unless_it_is_one_or_has_none(variant: type[Intervention]) -> None:
    known = [shams_of(each, model.card()) for each, model in specimens(variant)]
    assert any(known) == (variant.name not in WITHOUT_SHAMS and not variant.name.startswith("random-"))


@every_intervention
def test_a_sham_has_as_many_parts_and_none_of_the_same(variant: type[Intervention]) -> None:
    for intervention, model in specimens(variant):
        chosen = parts_of(intervention)
        for sham in shams_of(intervention, model.card()):
            others = parts_of(sham)
            assert {of: len(parts) for of, parts in others.items()} == {of: len(parts) for of, parts in chosen.items()}
            assert not any(others[of] & chosen[of] for of in chosen)
            if chosen:
                told = {dial.name for dial in dials_of(variant) if not dial.several}
                assert sham.model_dump(include=told) == intervention.model_dump(include=told)


@every_intervention
def test_a_sham_acts_at_the_same_place_and_changes_it_as_much(variant: type[Intervention]) -> None:
    """Where a direction is added or taken out. Parts lie elsewhere, and what they put out is not equally large."""
    for intervention, model in specimens(variant):
        shams = shams_of(intervention, model.card())
        if parts_of(intervention) or not shams:
            continue
        network, data = loaded(model), some_data(model, ITEMS)
        reference = LazyReference(network, degraded(model), data)
        ((site, edit),) = intervention.edits(reference).items()
        state = examples_of(data, network.device)
        activation = reference.run(state, [site], "degraded")[site]
        changed = changes(edit, activation, state)
        if not changed.any():
            continue
        by_shams = []
        for sham in shams:
            ((there, other),) = sham.edits(reference).items()
            assert there == site
            by_shams.append(changes(other, activation, state))
            if variant.name in PROJECTIONS:
                assert dimensions(by_shams[-1]) == dimensions(changed)
            else:
                torch.testing.assert_close(by_shams[-1].norm(dim=1), changed.norm(dim=1), rtol=1e-3, atol=1e-4)
        assert not any(torch.equal(one, other) for one, other in pairwise([changed, *by_shams]))
