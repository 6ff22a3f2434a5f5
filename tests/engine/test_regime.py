"""States and verdicts: named cases, error rates at the thresholds, and every verdict of a curve."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from engine.dials import InputError
from engine.intervals import Values
from engine.regime import Confirmation, Criteria, Point, Row, analyse, confirm, margin_of, row

CHANCE, MARGIN, ITEMS = 4.0, 0.1, 64
CRITERIA = Criteria(chance=CHANCE, margin=MARGIN)
ZIGZAG = np.where(np.arange(ITEMS) % 2 == 0, 1.0, -1.0)
"""Item effects with mean zero, so that a point's estimates are exactly those asked for."""


def point(
    strength: float, *, delta: float = 0.01, spread: float = 0.02, retained: float = 0.9, loss: float = 1.0
) -> Point:
    """A point without randomness: loss delta `delta` and retention `retained`, both with item spread `spread`."""
    losses = loss + 0.1 * ZIGZAG[None]
    behaviour = 0.3 * ZIGZAG[None]
    effect = (1.0 if strength == 0 else retained) + spread * ZIGZAG[None] * (strength != 0)
    return Point(
        strength, losses, losses + delta + spread * ZIGZAG, behaviour, behaviour + effect, np.arange(1), random=False
    )


KINDS = {
    "clean": {},
    "entangled": {"delta": 0.3},
    "lowered": {"delta": -0.3},
    "lost, delta gone": {"retained": 0.1},
    "lost, delta there": {"retained": 0.1, "delta": 0.3},
    "broken": {"loss": 3.9},
    "open delta": {"delta": 0.1},
    "open retention": {"retained": 0.5},
}


def curve(*kinds: str) -> list[Point]:
    """Points at strengths 0, 1, 2, ..., each of one of `KINDS`."""
    return [point(float(strength), **KINDS[kind]) for strength, kind in enumerate(kinds)]


def judged(measured: Point, criteria: Criteria = CRITERIA, origin: Point | None = None) -> Row:
    origin = origin or point(0.0, delta=0.3)
    return row(measured, origin, criteria, margin_of(origin, criteria))


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("clean", "clean", "within the margin"),
        ("entangled", "entangled", "raises the loss"),
        ("lowered", "entangled", "lowers the loss"),
        ("lost, delta gone", "effect lost", "of the effect is left"),
        ("lost, delta there", "effect lost", "of the effect is left"),
        ("broken", "broken", "beyond halfway"),
        ("open delta", "unresolved", "whether the loss delta lies within the margin"),
        ("open retention", "unresolved", "whether 50 % of the effect is left"),
    ],
)
def test_each_state_is_named_with_its_reason(kind: str, state: str, words: str) -> None:
    result = judged(point(1.0, **KINDS[kind]))
    assert result.state == state
    assert words in result.reason
    assert result.reason.endswith(".")


def test_the_first_state_that_holds_wins() -> None:
    everything_wrong = {"delta": 0.3, "retained": 0.1}
    assert judged(point(1.0, **everything_wrong, loss=3.9)).state == "broken"
    assert judged(point(1.0, **everything_wrong)).state == "effect lost"


def test_strength_zero_keeps_exactly_all_of_its_effect() -> None:
    rng, asks_for_all = np.random.default_rng(6), replace(CRITERIA, retention_min=1.0)
    for _ in range(20):  # rounding would take something off in some
        origin = point(0.0)
        origin = replace(origin, behaviour_intervened=origin.behaviour + 1 + 0.3 * rng.normal(size=(1, ITEMS)))
        result = judged(origin, asks_for_all, origin)
        assert (result.retention, result.retention_low, result.retention_high) == (1.0, 1.0, 1.0)
        assert (result.selectivity_gain, result.state) == (1.0, "clean")


def test_selectivity_gain_is_how_many_times_cleaner() -> None:
    assert judged(point(1.0, delta=0.05, retained=0.8)).selectivity_gain == pytest.approx((0.8 / 0.05) / (1.0 / 0.3))
    assert math.isnan(judged(point(1.0), origin=point(0.0, delta=0.0, spread=0.0)).selectivity_gain)


def test_default_margin_is_a_share_of_what_the_network_learned() -> None:
    assert margin_of(point(0.0, loss=1.0), Criteria(chance=4.0)) == pytest.approx(0.15)
    assert analyse(curve("clean", "clean"), Criteria(chance=4.0)).margin == pytest.approx(0.15)


