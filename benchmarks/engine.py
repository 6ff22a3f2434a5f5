"""The engine against the loop in TransformerLens and against devinterp, on one core: tables of ratios.

`python -m benchmarks.engine` prints them; with `--write` it also puts them into docs/performance.md, between two marks.
Each part runs in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Final

from benchmarks.machine import machine
from benchmarks.memory import EFFORTS
from benchmarks.shapes import Effort
from benchmarks.tables import PAGE, Table, from_json, markdown, to_json, write
from benchmarks.timing import one_core
from engine.lab import keep_freed_memory

PARTS: Final = (
    "resolved_curve:resolved",
    "against_transformer_lens:small",
    "against_transformer_lens:large",
    "against_devinterp:sgld",
    "share_of_peak:share",
    "memory:memory",
    "growth:growth",
    "on_gpu:gpu",
)


def main(arguments: list[str]) -> None:
    """Runs every part, or, asked for one, that part in this process."""
    parser = argparse.ArgumentParser(prog="benchmarks.engine")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    parser.add_argument("--effort", choices=EFFORTS, default="full")
    parser.add_argument("--part", choices=PARTS, help="run this part alone and print it as JSON")
    asked = parser.parse_args(arguments)
    if asked.part:
        one_core()
        keep_freed_memory()
        print(to_json(run(asked.part, EFFORTS[asked.effort])))
        return
    tables = []
    for part in PARTS:
        new = list(_in_child(part, asked.effort))
        tables += new
        print(markdown(new), end="\n\n", flush=True)
    if asked.write:
        write(PAGE, "engine", f"{markdown(tables)}\n\nMeasured on: {machine()}; one thread, processor time.")


def run(part: str, effort: Effort) -> list[Table]:
    """One part, in this process."""
    module, name = part.split(":")
    measure: Callable[[Effort], list[Table]] = getattr(importlib.import_module(f"benchmarks.{module}"), name)
    return measure(effort)


def _in_child(part: str, effort: str) -> Iterator[Table]:
    command = [sys.executable, "-m", "benchmarks.engine", "--part", part, "--effort", effort]
    quiet = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | quiet).stdout
    yield from from_json(said.splitlines()[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
