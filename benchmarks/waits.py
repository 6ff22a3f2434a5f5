"""How long a person waits in Explore, from a click to what it brings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.browser import browser, server
from benchmarks.explore_page import DONE, DRAWN, STARTED, choose, new_tab, question, shown, visit, wait
from benchmarks.readings import Goal, Reading
from engine.runners.process import WorkerProcess

COLD: Final = Goal("server just started, browser cold: page opened → chart visible", 3.5)
WARM: Final = Goal("browser warm: page opened → chart visible", 2.5)
DEFAULT: Final = Goal("default sweep: page opened → last point", 5.0)
CHECKPOINT_FIRST: Final = Goal("checkpoint sweep: click → first point", 1.0)
CHECKPOINT_OWN: Final = Goal("checkpoint sweep: the same beyond the engine's own first point", 0.5)
CHECKPOINT_LAST: Final = Goal("checkpoint sweep: click → last point", 5.0)
NOISE_FIRST: Final = Goal("weight noise: click → first point", 1.0)
NOISE_OWN: Final = Goal("weight noise: the same beyond the engine's own first point", 0.5)
NOISE_SHAPE: Final = Goal("weight noise: click → shape of the curve (9 of 17 strengths)", 1.5)
NOISE_LAST: Final = Goal("weight noise: click → last point", 12.0)
STORED: Final = Goal("stored sweep: click → whole curve", 0.3)


def waits() -> Iterator[Reading]:
    """Three sweeps of one visit, on a server with an empty store; then the same in a worker without a browser."""
    with tempfile.TemporaryDirectory() as cache, server(Path(cache)) as running, browser() as chromium:
        page, address = new_tab(chromium), running.address
        start = visit(page, address, shams="0")  # they come once the curve is there
        yield COLD, wait(page, DRAWN) - start
        yield DEFAULT, wait(page, DONE) - start
        sweeps = [question(page, address)]

        page.locator("[data-testid=stExpander] summary").click()
        items = page.locator(".st-key-items input")
        items.fill("257")  # another experiment on the same dial: nothing of it is stored
        former, start = shown(page), time.perf_counter()
        items.press("Enter")
        checkpoint = wait(page, STARTED, former) - start
        yield CHECKPOINT_FIRST, checkpoint
        yield CHECKPOINT_LAST, wait(page, DONE) - start
        sweeps.append(question(page, address))

        former, start = shown(page), choose(page, "degrader", "weight-noise")
        noise = wait(page, STARTED, former) - start
        yield NOISE_FIRST, noise
        yield NOISE_SHAPE, wait(page, "Number(data.n) >= 9") - start
        yield NOISE_LAST, wait(page, DONE) - start
        sweeps.append(question(page, address))

        former, start = shown(page), choose(page, "degrader", "checkpoint")
        yield STORED, wait(page, DONE, former) - start

        start = visit(page, address, shams="0")
        yield WARM, wait(page, DRAWN) - start
    _, own_checkpoint, own_noise = first_points(sweeps)
    yield CHECKPOINT_OWN, checkpoint - own_checkpoint
    yield NOISE_OWN, noise - own_noise


def first_points(questions: list[dict[str, Any]]) -> list[float]:
    """Seconds from a worker's command to start a sweep until it tells of a row, for sweeps one after another in one
    worker with an empty store.
    """
    seconds = []
    with tempfile.TemporaryDirectory() as cache:
        worker = WorkerProcess(Path(cache))
        try:
            events = worker.events()
            next(events)  # it is ready
            for number, form in enumerate(questions):
                start, first = time.perf_counter(), None
                worker.send({"do": "start", "key": str(number), "kind": "sweep", "question": form})
                for event in events:
                    if first is None and _has_row(event):
                        first = time.perf_counter() - start
                    if event.get("status") == "done":
                        break
                assert first is not None, "a sweep that was measured can be measured again"
                seconds.append(first)
        finally:
            worker.close()
    return seconds


def _has_row(event: dict[str, Any]) -> bool:
    rows = event.get("rows", {})
    return any(rows.values() if isinstance(rows, dict) else rows)
