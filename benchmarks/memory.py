"""Peak memory, of a process that does nothing else: `python -m benchmarks.memory char engine full` prints
bytes.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import shapes
from benchmarks.shapes import FULL, TINY, Case, Effort
from benchmarks.tables import Table, against
from benchmarks.timing import one_core
from benchmarks.ways import ours
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.lab import keep_freed_memory
from engine.measure import measure

TITLE = "Peak memory"
COLUMNS = (
    "4 strengths, 2 draws",
    "MiB: weights",
    "activations",
    "engine in all",
    "loop in all",
    "engine without activations, × weights",
    "target",
    "met",
)
STRENGTHS: Final = (0.05, 0.1, 0.15, 0.2)
TARGET: Final = 2.2
CASES: Final[dict[str, Callable[[Effort], Case]]] = {
    "char": lambda effort: shapes.char(effort.char),
    "GPT-2": lambda effort: shapes.large(effort.large),
}
EFFORTS: Final = {"full": FULL, "tiny": TINY}
MIB: Final = 2**20


def memory(effort: Effort) -> list[Table]:
    """The peak of each way, in a process of its own and beside what its imports take."""
    name_of_effort = next(name for name, each in EFFORTS.items() if each == effort)
    rows = []
    for name, make in CASES.items():
        weights, undegraded, engine = _in_child(name, "engine", name_of_effort)
        loop = _in_child(name, "loop", name_of_effort)[0]
        activations = undegraded - weights
        share = (engine - activations) / weights
        sizes = (f"{each / MIB:,.0f}" for each in (weights, activations, engine, loop))
        rows.append((make(effort).title, *sizes, f"{share:.2f}", *against(TARGET, share, most=True)))
    return [Table(TITLE, COLUMNS, tuple(rows))]


def peak_of_process() -> int:
    """The most memory that this process has had so far, bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # what `getrusage` says there begins with the peak of the process that started this one
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def engine_takes(make: Callable[[], Case]) -> tuple[int, int, int]:
    """Bytes of the weights, and the peaks when the undegraded network and when degraded ones have been measured."""
    case, degrader = shapes.large(shapes.SMALL), WeightNoise()
    ours(case, degrader, STRENGTHS[:1], 1, 0)  # code is loaded when it is first used
    before = peak_of_process()
    case = make()
    weights = sum(tensor.numel() * tensor.itemsize for tensor in case.network.weights.values())
    measure(case.network, case.data, Degraded(case.network.weights), case.interventions)
    undegraded = peak_of_process() - before
    ours(case, degrader, STRENGTHS, 2, 0)
    return weights, undegraded, peak_of_process() - before


def loop_takes(make: Callable[[], Case]) -> tuple[int]:
    """The peak in bytes."""
    from benchmarks.lens import Loop  # imports what the engine's process should not hold

    Loop(shapes.large(shapes.SMALL)).run(STRENGTHS[:1], 1, 0)
    before = peak_of_process()
    case = make()
    loop = Loop(case)
    case.network.weights.clear()  # the loop has its own
    loop.run(STRENGTHS, 2, 0)
    return (peak_of_process() - before,)


def _in_child(name: str, way: str, effort: str) -> tuple[int, ...]:
    command = [sys.executable, "-m", "benchmarks.memory", name, way, effort]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(map(int, said.split()))


def main(name: str, way: str, effort: str) -> None:
    """Measures in this process, which has done nothing else, and prints."""
    one_core()
    keep_freed_memory()
    takes = {"engine": engine_takes, "loop": loop_takes}[way]
    print(*takes(lambda: CASES[name](EFFORTS[effort])))


if __name__ == "__main__":
    main(*sys.argv[1:])
