"""The map of two dials, drawn from snapshots that were made up."""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.live import FOLDER, STYLES
from benchmarks.browser import Server

pytestmark = pytest.mark.browser

SPACE = "\u00a0"

OUTER = [0.0, 0.2, 0.4]
INNER = [0.0, 0.1, 0.3, 0.5]
TICKS = [f"{strength:g}" for strength in INNER[1:]]
STATES = ["clean", "entangled", "effect lost", "broken", "unresolved"]

MOUNT = """async ([html, css, theme, data]) => {
    document.head.innerHTML = ""
    document.body.innerHTML = html
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }))
    const [surface, text] = theme === "dark" ? ["#0f1520", "#e5e7eb"] : ["#ffffff", "#111827"]
    document.body.style.cssText = `margin: 0; --st-background-color: ${surface}; --st-text-color: ${text}`
    window.sent = []
    window.WebSocket = class {
        static OPEN = 1
        readyState = 1
        constructor() {
            window.socket = this
            queueMicrotask(() => this.onopen())
        }
        send(text) { window.sent.push(JSON.parse(text)) }
        close() {}
    }
    const { default: view } = await import("/live/phase-map.js")
    window.component = { parentElement: document.body, plotly: "/none", data, setStateValue() {}, setTriggerValue() {} }
    window.view = view
    view(window.component)
}"""


def row(line: int, place: int, state: str = "entangled", **values: Any) -> dict[str, Any]:
    numbers = {"degraded_loss": 2.0, "loss_delta": 0.3, "effect": 1.5, "retention": 0.75}
    bounds = {f"{name}_{end}": value for name, value in numbers.items() for end in ("low", "high")}
    told = {"state": state, "reason": f"It is {state}.", "selectivity_gain": 1.5, "label": "", **numbers, **bounds}
    return {
        "index": line * len(INNER) + place,
        "curve": line,
        "place": place,
        "strength": INNER[place],
        **told,
        **values,
    }


def snapshot(rows: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """A map of which these rows are known."""
    names = ["0", "20 %", "40 %"]
    all_rows: list[dict[str, Any] | None] = [None] * (len(OUTER) * len(INNER))
    for each in rows:
        all_rows[each["index"]] = each
    return {
        "type": "snapshot",
        "version": 1,
        "kind": "map",
        "key": "k",
        "status": "running",
        "message": "",
        "device": "CPU",
        "store": "",
        "sampling": None,
        "progress": {"done": len(rows), "total": len(all_rows), "seconds": 1},
        "reference": {"chance": 4, "margin": 0.1, "degraded_loss": 2, "retention_min": 0.5, "alpha": 0.05},
        "text": {"intervention": "Ablating it", "degrader": "", "effect": ""},
        "axes": {
            "outer": {"title": "share of weights", "name": "pruned", "strengths": OUTER, "ticks": names},
            "inner": {"title": "weight noise", "name": "noise", "strengths": INNER, "ticks": ["undegraded", *TICKS]},
        },
        "curves": [
            {"index": line, "name": name, "state": "running", "confirmed": None, "experiment": {"line": line}}
            for line, name in enumerate(names)
        ],
        "ranking": [],
        "rows": all_rows,
        **changes,
    }


def whole(
    states: list[str], *, confirmed: tuple[bool | None, ...] = (None, None, None), **changes: Any
) -> dict[str, Any]:
    """A map that is done, with these states line by line."""
    places = itertools.product(range(len(OUTER)), range(len(INNER)))
    made = snapshot([row(*place, state) for place, state in zip(places, states, strict=True)], status="done", **changes)
    for curve, again in zip(made["curves"], confirmed, strict=True):
        curve.update(state="done", confirmed=again)
    return made


class Map:
    """The component on a page of its own, fed by the test."""

    def __init__(self, page: Page, theme: str = "light") -> None:
        self.page = page
        html = (FOLDER / "phase-map.html").read_text(encoding="utf-8")
        css = "".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in STYLES["phase-map"])
        page.evaluate(MOUNT, [html, css, theme, data("k")])
        page.wait_for_function("document.querySelector('.rs-live').dataset.key === 'k'")

    def tell(self, message: dict[str, Any]) -> Map:
        """What comes over the WebSocket; returns once it is drawn."""
        self.page.evaluate("(message) => window.socket.onmessage({ data: JSON.stringify(message) })", message)
        self.until("data.version === argument", str(message["version"]))
        return self

    def until(self, condition: str, argument: object = None) -> None:
        script = f"argument => {{ const data = document.querySelector('.rs-live').dataset; return {condition} }}"
        self.page.wait_for_function(script, arg=argument)

    def part(self, name: str) -> Locator:
        return self.page.locator(f'[data-part="{name}"]')

    def cell(self, line: int, place: int) -> Locator:
        return self.page.locator(f'[data-cell="{line} {place}"]')

    def colour_by(self, quantity: str) -> None:
        self.page.get_by_role("radio", name=quantity).check()

    def focused(self) -> str | None:
        return self.page.evaluate("document.activeElement.dataset.cell")


