"""The axis across the charts: by strength or by degraded loss, and where a link puts the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from views import SMALL, View

from benchmarks.browser import Server
from engine.spec import Experiment

pytestmark = pytest.mark.browser

LOSSES = [2.0, 2.5, 3.1, 2.7, None, 3.6]
"""They rise, fall and rise again; one strength is not measured."""

ASK = """async ([snapshot, ask]) => {
    const { abscissa } = await import("/live/abscissa.js")
    const across = abscissa(snapshot, "loss")
    return {
        whole: across.whole,
        places: ask.positions.map(across.place),
        nearest: ask.places.map(across.nearest),
        span: across.span([1, 2]),
        title: across.axis({}, 900, across.whole).title.text,
    }
}"""

FIGURE = """async ([snapshot, mode, span = null]) => {
    const { sweepFigure } = await import("/live/sweep-figure.js")
    const names = ["text", "muted", "surface", "grid", "axis", "lossDelta", "effect", "degradedLoss", "clean", "alert"]
    const palette = { font: "sans-serif", ...Object.fromEntries(names.map((name) => [name, "#123456"])) }
    return sweepFigure(snapshot, palette, { width: 900, height: 500, span, mode })
}"""

TRACE = """async ([trace]) => {
    const { traceDrawing } = await import("/live/health.js")
    const drawing = traceDrawing(trace)
    if (!drawing) return null
    const lines = [...drawing.querySelectorAll("polyline")].map((line) => line.getAttribute("points").split(" "))
    return { label: drawing.getAttribute("aria-label"), lines }
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser, dashboard: Server) -> Iterator[Page]:
    """A page of the dashboard's origin, with nothing on it."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{dashboard.address}/live/format.js")
        yield page


def snapshot(losses: Sequence[float | None] = LOSSES) -> dict[str, Any]:
    names = ("loss_delta", "effect", "retention")
    rows = [
        None
        if loss is None
        else {
            **{
                field: value
                for name in names
                for field, value in ((name, 0.5), (f"{name}_low", 0.4), (f"{name}_high", 0.6))
            },
            "degraded_loss": loss,
            "index": index,
            "label": f"step {index}",
            "tick": str(index),
            "state": "clean",
        }
        for index, loss in enumerate(losses)
    ]
    return {
        "key": "k",
        "rows": rows,
        "axis": {"title": "training step", "name": "step", "ticks": [str(index) for index in range(len(rows))]},
        "reference": {"chance": 4, "degraded_loss": 2, "loss_delta": 0.5, "effect": 1, "margin": 0.6},
        "verdict": {"regime": [1, 2]},
    }


def test_by_loss_a_strength_lies_where_its_network_does(page: Page) -> None:
    asked = {"positions": [0, 0.5, 2, 3, 4, 5, 7], "places": [0, 2.6, 2.65, 9]}
    told = page.evaluate(ASK, [snapshot(), asked])
    assert told["places"] == pytest.approx([2.0, 2.25, 3.1, 2.7, (2.7 + 3.6) / 2, 3.6, None])
    assert told["nearest"] == [0, 1, 3, 5]
    low, high = told["span"]
    assert 2.4 < low < 2.5 < 3.1 < high < 3.2, "just around the losses of the regime"
    assert told["whole"][0] < 2.0 < 3.6 < told["whole"][1]
    assert "turn back" in told["title"], "the loss falls once"


def test_by_loss_one_wild_loss_does_not_flatten_the_axis(page: Page) -> None:
    """Chance is 4 nats, the network loses 2: a network at 50 is only broken, and lies at the right edge as an arrow."""
    wild = snapshot([2.0, 2.5, 3.0, 50.0])
    told = page.evaluate(ASK, [wild, {"positions": [2, 3], "places": [3.0, 4.0]}])
    low, high = told["whole"]
    assert low < 2.0 < 4.5 < high < 5.0
    assert told["places"][0] == pytest.approx(3.0)
    assert 3.0 < told["places"][1] < high, "the cursor stays in view"
    assert told["nearest"] == [2, 3]
    assert "turn back" not in told["title"]
    figure = page.evaluate(FIGURE, [wild, "loss"])
    arrows = [trace for trace in figure["data"] if "arrow-right" in (trace.get("marker", {}).get("symbol") or [])]
    assert [trace["yaxis"] for trace in arrows] == ["y", "y2", "y3"]
    assert all(trace["x"] == [told["places"][1]] for trace in arrows)
    assert "50.0" in arrows[2]["text"][0], "what it loses is said"


@pytest.mark.parametrize("mode", ["strength", "loss"])
def test_a_part_that_is_in_view_stays_in_view_when_the_axis_grows(page: Page, mode: str) -> None:
    for losses in (LOSSES, [*LOSSES[:-1], 4.2]):
        figure = page.evaluate(FIGURE, [snapshot(losses), mode, [2.1, 2.9]])
        assert figure["layout"]["xaxis"]["range"] == [2.1, 2.9]


def test_by_loss_the_lines_go_in_order_of_strength_and_the_third_chart_has_the_strength(page: Page) -> None:
    figure = page.evaluate(FIGURE, [snapshot(), "loss"])
    curves = {trace["yaxis"]: trace for trace in figure["data"] if trace.get("mode") == "lines+markers"}
    assert all(curve["x"] == [2.0, 2.5, 3.1, 2.7, 3.6] for curve in curves.values())
    assert curves["y3"]["y"] == [0, 1, 2, 3, 5]
    titles = [note["text"] for note in figure["layout"]["annotations"] if note.get("textangle") == -90]
    assert titles[2] == "step", "by the dial's own name"
    low, high = figure["layout"]["yaxis3"]["range"]
    third = 0.3 * (500 - 60)  # px
    assert min(0 - low, high - 5) / (high - low) * third > 4, "the outermost points are whole"
    band = next(trace for trace in figure["data"] if trace.get("fill") == "toself")
    assert band["x"][:3] == [2.0, 2.5, 3.1]
    assert figure["layout"]["uirevision"] != page.evaluate(FIGURE, [snapshot(), "strength"])["layout"]["uirevision"]


def test_the_trace_has_a_line_for_each_chain_from_end_to_end(page: Page) -> None:
    drawn = page.evaluate(TRACE, [[[0.0, 0.4, 0.2], [0.1, None, 0.3]]])
    assert [len(points) for points in drawn["lines"]] == [3, 2]
    heights = [float(point.split(",")[1]) for point in drawn["lines"][0]]
    assert heights[0] > heights[2] > heights[1], "a higher loss is further up"
    assert "2 chains" in drawn["label"]
    assert "0.40 nats" in drawn["label"]
    assert page.evaluate(TRACE, [None]) is None


def test_a_link_puts_the_cursor_and_chooses_the_axis(tab: Callable[..., View]) -> None:
    view = tab()
    asked = Experiment.preset("becomes-clean").sweep_strengths
    view.page.goto(f"{view.address}/?items={SMALL['items']}#s={asked[3]}&x=loss")
    view.until_status("done")
    view.until_drawn()
    assert view.data("cursor") == "3"
    chosen = view.page.get_by_role("radio", name="by degraded loss")
    assert chosen.is_checked()
    where = "() => document.querySelector('.rs-live [data-part=sweep]')._fullLayout.xaxis.title.text"
    assert "degraded loss" in view.page.evaluate(where)
    chosen.press("ArrowLeft")  # by the keyboard
    view.page.wait_for_function(f"!({where})().includes('degraded loss')")
    assert "x=loss" not in view.page.url
    assert view.data("cursor") == "3", "the cursor stays"
