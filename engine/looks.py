"""Adaptive sampling: draws are added where the verdict is undecided, until it is decided or the draws are spent.

Whoever looks several times at growing data and stops at the first answer that pleases is wrong more often than the
level of one look says. So each look is made at its share of the level: the chance that any of them claims what is not
so is at most the sum (Bonferroni), whatever the looks have in common and whichever strengths go on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.strength import Row


def undecided(rows: Sequence[Row]) -> list[int]:
    """The indices of degraded strengths that more draws could decide: those nearest to a clean one first, for there
    lies the edge of the regime.
    """
    clean = [index for index, row in enumerate(rows) if row.state == "clean"]

    def from_edge(index: int) -> int:
        return min((abs(index - each) for each in clean), default=0)

    return sorted((index for index, row in enumerate(rows) if row.strength > 0 and _is_open(row)), key=from_edge)


def _is_open(row: Row) -> bool:
    """Whether it is for want of data that a strength is unresolved: not for chains that are ill, nor for an effect that
    is not there undegraded, of which more draws would say no more.
    """
    sampled_well = not (row.health and row.health.flag)
    return row.state == "unresolved" and sampled_well and not math.isnan(row.retention)
