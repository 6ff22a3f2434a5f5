"""Readable in both themes, on a desk and on a telephone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from views import SMALL, View

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

LEAST_CONTRAST = 4.5
"""What WCAG 2.2 asks of text, level AA."""

READ_CONTRASTS = """() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    const brush = canvas.getContext("2d", { willReadFrequently: true })
    // Whatever way a colour is written in: what comes out where it is painted on what is behind it.
    const paint = (behind, colour) => {
        for (const each of [behind, colour]) {
            brush.fillStyle = each
            brush.fillRect(0, 0, 1, 1)
        }
        return `rgb(${[...brush.getImageData(0, 0, 1, 1).data].slice(0, 3).join(" ")})`
    }
    const background = (element) => {
        const behind = element.parentElement ? background(element.parentElement) : "white"
        return paint(behind, getComputedStyle(element).backgroundColor)
    }
    const luminance = (colour) => {
        const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        const [red, green, blue] = colour.match(/[0-9]+/g).map((part) => linear(part / 255))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    const texts = [...document.querySelectorAll(".rs-live *, .rs-live")].filter(
        (element) => element instanceof HTMLElement && hasText(element) && element.checkVisibility()
    )
    return texts.map((element) => {
        const behind = background(element)
        const front = paint(behind, getComputedStyle(element).color)
        const [dark, light] = [luminance(front), luminance(behind)].sort((a, b) => a - b)
        const place = element.closest("[data-part], [data-tile]")?.dataset
        const contrast = (light + 0.05) / (dark + 0.05)
        return { text: element.textContent, place: place?.part ?? place?.tile, contrast }
    })
}"""

READ_OVERFLOW = """() => {
    const scrolling = [document.scrollingElement, document.querySelector("[data-testid=stMain]")]
    return scrolling.map((element) => element.scrollWidth - element.clientWidth)
}"""


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[1440, 420])
def view(tab: Tab, scheme: str, request: pytest.FixtureRequest) -> View:
    """The default dial, measured, in a theme and at a width."""
    view = tab(viewport={"width": request.param, "height": 900}, color_scheme=scheme).open(SMALL)
    view.until_status("done")
    view.until_drawn()
    return view


def test_every_text_is_readable_and_nothing_is_wider_than_the_window(view: View, scheme: str) -> None:
    assert view.data("theme") == scheme
    texts: list[dict[str, Any]] = view.page.evaluate(READ_CONTRASTS)
    assert {"headline", "verdict-chip", "reason", "state-chip", "loss_delta", "status"} <= {t["place"] for t in texts}
    assert [text for text in texts if text["contrast"] < LEAST_CONTRAST] == []
    assert view.page.evaluate(READ_OVERFLOW) == [0, 0]


@pytest.mark.parametrize("width", [1440, 420])
def test_nothing_moves_while_a_story_is_measured_and_a_laptop_shows_all_of_it(tab: Tab, width: int) -> None:
    view = tab(viewport={"width": width, "height": 900})
    view.page.add_init_script(WATCH_TILES)
    view.open({"seed": "3"})
    view.until_status("done")
    view.until_drawn()
    tops = view.page.evaluate("[...window.tops]")
    assert max(tops) - min(tops) < 2, "above the tiles nothing changes its height"
    for text in ("● clean", "✕ entangled", "▼ effect lost", "□ broken", "○ unresolved", "── shams", "┄┄ band"):
        assert text.replace(" ", "\u00a0") in view.part("shapes").inner_text().replace(" ", "\u00a0")
    clipped = "(reason) => reason.scrollHeight > reason.clientHeight + 1"
    assert not view.part("reason").evaluate(clipped)
    if width == 1440:
        foot = view.part("foot").bounding_box()
        assert foot is not None
        assert foot["y"] + foot["height"] <= 900
        height = view.part("shapes").evaluate("shapes => shapes.clientHeight")
        assert height < 24, "one line"
        cut = view.part("examples").evaluate(CUT_ROWS)
        assert cut == 0, "what the network does ends with a whole row"


CUT_ROWS = """(panel) => {
    const { bottom } = panel.getBoundingClientRect()
    const boxes = [...panel.querySelectorAll(".rs-column span, .rs-panels")].map((row) => row.getBoundingClientRect())
    return boxes.filter((box) => box.top < bottom - 1 && box.bottom > bottom + 1).length
}"""

WATCH_TILES = """
window.tops = new Set()
const look = () => {
    const root = document.querySelector(".rs-live")
    const tiles = root?.querySelector("[data-part=tiles]")
    if (tiles) window.tops.add(tiles.getBoundingClientRect().top - root.getBoundingClientRect().top)
    requestAnimationFrame(look)
}
requestAnimationFrame(look)
"""