def data(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "kind": "map",
        "question": {},
        "name": "a-map",
        "snapshot": None,
        "socket": f"/api/jobs/{key}",
        "files": {},
        "copy": {"Python": "", "CLI": ""},
    }


@pytest.fixture(scope="module")
def page(chromium: Browser, dashboard: Server) -> Iterator[Page]:
    """A page of the dashboard's origin."""
    with chromium.new_context(viewport={"width": 900, "height": 800}, has_touch=True) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{dashboard.address}/live/format.js")
        yield page
        assert complaints == []


def answer(page: Page, told: dict[str, Any]) -> dict[str, str]:
    script = "async (told) => (await import('/live/map-answer.js')).answer(told)"
    return page.evaluate(script, told)


# ---- the sentence on top ---------------------------------------------------------------------------------------------


def test_what_is_measured_so_far_is_told_as_such(page: Page) -> None:
    said = answer(page, snapshot([row(0, 0), row(1, 1, "broken"), row(2, 1, "clean"), row(2, 2, "unresolved")]))
    assert said["headline"] == "Ablating it is clean in 1 of 3 degraded cells so far."
    assert said["tone"] == "pending"
    assert "at pruned 40 % and noise 0.1." in said["detail"]


def test_none_is_said_with_what_the_cells_are_instead(page: Page) -> None:
    made = ["clean", "entangled", "broken", "broken"], ["clean", "entangled", "unresolved", "broken"]
    said = answer(page, whole([*made[0], *made[1], *made[0]]))
    assert said["name"] == "0 of 9 clean", "the undegraded network is none of them"
    assert said["headline"] == "Ablating it is shown to be clean in none of 9 degraded cells."
    assert said["detail"].startswith("It is clean undegraded, too. They are: 3 entangled, 5 broken, 1 unresolved.")
    assert said["tone"] == "unresolved"


def test_the_largest_region_has_neighbours_and_passes_no_edge(page: Page) -> None:
    """The end of a line is no neighbour of the next line's beginning, nor is anything joined by the undegraded cell."""
    states = [
        *("clean", "clean", "broken", "clean"),
        *("clean", "broken", "clean", "clean"),
        *("clean", "clean", "clean", "broken"),
    ]
    said = answer(page, whole(states, confirmed=(True, False, None)))
    assert said["name"] == "6 of 9 clean"
    assert "has 5 cells, at pruned 0 to 40 % and noise 0.1 to 0.5." in said["detail"]
    assert "confirms a clean regime in 1 of 3 lines" in said["detail"]
    assert said["tone"] == "clean"
    states[6] = "broken"  # the second line's middle falls out: no region of more than two is left
    unconfirmed = answer(page, whole(states, confirmed=(False, False, None)))
    assert "has 2 cells, at pruned 0 to 20 % and noise 0.5." in unconfirmed["detail"]
    assert "in none of 3 lines" in unconfirmed["detail"]
    assert unconfirmed["tone"] == "unresolved", "what no second look confirms is not called clean"


# ---- the cells -------------------------------------------------------------------------------------------------------


