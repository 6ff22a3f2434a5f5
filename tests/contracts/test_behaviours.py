"""The contract of every behaviour: data that are fixed, disjoint and scored where they say."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from specimens import home, is_one_sentence, variations

from engine import discovery
from engine.behaviours.base import Behaviour, Items
from engine.models.base import Card

every_behaviour = pytest.mark.parametrize("variant", discovery.find("behaviours").values(), ids=lambda each: each.name)

FIELDS = ("tokens", "read", "targets", "scored")


def specimens(variant: type[Behaviour]) -> Iterator[tuple[Behaviour, Card]]:
    """The behaviour with all its variations."""
    card = home("behaviours", variant).card()
    for specimen in variations(variant, card):
        yield specimen, card


@every_behaviour
def test_data_are_the_same_at_every_call(variant: type[Behaviour]) -> None:
    for behaviour, _ in specimens(variant):
        assert behaviour.data(8).fingerprint == behaviour.data(8).fingerprint
        assert behaviour.data(8).fingerprint != behaviour.data(9).fingerprint


@every_behaviour
@pytest.mark.parametrize(("few", "many"), [(1, 2), (8, 100), (255, 256), (256, 257), (100, 513)])
def test_more_items_extend_fewer(variant: type[Behaviour], few: int, many: int) -> None:
    for behaviour, _ in specimens(variant):
        some, more = behaviour.data(few), behaviour.data(many)
        assert len(some.performance) == len(some.behaviour) == few
        assert len(more.performance) == len(more.behaviour) == many
        for one, other in ((some.performance, more.performance), (some.behaviour, more.behaviour)):
            for field in FIELDS:
                np.testing.assert_array_equal(getattr(one, field), getattr(other, field)[:few])
        np.testing.assert_array_equal(some.reference, more.reference)


@every_behaviour
def test_no_sequence_is_in_two_sets_or_twice_in_one(variant: type[Behaviour]) -> None:
    for behaviour, _ in specimens(variant):
        data = behaviour.data(600)
        sequences = [
            row.tobytes()
            for tokens in (data.performance.tokens, data.behaviour.tokens, data.reference)
            for row in tokens
        ]
        assert len(set(sequences)) == len(sequences)


@every_behaviour
def test_every_item_scores_a_prediction_that_the_model_can_make(variant: type[Behaviour]) -> None:
    for behaviour, card in specimens(variant):
        data = behaviour.data(64)
        for items in (data.performance, data.behaviour):
            assert items.read.shape == items.targets.shape == items.scored.shape
            assert items.scored.any(axis=1).all()
            assert items.tokens.shape[1] <= card.architecture.context
            assert ((items.read >= 0) & (items.read < items.tokens.shape[1])).all()
            assert ((items.targets >= 0) & (items.targets < card.architecture.vocab)).all()
            assert 0 < items.chance <= math.log(card.architecture.vocab)
        assert all(behaviour.show(token) for token in range(card.architecture.vocab))


@every_behaviour
def test_no_prediction_is_scored_twice(variant: type[Behaviour]) -> None:
    for behaviour, _ in specimens(variant):
        data = behaviour.data(64)
        for items in (data.performance, data.behaviour):
            for read, scored in zip(items.read, items.scored, strict=True):
                assert len(set(read[scored])) == scored.sum()


@every_behaviour
def test_chance_is_the_least_loss_of_any_predictor_that_does_not_look(variant: type[Behaviour]) -> None:
    rng = np.random.default_rng(0)
    for behaviour, card in specimens(variant):
        for items in (behaviour.data(16).performance, behaviour.data(16).behaviour):
            frequency = _frequency(items, card.architecture.vocab)
            assert _constant_loss(items, frequency) == pytest.approx(items.chance, rel=1e-12)
            for _ in range(20):
                nearby = frequency * rng.uniform(0.5, 2, len(frequency)) + 1e-6
                assert _constant_loss(items, nearby / nearby.sum()) > items.chance


def _frequency(items: Items, vocab: int) -> np.ndarray:
    frequency = np.zeros(vocab)
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
