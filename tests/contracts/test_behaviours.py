"""The contract of every behaviour: data that are fixed, disjoint and scored where they say."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from specimens import is_one_sentence, models, variations

from engine import discovery
from engine.behaviours.base import Behaviour
from engine.items import Items
from engine.models.architectures import Transformer
from engine.models.base import Model

every_behaviour = pytest.mark.parametrize("variant", discovery.find("behaviours").values(), ids=lambda each: each.name)

SETS = ("performance", "behaviour")


def specimens(variant: type[Behaviour]) -> Iterator[tuple[Behaviour, Model]]:
    """The behaviour with all its variations, on every network in which it exists."""
    for model in models():
        if variant.is_compatible(model):
            for specimen in variations(variant, model.card()):
                yield specimen, model


@every_behaviour
def test_it_exists_in_a_network(variant: type[Behaviour]) -> None:
    assert list(specimens(variant))


@every_behaviour
def test_data_are_the_same_at_every_call(variant: type[Behaviour]) -> None:
    for behaviour, model in specimens(variant):
        assert behaviour.data(model, 8).fingerprint == behaviour.data(model, 8).fingerprint
        assert behaviour.data(model, 8).fingerprint != behaviour.data(model, 9).fingerprint


@every_behaviour
@pytest.mark.parametrize(("few", "many"), [(1, 2), (8, 100), (255, 256), (256, 257), (100, 513)])
def test_more_items_extend_fewer_as_far_as_they_go(variant: type[Behaviour], few: int, many: int) -> None:
    for behaviour, model in specimens(variant):
        some, more = behaviour.data(model, few), behaviour.data(model, many)
        available = behaviour.available(model)
        for count, data in ((few, some), (many, more)):
            sizes = {len(data.performance), len(data.behaviour)}
            assert max(sizes) == (count if available is None else min(count, available))
            assert available is not None or sizes == {count}
        for name in SETS:
            one, other = getattr(some, name), getattr(more, name)
            assert one.arrays.keys() == other.arrays.keys()
            assert (one.among, one.metric, one.first) == (other.among, other.metric, other.first)
            for field, array in one.arrays.items():
                np.testing.assert_array_equal(array, other.arrays[field][: len(one)])
        for field, array in some.examples.arrays.items():
            np.testing.assert_array_equal(array, more.examples.arrays[field])
        np.testing.assert_array_equal(some.reference, more.reference)


@every_behaviour
def test_no_input_is_in_two_sets_or_twice_in_one(variant: type[Behaviour]) -> None:
    for behaviour, model in specimens(variant):
        data = behaviour.data(model, 600)
        inputs = [
            row.tobytes()
            for each in (data.performance.inputs, data.behaviour.inputs, data.examples.inputs)
            for row in each
        ]
        assert len(set(inputs)) == len(inputs)
        measured = {row.tobytes() for name in SETS for row in getattr(data, name).inputs}
        assert not measured & {row.tobytes() for row in data.reference}


@every_behaviour
def test_every_item_scores_an_answer_that_the_model_can_give(variant: type[Behaviour]) -> None:
    for behaviour, model in specimens(variant):
        data, shape = behaviour.data(model, 64), model.card().architecture
        for items in (data.performance, data.behaviour, data.examples):
            assert items.read.shape == items.targets.shape == items.scored.shape
            assert items.corrupt.shape == items.inputs.shape
            assert items.corrupt.dtype == items.inputs.dtype
            assert items.scored.any(axis=1).all()
            answers = [items.targets[items.scored], *([items.also[items.scored]] if items.also is not None else [])]
            for each in answers:
                assert np.isin(each, range(shape.classes) if items.among is None else items.among).all()
            if isinstance(shape, Transformer):
                assert items.inputs.shape[1] <= shape.context
                assert ((items.inputs >= 0) & (items.inputs < shape.vocab)).all()
                assert ((items.read >= 0) & (items.read < items.inputs.shape[1])).all()
            else:
                assert items.inputs.dtype == np.float32
                assert (items.read == 0).all()
        for items in (data.performance, data.behaviour):
            assert 0 <= items.chance <= math.log(shape.classes)
        assert data.performance.chance > 0
        assert data.performance.metric == "loss", "a loss delta is in nats"
        assert all(behaviour.show(model, answer) for answer in range(shape.classes))


@every_behaviour
def test_counterparts_differ_and_are_deterministic(variant: type[Behaviour]) -> None:
    for behaviour, model in specimens(variant):
        data = behaviour.data(model, 64)
        for items in (data.behaviour, data.examples):
            assert (items.inputs != items.corrupt).any(axis=1).all()


@every_behaviour
def test_counterparts_of_performance_items_keep_the_token_that_is_read(variant: type[Behaviour]) -> None:
    """What the network otherwise does must be possible in the counterpart, or patching costs whatever the circuit."""
    for behaviour, model in specimens(variant):
        items = behaviour.data(model, 64).performance
        if behaviour.view == "tokens":
            kept = np.take_along_axis(items.inputs == items.corrupt, items.read, axis=1)
            assert kept[items.scored].all()


@every_behaviour
def test_no_prediction_is_scored_twice(variant: type[Behaviour]) -> None:
    for behaviour, model in specimens(variant):
        data = behaviour.data(model, 64)
        for items in (data.performance, data.behaviour, data.examples):
            for read, scored in zip(items.read, items.scored, strict=True):
                assert len(set(read[scored])) == scored.sum()


@every_behaviour
def test_chance_is_the_least_loss_of_any_predictor_that_does_not_look(variant: type[Behaviour]) -> None:
    rng = np.random.default_rng(0)
    for behaviour, model in specimens(variant):
        data = behaviour.data(model, 16)
        for items in (data.performance, data.behaviour):
            if items.also is not None:
                continue  # two answers: see tests/engine/test_copying.py
            frequency = _frequency(items, model.card().architecture.classes)
            assert _constant_loss(items, frequency) == pytest.approx(items.chance, rel=1e-12)
            for _ in range(20):
                nearby = frequency * rng.uniform(0.5, 2, len(frequency)) + 1e-6
                assert _constant_loss(items, nearby / nearby.sum()) > items.chance


def _frequency(items: Items, classes: int) -> np.ndarray:
    frequency = np.zeros(classes)
    for targets, scored in zip(items.targets, items.scored, strict=True):
        for target in targets[scored]:
            frequency[target] += 1 / scored.sum() / len(items)
    return frequency


def _constant_loss(items: Items, prediction: np.ndarray) -> float:
    """Mean over items of the mean loss of an item, for one prediction whatever the text."""
    losses = [
        np.mean([-math.log(prediction[target]) for target in targets[scored]])
        for targets, scored in zip(items.targets, items.scored, strict=True)
    ]
    return float(np.mean(losses))


@every_behaviour
def test_its_words_are_there(variant: type[Behaviour]) -> None:
    assert is_one_sentence(f"The effect is 2 {variant.effect}.")
    assert variant.behaviour_item
    assert variant.performance_item
