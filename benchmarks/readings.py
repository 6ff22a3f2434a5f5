"""What a benchmark of the dashboard reads, beside what it has to reach."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.tables import MET, Table

TITLE = "What a person waits for, and what the machine pays"
COLUMNS = ("what", "median", "from – to", "target", "met")


@dataclass(frozen=True)
class Goal:
    """Something that is measured.

    Attributes:
        what: its name.
        limit: what it has to reach; none where it is only reported.
        unit: of the numbers.
        least: whether the limit is the least, and not the most.
        decimals: so many are printed.
    """

    what: str
    limit: float | None = None
    unit: str = "s"
    least: bool = False
    decimals: int = 2

    def met(self, value: float) -> str:
        """Whether the value reaches the limit, if there is one."""
        if self.limit is None:
            return ""
        return MET[value >= self.limit if self.least else value <= self.limit]

    @property
    def told(self) -> str:
        """The limit in words."""
        return "" if self.limit is None else f"{'≥' if self.least else '≤'} {self.limit:g} {self.unit}".rstrip()


Reading = tuple[Goal, float]


def table(readings: Iterable[Reading]) -> Table:
    """A row for each goal, in the order in which they were first read; the median is what is judged."""
    values: dict[Goal, list[float]] = {}
    for goal, value in readings:
        values.setdefault(goal, []).append(value)
    return Table(TITLE, COLUMNS, tuple(_row(goal, each) for goal, each in values.items()))


def _row(goal: Goal, values: list[float]) -> tuple[str, ...]:
    middle, low, high = (f"{each:.{goal.decimals}f}" for each in (statistics.median(values), min(values), max(values)))
    spread = f"{low} – {high}" if len(values) > 1 else ""
    return goal.what, f"{middle} {goal.unit}".rstrip(), spread, goal.told, goal.met(statistics.median(values))
