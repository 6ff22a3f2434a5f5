"""Processor time of several ways to do the same, taken in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

Ways = Mapping[str, Callable[[int], object]]
"""What is done in a run of this number, by name."""


@dataclass(frozen=True)
class Times:
    """Seconds of each run of each way; run i of all ways was done side by side."""

    seconds: Mapping[str, tuple[float, ...]]

    def median(self, way: str) -> float:
        """The median of a way, seconds."""
        return statistics.median(self.seconds[way])

    def ratio(self, slow: str, fast: str) -> float:
        """How many times as long one way takes as another: the median over runs."""
        return statistics.median(self._ratios(slow, fast))

    def told(self, slow: str, fast: str, work: float = 1.0) -> str:
        """The ratio with the range that the runs span; the fast way may have done so many times as much."""
        ratios = self._ratios(slow, fast)
        middle, low, high = (work * each for each in (self.ratio(slow, fast), min(ratios), max(ratios)))
        return f"{middle:.3g} ({low:.3g} – {high:.3g})"

    def _ratios(self, slow: str, fast: str) -> list[float]:
        return [a / b for a, b in zip(self.seconds[slow], self.seconds[fast], strict=True)]


def in_turns(ways: Ways, runs: int) -> Times:
    """Does each way once unmeasured, then each in turn so many times; a way is told the number of the run.

    What is taken is the time of the processor, which other people's work on the machine hardly touches.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for run in range(runs + 1):
        for name, way in ways.items():
            start = time.process_time()
            way(run)
            seconds[name].append(time.process_time() - start)
    return Times({name: tuple(each[1:]) for name, each in seconds.items()})


def one_core() -> None:
    """One thread, for whatever is measured."""
    torch.set_num_threads(1)
