"""`make bench`: runs every benchmark and prints its table."""

from __future__ import annotations

import os
import platform

import torch

from benchmarks import dashboard


def main() -> None:
    """Prints where it runs, then what it measures."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, torch {torch.__version__}\n")
    dashboard.main()


if __name__ == "__main__":
    main()