def test_frontier_is_where_clean_begins() -> None:
    frontier = judged(point(1.0, delta=-0.05)).frontier
    for factor, state in ((1.001, "clean"), (0.999, "unresolved")):
        assert judged(point(1.0, delta=-0.05), Criteria(chance=CHANCE, margin=frontier * factor)).state == state
    for kind in ("broken", "lost, delta gone", "open retention"):
        assert judged(point(1.0, **KINDS[kind])).frontier == math.inf
    assert judged(point(1.0, **KINDS["entangled"])).frontier > MARGIN


def test_equivalence_agrees_with_two_one_sided_tests_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    states = set()
    for _ in range(60):
        base = point(1.0)
        measured = replace(base, loss_intervened=base.loss + rng.normal(0.05, 0.25, size=base.loss.shape))
        result = judged(measured)
        pair = measured.loss_intervened[0], measured.loss[0]
        assert (ttost_paired(*pair, -MARGIN, MARGIN)[0] < 0.05) == (result.state == "clean")
        assert ttost_paired(*pair, -result.frontier, result.frontier)[0] == pytest.approx(0.05)
        states.add(result.state)
    assert states == {"clean", "unresolved"}


def noisy(rng: np.random.Generator, delta: float, retained: float, draws: int, items: int = 48) -> tuple[Point, Point]:
    """A degraded point with that true loss delta and retention, and its strength 0; one draw means no randomness."""

    def chance(count: int) -> Values:
        shape = (draws, count)
        by_draw = 0.03 * rng.normal(size=(draws, 1)) if draws > 1 else 0.0
        return 0.1 * rng.normal(size=count) + by_draw + 0.1 * rng.normal(size=shape)

    losses, behaviour = np.ones((draws, items)), np.zeros((draws, items))
    effect_0 = 1.0 + 0.3 * rng.normal(size=(1, items))
    origin = Point(0.0, losses[:1], losses[:1] + 0.3, behaviour[:1], effect_0, np.arange(1), random=False)
    effect = retained * effect_0 + chance(items)
    intervened = losses + delta + chance(items)
    return Point(1.0, losses, intervened, behaviour, behaviour + effect, np.arange(draws), random=draws > 1), origin


@pytest.mark.parametrize("draws", [1, 8])
@pytest.mark.parametrize(
    ("delta", "retained"), [(MARGIN, 1.0), (-MARGIN, 1.0), (0.0, 0.5), (MARGIN, 0.5)], ids=["+ε", "−ε", "R_min", "both"]
)
def test_at_the_threshold_a_false_clean_is_no_more_frequent_than_alpha(
    delta: float, retained: float, draws: int
) -> None:
    rng, repeats = np.random.default_rng(1), 600
    clean = sum(judged(*_with_origin(noisy(rng, delta, retained, draws))).state == "clean" for _ in range(repeats))
    assert clean / repeats <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)


@pytest.mark.parametrize("draws", [1, 8])
def test_well_within_the_thresholds_clean_is_found(draws: int) -> None:
    rng = np.random.default_rng(2)
    found = [judged(*_with_origin(noisy(rng, 0.0, 0.9, draws))).state for _ in range(100)]
    assert found.count("clean") >= 80


def _with_origin(points: tuple[Point, Point]) -> tuple[Point, Criteria, Point]:
    return points[0], CRITERIA, points[1]


def test_identity_costs_nothing_does_nothing_and_is_never_clean() -> None:
    points = [
        replace(each, loss_intervened=each.loss, behaviour_intervened=each.behaviour) for each in curve(*["clean"] * 3)
    ]
    result = analyse(points, CRITERIA)
    for each in result.rows:
        assert (each.loss_delta, each.loss_delta_low, each.loss_delta_high) == (0.0, 0.0, 0.0)
        assert (each.effect, each.effect_low, each.effect_high) == (0.0, 0.0, 0.0)
        assert (each.state, each.reason[:19]) == ("unresolved", "No effect to retain")
        assert math.isnan(each.retention)
        assert math.isnan(each.selectivity_gain)
    assert result.verdict.name == "unresolved"


