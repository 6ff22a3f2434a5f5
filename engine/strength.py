"""The verdict at one strength: what was measured there becomes estimates with intervals, a state and a reason.

It is an intersection–union test at level α: a strength is clean only if the intervention's cost is shown to be within
the margin, enough of its effect is shown to be left, and the network is shown still to work. Every part must hold, so
none needs a correction for their number; and what is not shown is unresolved, never clean.

Sources: two one-sided tests, Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987); intersection–union test, Berger,
Technometrics 24 (1982). The intervals are those of `engine.intervals`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.chains import Chain, Health, diagnose
from engine.dials import InputError
from engine.intervals import UNDEFINED, CrossedMean, Interval, Values, crossed, ratio_interval
from engine.selectivity import Paired, selectivity_gain

State = Literal["clean", "entangled", "effect lost", "broken", "unresolved"]
"""The first that holds of broken, effect lost, entangled and clean, else unresolved."""


@dataclass(frozen=True, eq=False)
class Point:
    """What was measured at one strength, paired item by item and draw by draw.

    Attributes:
        strength: of the degrader; 0 is the network itself.
        loss: of the degraded network on the performance items, nats, shape [draw, item].
        loss_intervened: the same under the intervention.
        behaviour: metric of the degraded network on the behaviour items, shape [draw, behaviour item].
        behaviour_intervened: the same under the intervention.
        units: the independent unit of each draw, shape [draw]; an antithetic pair shares one.
        random: False for a degrader without randomness and at strength 0: one draw, intervals over items alone.
        chains: how each draw was sampled, if the draws were.
    """

    strength: float
    loss: Values
    loss_intervened: Values
    behaviour: Values
    behaviour_intervened: Values
    units: NDArray[np.int_]
    random: bool
    chains: tuple[Chain, ...] = ()

    def __post_init__(self) -> None:
        # broadcasting would turn values that are not paired into a wrong verdict without a word
        draws = len(self.units)
        for values, intervened in ((self.loss, self.loss_intervened), (self.behaviour, self.behaviour_intervened)):
            if values.ndim != 2 or not values.size or len(values) != draws or values.shape != intervened.shape:
                raise ValueError(
                    f"values at strength {self.strength:g} must be paired, [{draws} draws, items]; "
                    f"got {values.shape} and, intervened, {intervened.shape}"
                )
        if (self.random and self.strength == 0) or (not self.random and draws != 1):
            raise ValueError(
                f"strength 0, and any strength of a degrader without randomness, has one draw and random=False; "
                f"got {draws} draws and random={self.random} at strength {self.strength:g}"
            )


@dataclass(frozen=True)
class Criteria:
    """What counts as clean.

    Attributes:
        chance: loss of the best input-independent predictor on the performance set, nats.
        margin: ε, the loss delta that counts as no longer significant, nats; None for 5 % of chance − L(0).
        retention_min: the least share of the effect that has to be left.
        alpha: level of the verdict; intervals are two-sided (1 − 2·alpha).
    """

    chance: float
    margin: float | None = None
    retention_min: float = 0.5
    alpha: float = 0.05

    def __post_init__(self) -> None:
        for name, value, allowed, good in (
            ("chance", self.chance, "a finite number of nats", math.isfinite(self.chance)),
            ("margin", self.margin, "above 0 nats, or none", self.margin is None or 0 < self.margin < math.inf),
            ("retention_min", self.retention_min, "from 0 to 1", 0 <= self.retention_min <= 1),
            ("alpha", self.alpha, "between 0 and 0.5", 0 < self.alpha < 0.5),
        ):
            if not good:
                raise InputError(f"'{name}' must be {allowed}, got {value!r}; choose a value in range.")


@dataclass(frozen=True)
class Sham:
    """A control of matched size at one strength: what it costs and does, and what it would count as by itself.

    `beaten` says whether the intervention's effect is shown to exceed its own, `exceeds` whether its own is shown to
    exceed that of the intervention. Units and bounds are those of `Row`.
    """

    loss_delta: float
    loss_delta_low: float
    loss_delta_high: float
    effect: float
    effect_low: float
    effect_high: float
    state: State
    beaten: bool
    exceeds: bool = False


@dataclass(frozen=True)
class Row:
    """One strength: estimates with the bounds that decide, state and reason.

    Losses, loss deltas and the frontier are in nats; effects, and the `behaviour` of the degraded network without the
    intervention, in the unit of the behaviour metric. What cannot be estimated is NaN, a bound that the data cannot
    give infinite. `frontier` is the smallest margin at which the strength would be clean, infinite if it fails for
    another reason. `items` counts performance items. `health` is that of the chains that the draws were sampled by,
    `shams` are the controls that were run beside the intervention.
    """

    strength: float
    degraded_loss: float
    degraded_loss_low: float
    degraded_loss_high: float
    loss_delta: float
    loss_delta_low: float
    loss_delta_high: float
    behaviour: float
    effect: float
    effect_low: float
    effect_high: float
    retention: float
    retention_low: float
    retention_high: float
    selectivity_gain: float
    selectivity_gain_low: float
    selectivity_gain_high: float
    frontier: float
    state: State
    reason: str
    draws: int
    items: int
    health: Health | None = None
    shams: tuple[Sham, ...] = ()


def margin_of(origin: Point, criteria: Criteria) -> float:
    """The margin ε in nats: the one that was set, else 5 % of chance − L(0)."""
    if criteria.margin is not None:
        return criteria.margin
    return 0.05 * (criteria.chance - _loss(origin).mean)


def row(point: Point, origin: Point, criteria: Criteria, margin: float) -> Row:
    """Judges one strength.

    Args:
        point: the strength.
        origin: strength 0, measured on the same items.
        criteria: what counts as clean.
        margin: ε in nats, from `margin_of`.
    """
    alpha = criteria.alpha
    loss, delta, effect = _loss(point), delta_of(point), _effect(point)
    loss_0, delta_0, effect_0 = _loss(origin), delta_of(origin), _effect(origin)
    # two-sided at level α, because the sign of the effect is not fixed beforehand
    has_effect = not effect_0.interval(alpha / 2).holds(0.0)
    if not has_effect:
        retention = UNDEFINED
    elif point.strength == 0:
        retention = Interval(1.0, 1.0, 1.0)
    else:
        retention = ratio_interval(effect, effect_0, alpha)

    health = diagnose(point.chains, point.units) if point.chains else None
    broken = _why_broken((loss, delta, effect), (loss_0, delta_0, effect_0), criteria)
    if health and health.diverged:
        broken = health.flag
    silent = _why_silent(loss, effect, has_effect) or _why_too_wide(margin, loss_0, criteria)
    works = loss.interval(alpha).high <= _halfway(loss_0, criteria)
    interval = delta.interval(alpha)
    state: State
    if broken:
        state, reason = "broken", broken
    elif silent:
        state, reason = "unresolved", silent
    else:
        state, reason = _settled(interval, retention, criteria, margin)
        if state == "clean" and not works:
            state = "unresolved"  # assay sensitivity: at chance everything would be clean
        if health and health.flag and state in ("clean", "unresolved"):
            state, reason = "unresolved", health.flag  # not what it claims to be a sample of
        elif state == "unresolved":
            reason = _why_undecided(point, origin, delta, retention, criteria, margin)

    gain = _gain(point, origin, alpha)
    at_loss, at_effect = loss.interval(alpha), effect.interval(alpha)
    sampled_well = not (health and health.flag)
    other_parts_hold = works and sampled_well and not broken and not silent and retention.low >= criteria.retention_min
    return Row(
        strength=point.strength,
        degraded_loss=at_loss.mean,
        degraded_loss_low=at_loss.low,
        degraded_loss_high=at_loss.high,
        loss_delta=interval.mean,
        loss_delta_low=interval.low,
        loss_delta_high=interval.high,
        behaviour=_mean(point, point.behaviour).mean,
        effect=at_effect.mean,
        effect_low=at_effect.low,
        effect_high=at_effect.high,
        retention=retention.mean,
        retention_low=retention.low,
        retention_high=retention.high,
        selectivity_gain=gain.mean,
        selectivity_gain_low=gain.low,
        selectivity_gain_high=gain.high,
        frontier=max(abs(interval.low), abs(interval.high)) if other_parts_hold else math.inf,
        state=state,
        reason=reason,
        draws=len(point.units),
        items=loss.items,
        health=health,
    )


def _mean(point: Point, values: Values) -> CrossedMean:
    return crossed(values, point.units if point.random else None)


def _loss(point: Point) -> CrossedMean:
    return _mean(point, point.loss)


def delta_of(point: Point) -> CrossedMean:
    """The mean loss delta, nats."""
    return _mean(point, cost_of(point))


def _effect(point: Point) -> CrossedMean:
    return _mean(point, effect_of(point))


def cost_of(point: Point) -> Values:
    """The loss delta of every draw and item, nats, shape [draw, item]."""
    return _change(point.loss, point.loss_intervened)


def effect_of(point: Point) -> Values:
    """The effect on every draw and behaviour item, shape [draw, behaviour item]."""
    return _change(point.behaviour, point.behaviour_intervened)


def _change(before: Values, after: Values) -> Values:
    with np.errstate(invalid="ignore", over="ignore"):  # inf − inf: `crossed` sees the NaN and says so
        return after - before


def _gain(point: Point, origin: Point, alpha: float) -> Interval:
    """The selectivity gain, 1 at strength 0 wherever there is one."""
    effect = Paired(effect_of(point), effect_of(origin))
    cost = Paired(cost_of(point), cost_of(origin))
    gain = selectivity_gain(effect, cost, point.units, alpha, random=point.random)
    return gain if point.strength or math.isnan(gain.mean) else Interval(1.0, 1.0, 1.0)


def _why_broken(means: Sequence[CrossedMean], means_0: Sequence[CrossedMean], criteria: Criteria) -> str:
    """Why the network counts as broken; empty if that is not shown.

    `means` and `means_0` begin with the loss, of the degraded and of the undegraded network.
    """
    for network, values in (("undegraded", means_0), ("degraded", means)):
        if any(math.isnan(each.mean) for each in values):
            return f"Some values of the {network} network are not finite."
    learned = criteria.chance - means_0[0].mean
    if learned <= 0:
        return (
            f"The network has nothing to lose: its undegraded loss, {means_0[0].mean:.3g}, is no better than chance, "
            f"{criteria.chance:.3g}."
        )
    loss, halfway = means[0].interval(criteria.alpha), _halfway(means_0[0], criteria)
    if math.isfinite(loss.low) and loss.low > halfway:
        return (
            f"The network is broken: its loss, {loss.mean:.3g}, is beyond halfway from L(0) to chance, {halfway:.3g}."
        )
    return ""


def _halfway(loss_0: CrossedMean, criteria: Criteria) -> float:
    """The loss up to which the network still works: half of what it knew undegraded, chance − L(0), is left."""
    return (criteria.chance + loss_0.mean) / 2


def _why_silent(loss: CrossedMean, effect: CrossedMean, has_effect: bool) -> str:
    """Why the data cannot speak at all; empty if they can."""
    if loss.units == 1:
        return "One independent draw cannot tell, and an antithetic pair is one: add draws."
    if loss.items == 1:
        return "One performance item cannot tell: add performance items."
    if effect.items == 1:
        return "One behaviour item cannot tell: add behaviour items."
    return "" if has_effect else "No effect to retain: E(0) is not distinguishable from zero."


def _why_too_wide(margin: float, loss_0: CrossedMean, criteria: Criteria) -> str:
    """Why nothing could be outside of the margin; empty if it is narrow enough: an intervention that breaks the network
    must not count as no change.
    """
    most = _halfway(loss_0, criteria) - loss_0.mean
    if margin <= most:
        return ""
    return (
        f"A margin of {margin:.3g} nats says nothing: it is wider than the {most:.3g} that lie between the network's "
        "loss and a broken one's; choose a smaller one."
    )


def _settled(delta: Interval, retention: Interval, criteria: Criteria, margin: float) -> tuple[State, str]:
    """State and reason where the network works and the data can speak; without a reason if still unresolved."""
    asked = f"{_percent(criteria.retention_min)} asked for"
    if retention.high < criteria.retention_min:
        return "effect lost", f"At most {_percent(retention.high)} of the effect is left, less than the {asked}."
    if delta.outside(margin):
        raises, least = ("raises", delta.low) if delta.low > 0 else ("lowers", -delta.high)
        return (
            "entangled",
            f"The intervention {raises} the loss by at least {least:.3g} nats; the margin is {margin:.3g}.",
        )
    if delta.inside(margin) and retention.low >= criteria.retention_min:
        return "clean", (
            f"The intervention changes the loss by {_nats(delta.low)} to {_nats(delta.high)} nats, within the margin "
            f"of {margin:.3g}, and at least {_percent(retention.low)} of the effect is left."
        )
    return "unresolved", ""


@dataclass(frozen=True)
class _Open:
    """A part of the verdict that is not decided: its question, what its items are called, what would close it."""

    question: str
    items: str
    growth: dict[str, float]
    seems_to_fail: bool


def _why_undecided(
    point: Point, origin: Point, delta: CrossedMean, retention: Interval, criteria: Criteria, margin: float
) -> str:
    """Which parts of the verdict are open, and about how much more data would close them."""
    parts: list[_Open] = []
    loss, halfway = _loss(point), _halfway(_loss(origin), criteria)
    if not loss.interval(criteria.alpha).high <= halfway:
        growth = loss.more_data(abs(loss.mean - halfway), criteria.alpha)
        parts.append(_Open("the network still works", "performance items", growth, loss.mean > halfway))
    if not delta.interval(criteria.alpha).inside(margin):
        growth = delta.more_data(abs(abs(delta.mean) - margin), criteria.alpha)
        question = "the loss delta lies within the margin"
        parts.append(_Open(question, "performance items", growth, abs(delta.mean) > margin))
    if retention.low < criteria.retention_min:
        # R ≥ R_min is E(s) − R_min E(0) ≥ 0, or ≤ 0 for a negative effect: a mean, whose interval shrinks as any other
        excess = _mean(point, effect_of(point) - criteria.retention_min * effect_of(origin))
        growth = excess.more_data(abs(excess.mean), criteria.alpha)
        question = f"{_percent(criteria.retention_min)} of the effect is left"
        parts.append(_Open(question, "behaviour items", growth, retention.mean < criteria.retention_min))
    text = "Undecided whether " + " and whether ".join(part.question for part in parts)
    # a part that seems to fail would settle the state alone; if none does, all of them have to be settled
    enough = [(part.items, part.growth) for part in parts if part.seems_to_fail]
    if not enough:
        items = parts[0].items if len(parts) == 1 else "items"
        enough = [(items, {way: max(part.growth[way] for part in parts) for way in parts[0].growth})]
    cells, way, items = min((cells, way, items) for items, growth in enough for way, cells in growth.items())
    if math.isinf(cells):
        return f"{text}: the estimate lies so near the threshold that 100 times the data would not decide."
    times = math.sqrt(cells) if way == "draws and items" else cells
    return f"{text}: about {times:.2g}× the {way.replace('items', items)} would decide."


def _nats(change: float) -> str:
    """A change of a loss; one that is smaller than anybody asks for is zero."""
    return "0" if abs(change) < 1e-4 else f"{change:.3g}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
