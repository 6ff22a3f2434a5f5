"""The contract of every degrader."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise

import pytest
import torch
from specimens import (
    brief,
    hashes,
    home,
    identical,
    identical_weights,
    is_one_sentence,
    loaded,
    one_of_each,
    some_data,
    state_of,
    variations,
)

from engine import discovery
from engine.degraders.base import Degraded, Degrader, Setting
from engine.dials import InputError
from engine.measure import Losses, measure
from engine.models.base import Model
from engine.spec import MOST_STRENGTHS

ITEMS = 4
SAMPLED = 1e-3
"""By how much a weight may differ, as a share of the largest of its tensor, if it is sampled in other company: sums in
another order round otherwise, and every step of a chain carries that on.
"""

MOST_SAMPLED = 500_000
"""Networks with more parameters take seconds for every sample, and are sampled as the others are."""

every_degrader = pytest.mark.parametrize("variant", discovery.find("degraders").values(), ids=lambda each: each.name)


def specimens(variant: type[Degrader]) -> Iterator[tuple[Degrader, Model]]:
    """The degrader with all its variations on its own model, and with its defaults on every other that it goes with."""
    at_home = home("degraders", variant)
    for specimen in dict.fromkeys(map(brief, variations(variant, at_home.card()))):
        yield specimen, at_home
    for model in one_of_each():
        if model != at_home and variant.is_compatible(model.card()):
            usual = brief(model.card().usual(variant))
            if not usual.together or model.card().metrics["parameters"] < MOST_SAMPLED:
                yield usual, model


def some_strengths(degrader: Degrader, model: Model) -> tuple[float, ...]:
    """The smallest strength of the default sweep, and one in the middle."""
    strengths = degrader.strengths(model.card())
    return strengths[1], strengths[len(strengths) // 2]


def made(degrader: Degrader, model: Model, settings: Sequence[Setting], seed: int = 0) -> list[Degraded]:
    """The networks of these settings, made together. Nones in between only say that time has passed."""
    return [each for each in degrader.degrade(loaded(model), settings, seed) if isinstance(each, Degraded)]


def one(degrader: Degrader, model: Model, strength: float, draw: int = 0, seed: int = 0) -> Degraded:
    """One degraded network, made alone."""
    (degraded,) = made(degrader, model, [Setting(strength, draw)], seed)
    return degraded


def losses(model: Model, degraded: Degraded) -> Losses:
    """What a degraded network says, its edits included."""
    return measure(loaded(model), some_data(model, ITEMS), degraded, [None])[0]


@every_degrader
def test_strength_0_is_the_network_itself_bit_for_bit(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        network = loaded(model)
        whole = losses(model, Degraded(network.weights))
        for draw, seed in ((0, 0), (1, 0), (2, 5)):
            degraded = one(degrader, model, 0.0, draw, seed)
            assert identical_weights(dict(degraded.weights), network.weights)
            assert identical(losses(model, degraded), whole)


@every_degrader
def test_every_other_strength_changes_what_the_network_says(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        network = loaded(model)
        whole = losses(model, Degraded(network.weights))
        strengths = (*some_strengths(degrader, model), degrader.strengths(model.card())[-1])
        for degraded in made(degrader, model, [Setting(strength, 0) for strength in strengths]):
            assert not identical(losses(model, degraded), whole)
            assert degraded.weights.keys() == network.weights.keys()
            for name, tensor in degraded.weights.items():
                assert (tensor.shape, tensor.dtype) == (network.weights[name].shape, torch.float32)
                assert not tensor.requires_grad


@every_degrader
def test_several_settings_at_once_are_as_one_by_one(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        strengths = some_strengths(degrader, model)
        settings = [Setting(strengths[1], 1), Setting(0.0, 0), Setting(strengths[0], 2)]
        together = made(degrader, model, settings, seed=2)
        assert len(together) == len(settings), "one for each, in their order"
        for setting, degraded in zip(settings, together, strict=True):
            alone = one(degrader, model, setting.strength, setting.draw, seed=2)
            assert degraded.edits.keys() == alone.edits.keys()
            if degrader.together and setting.strength:
                for name, tensor in alone.weights.items():
                    assert (degraded.weights[name] - tensor).abs().max() <= SAMPLED * tensor.abs().max()
            else:
                assert identical_weights(dict(degraded.weights), dict(alone.weights))
                assert not alone.edits or identical(losses(model, degraded), losses(model, alone))


@every_degrader
def test_the_network_is_never_modified(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        network = loaded(model)
        before = state_of(network)
        first_checkpoint = hashes(network.checkpoint(network.card.steps[0]))
        strengths = (0.0, *some_strengths(degrader, model))
        for degraded in made(degrader, model, [Setting(strength, 1) for strength in strengths], seed=3):
            losses(model, degraded)
        assert state_of(network) == before
        assert hashes(network.checkpoint(network.card.steps[0])) == first_checkpoint


@every_degrader
def test_a_result_depends_on_strength_draw_and_seed_alone(variant: type[Degrader]) -> None:
    for degrader, model in specimens(variant):
        strengths = some_strengths(degrader, model)
        questions = [(strengths[0], 0, 0), (strengths[1], 1, 1), (strengths[1], 1, 0), (strengths[1], 0, 0)]
        questions = questions[: 2 if degrader.together else 4]  # a sample takes its time

        def answer(
            question: tuple[float, int, int], degrader: Degrader = degrader, model: Model = model
        ) -> tuple[dict[str, str], Losses]:
            degraded = one(degrader, model, *question)
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
        draws = range(3 if degrader.together else 4)
        settings = [Setting(some_strengths(degrader, model)[1], draw) for draw in draws]
        said = [losses(model, degraded) for seed in (0, 1) for degraded in made(degrader, model, settings, seed)]
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
    for degrader, model in specimens(variant):
        dial = degrader.strength
        assert dial.low is not None
        assert dial.high is not None
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
    for degrader, model in specimens(variant):
        dial = degrader.strength
        assert dial.name == "strength"
        assert dial.help.endswith(".")
        assert dial.low is not None
        assert dial.high is not None
        assert dial.low <= dial.default <= dial.high
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
