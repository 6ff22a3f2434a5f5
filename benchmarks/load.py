"""What a dashboard that many look at costs its web process, and what it leaves behind when it is told to end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from benchmarks.browser import browser, server
from benchmarks.explore_page import STARTED, new_tab, visit, wait
from benchmarks.readings import Goal, Reading

TABS: Final = 20
WEB: Final = Goal(f"{TABS} tabs on one running sweep: web process", 5, "% of a core", decimals=1)
ORPHANS: Final = Goal("processes left 3 s after SIGTERM, in the middle of a sweep", 0, "", decimals=0)

SWEEP: Final = {"degrader": "weight-noise", "items": "1024", "draws": "64", "doublings": "0", "shams": "0"}
"""Takes several minutes: it must not be done before all tabs are open, and ends with the server."""
SECONDS: Final = 10
GRACE: Final = 3.0


def load() -> Iterator[Reading]:
    """Opens many tabs on one sweep, and ends the server under them."""
    with tempfile.TemporaryDirectory() as cache, server(Path(cache)) as running, browser() as chromium:
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        pages = [new_tab(context) for _ in range(TABS)]
        for page in pages:
            visit(page, running.address, **SWEEP)
            wait(page, STARTED)
        page = pages[-1]
        web = psutil.Process(running.process.pid)
        before, start = _spent(web), time.perf_counter()
        page.wait_for_timeout(1000 * SECONDS)  # not time.sleep: the browser has to be attended to
        yield WEB, 100 * (_spent(web) - before) / (time.perf_counter() - start)
        wait(page, "data.status === 'running'")
        family = [web, *web.children(recursive=True)]
        web.terminate()
        _, left = psutil.wait_procs(family, timeout=GRACE)
        yield ORPHANS, len(left)
        for process in left:
            process.kill()


def _spent(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    times = process.cpu_times()
    return times.user + times.system