def test_cells_come_one_by_one_and_are_told_in_full(page: Page) -> None:
    shown = Map(page)
    expect(shown.part("empty")).to_be_visible()
    shown.tell(snapshot([row(1, 0), row(1, 1, "clean", loss_delta=-0.25)]))
    assert page.locator("[data-cell]").count() == 1 + 3 * 3
    assert page.locator("td[rowspan='3'] [data-cell='0 0']").get_attribute("data-state") == "entangled"
    assert [shown.cell(1, place).get_attribute("data-state") for place in (1, 2)] == ["clean", ""]
    assert shown.cell(1, 1).get_attribute("aria-label") == "pruned 20 %, noise 0.1: clean"
    hatched = "getComputedStyle(document.querySelector(`[data-cell='${argument}']`)).backgroundImage !== 'none'"
    assert [page.evaluate(f"argument => {hatched}", cell) for cell in ("0 0", "1 1", "1 2")] == [False, False, True]

    shown.cell(1, 2).focus()
    expect(shown.part("cell")).to_contain_text("not measured yet")
    height = shown.part("cell").bounding_box()["height"]  # type: ignore[index]
    update = {"type": "update", "version": 2, "rows": {"6": row(1, 2, "effect lost", retention_low=0.2)}}
    shown.tell(update)
    text = shown.part("cell").inner_text()
    for piece in (
        "effect lost",
        "pruned 20 %, noise 0.3",
        "2.00",
        "+0.300",
        f"75{SPACE}%",
        f"20{SPACE}% to 75{SPACE}%",
    ):
        assert piece in text
    assert "It is effect lost." in text
    assert shown.part("cell").bounding_box()["height"] == height  # type: ignore[index]

    link = urlsplit(shown.cell(1, 2).get_attribute("href") or "")
    assert (json.loads(parse_qs(link.query)["experiment"][0]), link.fragment) == ({"line": 1}, "s=0.3")
    shown.colour_by("loss delta")
    assert [shown.cell(1, place).inner_text() for place in (1, 2, 3)] == ["−0.25", "+0.30", ""]
    shown.colour_by("effect retained")
    assert shown.cell(1, 2).inner_text() == f"75{SPACE}%"
    assert f"effect retained 75{SPACE}%" in (shown.cell(1, 2).get_attribute("aria-label") or "")
    expect(shown.part("legend")).to_contain_text(f"50{SPACE}% must be left")


def test_the_undegraded_network_stands_apart_under_its_own_name(page: Page) -> None:
    """At strength 0 of the inner dial the outer one degrades nothing, either."""
    shown = Map(page).tell(whole(["entangled"] * 12))
    assert page.locator(".rs-map thead th").all_inner_texts() == ["undegraded", *TICKS]
    assert shown.cell(0, 0).get_attribute("aria-label") == "undegraded: entangled"
    boxes = [shown.cell(0, place).bounding_box() for place in (0, 1, 2)]
    apart, between = (right["x"] - left["x"] - left["width"] for left, right in itertools.pairwise(boxes))  # type: ignore[index]
    assert apart > 2 * between
    wide = page.locator(".rs-map thead th").first
    assert wide.evaluate("(head) => head.scrollWidth <= head.clientWidth")


def test_arrow_keys_walk_and_one_cell_is_in_the_order_of_tab(page: Page) -> None:
    shown = Map(page).tell(whole(["entangled"] * 12))
    shown.cell(0, 0).focus()
    walk = ["ArrowRight", "ArrowDown", "ArrowRight", "ArrowUp", "End", "ArrowRight", "ArrowDown", "Home", "ArrowRight"]
    places = []
    for key in walk:
        page.keyboard.press(key)
        places.append(shown.focused())
    assert places == ["0 1", "1 1", "1 2", "0 2", "0 3", "0 3", "1 3", "0 0", "1 1"], "Home keeps to its line"
    assert page.locator("[data-cell][tabindex='0']").evaluate_all("(all) => all.map((e) => e.dataset.cell)") == ["1 1"]
    shown.cell(2, 2).focus()
    assert page.locator("[data-cell][tabindex='0']").evaluate_all("(all) => all.map((e) => e.dataset.cell)") == ["2 2"]


def test_a_first_touch_tells_and_a_second_opens(page: Page) -> None:
    shown = Map(page).tell(whole(["entangled"] * 12))
    page.evaluate("""() => {
        window.opened = []
        document.querySelector(".rs-live").addEventListener("click", (event) => {
            if (!event.defaultPrevented) window.opened.push(event.target.dataset.cell)
            event.preventDefault()
        })
    }""")
    for line, place in ((1, 1), (2, 2), (2, 2)):
        shown.cell(line, place).tap()
    expect(shown.part("cell-where")).to_have_text("pruned 40 %, noise 0.3")
    assert page.evaluate("window.opened") == ["2 2"]


def test_another_map_begins_empty_and_keeps_the_quantity(page: Page) -> None:
    shown = Map(page).tell(whole(["entangled"] * 12))
    shown.colour_by("loss delta")
    shown.cell(1, 1).focus()
    page.evaluate("(data) => window.view({ ...window.component, data })", data("other"))
    page.evaluate("() => window.socket.onopen()")
    shown.tell(snapshot([]) | {"key": "other", "version": 5, "status": "queued", "curves": [], "rows": [], "axes": {}})
    assert page.locator("[data-cell]").count() == 0
    expect(shown.part("empty")).to_be_visible()
    shown.tell(snapshot([row(0, 1)], key="other", version=6))
    assert shown.cell(0, 1).inner_text() == "+0.30"
    expect(shown.part("cell-where")).to_contain_text("Point at a cell")
    for status, words in (("cancelled", "Cancelled after 1 of 12 points"), ("failed", "Resume tries again")):
        shown.tell({"type": "update", "version": 7 if status == "cancelled" else 8, "status": status, "message": ""})
        expect(shown.part("detail")).to_contain_text(words)
        assert shown.cell(0, 1).inner_text() == "+0.30", "what is measured stays"


