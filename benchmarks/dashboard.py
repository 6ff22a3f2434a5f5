"""How long a person waits: the dashboard in a real browser, from a click to what it brings.

`python -m benchmarks.dashboard` starts a server of its own with an empty store and prints a Markdown table. A target is
what the two-core reference machine has to reach when nothing else runs on it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.browser import browser, server

RUNS = 3
TARGETS = {
    "cold start: page opened → chart visible": 3.5,
    "default sweep: page opened → last point": 5.0,
    "checkpoint sweep: click → first point": 1.0,
    "checkpoint sweep: click → last point": 5.0,
    "weight noise: click → first point": 1.0,
    "weight noise: click → shape of the curve (9 of 17 strengths)": 1.5,
    "weight noise: click → last point": 12.0,
    "stored sweep: click → whole curve": 0.3,
}


def main() -> None:
    """Measures several times and prints medians beside the targets."""
    seen: dict[str, list[float]] = {name: [] for name in TARGETS}
    for _ in range(RUNS):
        for name, seconds in _measure():
            seen[name].append(seconds)
    print("| what | seconds, median | from – to | target |")
    print("|---|---|---|---|")
    for name, target in TARGETS.items():
        times = seen[name]
        print(f"| {name} | {statistics.median(times):.2f} | {min(times):.2f} – {max(times):.2f} | ≤ {target} |")


def _measure() -> Iterator[tuple[str, float]]:
    with tempfile.TemporaryDirectory() as cache, server(Path(cache)) as running, browser() as chromium:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        start = time.perf_counter()
        page.goto(f"{running.address}?shams=0")  # they come once the curve is there
        page.wait_for_selector(".rs-explore .main-svg", timeout=60_000)
        yield "cold start: page opened → chart visible", time.perf_counter() - start
        _wait(page, "done")
        yield "default sweep: page opened → last point", time.perf_counter() - start

        page.locator("[data-testid=stExpander] summary").click()
        items = page.locator(".st-key-items input")
        items.fill("257")  # another experiment on the same dial: nothing of it is stored
        key = _key(page)
        start = time.perf_counter()
        items.press("Enter")
        _wait(page, "started", key)
        yield "checkpoint sweep: click → first point", time.perf_counter() - start
        _wait(page, "done")
        yield "checkpoint sweep: click → last point", time.perf_counter() - start

        key = _key(page)
        start = _choose(page, "degrader", "weight-noise")
        _wait(page, "started", key)
        yield "weight noise: click → first point", time.perf_counter() - start
        _wait(page, "drawn")
        yield "weight noise: click → shape of the curve (9 of 17 strengths)", time.perf_counter() - start
        _wait(page, "done")
        yield "weight noise: click → last point", time.perf_counter() - start

        key = _key(page)
        start = _choose(page, "degrader", "checkpoint")
        _wait(page, "done", key)
        yield "stored sweep: click → whole curve", time.perf_counter() - start


STATES = {
    "started": "root.dataset.n > 0",
    "drawn": "root.dataset.n >= 9",
    "done": "root.dataset.status === 'done'",
}


def _wait(page: Page, state: str, old_key: str = "") -> None:
    """Until the component is in a state, of another experiment than the old one."""
    script = f"""() => {{
        const root = document.querySelector(".rs-explore")
        return root && root.dataset.key !== "{old_key}" && {STATES[state]}
    }}"""
    page.wait_for_function(script, timeout=120_000, polling=10)


def _key(page: Page) -> str:
    return page.locator(".rs-explore").get_attribute("data-key") or ""


def _choose(page: Page, widget: str, option: str) -> float:
    """Chooses from a list; returns the moment of the click."""
    page.locator(f".st-key-{widget} input").click()
    entry = page.get_by_role("option", name=option, exact=True)
    entry.wait_for()
    start = time.perf_counter()
    entry.click()
    return start


if __name__ == "__main__":
    main()
