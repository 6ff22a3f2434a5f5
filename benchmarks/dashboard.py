"""The dashboard in a real browser: how long a person waits, and what it costs.

`python -m benchmarks.dashboard` starts servers of its own, each with an empty store, and prints a Markdown table; with
`--write` it also puts it into docs/performance.md, between two marks. A target is what the two-core reference machine
has to reach when nothing else runs on it.
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

from benchmarks.liveliness import liveliness
from benchmarks.load import load
from benchmarks.machine import machine
from benchmarks.readings import Reading, table
from benchmarks.tables import PAGE, markdown, write
from benchmarks.waits import waits

RUNS: Final = 3


def main(arguments: list[str]) -> None:
    """Measures, and prints medians beside the targets."""
    parser = argparse.ArgumentParser(prog="benchmarks.dashboard")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--runs", type=int, default=RUNS, help="of everything but the many tabs, which come once")
    asked = parser.parse_args(arguments)
    readings: list[Reading] = []
    for part, runs in ((waits, asked.runs), (liveliness, asked.runs), (load, 1)):
        for _ in range(runs):
            readings += part()
    said = markdown([table(readings)])
    print(said)
    if asked.write:
        runs = "one run" if asked.runs == 1 else f"{asked.runs} runs"
        write(PAGE, "dashboard", f"{said}\n\nMeasured on: {machine()}; {runs}, the many tabs once.")


if __name__ == "__main__":
    main(sys.argv[1:])
