"""How the cost of the engine grows: with draws, strengths, items and parameters; processor time and memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks import shapes
from benchmarks.memory import peak_of_process
from benchmarks.shapes import Case, Effort
from benchmarks.tables import Table
from benchmarks.timing import in_turns
from benchmarks.ways import ours
from engine.degraders.weight_noise import WeightNoise

TITLE = "Growth"
COLUMNS = ("of", "from", "to", "times as many", "processor time, times as much", "memory, MiB more")
STRENGTHS = (0.05, 0.1, 0.15, 0.2)
WIDTHS = (64, 256)


def growth(effort: Effort) -> list[Table]:
    """Some times as many of each, on the shape of the induction network."""
    least, items, times = 2 * effort.draws, effort.items, effort.times
    many = tuple(np.linspace(0.02, 0.3, times * 2).tolist())
    case = shapes.induction(items)
    narrow, wide = (shapes.induction(items, width) for width in WIDTHS)
    small, large = (sum(w.numel() for w in each.network.weights.values()) for each in (narrow, wide))
    rows = [
        _row("draws", least, times * least, _way(case, 2, least), _way(case, 2, times * least), effort),
        _row("strengths", 2, len(many), _way(case, 2, least), partial(_run, case, many, least), effort),
        _row(
            "items", items, times * items, _way(case, 2, least), _way(shapes.induction(times * items), 2, least), effort
        ),
        _row("parameters", small, large, _way(narrow, 2, least), _way(wide, 2, least), effort),
    ]
    return [Table(TITLE, COLUMNS, tuple(rows))]


def _way(case: Case, strengths: int, draws: int) -> Callable[[int], None]:
    return partial(_run, case, STRENGTHS[:strengths], draws)


def _run(case: Case, strengths: tuple[float, ...], draws: int, run: int) -> None:
    ours(case, WeightNoise(), strengths, draws, run)


def _row(
    of: str, few: int, many: int, less: Callable[[int], None], more: Callable[[int], None], effort: Effort
) -> tuple[str, ...]:
    less(0)
    before = peak_of_process()
    more(0)
    memory = (peak_of_process() - before) / 2**20
    times = in_turns({"less": less, "more": more}, effort.runs)
    grown = times.told("more", "less")
    return of, f"{few:,}", f"{many:,}", f"{many / few:.3g}", grown, f"{memory:.1f}"
