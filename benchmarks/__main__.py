"""`make bench`: runs every benchmark and prints its tables. `ARGS=dashboard` or `ARGS=engine` runs one half of them."""

from __future__ import annotations

import sys

from benchmarks import dashboard, engine
from benchmarks.machine import machine


def main(arguments: list[str]) -> None:
    """Prints where it runs, then what it measures."""
    asked, further = arguments[:1], arguments[1:]
    if asked not in ([], ["dashboard"], ["engine"]):
        raise SystemExit(f"benchmarks: the part must be dashboard or engine, got {asked[0]}; leave it out for both.")
    print(f"{machine()}\n")
    if asked != ["engine"]:
        dashboard.main(further)
        print()
    if asked != ["dashboard"]:
        engine.main(further)


if __name__ == "__main__":
    main(sys.argv[1:])