def test_an_effect_within_chance_of_zero_is_nothing_to_retain() -> None:
    origin = point(0.0)
    origin = replace(origin, behaviour_intervened=origin.behaviour + 0.001 + ZIGZAG)
    result = judged(point(1.0), origin=origin)
    assert result.state == "unresolved"
    assert "No effect to retain" in result.reason
    assert (result.retention_low, result.retention_high) == (-math.inf, math.inf)


def test_two_draws_are_few_but_do_not_deny_the_effect() -> None:
    rng = np.random.default_rng(3)
    measured, origin = noisy(rng, 0.0, 0.9, draws=2)
    shaky = 0.9 * origin.behaviour_intervened + np.array([[0.8], [-0.8]])
    result = judged(replace(measured, behaviour_intervened=shaky), origin=origin)
    assert result.state == "unresolved"
    assert "draws would decide" in result.reason


def test_at_chance_everything_is_broken_whatever_the_loss_delta() -> None:
    points = [point(0.0), *(point(strength, loss=CHANCE, delta=0.0, spread=0.0) for strength in (1.0, 2.0))]
    result = analyse(points, CRITERIA)
    assert [each.state for each in result.rows] == ["clean", "broken", "broken"]
    assert result.verdict.name == "saturated"
    assert result.verdict.clean_at_zero
    assert result.verdict.regime is None


def test_a_margin_that_a_broken_network_would_keep_says_nothing() -> None:
    """Chance is 4 and the network loses 1: from 2.5 on a network is broken, 1.5 nats above."""
    wide, narrow = (
        analyse(curve("entangled", "clean", "clean"), Criteria(chance=4.0, margin=each)) for each in (1.51, 1.49)
    )
    assert narrow.verdict.name == "clean throughout"
    assert wide.verdict.name == "unresolved"
    assert {each.state for each in wide.rows} == {"unresolved"}
    assert "wider than the 1.5 " in wide.rows[1].reason


@pytest.mark.parametrize("margin", [None, MARGIN])
@pytest.mark.parametrize("loss", [CHANCE, CHANCE + 1])
def test_a_network_that_knows_nothing_is_broken_everywhere(loss: float, margin: float | None) -> None:
    points = [point(0.0, loss=loss), point(1.0, loss=loss), point(2.0)]
    result = analyse(points, Criteria(chance=CHANCE, margin=margin))
    assert {each.state for each in result.rows} == {"broken"}
    assert all("no better than chance" in each.reason for each in result.rows)
    assert result.verdict.name == "saturated"
    assert confirm(points, Criteria(chance=CHANCE, margin=margin)).index is None


def test_a_network_that_may_know_nothing_is_not_clean() -> None:
    origin = point(0.0)
    origin = replace(origin, loss=origin.loss + 20 * ZIGZAG, loss_intervened=origin.loss_intervened + 20 * ZIGZAG)
    assert judged(origin, origin=origin).state == "unresolved"


@pytest.mark.parametrize("loss", [2.4, 2.6])
def test_a_loss_that_may_lie_on_either_side_of_halfway_is_neither_clean_nor_broken(loss: float) -> None:
    measured = point(1.0, loss=loss)
    spread = replace(measured, loss=measured.loss + ZIGZAG, loss_intervened=measured.loss_intervened + ZIGZAG)
    assert judged(measured).state == ("clean" if loss < 2.5 else "broken")
    assert judged(spread).state == "unresolved"
    assert "whether the network still works" in judged(spread).reason
    assert judged(spread).frontier == math.inf


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("fields", [("loss", "loss_intervened"), ("loss_intervened",), ("behaviour",)])
def test_what_is_not_finite_is_broken(fields: tuple[str, ...], bad: float) -> None:
    measured = point(1.0)
    spoiled = {field: getattr(measured, field).copy() for field in fields}
    for values in spoiled.values():
        values[0, 3] = bad
    result = judged(replace(measured, **spoiled))
    assert result.state == "broken"
    assert "not finite" in result.reason
    assert result.frontier == math.inf
    estimates = [result.degraded_loss, result.loss_delta, result.effect]
    assert any(math.isnan(each) for each in estimates)


def test_an_undegraded_network_that_is_not_finite_is_broken_everywhere() -> None:
    origin = point(0.0)
    points = [replace(origin, loss=np.full_like(origin.loss, math.nan)), point(1.0)]
    result = analyse(points, Criteria(chance=CHANCE))
    assert [each.state for each in result.rows] == ["broken", "broken"]
    assert math.isnan(result.margin)
    assert confirm(points, Criteria(chance=CHANCE)).index is None


