"""The guide of a first visit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from views import SMALL, View

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

PLACES = """() => ["verdict", "slider", "sweep", "foot"].map((name) => {
    const box = document.querySelector(`.rs-live [data-part=${name}]`).getBoundingClientRect()
    return [box.x, box.y, box.width, box.height].map(Math.round)
})"""


@pytest.mark.parametrize("width", [1440, 420])
def test_a_first_visit_is_guided_once(tab: Tab, width: int) -> None:
    view = tab(newcomer=True, viewport={"width": width, "height": 900}).open()
    view.until_status("done")
    view.until_drawn()
    card = view.page.get_by_role("dialog")
    buttons = view.part("hint").get_by_role("button")
    places = view.page.evaluate(PLACES)
    titles: list[str | None] = []
    for _ in range(3):
        titles.append(card.get_attribute("aria-label"))
        box = card.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 900
        if len(titles) < 3:
            assert buttons.last.evaluate("button => button === document.activeElement")
            view.page.keyboard.press("Enter")
    assert len(set(titles)) == 3
    buttons.filter(has_text="Back").click()
    assert card.get_attribute("aria-label") == titles[1]
    # what a card is about can be used below it
    view.part("slider").focus()
    view.page.keyboard.press("Home")
    assert view.data("cursor") == "0"
    assert card.is_visible()
    view.page.keyboard.press("Escape")
    card.wait_for(state="detached")
    assert view.page.evaluate(PLACES) == places, "it has moved nothing"
    view.page.reload()
    view.until_status("done")
    assert card.count() == 0


def test_who_comes_by_a_link_is_not_guided_and_nobody_against_what_the_browser_keeps(tab: Tab) -> None:
    view = tab(newcomer=True).open(SMALL)
    view.until_status("done")
    assert view.part("hint").count() == 0
    keeps_nothing = tab(newcomer=True)
    keeps_nothing.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied') } })"
    )
    keeps_nothing.open()
    keeps_nothing.part("hint").get_by_role("button", name="Skip").click()
    assert keeps_nothing.part("hint").count() == 0