# ---- colours ---------------------------------------------------------------------------------------------------------


def luminance(colour: list[float]) -> float:
    """Relative luminance (WCAG 2.1), of shares of red, green and blue."""
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in colour]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def shares(colour: str) -> list[float]:
    """Of red, green and blue in a computed colour."""
    numbers = [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?", colour)][:3]
    return numbers if colour.startswith("color(srgb") else [number / 255 for number in numbers]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_cell_can_be_read(page: Page, theme: str) -> None:
    shown = Map(page, theme)
    assert page.locator(".rs-live").get_attribute("data-theme") == theme
    extremes = itertools.cycle([{"loss_delta": 9.0}, {"loss_delta": -9.0, "degraded_loss": 9.0}, {"retention": 2.0}])
    places = itertools.product(range(len(OUTER)), range(len(INNER)))
    states = itertools.cycle(STATES)
    shown.tell(snapshot([row(*place, next(states), **next(extremes)) for place in places]))
    colours = """() => [...document.querySelectorAll("[data-cell], .rs-key")].map((cell) => {
        const { color, backgroundColor } = getComputedStyle(cell)
        return [color, backgroundColor]
    })"""
    for quantity in ("state", "loss delta", "effect retained", "degraded loss"):
        shown.colour_by(quantity)
        pairs = page.evaluate(colours)
        assert len(pairs) == 10 + (5 if quantity == "state" else 0)
        for text, behind in pairs:
            dark, light = sorted((luminance(shares(text)), luminance(shares(behind))))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (quantity, text, behind)
        assert len({behind for _, behind in pairs}) >= 2


def test_the_sign_and_the_margin_show_in_the_colour(page: Page) -> None:
    paint = """async ([cost, most]) => {
        const { QUANTITIES } = await import("/live/map-quantities.js")
        const rows = [{ loss_delta: most }, { loss_delta: cost }]
        return QUANTITIES.loss_delta.cell(rows[1], { rows, reference: { margin: 0.1 } })
    }"""

    def painted(cost: float, most: float = 0.3) -> tuple[str, float]:
        told = page.evaluate(paint, [cost, most])
        return told["colour"], told["share"]

    assert painted(0.09)[1] == painted(-0.1)[1] == 0
    assert painted(0.3)[0] != painted(-0.3)[0]
    assert painted(0.3)[1] == painted(-0.3)[1]
    assert 0 < painted(0.11)[1] < painted(0.2)[1] < painted(0.4)[1]
    assert painted(0.4)[1] == painted(0.4, 0.05)[1], "of four margins nothing is strongest yet"
    assert painted(1.0, 50.0)[1] == painted(50.0, 50.0)[1], "one wild value pales nothing"


def test_a_picture_shows_every_cell_where_it_stands(page: Page) -> None:
    page.set_viewport_size({"width": 420, "height": 800})
    shown = Map(page).tell(snapshot([row(line, 1, state) for line, state in enumerate(STATES[:3])]))
    box = "document.querySelector('[data-part=box]')"
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    svg = """async () => {
        const { elementPicture } = await import("/live/map-picture.js")
        const part = (name) => document.querySelector(`[data-part=${name}]`)
        return await elementPicture(part("map"), "th, span, a", part("box")).svg()
    }"""
    page.set_viewport_size({"width": 210, "height": 800})  # too narrow even for four columns
    before = page.evaluate(svg)
    page.evaluate(f"{box}.scrollLeft = 80")
    assert page.evaluate(f"{box}.scrollLeft") > 0
    assert page.evaluate(svg) == before
    down, across = (page.get_by_text(text).bounding_box() for text in ("Down: share", "Across: weight"))
    assert down and across
    assert down["x"] >= 0, "the titles stay in view"
    assert across["x"] >= down["x"] + down["width"] or across["y"] >= down["y"] + down["height"]
    page.set_viewport_size({"width": 900, "height": 800})
    assert "NaN" not in before
    assert "color(" not in before
    drawing = ElementTree.fromstring(before)
    texts = [text.text for text in drawing.iter() if text.tag.endswith("text")]
    assert {"20 %", "0.3", "●", "✕", "▼", "Down: share of weights.", "pruned ↓"} <= set(texts)
    fills = {each.get("fill") for each in drawing.iter() if each.tag.endswith("rect")}
    assert len(fills) >= 3
    assert shown.cell(0, 1).inner_text() == "●"
