"""What share of a core's best the engine uses: matrix products counted by torch, against one large product."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import shapes
from benchmarks.shapes import Case, Effort
from benchmarks.tables import Table, against
from benchmarks.timing import in_turns
from benchmarks.ways import ours
from engine.degraders.weight_noise import WeightNoise

TITLE = "Share of one core's peak in float32"
COLUMNS = (
    "weight noise, 9 strengths",
    "GFLOP a cell",
    "GFLOP a second: engine",
    "one product of 1024³",
    "share",
    "target",
    "met",
)
SIZE = 1024
TARGET = 0.65


def share(effort: Effort) -> list[Table]:
    """The case with a target, and a deeper network."""
    rows = (_row(shapes.grok(512), effort, f"≥ {TARGET:g}"), _row(shapes.char(effort.char), effort, ""))
    return [Table(TITLE, COLUMNS, rows)]


def _row(case: Case, effort: Effort, target: str) -> tuple[str, ...]:
    degrader, draws = WeightNoise(), effort.draws
    with FlopCounterMode(display=False) as counter:
        ours(case, degrader, effort.strengths[:1], 1, 0)
    each = counter.get_total_flops()
    a, b = torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    times = in_turns(
        {
            "engine": lambda run: ours(case, degrader, effort.strengths, draws, run),
            "product": lambda _: [a @ b for _ in "12345"],
        },
        effort.runs,
    )
    engine = len(effort.strengths) * draws * each / times.median("engine")
    peak = 5 * 2 * SIZE**3 / min(times.seconds["product"])
    reached = engine / peak
    judged = against(TARGET, reached)[1] if target else ""
    return case.title, f"{each / 1e9:.3g}", f"{engine / 1e9:.3g}", f"{peak / 1e9:.3g}", f"{reached:.0%}", target, judged
