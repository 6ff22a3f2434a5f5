"""Shams: controls of matched size beside an intervention, at one strength.

A strength is clean only if the effect is shown to exceed that of every sham that was run there (an intersection–union
test again, so that their number needs no correction). What a sham looks like by the same criteria is told beside it: if
shams are clean too, a clean strength says little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from engine.intervals import CrossedMean, Interval, crossed
from engine.strength import Criteria, Point, Row, Sham, effect_of, row

AWAITED: Final = "Clean but for its shams, which are not measured yet."


def awaiting(judged: Row) -> Row:
    """A row whose shams are still to be measured: unresolved, where it would be clean without any."""
    if judged.state != "clean":
        return replace(judged, frontier=math.inf)
    return replace(judged, state="unresolved", reason=AWAITED, frontier=math.inf)


def beside(
    judged: Row, point: Point, origin: Point, shams: Sequence[tuple[Point, Point]], criteria: Criteria, margin: float
) -> Row:
    """A row with its shams, which is unresolved instead of clean if one of them is not shown to be beaten.

    Args:
        judged: the row without shams.
        point: what it was made of.
        origin: strength 0.
        shams: of each sham the strength and strength 0, on the same items and the same first draws.
        criteria: what counts as clean.
        margin: ε in nats.
    """
    alpha = criteria.alpha
    leads = [_lead(point, origin, at) for at, _ in shams]
    told = tuple(
        _told(row(at, at_0, criteria, margin), lead.interval(alpha))
        for lead, (at, at_0) in zip(leads, shams, strict=True)
    )
    unbeaten = [lead for lead, sham in zip(leads, told, strict=True) if not sham.beaten]
    if not unbeaten or judged.state != "clean":
        return replace(judged, shams=told, frontier=math.inf if unbeaten else judged.frontier)
    which = "its sham" if len(told) == 1 else f"{len(unbeaten)} of its {len(told)} shams"
    reason = f"Its effect is not shown to exceed that of {which}{_more(unbeaten, alpha)}."
    return replace(judged, shams=told, state="unresolved", reason=reason, frontier=math.inf)


def outdone(judged: Row) -> bool:
    """Whether some sham is shown to do more: then a strength cannot be clean, however much is measured."""
    return any(sham.exceeds for sham in judged.shams)


def _more(unbeaten: Sequence[CrossedMean], alpha: float) -> str:
    """How it stands with the shams that are not beaten."""
    if exceeding := sum(lead.interval(alpha).high < 0 for lead in unbeaten):
        return f", of which {exceeding} {'does' if exceeding == 1 else 'do'} more"
    growth = [lead.more_data(abs(lead.mean), alpha) for lead in unbeaten]
    cells, way = min((max(each[way] for each in growth), way) for way in growth[0])
    if math.isinf(cells):
        return ", and 100 times the data would not tell them apart"
    times = math.sqrt(cells) if way == "draws and items" else cells
    return f": about {times:.2g}× the {way.replace('items', 'behaviour items')} would tell"


def _told(judged: Row, lead: Interval) -> Sham:
    return Sham(
        loss_delta=judged.loss_delta,
        loss_delta_low=judged.loss_delta_low,
        loss_delta_high=judged.loss_delta_high,
        effect=judged.effect,
        effect_low=judged.effect_low,
        effect_high=judged.effect_high,
        state=judged.state,
        beaten=lead.low > 0,
        exceeds=lead.high < 0,
    )


def _lead(point: Point, origin: Point, sham: Point) -> CrossedMean:
    """By how much the effect, in the direction that it has undegraded, is greater than a sham's."""
    sign = 1.0 if effect_of(origin).mean() > 0 else -1.0
    lead = sign * (effect_of(point)[: len(sham.units)] - effect_of(sham))
    return crossed(lead, sham.units if sham.random else None)
