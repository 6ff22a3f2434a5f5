"""Shams: controls of matched size beside an intervention, at one strength.

A strength is clean only if the effect is shown to exceed that of every sham that was run there (an intersection–union
test again, so that their number needs no correction). What a sham looks like by the same criteria is told beside it: if
shams are clean too, a clean strength says little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from engine.intervals import crossed
from engine.strength import Criteria, Point, Row, Sham, effect_of, row


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
    told = tuple(
        _told(row(at, at_0, criteria, margin), beaten=_exceeds(point, origin, at, criteria.alpha)) for at, at_0 in shams
    )
    unbeaten = sum(not each.beaten for each in told)
    if not unbeaten or judged.state != "clean":
        return replace(judged, shams=told, frontier=math.inf if unbeaten else judged.frontier)
    reason = f"Its effect is not shown to exceed that of {unbeaten} of its {len(told)} shams."
    return replace(judged, shams=told, state="unresolved", reason=reason, frontier=math.inf)


def _told(judged: Row, *, beaten: bool) -> Sham:
    return Sham(
        loss_delta=judged.loss_delta,
        loss_delta_low=judged.loss_delta_low,
        loss_delta_high=judged.loss_delta_high,
        effect=judged.effect,
        effect_low=judged.effect_low,
        effect_high=judged.effect_high,
        state=judged.state,
        beaten=beaten,
    )


def _exceeds(point: Point, origin: Point, sham: Point, alpha: float) -> bool:
    """Whether the effect, in the direction that it has undegraded, is shown to be greater than a sham's."""
    sign = 1.0 if effect_of(origin).mean() > 0 else -1.0
    draws = len(sham.units)
    lead = sign * (effect_of(point)[:draws] - effect_of(sham))
    return crossed(lead, sham.units if sham.random else None).interval(alpha).low > 0