@pytest.mark.parametrize("draws", [1, 2])
def test_one_independent_draw_cannot_tell(draws: int) -> None:
    measured = point(1.0)
    values = {field: np.repeat(getattr(measured, field), draws, axis=0) for field in FIELDS}
    result = judged(replace(measured, **values, units=np.zeros(draws, dtype=int), random=True))
    assert (result.state, result.draws) == ("unresolved", draws)
    assert "One independent draw cannot tell" in result.reason
    assert result.loss_delta == pytest.approx(0.01)
    assert (result.loss_delta_low, result.retention_high, result.frontier) == (-math.inf, math.inf, math.inf)


FIELDS = ("loss", "loss_intervened", "behaviour", "behaviour_intervened")


@pytest.mark.parametrize(("fields", "word"), [(FIELDS[:2], "performance"), (FIELDS[2:], "behaviour")])
def test_one_item_cannot_tell(fields: tuple[str, ...], word: str) -> None:
    points = [
        replace(each, **{field: getattr(each, field)[:, :1] for field in fields}) for each in curve("clean", "clean")
    ]
    result = analyse(points, CRITERIA)
    assert [each.state for each in result.rows] == ["unresolved", "unresolved"]
    assert all(f"One {word} item cannot tell" in each.reason for each in result.rows)
    assert confirm(points, CRITERIA).index is None


def test_constant_values_have_intervals_without_width() -> None:
    def constant(strength: float, delta: float) -> Point:
        draws, random = (4, True) if strength else (1, False)
        ones = np.ones((draws, 8))
        return Point(strength, ones, ones + delta, ones, ones * 3, np.arange(draws), random=random)

    rows = analyse([constant(0.0, 0.5), constant(1.0, 0.0), constant(2.0, 0.5)], CRITERIA).rows
    assert [each.state for each in rows] == ["entangled", "clean", "entangled"]
    assert (rows[1].loss_delta_low, rows[1].loss_delta_high) == (0.0, 0.0)
    assert rows[1].retention_low == pytest.approx(1.0)
    assert rows[1].selectivity_gain == math.inf


def test_a_behaviour_set_of_another_size_and_a_negative_effect_are_fine() -> None:
    points = [
        replace(each, behaviour=each.behaviour[:, :10], behaviour_intervened=-each.behaviour_intervened[:, :10])
        for each in (replace(each, behaviour=-each.behaviour) for each in curve("clean", "clean"))
    ]
    rows = analyse(points, CRITERIA).rows
    assert rows[1].effect == pytest.approx(-0.9)
    assert rows[1].retention == pytest.approx(0.9)
    assert [each.state for each in rows] == ["clean", "clean"]


def half(spread: float) -> float:
    """Half the interval of 64 items that lie `spread` above and below: t at 63 degrees of freedom is 1.669."""
    return 1.669 * spread / math.sqrt(ITEMS - 1)


# Half an interval has to shrink to half of itself: four times the items, less what t shrinks. To a third: nine times.
@pytest.mark.parametrize(
    ("effects", "words"),
    [
        ({"delta": MARGIN - half(0.4) / 2, "spread": 0.4}, "margin: about 3.9× the performance items would decide"),
        ({"delta": half(0.4) / 2 - MARGIN, "spread": 0.4}, "margin: about 3.9× the performance items would decide"),
        ({"delta": MARGIN + half(0.4) / 2, "spread": 0.4}, "margin: about 3.9× the performance items would decide"),
        ({"retained": 0.5 + half(0.4) / 2, "spread": 0.4, "delta": 0}, "left: about 3.9× the behaviour items"),
        ({"retained": 0.5 - half(0.4) / 2, "spread": 0.4, "delta": 0}, "left: about 3.9× the behaviour items"),
        # all of what seems to hold has to be decided, of what seems to fail the nearest is enough
        (
            {"retained": 0.5 + half(0.4) / 3, "delta": MARGIN - half(0.4) / 2, "spread": 0.4},
            "left: about 8.9× the items",
        ),
        ({"retained": 0.5 - half(0.4) / 3, "delta": MARGIN - half(0.4) / 2, "spread": 0.4}, "8.9× the behaviour items"),
        (
            {"retained": 0.5 - half(0.4) / 3, "delta": MARGIN + half(0.4) / 2, "spread": 0.4},
            "3.9× the performance items",
        ),
        ({"delta": MARGIN}, "100 times the data would not decide"),
    ],
)
def test_the_reason_says_how_much_more_would_decide(effects: dict[str, float], words: str) -> None:
    result = judged(point(1.0, **effects))
    assert result.state == "unresolved"
    assert words in result.reason


