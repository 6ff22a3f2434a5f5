"""The contract of every intervention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
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

from engine import discovery
from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError
from engine.interventions.base import Intervention
from engine.interventions.identity import Identity
from engine.measure import Losses, measure
from engine.models.architectures import Perceptron
from engine.models.base import Model
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
