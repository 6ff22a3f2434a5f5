"""Every page for everybody: what axe-core finds in it, in both themes and at two widths, and a keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from test_looks import READ_OVERFLOW
from views import LONG, PROBING, SMALL, View

import app

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

MAIN = Path(app.__file__).with_name("main.py").read_text(encoding="utf-8")
PAGES = re.findall(r'url_path="([^"]+)"', MAIN)

PLANTED = "story=unmasked&items=9&shams=0&draws=2&weight-noise.strengths=0.1,+0.3"
"""On the smallest network, and what no other test asks: that would be measured already."""
QUESTIONS = {
    "compare-dials": f"{PLANTED}&count=2",
    "compare-interventions": PLANTED,
    "phase-map": f"{PLANTED}&outer.degrader=pruning&outer.pruning.strengths=0,+0.2",
}
"""Pages that measure once they are asked to."""

GRAVE = ("serious", "critical")
CONTRAST = ["color-contrast"]

SETTLED = """(scheme) => {
    const component = document.querySelector(".rs-live")
    const moving = (each) => each instanceof CSSTransition && each.playState === "running"
    return (
        getComputedStyle(document.querySelector("[data-testid=stApp]")).colorScheme === scheme &&
        (component?.dataset.theme ?? scheme) === scheme &&
        !document.getAnimations().some(moving)
    )
}"""


def found(view: View, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds of some rules, or of all: rule, place, and what can be done."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = rules
    answer = Axe().run(view.page, options=options)
    return [
        f"{rule['id']} at {node['target']}: {node['failureSummary']}"
        for rule in answer.response["violations"]
        for node in rule["nodes"]
        if node["impact"] in GRAVE
    ]


def shown(tab: Tab, name: str) -> View:
    """A page with an answer on it, if it is one that answers."""
    if name == "explore":
        view = tab().open(SMALL)
        view.until_status("done")
        view.until_drawn()
        view.part("exports").locator("summary").click()
        return view
    if name == "history":
        tab().open(SMALL).until_status("done")  # of which there is a record then
    view = tab(tolerates=PROBING)
    view.page.goto(f"{view.address}/{name}?{QUESTIONS.get(name, '')}")
    view.page.wait_for_selector("[data-testid=stMainBlockContainer] :is(h1, h3)")
    view.until_drawn_by_streamlit()
    return view


def measured(view: View) -> None:
    """Has it measured, as far as the first curve."""
    view.page.get_by_role("button", name="Measure", exact=True).click()
    view.until("data.key")
    view.until("Number(data.n) > 2")
    if "dials" in view.page.url:  # there are many, and some take long
        view.part("cancel").click()
    view.until("data.status === 'done' || data.status === 'cancelled'")
    view.part("copies").locator("summary").click()


@pytest.mark.parametrize("name", PAGES)
def test_no_page_keeps_anybody_from_using_it(tab: Tab, name: str) -> None:
    view = shown(tab, name)
    faults: dict[str, list[str]] = {}
    if name in QUESTIONS:
        view.page.emulate_media(color_scheme="dark")
        view.page.wait_for_function(SETTLED, arg="dark")
        faults["before it measures"] = found(view)
        measured(view)
    for scheme in ("dark", "light"):
        view.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (1440, 420):
            view.page.set_viewport_size({"width": width, "height": 900})
            view.page.wait_for_function(SETTLED, arg=scheme)
            # but for colours, a page is the same in both
            faults[f"{scheme}, {width} px"] = found(view, CONTRAST if scheme == "dark" else None)
            assert view.page.evaluate(READ_OVERFLOW) == [0, 0], f"{width} px must not scroll sideways"
    assert {where: what for where, what in faults.items() if what} == {}


def test_explore_is_used_by_keyboard_alone(tab: Tab) -> None:
    view = tab().open(LONG | {"seed": "14"})
    view.until_measured(4)
    view.until_drawn_by_streamlit()
    keyboard = view.page.keyboard

    def reach(selector: str, most: int) -> None:
        """Goes on by Tab until this has the focus."""
        for _ in range(most):
            keyboard.press("Tab")
            if view.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
        pytest.fail(f"{selector} was not reached by {most} × Tab")

    reach('[data-part="slider"]', 80)
    assert view.data("cursor") == "0"
    with view.sending("focus") as sent:
        keyboard.press("ArrowRight")
        keyboard.press("ArrowRight")
    view.until("data.cursor === '2'")
    assert sent["strength"] > 0
    reach('[data-part="cancel"]', 12)
    keyboard.press("Enter")
    view.until_status("cancelled")
    # in the place of what was pressed, so that Tab goes on from there
    view.page.wait_for_function("document.activeElement.dataset.part === 'resume'")
    for menu, entry in (("copies", "copy"), ("exports", "csv")):
        reach(f'[data-part="{menu}"] summary', 1)
        keyboard.press("Enter")
        reach(f'[data-part="{entry}"]', 1)
        keyboard.press("Escape")
        view.until(f"!part('{menu}').open && document.activeElement === part('{menu}').querySelector('summary')")
