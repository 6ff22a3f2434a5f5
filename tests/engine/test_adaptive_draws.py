"""The adaptive rule: which strengths go on, and how often it claims what is not so."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.looks import undecided
from engine.strength import Criteria, Point, Row, margin_of, row

CHANCE, MARGIN, ITEMS = 4.0, 0.1, 64
SIZES = (4, 8, 16, 32)
REPEATS = 400


def point(rng: np.random.Generator, strength: float, draws: int, delta: float, by_item: np.ndarray) -> Point:
    """A strength with this true loss delta, all of the effect left, and a network that works; chance crosses."""
    ones = np.ones((draws, ITEMS))
    by_draw = 0.1 * rng.normal(size=(draws, 1)) * bool(strength)
    cost = delta + 0.1 * by_item + by_draw + 0.1 * rng.normal(size=(draws, ITEMS))
    effect = 1 + 0.01 * rng.normal(size=(1, ITEMS)) * ones
    return Point(strength, ones, ones + cost, ones, ones + effect, np.arange(draws), random=bool(strength))


def state_at_the_end(rng: np.random.Generator, delta: float, sizes: tuple[int, ...], level: float) -> str:
    """Looks at growing data until the strength is decided."""
    criteria = Criteria(CHANCE, MARGIN, alpha=level)
    by_item = rng.normal(size=ITEMS)
    origin = point(rng, 0.0, 1, 0.3, by_item)
    whole = point(rng, 1.0, sizes[-1], delta, by_item)
    judged: Row | None = None
    for draws in sizes:
        some = {
            field: getattr(whole, field)[:draws]
            for field in ("loss", "loss_intervened", "behaviour", "behaviour_intervened", "units")
        }
        judged = row(replace(whole, **some), origin, criteria, margin_of(origin, criteria))
        if not undecided([judged]):
            break
    assert judged is not None
    return judged.state


def share_clean(delta: float, sizes: tuple[int, ...], level: float) -> float:
    rng = np.random.default_rng(0)
    return float(np.mean([state_at_the_end(rng, delta, sizes, level) == "clean" for _ in range(REPEATS)]))


def test_at_the_margin_the_adaptive_rule_is_wrong_no_more_often_than_its_level() -> None:
    alpha = 0.05
    error = 2 * math.sqrt(alpha * (1 - alpha) / REPEATS)
    assert share_clean(MARGIN, SIZES, alpha / len(SIZES)) <= alpha + error


def test_looks_at_the_full_level_would_be_wrong_too_often() -> None:
    """That the simulation could fail."""
    assert share_clean(MARGIN, SIZES, 0.05) > 0.05 + 2 * math.sqrt(0.05 * 0.95 / REPEATS)


def test_it_finds_what_is_clean() -> None:
    """Power, and what it is for: the few draws of the first look would not have been enough."""
    few = share_clean(0.0, SIZES[:1], 0.05)
    assert share_clean(0.0, SIZES, 0.05 / len(SIZES)) > max(0.9, few)


def judged(state: str, strength: float = 1.0, retention: float = 0.8) -> Row:
    """A row of this state."""
    criteria = Criteria(CHANCE, MARGIN)
    origin = point(np.random.default_rng(0), 0.0, 1, 0.3, np.zeros(ITEMS))
    made = row(point(np.random.default_rng(0), 1.0, 4, 0.0, np.zeros(ITEMS)), origin, criteria, MARGIN)
    return replace(made, strength=strength, state=state, retention=retention)


def test_the_edge_of_the_regime_comes_first() -> None:
    states = ["entangled", "unresolved", "unresolved", "clean", "clean", "unresolved", "broken", "unresolved"]
    rows = [judged(state, float(strength)) for strength, state in enumerate(states)]
    assert undecided(rows) == [2, 5, 1, 7]


def test_what_more_draws_cannot_decide_is_left() -> None:
    rows = [judged("unresolved", 0.0), judged("unresolved", retention=math.nan), judged("clean"), judged("broken")]
    assert undecided(rows) == []


@pytest.mark.parametrize("states", [["unresolved", "unresolved"], ["unresolved"] * 4])
def test_without_a_regime_all_go_on_in_order(states: list[str]) -> None:
    rows = [judged(state, 1.0 + strength) for strength, state in enumerate(states)]
    assert undecided(rows) == list(range(len(states)))
