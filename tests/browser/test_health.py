"""How networks were sampled, drawn from a snapshot that was made up, and from one that was measured."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from views import SMALL, View

from app.live import FOLDER
from benchmarks.browser import Server
from engine.report import COLUMNS, HEALTH

pytestmark = pytest.mark.browser

Tab = Callable[..., View]
Show = Callable[..., None]

MOUNT = """async ([html, address]) => {
    document.documentElement.innerHTML = `<head><link rel="stylesheet" href="${address}/live/explore.css"></head>
      <body style="margin: 0">${html}</body>`
    const part = (name) => document.querySelector(`[data-part="${name}"]`)
    const [{ createReadouts }, { createFoot }, { readingAt }] = await Promise.all(
        ["readouts", "foot", "snapshot"].map((name) => import(`/live/${name}.js`))
    )
    const readouts = createReadouts(part)
    const foot = createFoot(part, { onCommand() {}, figures: () => [], signal: new AbortController().signal })
    window.show = (snapshot, position) => {
        readouts.showReading(snapshot, readingAt(snapshot.rows, position))
        foot.show(snapshot, "socket", { key: "k", files: {}, copy: {} })
    }
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser, dashboard: Server) -> Iterator[Page]:
    """A page of the dashboard's origin, as wide as a telephone."""
    with chromium.new_context(viewport={"width": 420, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{dashboard.address}/live/format.js")
        yield page


@pytest.fixture
def show(page: Page, dashboard: Server) -> Show:
    """Shows rows at a position of the dial."""
    html = (FOLDER / "explore.html").read_text(encoding="utf-8").partition("\n")[2]
    page.evaluate(MOUNT, [html, dashboard.address])

    def shown(rows: list[dict[str, Any] | None], position: float, **fields: Any) -> None:
        page.evaluate("([snapshot, position]) => window.show(snapshot, position)", [snapshot(rows, **fields), position])

    return shown


def snapshot(rows: list[dict[str, Any] | None], **fields: Any) -> dict[str, Any]:
    return {
        "key": "k",
        "status": "running",
        "message": "",
        "device": "CPU",
        "store": "store 0.1 MB",
        "sampled": True,
        "sampling": None,
        "progress": {"done": 3, "total": 9, "seconds": 1.0},
        "axis": {"name": "SGLD s", "title": "width", "total": "", "ticks": [str(row) for row in range(len(rows))]},
        "text": {"intervention": "Ablating", "effect": "nats", "degrader": "sgld"},
        "reference": {"chance": 4, "degraded_loss": 2, "loss_delta": 0.2, "margin": 0.1, "retention_min": 0.5},
        "verdict": {"regime": None},
        "rows": rows,
        **fields,
    }


def row(index: int, health: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    fields = dict.fromkeys(("degraded_loss", "loss_delta", "effect", "retention"), 0.5)
    place = {"index": index, "strength": index / 10, "label": f"SGLD s {index}", "tick": str(index)}
    rest = {"state": "unresolved", "reason": "Undecided.", "draws": 4, "items": 8}
    return {**fields, **place, **rest, "health": health, **values}


def health(**values: Any) -> dict[str, Any]:
    return {
        "chains": 4,
        "diverged": 0,
        "acceptance": 0.934,
        "heat": 0.124,
        "r_hat": 1.018,
        "effective_samples": 241.7,
        "gap": 0.01,
        "learning_coefficient": 12.34,
        "learning_coefficient_low": 10.1,
        "learning_coefficient_high": 14.5,
        "flag": "",
        **values,
    }


MIXED = health()
NOT_MIXED = health(r_hat=1.5, flag="Not mixed: the loss still moves; raise the steps.")
HOT = health(heat=1.5, flag="Hotter than stated: raise the batch.")
DIVERGED = health(diverged=1, r_hat=None, flag="1 of 4 chains diverged: lower the strength or nβ.")


def said(page: Page, name: str) -> str:
    return page.locator(f"[data-part={name}]").inner_text().replace("\u00a0", " ")


def test_what_the_chains_did_is_told_at_the_cursor(page: Page, show: Show) -> None:
    show([row(0), row(1, MIXED)], 1)
    assert (
        said(page, "health-numbers")
        == "acceptance 0.93 · heat of batches 12 % · R̂ 1.02 · 242 effective samples · λ̂ 12.3 ± 2.20"
    )
    assert page.locator("[data-part=health-chip]").is_hidden()
    assert said(page, "health-flag") == ""


def test_where_nothing_was_sampled_nothing_is_claimed(page: Page, show: Show) -> None:
    show([row(0), row(1, MIXED)], 0)
    assert said(page, "health-numbers") == "The network itself: nothing is sampled here"
    show([row(0), row(1, MIXED)], 0.5)
    assert said(page, "health-numbers") == "Sampling: known at measured strengths"
    show([row(0), row(1, health(heat=None, r_hat=None, effective_samples=None, learning_coefficient_low=None))], 1)
    assert (
        said(page, "health-numbers") == "acceptance 0.93 · heat of batches – · R̂ – · – effective samples · λ̂ 12.3 ± ?"
    )
    show([row(0), row(1)], 1, sampled=False)
    assert page.locator("[data-part=health]").is_hidden()


@pytest.mark.parametrize(
    ("chains", "badge"),
    [
        (NOT_MIXED, "not mixed"),
        (DIVERGED, "diverged"),
        (health(chains=1, flag="One chain alone."), "one chain"),
        (HOT, "too hot"),
    ],
)
def test_chains_that_cannot_be_relied_on_have_a_badge_and_a_sentence(
    page: Page, show: Show, chains: dict[str, Any], badge: str
) -> None:
    show([row(0), row(1, chains, state="entangled", reason="It raises the loss.")], 1)
    chip = page.locator("[data-part=health-chip]")
    assert chip.inner_text() == badge
    assert chip.get_attribute("data-shape") == "◇", "not by colour alone"
    assert said(page, "health-flag") == chains["flag"]
    show([row(0), row(1, chains, reason=chains["flag"])], 1)
    assert chip.is_visible()
    assert said(page, "reason") == chains["flag"]
    assert said(page, "health-flag") == "", "it stands above already"


def test_the_line_has_the_same_height_whatever_it_says(page: Page, show: Show) -> None:
    heights = set()
    for position, chains in ((0, MIXED), (0.5, MIXED), (1, MIXED), (1, NOT_MIXED), (1, DIVERGED)):
        show([row(0), row(1, chains)], position)
        box = page.locator("[data-part=health]").bounding_box()
        assert box is not None
        heights.add(box["height"])
    assert len(heights) == 1


def test_while_networks_are_sampled_the_progress_says_so(page: Page, show: Show) -> None:
    show([row(0), None], 0, sampling=0.4)
    assert said(page, "progress-text") == "sampling networks, 40 % done; 3 of 9 points, 1.0 s"
    show([row(0), None], 0)
    assert said(page, "progress-text") == "3 of 9 points, 1.0 s"
    show([row(0), None], 0, sampling=0.4, status="cancelled")
    assert said(page, "progress-text") == "3 of 9 points, 1.0 s"


@pytest.mark.parametrize("name", ["NVIDIA GeForce RTX 4090 Laptop GPU, 16 GB", "X" * 40])
def test_the_longest_name_of_a_device_fits_a_telephone(page: Page, show: Show, name: str) -> None:
    show([row(0)], 0, device=name)
    assert said(page, "device") == name
    assert page.evaluate("document.querySelector('.rs-foot').scrollWidth") <= 420
    box = page.locator("[data-part=device]").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 420


# ---- charts ----------------------------------------------------------------------------------------------------------


FIGURES = """async ([snapshot]) => {
    const { sweepFigure } = await import("/live/sweep-figure.js")
    const { phaseFigure } = await import("/live/phase-figure.js")
    const names = ["text", "muted", "surface", "grid", "axis", "lossDelta", "effect", "degradedLoss", "clean", "alert"]
    const palette = { font: "sans-serif", ...Object.fromEntries(names.map((name) => [name, "#123456"])) }
    const size = { width: 900, height: 500 }
    const whole = { ...size, span: null, mode: "strength" }
    return [sweepFigure(snapshot, palette, whole), phaseFigure(snapshot, palette, size)]
}"""


def test_strengths_that_cannot_be_relied_on_are_framed_in_every_chart(page: Page) -> None:
    rows = [row(0), row(1, MIXED), row(2, NOT_MIXED, loss_delta=0.1), None, row(4, DIVERGED, loss_delta=99.0)]
    sweep, phase = page.evaluate(FIGURES, [snapshot(rows)])
    frames = [trace for trace in sweep["data"] if trace.get("marker", {}).get("symbol") == "diamond-open"]
    assert [frame["yaxis"] for frame in frames] == ["y", "y2", "y3"]
    assert all(frame["x"] == [2, 4] for frame in frames)
    assert frames[0]["y"][0] == 0.1
    low, high = sweep["layout"]["yaxis"]["range"]
    assert low < frames[0]["y"][1] < high < 99, "a frame stays in view, as the arrow does"
    (frame,) = [trace for trace in phase["data"] if trace.get("marker", {}).get("symbol") == "diamond-open"]
    assert frame["x"][0] == 0.1
    (curve,) = [trace for trace in sweep["data"] if trace.get("mode") == "lines+markers" and trace["yaxis"] == "y"]
    assert [text.split("<br>")[-1] for text in curve["text"]] == [
        "unresolved",
        "unresolved",
        "unresolved · not mixed",
        "unresolved · diverged",
    ]


def test_notes_keep_clear_of_the_points(page: Page) -> None:
    def anchors(deltas: list[float]) -> dict[str, Any]:
        rows: list[Any] = [row(index, loss_delta=delta) for index, delta in enumerate(deltas)]
        notes = page.evaluate(FIGURES, [snapshot(rows)])[0]["layout"]["annotations"]
        return next(note for note in notes if note["text"].startswith("margin"))

    free = anchors([0.3] * 10)
    assert (free["xanchor"], free["y"]) == ("right", -0.1)
    taken = anchors([0.3] * 7 + [-0.09] * 3)
    assert (taken["xanchor"], taken["y"]) != ("right", -0.1)


# ---- a sweep ---------------------------------------------------------------------------------------------------------


def test_a_sweep_of_samples_shows_their_health(tab: Tab) -> None:
    query = SMALL | {"degrader": "sgld", "draws": "2", "sgld.steps": "10", "sgld.batch": "1"}
    view = tab().open(query)
    assert view.part("health").is_visible()
    view.until_status("done")
    view.until_drawn()
    view.part("slider").focus()
    view.page.keyboard.press("End")
    assert "effective samples" in view.part("health-numbers").inner_text().replace("\u00a0", " ")
    with view.page.expect_download() as downloading:
        view.export("csv").click()
    with open(downloading.value.path(), encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == [*COLUMNS, *HEALTH]
    flagged = [line for line in lines if line["flag"]]
    assert flagged, "ten steps are too few"
    framed = view.part("sweep").evaluate(
        "node => node.data.find((trace) => trace.marker?.symbol === 'diamond-open').x.length"
    )
    assert framed == len(flagged)
    assert view.part("health-chip").is_visible() == bool(lines[-1]["flag"])
