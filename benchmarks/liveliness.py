"""What Explore's charts and its dial do while a sweep runs and after it, watched from inside the page."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from benchmarks.browser import browser, server
from benchmarks.explore_page import DONE, DRAWN, box, new_tab, part, shown, visit, wait
from benchmarks.readings import Goal, Reading

DRAG: Final = Goal("dial dragged → painted, p95", 33, "ms", decimals=1)
DRAG_RUNNING: Final = Goal("the same while a sweep runs", 33, "ms", decimals=1)
COMING: Final = Goal("updates on screen while strengths come in", 8, "a second", least=True, decimals=1)
REFINING: Final = Goal(
    "updates on screen while intervals shrink (held back: a redraw costs the sweep)", unit="a second"
)
NODES: Final = Goal("chart elements during a sweep", 1, "", decimals=0)
BLANK: Final = Goal("frames without a curve during a sweep", 0, "", decimals=0)
ZOOM: Final = Goal("zooms lost to updates during a sweep (the legend switches nothing off)", 0, "", decimals=0)
CANCEL: Final = Goal('Cancel clicked → "cancelled" on screen', 0.5)

SHORT: Final = {"degrader": "weight-noise", "weight-noise.strengths": "0.5", "items": "8", "draws": "64", "shams": "0"}
STRENGTHS: Final = tuple(f"{0.005 * step:.3f}" for step in range(1, 65))
"""As many as there may be: with few items their points follow each other faster than updates may."""

MOVES: Final = 120
"""Of the mouse in one drag."""
REFINEMENTS: Final = 8
"""So many updates are awaited while intervals shrink."""

PAINTED: Final = """
    // What is called after the frame that is being made has been painted.
    const painted = (then) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => then(performance.now())
        port2.postMessage(null)
    })
"""

WATCH_DRAG: Final = f"""() => {{
    {PAINTED}
    const root = document.querySelector(".rs-live")
    const slider = root.querySelector("[data-part=slider]")
    window.drags = []
    let moved = 0
    let before = root.dataset.cursor
    window.addEventListener("pointermove", (event) => (moved = event.timeStamp), {{ capture: true }})
    slider.addEventListener("input", () => {{
        if (root.dataset.cursor === before) return
        before = root.dataset.cursor
        const since = moved
        painted((now) => window.drags.push(now - since))
    }})
}}"""
"""Milliseconds from each movement of the mouse to the frame with another readout; must come after the dial's own
listener, which moves the cursor."""

WATCH_SWEEP: Final = """() => {
    window.seen = { updates: [], frames: 0, blank: 0, nodes: new Set(), zoomed: false, lost: 0 }
    let version = ""
    const watch = () => {
        const root = document.querySelector(".rs-live")
        const chart = root?.querySelector("[data-part=sweep]")
        const drawing = chart?.querySelector(".main-svg")
        const { seen } = window
        seen.frames += 1
        if (drawing) seen.nodes.add(drawing)
        const curve = drawing?.getBoundingClientRect().width && chart.querySelector(".scatterlayer .point")
        if (!drawing || (root.dataset.n > 0 && !curve)) seen.blank += 1
        if (root && root.dataset.version !== version) {
            version = root.dataset.version
            seen.updates.push({ at: performance.now(), key: root.dataset.key, n: Number(root.dataset.n) })
        }
        if (seen.range && String(chart?._fullLayout.xaxis.range) !== seen.range) seen.lost = 1
        requestAnimationFrame(watch)
    }
    watch()
}"""
"""Looks at each frame of a sweep: which element the chart is, whether it shows something, and what was updated when."""

WATCH_CANCEL: Final = f"""() => {{
    {PAINTED}
    const part = (name) => document.querySelector(`.rs-live [data-part="${{name}}"]`)
    part("cancel").addEventListener("click", ({{ timeStamp }}) => {{
        const look = () => painted((now) => {{
            if (part("status").textContent === "cancelled") window.cancelled = (now - timeStamp) / 1000
            else look()
        }})
        look()
    }})
}}"""


def liveliness() -> Iterator[Reading]:
    """A drag over the default sweep, then a sweep that would take a minute, on a server with an empty store."""
    with tempfile.TemporaryDirectory() as cache, server(Path(cache)) as running, browser() as chromium:
        page = new_tab(chromium)
        visit(page, running.address, items="64", shams="0")
        wait(page, f"{DONE} && {DRAWN}")
        yield DRAG, _drag(page)
        visit(page, running.address, **SHORT)
        wait(page, f"{DONE} && {DRAWN}")
        yield from _sweep(page)


def _drag(page: Page) -> float:
    """The 95th percentile of a drag along the dial and back, milliseconds."""
    page.evaluate(WATCH_DRAG)
    left, top, width, height = box(part(page, "slider"))
    y = top + height / 2
    page.mouse.move(left + 0.05 * width, y)
    page.mouse.down()
    for end in (0.95, 0.05):
        page.mouse.move(left + end * width, y, steps=MOVES)
    page.mouse.up()
    return statistics.quantiles(page.evaluate("window.drags"), n=20)[-1]


def _sweep(page: Page) -> Iterator[Reading]:
    """Asks for many strengths and watches what comes of it; zooms in while intervals shrink, and cancels."""
    page.evaluate(WATCH_SWEEP)
    page.locator("[data-testid=stExpander] summary").click()
    strengths, former = page.locator(".st-key-weight-noise-strengths input"), shown(page)
    strengths.fill(", ".join(STRENGTHS))
    strengths.press("Enter")
    wait(page, "Number(data.n) > Number(part('slider').max)", former)
    _await_updates(page, REFINEMENTS)
    updates = page.evaluate("key => seen.updates.filter((update) => update.key === key && update.n)", shown(page))
    whole = len(STRENGTHS) + 1
    yield COMING, _rate([update["at"] for update in updates if update["n"] < whole])
    yield REFINING, _rate([update["at"] for update in updates if update["n"] == whole])
    yield DRAG_RUNNING, _drag(page)

    _zoom(page)
    _await_updates(page, REFINEMENTS // 2)
    page.evaluate(WATCH_CANCEL)
    part(page, "cancel").click()
    page.wait_for_function("window.cancelled")
    seen = page.evaluate("({ ...seen, nodes: seen.nodes.size })")
    yield NODES, seen["nodes"]
    yield BLANK, seen["blank"]
    yield ZOOM, seen["lost"]
    yield CANCEL, page.evaluate("window.cancelled")


def _zoom(page: Page) -> None:
    """Zooms by dragging, and lets the page remember where to."""
    left, top, width, _ = box(part(page, "sweep"))
    page.mouse.move(left + 0.4 * width, top + 80)
    page.mouse.down()
    page.mouse.move(left + 0.7 * width, top + 80, steps=5)
    page.mouse.up()
    part(page, "reset-zoom").wait_for()
    page.evaluate("seen.range = String(document.querySelector('.rs-live [data-part=sweep]')._fullLayout.xaxis.range)")


def _await_updates(page: Page, count: int) -> None:
    page.wait_for_function("wanted => seen.updates.length >= wanted", arg=page.evaluate("seen.updates.length") + count)


def _rate(moments: list[float]) -> float:
    """How many a second, of moments in milliseconds."""
    return 1000 * (len(moments) - 1) / (moments[-1] - moments[0])
