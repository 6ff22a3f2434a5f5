"""The same engine on a graphics processor, where there is one: time a cell, and the share of the processor's peak."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import shapes
from benchmarks.shapes import Case, Effort
from benchmarks.tables import Table, against
from engine.degraders.base import Degraded, Setting
from engine.degraders.weight_noise import WeightNoise
from engine.lab import Lab
from engine.store import Store

TITLE = "On a graphics processor, in float32"
COLUMNS = ("weight noise", "µs a cell", "target", "met", "share of its peak", "target", "met")
DEVICE = "cuda"
SIZE = 4096
RUNS = 5
TOY_MICROSECONDS = 20.0
LARGE_SHARE = 0.5


def gpu(effort: Effort) -> list[Table]:
    """Time counts here, not the processor's; what makes the noise is a part of it."""
    toy, large = shapes.grok(64), shapes.large(effort.large)
    if not torch.cuda.is_available():
        none = "no CUDA device at hand"
        rows = (
            (toy.title, none, f"≤ {TOY_MICROSECONDS:g}", "", "", "", ""),
            (large.title, none, "", "", "", f"≥ {LARGE_SHARE:g}", ""),
        )
        return [Table(TITLE, COLUMNS, rows)]
    peak = _peak()
    seconds, share = _cell(toy, effort.strengths, 64, peak)
    first = f"{seconds * 1e6:.3g}", *against(TOY_MICROSECONDS, seconds * 1e6, most=True), f"{share:.0%}", "", ""
    seconds, share = _cell(large, effort.strengths, 2, peak)
    second = f"{seconds * 1e6:,.0f}", "", "", f"{share:.0%}", *against(LARGE_SHARE, share)
    return [Table(TITLE, COLUMNS, ((toy.title, *first), (large.title, *second)))]


def _cell(case: Case, strengths: Sequence[float], draws: int, peak: float) -> tuple[float, float]:
    """Seconds of a cell, and the share of the peak."""
    network = case.network.to(torch.device(DEVICE))
    case, degrader = replace(case, network=network), WeightNoise()
    settings = [Setting(strength, draw) for draw in range(draws) for strength in strengths]
    with tempfile.TemporaryDirectory() as folder, Lab(Store(Path(folder)), threads=1, device=DEVICE) as lab:

        def measure(chosen: list[Setting], seed: int) -> None:
            degraded = [each for each in degrader.degrade(network, chosen, seed) if isinstance(each, Degraded)]
            lab.measure(network, case.data, degraded, [case.interventions] * len(degraded))

        measure(settings, 0)
        seconds = _seconds(lambda run: measure(settings, run)) / len(settings)
        with FlopCounterMode(display=False) as counter:
            measure(settings[:1], 0)
    return seconds, counter.get_total_flops() / seconds / peak


def _peak() -> float:
    """Floating-point operations a second of one large product of matrices."""
    a, b = torch.randn(2, SIZE, SIZE, device=DEVICE)
    return 2 * SIZE**3 / _seconds(lambda _: torch.mm(a, b))


def _seconds(way: Callable[[int], object]) -> float:
    """The median over runs."""
    times = []
    for run in range(RUNS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        way(run)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
