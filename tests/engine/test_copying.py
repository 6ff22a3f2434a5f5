"""The texts of the induction model, and which of their tokens the two sets score."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from engine.behaviours.copying import SLOTS, Copying
from engine.items import Items, items_where
from engine.models import induction
from engine.models.induction import CHAIN, COPY, FRESH, Induction

ITEMS = 300


def scored_places(items: Items) -> list[set[int]]:
    """The tokens of each item whose prediction is scored."""
    return [set((read[scored] + 1).tolist()) for read, scored in zip(items.read, items.scored, strict=True)]


def test_the_chain_is_a_chain() -> None:
    chain = induction.chain()
    assert chain.shape == (48, 48)
    np.testing.assert_allclose(chain.sum(axis=1), 1)
    assert (chain > 0).all()


def test_tokens_of_the_chain_follow_its_probabilities() -> None:
    text = induction.chain_with_names(np.random.default_rng(0), 2000)
    before, after = text.tokens[:, :-1], text.tokens[:, 1:]
    chained = text.roles[:, 1:] == CHAIN
    counts = np.zeros((48, 48))
    np.add.at(counts, (before[chained], after[chained]), 1)
    expected = counts.sum(axis=1, keepdims=True) * induction.chain()
    often = expected > 5
    # Pearson's χ² has about as many degrees of freedom as it has cells, less one a row; 5 standard deviations
    cells = often.sum() - 48
    chi_squared = (((counts - expected) ** 2)[often] / expected[often]).sum()
    assert abs(chi_squared - cells) < 5 * np.sqrt(2 * cells)


def test_a_token_of_the_chain_is_never_within_a_name_or_right_behind_one() -> None:
    text = induction.chain_with_names(np.random.default_rng(1), ITEMS)
    for tokens, roles in zip(text.tokens, text.roles, strict=True):
        copied = np.flatnonzero(roles == COPY)
        length = len(copied) + 1
        second = copied[0] - 1
        name = tokens[second : second + length]
        firsts = [start for start in range(second) if (tokens[start : start + length] == name).all()]
        assert firsts, "the name is in the text before"
        inside = {place for start in (firsts[0], second) for place in range(start, start + length + 1)}
        assert not inside & set(np.flatnonzero(roles == CHAIN).tolist())
        assert 5 <= length <= 16


def test_blocks_repeat_until_the_text_ends() -> None:
    text = induction.repeated_blocks(np.random.default_rng(2), ITEMS)
    for tokens, roles in zip(text.tokens, text.roles, strict=True):
        length = int(np.flatnonzero(roles == COPY)[0]) - 1
        assert 8 <= length <= 31
        assert (tokens[length:] == tokens[:-length]).all()
        assert (roles[: length + 1] == FRESH).all()
        assert (roles[length + 1 :] == COPY).all()


def test_performance_never_scores_a_token_of_a_repeated_passage() -> None:
    items = Copying().data(Induction(), ITEMS).performance
    text = induction.chain_with_names(np.random.default_rng([7, 0, 0]), 256)
    np.testing.assert_array_equal(items.inputs[:256], text.tokens)
    for places, roles in zip(scored_places(items), text.roles, strict=False):
        assert places <= set(np.flatnonzero(roles == CHAIN).tolist())


def test_behaviour_scores_the_first_tokens_that_can_be_copied() -> None:
    items = Copying().data(Induction(), ITEMS).behaviour
    for places, tokens in zip(scored_places(items), items.inputs, strict=True):
        length = next(lag for lag in range(1, 64) if (tokens[lag:] == tokens[:-lag]).all())
        copied = range(length + 1, 64)
        assert sorted(places) == list(copied[:SLOTS])


def test_items_where_reads_one_position_before_what_is_wanted_and_spreads_evenly() -> None:
    tokens = np.arange(20).reshape(2, 10)
    wanted = np.zeros((2, 10), dtype=bool)
    wanted[0, [2, 7]] = True
    wanted[1, 1:] = True
    items = items_where(tokens, wanted, most=3, corrupt=tokens)
    assert items.scored.tolist() == [[True, True, False], [True, True, True]]
    assert items.read[0, :2].tolist() == [1, 6]
    assert items.targets[0, :2].tolist() == [2, 7]
    assert items.read[1].tolist() == [0, 4, 8]
    assert items.targets[1].tolist() == [11, 15, 19]


def test_chance_weighs_items_not_slots() -> None:
    items = Items(
        inputs=np.zeros((2, 4), dtype=int),
        read=np.zeros((2, 2), dtype=int),
        targets=np.array([[1, 9], [2, 2]]),
        scored=np.array([[True, False], [True, True]]),
        corrupt=np.zeros((2, 4), dtype=int),
    )
    assert items.chance == pytest.approx(np.log(2)), "two items, two targets; what is not scored does not count"


@pytest.mark.parametrize("part", ["performance", "behaviour"])
def test_the_counterpart_has_nothing_left_to_copy_and_is_else_the_same(part: str) -> None:
    items: Items = getattr(Copying().data(Induction(), ITEMS), part)
    make = induction.chain_with_names if part == "performance" else induction.repeated_blocks
    text = make(np.random.default_rng([7, int(part == "behaviour"), 0]), 256)
    for tokens, corrupt, roles in zip(items.inputs, items.corrupt, text.roles, strict=False):
        copied = np.flatnonzero(roles == COPY)
        second = copied[0] - 1  # where the passage begins once more
        changed = np.flatnonzero(tokens != corrupt)
        assert len(changed) >= 5
        assert changed.max() < second
        assert (roles[changed] == FRESH).all()
        for place in copied:
            if part == "performance":
                earlier = [i for i in range(second) if (corrupt[i : i + 2] == tokens[place - 1 : place + 1]).all()]
                assert not [i for i in earlier if i in changed and i + 1 in changed and (tokens[i] == corrupt[i])]


def test_chance_with_two_answers_is_the_least_loss_of_a_constant_prediction() -> None:
    rng = np.random.default_rng(0)
    targets, also = rng.integers(5, size=(2, 40, 3))
    also = np.where(also == targets, (also + 1) % 5, also)
    scored = rng.random((40, 3)) < 0.7
    scored[:, 0] = True
    targets[~scored] = also[~scored] = 0  # what only fills up the array
    items = Items(np.zeros((40, 2), int), np.zeros((40, 3), int), targets, scored, np.zeros((40, 2), int), also)
    weight = scored / scored.sum(1, keepdims=True) / 40

    def loss(logits: np.ndarray) -> float:
        q = np.exp(logits) / np.exp(logits).sum()
        return float(-(weight * np.log(q[targets] + q[also])).sum())

    assert items.chance == pytest.approx(minimize(loss, np.zeros(5)).fun, abs=1e-6)
