"""Fixed cells against the loop that a user of TransformerLens writes: the same losses, in how much less time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks import shapes
from benchmarks.lens import Loop
from benchmarks.shapes import Case, Effort
from benchmarks.tables import Table, against
from benchmarks.timing import in_turns
from benchmarks.ways import ours
from engine.degraders.weight_noise import WeightNoise

TITLE = "The same cells in TransformerLens"
COLUMNS = (
    "weight noise",
    "processor ms a cell: engine",
    "loop",
    "times faster (from – to)",
    "target",
    "met",
    "means differ by",
    "items differ by",
)
STRENGTHS = (0.05, 0.1, 0.2)
NINE = (0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3)


def small(effort: Effort) -> list[Table]:
    """Networks that fit a processor's cache."""
    cases: list[tuple[Callable[[], Case], Sequence[float], int, float]] = [
        (lambda: shapes.grok(64), STRENGTHS, 8 * effort.draws, 5.0),
        (lambda: shapes.grok(512), STRENGTHS, 4 * effort.draws, 4.0),
        (lambda: shapes.induction(), STRENGTHS, 3 * effort.draws, 2.7),
        (lambda: shapes.char(effort.char), STRENGTHS, effort.draws, 1.9),
        (lambda: shapes.char(effort.char, every=True), STRENGTHS[:1], 1, 2.8),
    ]
    rows = [_row(make(), strengths, draws, effort.runs, target) for make, strengths, draws, target in cases]
    return [Table(TITLE, COLUMNS, tuple(rows))]


def large(effort: Effort) -> list[Table]:
    """A network whose weights alone are much larger than any cache."""
    row = _row(shapes.large(effort.large), NINE, 1, min(2, effort.runs), 2.0)
    return [Table(TITLE, COLUMNS, (row,))]


def _row(case: Case, strengths: Sequence[float], draws: int, runs: int, target: float) -> tuple[str, ...]:
    degrader, loop = WeightNoise(), Loop(case)
    mean, item = loop.differs(degrader.degrade_one(case.network, strengths[-1], 0, 0))
    times = in_turns(
        {
            "engine": lambda run: ours(case, degrader, strengths, draws, run),
            "loop": lambda run: loop.run(strengths, draws, run),
        },
        runs,
    )
    each = 1e3 / (len(strengths) * draws)
    return (
        case.title,
        f"{times.median('engine') * each:.3g}",
        f"{times.median('loop') * each:.3g}",
        times.told("loop", "engine"),
        *against(target, times.ratio("loop", "engine")),
        f"{mean:.0e}",
        f"{item:.0e}",
    )
