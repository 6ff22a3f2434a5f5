"""The behaviours on handwriting: which images, in which context, scored against what."""

from __future__ import annotations

import numpy as np
import pytest

from engine.behaviours.base import Dataset
from engine.behaviours.context_steering import ContextSteering
from engine.behaviours.digit_steering import DigitSteering
from engine.behaviours.exceptions import MemorisedExceptions
from engine.items import Items
from engine.models import handwriting, planted
from engine.models.digits import Digits, exceptions
from engine.models.induction import Induction
from engine.models.planted import Planted

MEMORISED = Digits(exceptions="memorised")
CASES = [(DigitSteering(), Digits()), (MemorisedExceptions(), MEMORISED), (ContextSteering(), Planted())]
every_behaviour = pytest.mark.parametrize(("behaviour", "model"), CASES, ids=lambda each: each.name)
Case = DigitSteering | MemorisedExceptions | ContextSteering


def images_of(items: np.ndarray) -> set[bytes]:
    """The images among the inputs, without a context."""
    return {row.tobytes() for row in np.ascontiguousarray(items[:, :64])}


def digit_of() -> dict[bytes, int]:
    """The digit that every image shows."""
    return {
        row.tobytes(): int(digit)
        for part in (handwriting.training(), handwriting.held_out())
        for row, digit in zip(part.pixels, part.digits, strict=True)
    }


def shown(items: np.ndarray) -> np.ndarray:
    """The digits that inputs show."""
    known = digit_of()
    return np.array([known[row.tobytes()] for row in np.ascontiguousarray(items[:, :64])])


def sets(data: Dataset) -> tuple[Items, Items, Items]:
    return data.performance, data.behaviour, data.examples


@every_behaviour
def test_every_item_has_one_answer_read_at_position_0(behaviour: Case, model: Digits | Planted) -> None:
    for items in sets(behaviour.data(model, 100)):
        assert items.inputs.dtype == items.corrupt.dtype == np.float32
        assert items.inputs.shape == items.corrupt.shape
        assert items.read.shape == items.targets.shape == items.scored.shape == (len(items), 1)
        assert (items.read == 0).all()
        assert items.scored.all()
        assert (items.inputs != items.corrupt).any(axis=1).all()


@every_behaviour
def test_no_image_is_in_two_sets(behaviour: Case, model: Digits | Planted) -> None:
    data = behaviour.data(model, 1024)
    inputs = [*(items.inputs for items in sets(data)), data.reference]
    images = [images_of(each) for each in inputs]
    assert sum(map(len, images)) == len(set().union(*images)) == sum(map(len, inputs))


@every_behaviour
def test_what_it_measures_was_not_trained_on_unless_it_was_memorised(behaviour: Case, model: Digits | Planted) -> None:
    data, training = behaviour.data(model, 1024), images_of(handwriting.training().pixels)
    assert not images_of(data.performance.inputs) & training
    assert bool(images_of(data.behaviour.inputs) & training) == isinstance(behaviour, MemorisedExceptions)
    assert images_of(data.examples.inputs) <= training
    assert images_of(data.reference) <= training


@every_behaviour
def test_as_many_items_as_are_available_and_fewer_are_their_beginning(behaviour: Case, model: Digits | Planted) -> None:
    available = behaviour.available(model)
    assert available is not None
    every, more, some = (behaviour.data(model, items) for items in (available, available + 1, 50))
    assert every.fingerprint == more.fingerprint
    assert max(len(every.performance), len(every.behaviour)) == available
    for few, many in zip(sets(some), sets(every), strict=True):
        for name, array in few.arrays.items():
            np.testing.assert_array_equal(array, many.arrays[name][: len(few)])
    assert len(some.performance) == len(some.behaviour) == 50


