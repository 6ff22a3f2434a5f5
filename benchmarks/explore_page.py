"""Explore in a tab of the browser, as a benchmark handles it."""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize

from benchmarks.browser import RETURNING

PATIENCE: Final = 120_000
"""Milliseconds after which a benchmark gives up."""

DESKTOP: Final[ViewportSize] = {"width": 1440, "height": 900}

STARTED: Final = "Number(data.n) > 0"
DONE: Final = "data.status === 'done'"
DRAWN: Final = "part('sweep').querySelector('.main-svg')"


def new_tab(browser: Browser | BrowserContext) -> Page:
    """An empty tab of one who has been here before."""
    # a context has its size already
    page = browser.new_page(viewport=DESKTOP) if isinstance(browser, Browser) else browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.add_init_script(RETURNING)
    return page


def visit(page: Page, address: str, **settings: str) -> float:
    """Opens Explore with these settings; returns the moment before."""
    start = time.perf_counter()
    page.goto(f"{address}?{urlencode(settings)}", wait_until="commit")
    return start


def wait(page: Page, condition: str, former: str = "") -> float:
    """Until a condition about `part` (the component's elements) and `data` (its data attributes) holds, and another
    experiment than the former is shown; returns the moment.
    """
    script = f"""former => {{
        const root = document.querySelector(".rs-live")
        const part = (name) => root.querySelector(`[data-part="${{name}}"]`)
        const data = root?.dataset
        return data?.key && data.key !== former && ({condition})
    }}"""
    page.wait_for_function(script, arg=former, polling=10)
    return time.perf_counter()


def part(page: Page, name: str) -> Locator:
    """An element of the component."""
    return page.locator(f'.rs-live [data-part="{name}"]')


def shown(page: Page) -> str:
    """The key of the experiment that is shown."""
    return page.locator(".rs-live").get_attribute("data-key") or ""


def question(page: Page, address: str) -> dict[str, Any]:
    """The experiment that is shown, in its JSON form."""
    return page.request.get(f"{address}/api/jobs/{shown(page)}/result.json").json()["question"]


def choose(page: Page, widget: str, option: str) -> float:
    """Chooses from a list; returns the moment of the click."""
    page.locator(f".st-key-{widget} input").click()
    entry = page.get_by_role("option", name=option, exact=True)
    entry.wait_for()
    start = time.perf_counter()
    entry.click()
    return start


def box(where: Locator) -> tuple[float, float, float, float]:
    """Left, top, width and height of an element on the page, pixels."""
    found = where.bounding_box()
    assert found is not None, "only what is visible is measured"
    return found["x"], found["y"], found["width"], found["height"]
