"""The contract of every degrader."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise

import pytest
from specimens import (
    hashes,
    home,
    identical,
    identical_weights,
    is_one_sentence,
    loaded,
    one_of_each,
    some_data,
    state_of,
    usual,
    variations,
)

from engine import discovery
from engine.degraders.base import Degraded, Degrader
from engine.dials import InputError
from engine.measure import Losses, measure
from engine.models.base import Model
from engine.spec import MOST_STRENGTHS

ITEMS = 4

every_degrader = pytest.mark.parametrize("variant", discovery.find("degraders").values(), ids=lambda each: each.name)


def specimens(variant: type[Degrader]) -> Iterator[tuple[Degrader, Model]]:
    """The degrader with all its variations on its own model, and with its defaults on every other that it goes with."""
    at_home = home("degraders", variant)
    for specimen in variations(variant, at_home.card()):
        yield specimen, at_home
    for model in one_of_each():
        if model != at_home and variant.is_compatible(model.card()):
            yield usual(variant, model.card()), model


def some_strengths(degrader: Degrader, model: Model) -> tuple[float, ...]:
    """A small, a middle and the largest strength of the default sweep."""
    strengths = degrader.strengths(model.card())
    return strengths[1], strengths[len(strengths) // 2], strengths[-1]


def losses(model: Model, degraded: Degraded) -> Losses:
    """What a degraded network says, its edits included."""
    return measure(loaded(model), some_data(model, ITEMS), degraded, [None])[0]


@every_degrader
def test_strength_0_is_the_network_itself_bit_for_bit(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        network = loaded(model)
        for draw, seed in ((0, 0), (1, 0), (2, 5)):
            degraded = degrader.degrade(network, 0.0, draw, seed)
            assert identical_weights(dict(degraded.weights), network.weights)
            assert identical(losses(model, degraded), losses(model, Degraded(network.weights)))


@every_degrader
def test_every_other_strength_changes_what_the_network_says(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        whole = losses(model, Degraded(loaded(model).weights))
        for strength in some_strengths(degrader, model):
            assert not identical(losses(model, degrader.degrade(loaded(model), strength, 0, 0)), whole)


@every_degrader
def test_the_network_is_never_modified(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        network = loaded(model)
        before = state_of(network)
        last_checkpoint = hashes(network.checkpoint(network.card.steps[0]))
        for strength in (0.0, *some_strengths(degrader, model)):
            losses(model, degrader.degrade(network, strength, 1, 3))
        assert state_of(network) == before
        assert hashes(network.checkpoint(network.card.steps[0])) == last_checkpoint


@every_degrader
def test_a_result_depends_on_strength_draw_and_seed_alone(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        strengths = some_strengths(degrader, model)
        questions = [(strength, draw, seed) for strength in strengths for draw in range(3) for seed in (0, 1)]

        def answer(
            question: tuple[float, int, int], degrader: Degrader = degrader, model: Model = model
        ) -> tuple[dict[str, str], Losses]:
            degraded = degrader.degrade(loaded(model), *question)
            return hashes(dict(degraded.weights)), losses(model, degraded)

        expected = {question: answer(question) for question in questions}
        shuffled = random.Random(0).sample(questions, len(questions))
        with ThreadPoolExecutor(4) as pool:
            for question, (weights, said) in zip(shuffled, pool.map(answer, shuffled), strict=True):
                assert weights == expected[question][0]
                assert identical(said, expected[question][1])


@every_degrader
def test_draws_and_seeds_differ_exactly_if_the_degrader_is_random(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        strength = some_strengths(degrader, model)[1]
        said = [
            losses(model, degrader.degrade(loaded(model), strength, draw, seed)) for seed in (0, 1) for draw in range(4)
        ]
        assert all(identical(*pair) is not degrader.random for pair in combinations(said, 2))


@every_degrader
def test_default_strengths_ascend_from_0_and_are_allowed_and_told_apart(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        card = model.card()
        strengths = degrader.strengths(card)
        assert strengths[0] == 0.0
        assert 4 <= len(strengths) <= MOST_STRENGTHS
        assert all(low < high for low, high in pairwise(strengths))
        for strength in strengths:
            assert degrader.canonical(strength, card) == strength
        labels = [degrader.label(strength, card) for strength in strengths]
        assert len(set(labels)) == len(labels)
        assert all(labels)


@every_degrader
def test_a_strength_that_the_dial_does_not_reach_is_refused_in_one_sentence(variant: type[Degrader]) -> None:
    dial = variant.strength
    assert dial.low is not None
    assert dial.high is not None
    for degrader, model in specimens(variant):
        for bad in (dial.high * 1.5, 1e300, -dial.high, -1e-3, math.nan, math.inf, -math.inf):
            with pytest.raises(InputError) as refused:
                degrader.canonical(bad, model.card())
            told = str(refused.value)
            assert is_one_sentence(told), told
            assert "strength" in told
            assert variant.name in told
            assert f"{bad:g}" in told


@every_degrader
def test_the_dial_says_what_it_is(variant: type[Degrader]) -> None:
    dial = variant.strength
    assert dial.name == "strength"
    assert dial.help.endswith(".")
    assert dial.low is not None
    assert dial.high is not None
    assert dial.low <= dial.default <= dial.high
    for degrader, model in specimens(variant):
        axis = degrader.axis(model.card())
        assert axis.title
        assert axis.name


@every_degrader
def test_draws_belong_to_units_that_begin_at_0_and_never_go_back(variant: type[Degrader]) -> None:
    for degrader, _ in specimens(variant):
        units = [degrader.unit(draw) for draw in range(64)]
        assert units[0] == 0
        assert all(after - before in (0, 1) for before, after in pairwise(units))
        assert units[-1] >= 2, "draws that all share one unit decide nothing"