def test_steering_makes_an_8_of_a_3_and_looks_at_all_other_digits() -> None:
    data = DigitSteering().data(Digits(), 1024)
    held_out = handwriting.held_out().digits
    assert len(data.behaviour) == (held_out == 3).sum()
    assert len(data.performance) == (~np.isin(held_out, (3, 8))).sum()
    for items in (data.behaviour, data.examples):
        assert items.metric == "probability"
        assert (items.targets == 8).all()
        assert (shown(items.inputs) == 3).all()
        assert (shown(items.corrupt) == 8).all()
    assert data.performance.metric == "loss"
    assert set(shown(data.performance.inputs)) == set(range(10)) - {3, 8}
    np.testing.assert_array_equal(shown(data.performance.inputs), data.performance.targets[:, 0])
    np.testing.assert_array_equal(shown(data.performance.corrupt), data.performance.targets[:, 0])
    wrong = images_of(handwriting.training().pixels[exceptions().images])
    assert not wrong & (images_of(data.examples.inputs) | images_of(data.examples.corrupt)), "rightly labelled"


def test_exceptions_are_the_images_that_the_network_saw_with_a_wrong_label() -> None:
    data = MemorisedExceptions().data(MEMORISED, 1024)
    wrong, training = exceptions(), handwriting.training()
    labels = {training.pixels[image].tobytes(): label for image, label in zip(*wrong, strict=True)}
    assert len(data.behaviour) + len(data.examples) == len(labels)
    for items in (data.behaviour, data.examples):
        assert items.metric == "loss"
        assert [labels[row.tobytes()] for row in items.inputs] == items.targets[:, 0].tolist()
        assert (shown(items.inputs) != items.targets[:, 0]).all()
        np.testing.assert_array_equal(shown(items.corrupt), shown(items.inputs))
        assert not images_of(items.corrupt) & set(labels), "the counterpart has the right label"
    np.testing.assert_array_equal(shown(data.performance.inputs), data.performance.targets[:, 0])
    np.testing.assert_array_equal(shown(data.performance.corrupt), data.performance.targets[:, 0])


def test_exceptions_exist_only_where_they_were_memorised() -> None:
    for model in Digits.every():
        assert MemorisedExceptions.is_compatible(model) == (model.exceptions == "memorised")
        assert DigitSteering.is_compatible(model)
    for behaviour, _ in CASES:
        assert not behaviour.is_compatible(Induction())
    assert ContextSteering.is_compatible(Planted())
    assert not ContextSteering.is_compatible(Digits())


def test_contexts_are_steered_from_0_to_1_and_digits_are_read_in_all_of_them() -> None:
    data = ContextSteering().data(Planted(), 1024)
    move = planted.codes()[1] - planted.codes()[0]
    for items in (data.behaviour, data.examples):
        assert items.metric == "probability"
        assert items.among == (10, 11, 12, 13)
        assert (items.targets == 11).all()
        np.testing.assert_array_equal(items.inputs[:, :64], items.corrupt[:, :64])
        np.testing.assert_allclose((items.corrupt - items.inputs)[:, 64:], np.tile(move, (len(items), 1)), atol=1e-5)
        noise = (items.inputs[:, 64:] - planted.codes()[0]) / planted.NOISE
        assert noise.std() == pytest.approx(1, abs=0.05), "in context 0"
        assert abs(noise.mean()) < 0.05
    performance = data.performance
    assert performance.metric == "loss"
    assert performance.among == tuple(range(10))
    np.testing.assert_array_equal(shown(performance.inputs), performance.targets[:, 0])
    np.testing.assert_array_equal(performance.inputs[:, :64], performance.corrupt[:, :64])
    assert set(nearest_context(performance.inputs)) == {0, 1, 2, 3}
    moved = (performance.corrupt - performance.inputs)[:, 64:]
    moves = np.roll(planted.codes(), -1, axis=0) - planted.codes()
    distance = np.abs(moved[:, None] - moves).max(-1)
    assert distance.min(axis=1).max() < 1e-5, "the same image and noise in the next context"
    assert (distance.argmin(axis=1) == nearest_context(performance.inputs)).mean() > 0.98


def nearest_context(inputs: np.ndarray) -> np.ndarray:
    """The context whose code is nearest."""
    return np.square(inputs[:, None, 64:] - planted.codes()).sum(-1).argmin(1)


def test_answers_are_shown_as_digits_and_contexts() -> None:
    assert [DigitSteering().show(Digits(), answer) for answer in (0, 9)] == ["0", "9"]
    assert MemorisedExceptions().show(MEMORISED, 4) == "4"
    assert [ContextSteering().show(Planted(), answer) for answer in (9, 10, 13)] == ["9", "context 0", "context 3"]