def test_the_reason_says_which_kind_of_data_is_short() -> None:
    base = point(1.0)
    values = {field: np.repeat(getattr(base, field), ITEMS, axis=0) for field in FIELDS}
    measured = replace(base, **values, units=np.arange(ITEMS), random=True)
    by_draw, by_item = 0.4 * ZIGZAG[:, None], 0.4 * ZIGZAG
    # four times the data, but for Student's t, which shrinks a little too
    for noise, width, words in (
        (by_draw, half(0.4), "about 3.9× the draws would decide"),
        (by_item, half(0.4), "about 3.9× the performance items would decide"),
        (by_draw + by_item, math.sqrt(2) * half(0.4), "about 3.9× the draws and performance items would decide"),
    ):
        result = judged(replace(measured, loss_intervened=measured.loss + MARGIN - width / 2 + noise))
        assert words in result.reason


@pytest.mark.parametrize(
    ("kinds", "name", "regime"),
    [
        (["clean", "clean", "clean"], "clean throughout", (0, 2)),
        (["clean", "clean", "lost, delta gone", "broken"], "clean throughout", (0, 1)),
        (["clean", "clean", "open retention", "broken"], "clean throughout", (0, 1)),
        (["clean", "lost, delta gone", "clean"], "clean throughout", (2, 2)),
        (["entangled", "entangled", "clean", "clean", "broken"], "becomes clean", (2, 3)),
        (["lowered", "clean"], "becomes clean", (1, 1)),
        (["open delta", "clean", "lost, delta there"], "becomes clean", (1, 1)),
        (["entangled", "clean", "open delta", "clean", "clean"], "becomes clean", (3, 4)),
        (["entangled", "clean", "entangled", "clean", "broken"], "becomes clean", (1, 1)),
        (["clean", "entangled", "clean", "broken"], "becomes clean", (2, 2)),
        (["clean", "entangled", "entangled"], "unmasked", None),
        (["clean", "clean", "entangled", "lost, delta gone"], "unmasked", (0, 1)),
        (["clean", "lowered", "open delta", "broken"], "unmasked", None),
        (["entangled", "entangled"], "never clean", None),
        (["entangled", "lowered", "lost, delta there", "broken"], "never clean", None),
        (["entangled", "broken", "entangled"], "never clean", None),
        (["entangled", "entangled", "lost, delta gone", "broken"], "potency lost", None),
        (["entangled", "lost, delta gone"], "potency lost", None),
        (["clean", "lost, delta gone", "broken"], "potency lost", None),
        (["entangled", "broken", "broken"], "saturated", None),
        (["clean", "broken"], "saturated", None),
        (["open delta", "broken"], "saturated", None),
        (["entangled", "open delta", "broken"], "unresolved", None),
        (["entangled", "open retention", "lost, delta gone"], "unresolved", None),
        (["open delta", "entangled"], "unresolved", None),
        (["clean", "open retention", "broken"], "unresolved", None),
        (["clean", "clean", "open delta", "broken"], "unresolved", (0, 1)),
        (["clean"], "pending", None),
    ],
)
def test_verdict_and_regime_of_a_curve(kinds: list[str], name: str, regime: tuple[int, int] | None) -> None:
    result = analyse(curve(*kinds), CRITERIA)
    assert (result.verdict.name, result.verdict.regime) == (name, regime)
    assert result.verdict.clean_at_zero == (kinds[0] == "clean" and name != "pending")
    assert (result.verdict.strengths is None) == (regime is None)


def test_persistence_is_told_in_strength_and_in_degraded_loss_that_need_not_be_monotone() -> None:
    points = [
        point(0.0, delta=0.3),
        point(0.1, loss=1.5),
        point(0.2, loss=1.2),
        point(0.3, loss=1.8),
        point(0.4, loss=3.9),
    ]
    verdict = analyse(points, CRITERIA).verdict
    assert verdict.strengths == (0.1, 0.3)
    assert verdict.losses == pytest.approx((1.2, 1.8))


