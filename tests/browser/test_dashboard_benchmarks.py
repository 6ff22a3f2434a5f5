"""The dashboard's benchmarks see what they look for, on a page made for it; no time of the dashboard is judged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.liveliness import WATCH_DRAG, WATCH_SWEEP
from benchmarks.readings import Goal, table

pytestmark = pytest.mark.browser

SLOW = 60
"""Milliseconds that a slow handler takes."""

PAGE = """<section class="rs-live" data-cursor="0" data-n="1" data-version="1">
  <input type="range" data-part="slider" min="0" max="1" step="0.01" value="0" style="width: 400px">
  <div data-part="sweep"><svg class="main-svg" width="100" height="100"><g class="scatterlayer">
    <circle class="point" r="5"></circle>
  </g></svg></div>
</section>"""

FRAMES = "async (wanted) => { while (seen.frames < wanted) await new Promise(requestAnimationFrame) }"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that has what the benchmarks watch, and nothing else."""
    page = chromium.new_page()
    page.set_content(PAGE)
    yield page
    page.close()


def test_a_slow_dial_is_seen(page: Page) -> None:
    page.evaluate(
        """slow => {
            const root = document.querySelector(".rs-live")
            root.querySelector("input").addEventListener("input", ({ target }) => {
                const end = performance.now() + slow
                while (performance.now() < end);
                root.dataset.cursor = target.value
            })
        }""",
        SLOW,
    )
    page.evaluate(WATCH_DRAG)
    page.mouse.move(20, 15)
    page.mouse.down()
    page.mouse.move(300, 15, steps=5)
    page.mouse.up()
    page.wait_for_function("drags.length >= 5")
    assert min(page.evaluate("drags")) >= SLOW


def test_another_chart_and_a_blank_one_are_seen(page: Page) -> None:
    page.evaluate(WATCH_SWEEP)
    page.evaluate(FRAMES, 3)
    assert page.evaluate("[seen.nodes.size, seen.blank, seen.updates.length]") == [1, 0, 1]
    page.evaluate(
        "document.querySelector('.main-svg').replaceWith(document.querySelector('.main-svg').cloneNode(true))"
    )
    page.evaluate(FRAMES, 6)
    assert page.evaluate("[seen.nodes.size, seen.blank]") == [2, 0]
    page.evaluate(
        "document.querySelector('.point').remove(); document.querySelector('.rs-live').dataset.version = 2"
    )
    page.evaluate(FRAMES, 9)
    assert page.evaluate("[seen.blank > 0, seen.updates.length]") == [True, 2]


def test_the_median_is_judged_against_the_limit() -> None:
    fast, many, told = Goal("fast", 0.5), Goal("many", 8, "a second", least=True), Goal("told", unit="ms", decimals=0)
    readings = [(fast, 0.1), (many, 7.0), (fast, 0.9), (told, 3.0), (fast, 0.3)]
    assert table(readings).rows == (
        ("fast", "0.30 s", "0.10 – 0.90", "≤ 0.5 s", "yes"),
        ("many", "7.00 a second", "", "≥ 8 a second", "**no**"),
        ("told", "3 ms", "", "", ""),
    )
