"""Whether chains can be trusted: made-up records, and what a flag does to a verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.chains import Chain, diagnose
from engine.strength import Criteria, Point, row


def chain(losses: np.ndarray, **changed: float | bool) -> Chain:
    known = {"n_beta": 100.0, "acceptance": 0.9, "heat": 0.1, "gap": np.nan, "diverged": False} | changed
    return Chain(losses, **{name: np.array(value) for name, value in known.items()})


@pytest.fixture
def good() -> list[Chain]:
    """Eight chains that are all of one law."""
    noise = np.random.default_rng(0).standard_normal((8, 100))
    return [chain(1 + 0.1 * row, gap=0.01 if not number else np.nan) for number, row in enumerate(noise)]


UNITS = np.arange(8) // 2


def test_good_chains_have_no_flag_and_the_coefficient_that_they_were_made_with(good: list[Chain]) -> None:
    health = diagnose(good, UNITS)
    assert not health.flag
    assert health.r_hat == pytest.approx(1.0, abs=0.02)
    assert 400 < health.effective_samples < 1500
    assert health.learning_coefficient_low < 100 < health.learning_coefficient_high
    assert health.learning_coefficient_high - health.learning_coefficient_low < 5


def test_chains_in_different_places_are_not_mixed(good: list[Chain]) -> None:
    """None of them moves, and no second chain tells: only together do they show it."""
    apart = [each._replace(losses=each.losses + 0.3 * number) for number, each in enumerate(good)]
    health = diagnose(apart, UNITS)
    assert health.r_hat > 2
    assert f"R̂ of the losses is {health.r_hat:.2f}, more than 1.2" in health.flag


def test_short_records_that_remember_some_steps_are_rarely_refused() -> None:
    """Chains of one law, each an autoregression whose memory is five steps."""
    rng, rho, refused = np.random.default_rng(3), np.exp(-1 / 5), 0
    for _ in range(60):
        shocks, state = (1 - rho**2) ** 0.5 * rng.standard_normal((100, 8)), rng.standard_normal(8)
        record = np.empty((8, 100))
        for step, shock in enumerate(shocks):
            state = rho * state + shock
            record[:, step] = 10 + state
        refused += bool(diagnose([chain(row) for row in record], UNITS).flag)
    assert refused <= 6


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"diverged": True}, "1 of 8 chains diverged"),
        ({"acceptance": 0.2}, "too coarse: acceptance is 0.2"),
        ({"acceptance": np.nan}, "too coarse"),
        ({"gap": 0.4}, "another start loses still differs by 40%"),
        ({"gap": np.inf}, "another start diverged"),
    ],
)
def test_one_bad_chain_is_enough(good: list[Chain], change: dict[str, float | bool], flag: str) -> None:
    bad = good[2]._replace(**{name: np.array(value) for name, value in change.items()})
    health = diagnose([*good[:2], bad, *good[3:]], UNITS)
    assert flag in health.flag
    assert health.flag.endswith(".")


def test_a_loss_that_moves_and_one_chain_alone_are_flagged(good: list[Chain]) -> None:
    drifting = [each._replace(losses=each.losses + np.linspace(0, 1, 100)) for each in good]
    assert "still moves" in diagnose(drifting, UNITS).flag
    assert "One chain alone" in diagnose(good[:1], UNITS[:1]).flag
    lost = [each._replace(diverged=np.array(True)) for each in good]
    assert "8 of 8 chains diverged" in diagnose(lost, UNITS).flag


def test_a_flag_forbids_clean_and_divergence_is_broken(good: list[Chain]) -> None:
    rng = np.random.default_rng(1)
    loss, effect = rng.normal(1, 0.01, (8, 64)), rng.normal(1, 0.01, (8, 64))
    values = {"loss": loss, "loss_intervened": loss + 1e-3, "behaviour": 0 * effect, "behaviour_intervened": effect}
    whole = {name: value[:1] for name, value in values.items()}
    origin = Point(0.0, *whole.values(), units=np.zeros(1, int), random=False)
    point = Point(0.1, *values.values(), units=UNITS, random=True, chains=tuple(good))
    criteria = Criteria(chance=3.0, margin=0.1)
    clean = row(point, origin, criteria, 0.1)
    assert clean.state == "clean"
    unmixed = replace(point, chains=(good[0]._replace(gap=np.array(0.5)), *good[1:]))
    flagged = row(unmixed, origin, criteria, 0.1)
    assert flagged.state == "unresolved"
    assert "Not mixed" in flagged.reason
    assert flagged.frontier == np.inf
    broken = row(replace(point, chains=(good[0]._replace(diverged=np.array(True)), *good[1:])), origin, criteria, 0.1)
    assert broken.state == "broken"
    assert "diverged" in broken.reason


def test_chains_that_batches_heat_are_flagged(good: list[Chain]) -> None:
    hot = [each._replace(heat=np.array(1.5)) for each in good]
    assert diagnose(hot, UNITS).heat == 1.5
    assert "adds 150% to the temperature" in diagnose(hot, UNITS).flag
    one = [*good[:-1], good[-1]._replace(heat=np.array(90.0))]
    assert not diagnose(one, UNITS).flag, "the ratio of small numbers may be anything once"


def test_where_chains_lose_next_to_nothing_shares_of_it_say_nothing(good: list[Chain]) -> None:
    still = [each._replace(losses=1e-4 * each.losses + np.linspace(0, 1e-4, 100)) for each in good]
    assert "still moves" not in diagnose(still, UNITS).flag


def test_what_identifies_a_chain_is_all_that_it_recorded(good: list[Chain]) -> None:
    again = good[0]._replace(losses=good[0].losses.copy())
    assert again.fingerprint == good[0].fingerprint
    rounded = good[0].losses.copy()
    rounded[-1] = np.nextafter(rounded[-1], 2)
    assert good[0]._replace(losses=rounded).fingerprint != good[0].fingerprint
    assert good[0]._replace(acceptance=np.array(0.91)).fingerprint != good[0].fingerprint