def test_points_come_in_any_order_and_rows_can_be_renewed_one_by_one() -> None:
    points = curve("entangled", "open delta", "clean", "broken")
    result = analyse([points[2], points[0], points[3], points[1]], CRITERIA)
    assert [each.strength for each in result.rows] == [0.0, 1.0, 2.0, 3.0]
    assert result.rows == tuple(row(each, points[0], CRITERIA, result.margin) for each in points)
    assert result == analyse(points, CRITERIA)


@pytest.mark.parametrize("points", [[], curve("clean", "clean")[1:]])
def test_without_strength_zero_the_verdict_is_pending(points: list[Point]) -> None:
    result = analyse(points, CRITERIA)
    assert (result.rows, result.verdict.name) == ((), "pending")
    assert confirm(points, CRITERIA).index is None


def test_a_real_clean_regime_is_confirmed_at_its_best_strength() -> None:
    points = [point(0.0, delta=0.3), point(0.1, delta=0.05), point(0.2, delta=0.01), point(0.3, delta=0.03)]
    # item effects that cancel within either half
    wave = np.where(np.arange(ITEMS) % 4 < 2, 0.02, -0.02)
    points = [replace(each, loss_intervened=each.loss_intervened - 0.02 * ZIGZAG + wave) for each in points]
    result = confirm(points, CRITERIA)
    assert result.index == 2
    assert result.row is not None
    assert (result.row.state, result.row.items) == ("clean", ITEMS // 2)
    assert confirm([point(0.0, delta=0.0), *points[1:2]], CRITERIA).index == 1  # never the network itself
    assert confirm(curve("clean", "entangled"), CRITERIA).index is None


def test_what_was_selected_by_chance_among_items_is_not_confirmed() -> None:
    """Nine strengths, each truly at the margin: some look clean, but hardly ever on the other half too."""
    rng, repeats, seen, confirmed = np.random.default_rng(4), 100, 0, 0
    for _ in range(repeats):
        points = [
            replace(each, loss_intervened=each.loss + MARGIN + 0.3 * rng.normal(size=each.loss.shape))
            for each in curve(*["clean"] * 10)
        ]
        seen += analyse(points, CRITERIA).verdict.regime is not None
        second = confirm(points, CRITERIA).row
        confirmed += second is not None and second.state == "clean"
    assert seen / repeats > 0.2
    assert confirmed / repeats <= 0.05


@pytest.mark.parametrize(
    ("name", "value"),
    [("chance", math.nan), ("margin", 0.0), ("margin", -0.1), ("retention_min", 1.5), ("alpha", 0.5), ("alpha", 0.0)],
)
def test_criteria_out_of_range_are_refused_in_a_sentence(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"'{name}' must be"):
        Criteria(**{"chance": CHANCE, name: value})


def test_values_that_are_not_paired_are_refused() -> None:
    measured = point(1.0)
    with pytest.raises(ValueError, match="must be paired"):
        replace(measured, loss=measured.loss[:, :5])
    with pytest.raises(ValueError, match="must be paired"):
        replace(measured, units=np.arange(3))
    with pytest.raises(ValueError, match="random=False"):
        replace(measured, strength=0.0, random=True)


def test_an_intervention_without_an_effect_is_seldom_called_clean() -> None:
    """E(0) is truly zero, and a near strength repeats its chance effect item by item, so retention is 1."""
    rng, repeats, items = np.random.default_rng(3), 1000, 256
    clean = 0
    for _ in range(repeats):
        origin = point(0.0)
        noise = rng.standard_normal((1, items))
        zeros = np.zeros((1, items))
        losses = {"loss": zeros + 1.0, "loss_intervened": zeros + 1.0}
        origin = replace(origin, **losses, behaviour=zeros, behaviour_intervened=noise)
        clean += judged(replace(origin, strength=1.0), origin=origin).state == "clean"
    alpha = CRITERIA.alpha
    assert clean / repeats <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / repeats)


def test_a_strength_chosen_outside_of_the_regime_confirms_nothing() -> None:
    points = curve("entangled", "clean", "clean", "entangled", "clean")
    looked = Confirmation(4, judged(points[4]))
    analysis = replace(analyse(points, CRITERIA), confirmation=looked)
    assert analysis.verdict.regime == (1, 2)
    assert analysis.confirmed is False
    assert replace(analysis, confirmation=Confirmation(1, judged(points[1]))).confirmed is True
