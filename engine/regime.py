"""From measurements to the verdict of a whole curve: the clean regime, its persistence, and a second look at it.

Input are paired per-item values of one intervention at each strength of one degrader (`Point`). Nothing here knows
where they come from. A sweep that streams keeps its rows, calls `row` for the strengths that changed, then `verdict`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from engine.bands import simultaneous_level
from engine.intervals import Interval
from engine.strength import Criteria, Point, Row, State, cost_of, delta_of, margin_of, row

__all__ = [
    "Analysis",
    "Confirmation",
    "Criteria",
    "Point",
    "Row",
    "State",
    "Verdict",
    "VerdictName",
    "analyse",
    "band",
    "confirm",
    "margin_of",
    "row",
    "verdict",
]

VerdictName = Literal[
    "clean throughout",
    "becomes clean",
    "unmasked",
    "never clean",
    "potency lost",
    "saturated",
    "unresolved",
    "pending",
]


@dataclass(frozen=True)
class Verdict:
    """What the whole curve says.

    Attributes:
        name: see `verdict`.
        regime: first and last index, into the rows, of the clean regime; None if no degraded strength is clean.
        strengths: the regime's persistence interval in strength.
        losses: the same in degraded loss, nats: the least and the greatest within the regime (it need not be monotone).
        clean_at_zero: whether the intervention is already clean at s = 0.
    """

    name: VerdictName
    regime: tuple[int, int] | None = None
    strengths: tuple[float, float] | None = None
    losses: tuple[float, float] | None = None
    clean_at_zero: bool = False


@dataclass(frozen=True)
class Confirmation:
    """A strength chosen on one half of the items, judged on the other half.

    Attributes:
        index: of the strength, among the points in order of strength; None if the first half shows no clean regime.
        row: the strength on the other half: the choice is confirmed if its state is clean.
    """

    index: int | None
    row: Row | None


@dataclass(frozen=True)
class Analysis:
    """Rows in order of strength, the verdict, and the margin ε in nats that decided (NaN as long as it is unknown).

    `confirmation` is the second look at the regime, and `band` the simultaneous band of the loss delta, nats, once
    everything is measured: its intervals cover the whole curve at once with the probability that those of the rows
    have one by one.
    """

    rows: tuple[Row, ...]
    verdict: Verdict
    margin: float
    confirmation: Confirmation | None = None
    band: tuple[Interval, ...] = ()

    @property
    def simultaneous(self) -> bool | None:
        """Whether what the verdict says of the loss delta holds for the whole curve at once: that it is within the
        margin at a strength of the regime, or outside wherever the network works. None for other verdicts.
        """
        if not self.band:
            return None
        if self.verdict.regime is not None:
            first, last = self.verdict.regime
            return any(each.inside(self.margin) for each in self.band[max(first, 1) : last + 1])
        if self.verdict.name == "never clean":
            working = (each for each, row in zip(self.band, self.rows, strict=True) if row.state != "broken")
            return all(each.outside(self.margin) for each in working)
        return None

    @property
    def confirmed(self) -> bool | None:
        """Whether the strength chosen on half of the items lies in the regime and is clean on the other half.

        None as long as there is nothing to confirm.
        """
        looked, regime = self.confirmation, self.verdict.regime
        if looked is None or regime is None:
            return None
        chosen_within = looked.index is not None and regime[0] <= looked.index <= regime[1]
        return chosen_within and looked.row is not None and looked.row.state == "clean"


def analyse(points: Sequence[Point], criteria: Criteria) -> Analysis:
    """Judges the strengths measured so far, in any order; without strength 0 there is nothing to compare with yet."""
    points = sorted(points, key=lambda point: point.strength)
    if not points or points[0].strength != 0:
        return Analysis((), verdict((), math.nan), math.nan)
    margin = margin_of(points[0], criteria)
    rows = tuple(row(point, points[0], criteria, margin) for point in points)
    return Analysis(rows, verdict(rows, margin), margin)


def verdict(rows: Sequence[Row], margin: float) -> Verdict:
    """What the rows measured so far say together.

    The first that holds:

    - pending: strength 0, or every degraded strength, is still to be measured;
    - saturated: every degraded strength is broken;
    - of an intervention that is clean at s = 0:
      - becomes clean: a degraded strength is entangled and a later one clean (clean again);
      - unmasked: a degraded strength is entangled, and none after it is clean;
      - unresolved: a strength that is not resolved could be entangled, or is all that could be clean;
      - clean throughout: some degraded strength is clean, and none that keeps the effect can be entangled;
    - becomes clean: a degraded strength is clean (if s = 0 is unresolved, it may have been clean before);
    - unresolved: nothing is clean, and something unresolved could be;
    - never clean: the loss delta is wholly outside the margin at every strength that is not broken;
    - potency lost: nothing degraded is clean, and where the loss delta may have gone, the effect had gone first.

    Args:
        rows: in order of strength, beginning with strength 0.
        margin: ε in nats, from `margin_of`.
    """
    name = _name(rows, margin)
    if name == "pending":
        return Verdict(name)
    run = _regime([each.state for each in rows])
    strengths = losses = None
    if run:
        within = rows[run[0] : run[1] + 1]
        strengths = (within[0].strength, within[-1].strength)
        losses = (min(each.degraded_loss for each in within), max(each.degraded_loss for each in within))
    return Verdict(name, run, strengths, losses, clean_at_zero=rows[0].state == "clean")


def confirm(points: Sequence[Point], criteria: Criteria) -> Confirmation:
    """Selects on the even items, confirms on the odd ones.

    A regime found among many strengths is a selection, so its best strength looks better than it is. Here the degraded
    strength with the smallest frontier in the even items' regime is judged once more, on items that had no part in the
    choice. The margin is that of all items. The draws are the same on both halves: the choice among items is undone, a
    choice among draws is not.
    """
    points = sorted(points, key=lambda point: point.strength)
    nothing = Confirmation(None, None)
    if not points or points[0].strength != 0 or min(points[0].loss.shape[1], points[0].behaviour.shape[1]) < 2:
        return nothing
    margin = margin_of(points[0], criteria)
    if not margin > 0:
        return nothing
    criteria = replace(criteria, margin=margin)
    chosen = analyse([_half(point, 0) for point in points], criteria)
    if chosen.verdict.regime is None:
        return nothing
    first, last = chosen.verdict.regime
    index = min(range(max(first, 1), last + 1), key=lambda place: chosen.rows[place].frontier)
    return Confirmation(index, row(_half(points[index], 1), _half(points[0], 1), criteria, margin))


def band(points: Sequence[Point], alpha: float) -> tuple[Interval, ...]:
    """The simultaneous band of the loss delta, nats, in the order of the points (`engine.bands`).

    Args:
        points: the strengths, each on the same items.
        alpha: level of the single bounds; the band covers with probability 1 − 2·alpha.
    """
    costs = [cost_of(point) for point in points]
    if not all(np.isfinite(cost).all() for cost in costs):
        return ()
    by_unit = [
        np.stack([cost[point.units == unit].mean() for unit in np.unique(point.units)])
        for point, cost in zip(points, costs, strict=True)
    ]
    level = simultaneous_level([cost.mean(axis=0) for cost in costs], by_unit, alpha)
    return tuple(delta_of(point).interval(level) for point in points)


def _half(point: Point, start: int) -> Point:
    """Every other item, beginning with `start`."""
    fields = ("loss", "loss_intervened", "behaviour", "behaviour_intervened")
    return replace(point, **{field: getattr(point, field)[:, start::2] for field in fields})


def _regime(states: Sequence[State]) -> tuple[int, int] | None:
    """First and last index of the longest run of neighbouring clean strengths, of equals the one at less strength.

    Strength 0 counts as a neighbour, but alone it is no regime: nothing was degraded there.
    """
    best, start = None, 0
    for index, state in enumerate(states):
        if state != "clean":
            start = index + 1
        elif index > 0 and (best is None or index - start > best[1] - best[0]):
            best = (start, index)
    return best


def _name(rows: Sequence[Row], margin: float) -> VerdictName:
    if len(rows) < 2 or rows[0].strength != 0:
        return "pending"
    deltas = [Interval(each.loss_delta, each.loss_delta_low, each.loss_delta_high) for each in rows]
    states = [each.state for each in rows]
    degraded = states[1:]
    if all(state == "broken" for state in degraded):
        return "saturated"
    if states[0] == "clean" and "entangled" in degraded:
        return "becomes clean" if "clean" in degraded[degraded.index("entangled") :] else "unmasked"
    if states[0] == "clean":
        undecided = [delta for delta, state in zip(deltas, states, strict=True) if state == "unresolved"]
        if any(not delta.inside(margin) for delta in undecided) or (undecided and "clean" not in degraded):
            return "unresolved"
        return "clean throughout" if "clean" in degraded else "potency lost"
    if "clean" in degraded:
        return "becomes clean"
    if "unresolved" in states:
        return "unresolved"
    working = [delta for delta, state in zip(deltas, states, strict=True) if state != "broken"]
    return "never clean" if all(delta.outside(margin) for delta in working) else "potency lost"
