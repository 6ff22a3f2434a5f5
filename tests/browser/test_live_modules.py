"""The component's modules that touch no page, run where they are to run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.browser import Server

pytestmark = pytest.mark.browser

NONE = "–"
SPACE = "\u00a0"


@pytest.fixture(scope="module")
def page(chromium: Browser, dashboard: Server) -> Iterator[Page]:
    """A page of the dashboard's origin, with nothing on it."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{dashboard.address}/live/format.js")
        yield page


class Module:
    """A module of the component; its functions can be called with what JSON carries."""

    def __init__(self, page: Page, name: str) -> None:
        self._page = page
        self._name = name

    def __call__(self, function: str, *arguments: Any) -> Any:
        script = "async ([name, call, given]) => (await import(`/live/${name}.js`))[call](...given)"
        return self._page.evaluate(script, [self._name, function, list(arguments)])


def rows(*values: float | None, **fields: list[float | None]) -> list[dict[str, Any] | None]:
    """Rows whose readings all have one value; None is a strength that is not measured."""
    names = ("degraded_loss", "loss_delta", "effect", "retention")
    return [
        None
        if value is None
        else {
            **dict.fromkeys(names, value),
            "index": index,
            "strength": index / 10,
            "selectivity_gain": None,
            "label": f"step {index}",
            "tick": str(index),
            "state": "clean",
            **{name: column[index] for name, column in fields.items()},
        }
        for index, value in enumerate(values)
    ]


# ---- snapshot.js -----------------------------------------------------------------------------------------------------


def test_merging_a_snapshot_replaces_everything(page: Page) -> None:
    merge = Module(page, "snapshot")
    old = {"key": "a", "version": 9, "device": "CPU", "rows": [{"index": 0}]}
    new = {"type": "snapshot", "key": "a", "version": 1, "rows": [None, None]}
    assert merge("merge", old, new) == merge("merge", None, new) == {"key": "a", "version": 1, "rows": [None, None]}


def test_merging_an_update_replaces_what_it_names(page: Page) -> None:
    merge = Module(page, "snapshot")
    old = {"version": 1, "status": "queued", "device": "CPU", "rows": [{"index": 0}, None, None]}
    update = {"type": "update", "version": 2, "status": "running", "rows": {"2": {"index": 2}}}
    assert merge("merge", old, update) == {
        "version": 2,
        "status": "running",
        "device": "CPU",
        "rows": [{"index": 0}, None, {"index": 2}],
    }
    assert merge("merge", old, {"type": "update", "status": "done"})["rows"] == old["rows"]
    assert merge("merge", old, {"type": "update", "rows": {"0": None}})["rows"] == [None, None, None]
    assert merge("merge", None, update) is None
    assert merge("merge", old, {"type": "something else"}) == old


def test_merging_changes_no_snapshot(page: Page) -> None:
    script = """async () => {
        const { merge } = await import("/live/snapshot.js")
        const old = Object.freeze({ version: 1, rows: Object.freeze([null, null]) })
        const next = merge(old, { type: "update", version: 2, rows: { 1: { index: 1 } } })
        return [old, next, merge(old, { type: "update", version: 3 }).rows === old.rows]
    }"""
    assert page.evaluate(script) == [
        {"version": 1, "rows": [None, None]},
        {"version": 2, "rows": [None, {"index": 1}]},
        True,
    ]


def test_at_a_measured_strength_its_own_row_is_read(page: Page) -> None:
    known = rows(1.0, None, 3.0)
    reading = Module(page, "snapshot")("readingAt", known, 2)
    assert (reading["exact"], reading["row"]) == (True, known[2])


@pytest.mark.parametrize(("position", "value"), [(0.5, 1.5), (1, 2.0), (1.75, 2.75)])
def test_between_two_strengths_lines_are_straight(page: Page, position: float, value: float) -> None:
    reading = Module(page, "snapshot")("readingAt", rows(1.0, None, 3.0, None), position)
    assert reading["exact"] is False
    assert reading["row"]["loss_delta"] == reading["row"]["effect"] == pytest.approx(value)
    assert reading["row"]["strength"] == pytest.approx(position / 10)
    assert reading["row"]["selectivity_gain"] is None
    assert "state" not in reading["row"]
    assert "loss_delta_low" not in reading["row"]
    assert (reading["left"]["index"], reading["right"]["index"]) == (0, 2)


def test_past_what_is_measured_nothing_is_claimed(page: Page) -> None:
    module = Module(page, "snapshot")
    reading = module("readingAt", rows(1.0, None, 3.0, None), 2.5)
    assert reading["exact"] is False
    assert set(reading["row"].values()) == {None}
    assert reading["left"]["index"] == reading["right"]["index"] == 2
    assert module("readingAt", [None, None], 0) is None
    assert module("readingAt", [], 0) is None


def test_a_value_that_is_unknown_at_one_side_is_unknown_between(page: Page) -> None:
    reading = Module(page, "snapshot")("readingAt", rows(1.0, 2.0, retention=[None, 0.5]), 0.5)
    assert reading["row"]["retention"] is None
    assert reading["row"]["effect"] == 1.5


def test_the_nearest_measured_row(page: Page) -> None:
    module = Module(page, "snapshot")
    known = rows(0.0, None, None, 3.0)
    assert [module("nearestMeasured", known, at)["index"] for at in (0, 1.4, 1.6, 3)] == [0, 0, 3, 3]
    assert module("nearestMeasured", [None], 0) is None


@pytest.mark.parametrize(("regime", "position"), [(None, 0), ([4, 4], 4), ([3, 8], 5), ([0, 1], 0)])
def test_the_cursor_rests_in_the_clean_regime(page: Page, regime: list[int] | None, position: int) -> None:
    module = Module(page, "snapshot")
    assert module("restingPosition", {"verdict": {"regime": regime}}) == position
    assert module("restingPosition", None) == 0


def test_the_cursor_rests_where_the_banner_takes_its_numbers_from(page: Page) -> None:
    rest = Module(page, "snapshot")
    assert rest("restingPosition", {"verdict": {"regime": [3, 8], "best": 7}}) == 7
    assert rest("restingPosition", {"verdict": {"regime": None, "best": None}}) == 0


# ---- ranges.js -------------------------------------------------------------------------------------------------------


def test_a_range_shows_points_anchors_and_near_bounds(page: Page) -> None:
    low, high = Module(page, "ranges")("robustRange", [0.1, 0.2], {"anchors": [0], "bounds": [0.22, -0.02]})
    assert -0.1 < low <= -0.02
    assert 0.22 <= high < 0.3


def test_one_wild_value_flattens_nothing(page: Page) -> None:
    """An exploded loss delta is clipped; that of its neighbours stays readable."""
    module = Module(page, "ranges")
    deltas = [0.17, 0.2, 0.1, 0.03, 40.0]
    limits = module("lossDeltaLimits", deltas, {"margin": 0.07})
    low, high = module("robustRange", deltas, {"anchors": [0], "bounds": [50, 0.22], "limits": limits})
    assert low < 0
    assert 0.22 < high < 1
    assert [module("isBeyond", delta, [low, high]) for delta in deltas] == [False] * 4 + [True]
    assert low < module("clipped", 40.0, [low, high]) < high
    assert module("clipped", 0.1, [low, high]) == 0.1
    assert low < module("clipped", -40.0, [low, high]) < high
    assert [module("edgeSymbol", value, [low, high]) for value in (40.0, -40.0)] == ["arrow-up", "arrow-down"]


def test_wide_intervals_widen_the_range_by_less_than_half(page: Page) -> None:
    low, high = Module(page, "ranges")("robustRange", [0.0, 1.0], {"anchors": [], "bounds": [-100, 100, 1.2]})
    assert -0.2 < low < 0
    assert 1.2 <= high < 1.5


def test_equal_values_are_not_clipped_and_have_room(page: Page) -> None:
    module = Module(page, "ranges")
    deltas = [0.0] * 9 + [0.01]
    limits = module("lossDeltaLimits", deltas, {"margin": 0.07})
    assert not any(module("isBeyond", delta, limits) for delta in deltas)
    low, high = module("robustRange", [0, 0], {"anchors": [0]})
    assert low < 0 < high


def test_a_loss_above_chance_is_clipped_where_chance_is_known(page: Page) -> None:
    module = Module(page, "ranges")
    reference = {"chance": 4.0, "degraded_loss": 2.0}
    assert module("degradedLossLimits", [2.0, 3.0, 99.0], reference)[1] == pytest.approx(4.5)
    low, high = module("lossDeltaLimits", [0.1, 0.2], {**reference, "margin": 0.1})
    assert (low, high) == (-3.0, 3.0)


# ---- format.js -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "arguments", "text"),
    [
        ("number", [None], NONE),
        ("number", [2.8123], "2.81"),
        ("number", [28.123], "28.1"),
        ("number", [281.2], "281"),
        ("number", [0], "0.00"),
        ("number", [-0.0001, 3], "0.000"),
        ("number", [-2.5], "−2.50"),
        ("number", [1234567], "1.2e6"),
        ("number", [-1234567], "−1.2e6"),
        ("signed", [0.0284], "+0.028"),
        ("signed", [-0.0284], "−0.028"),
        ("signed", [0], "0.000"),
        ("signed", [0.0001], "0.000"),
        ("signed", [None], NONE),
        ("percent", [0.614], f"61{SPACE}%"),
        ("percent", [-0.05], f"−5{SPACE}%"),
        ("percent", [None], NONE),
        ("times", [3.84], f"×{SPACE}3.8"),
        ("times", [0.08], f"×{SPACE}0.08"),
        ("times", [None], NONE),
        ("duration", [1.94], "1.9 s"),
        ("duration", [42.4], "42 s"),
        ("duration", [200], "3 min 20 s"),
        ("duration", [3599.7], "60 min 0 s"),
        ("duration", [None], NONE),
        ("roughly", [0.2], "1 s"),
        ("roughly", [23.4], "25 s"),
        ("roughly", [200], "3 min"),
        ("roughly", [9000], "2.5 h"),
    ],
)
def test_numbers_as_people_read_them(page: Page, function: str, arguments: list[Any], text: str) -> None:
    assert Module(page, "format")(function, *arguments) == text


def test_intervals_with_open_ends_claim_nothing(page: Page) -> None:
    module = Module(page, "format")
    assert module("halfWidth", 1, 2) == 0.5
    assert module("halfWidth", None, 2) is None
    script = """async () => {
        const { interval, number } = await import("/live/format.js")
        return [interval(1, 2, number), interval(null, 2, number)]
    }"""
    assert page.evaluate(script) == ["1.00 to 2.00", "no interval"]


# ---- readouts.js -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gain", "low", "high", "note"),
    [
        (14, 5.8, None, "cleaner than undegraded"),
        (0.1, 0.05, 0.2, "less clean than undegraded"),
        (1.3, 0.8, None, "not shown to differ from undegraded"),
        (0.9, 0.6, 1.4, "not shown to differ from undegraded"),
        (3.0, None, None, "not shown to differ from undegraded"),
        (None, None, None, "against undegraded"),
    ],
)
def test_a_gain_is_called_one_only_where_its_interval_allows(
    page: Page, gain: float | None, low: float | None, high: float | None, note: str
) -> None:
    row = {"index": 3, "selectivity_gain": gain, "selectivity_gain_low": low, "selectivity_gain_high": high}
    assert Module(page, "readouts")("gainNote", {"exact": True, "row": row}) == note


def test_the_gain_undegraded_and_between_strengths(page: Page) -> None:
    module = Module(page, "readouts")
    row = {"selectivity_gain": 1, "selectivity_gain_low": 1, "selectivity_gain_high": 1}
    assert module("gainNote", {"exact": True, "row": {**row, "index": 0}}) == "as undegraded"
    assert module("gainNote", {"exact": False, "row": {"selectivity_gain": 0.5}}) == "less clean than undegraded"
    assert module("gainNote", None) == "against undegraded"


# ---- figure-parts.js -------------------------------------------------------------------------------------------------


def test_what_the_server_sends_is_not_read_as_html(page: Page) -> None:
    module = Module(page, "figure-parts")
    assert module("plain", "<b>a</b> & b") == "&lt;b>a&lt;/b> &amp; b"
    assert module("ticks", ["<i>0", "1"], 100)["ticktext"] == ["&lt;i>0", "1"]


def test_the_band_has_a_gap_where_there_is_no_interval(page: Page) -> None:
    bounds = {"loss_delta_low": [0.0, 0.1, None, 0.3], "loss_delta_high": [2.0, 2.1, None, 2.3]}
    outline = Module(page, "figure-parts")("band", rows(1.0, 1.0, 1.0, 1.0, **bounds), "loss_delta")
    assert outline["x"][:5] == [0, 1, 1, 0, None]
    assert outline["y"][:5] == [2.0, 2.1, 0.1, 0.0, None]
    assert outline["x"][5:] == pytest.approx([2.88, 3.12, 3.12, 2.88, None])
    assert outline["y"][5:] == [2.3, 2.3, 0.3, 0.3, None]


@pytest.mark.parametrize("pixels", [4, 10, 30, 300])
def test_ticks_have_room_side_by_side(page: Page, pixels: float) -> None:
    labels = [f"{4000 - 100 * index:,}" for index in range(27)]
    shown = Module(page, "figure-parts")("ticks", labels, pixels)
    at = shown["tickvals"]
    assert at[0] == 0
    assert shown["ticktext"] == [labels[index] for index in at]
    assert all((later - earlier) * pixels >= 6 * 5 for earlier, later in pairwise(at))
    assert len(at) == 27 or pixels < 300


@pytest.mark.parametrize("pixels", [4, 10, 30, 300])
def test_a_long_word_at_the_beginning_takes_its_room_from_its_neighbours_alone(page: Page, pixels: float) -> None:
    labels = [f"{4000 - 100 * index:,}" for index in range(27)]
    ticks = Module(page, "figure-parts")
    (_, *usual), (first, *others) = (
        ticks("ticks", some, pixels)["tickvals"] for some in (labels, ["undegraded", *labels[1:]])
    )
    assert first == 0
    assert others == [at for at in usual if at >= others[0]]
    assert all(at * pixels < 6 * (10 + 5) for at in usual if at not in others)
    assert others[0] * pixels >= 6 * (10 + 5) / 2


# ---- sweep-figure.js -------------------------------------------------------------------------------------------------


def test_the_figure_can_be_drawn_before_anything_is_known(page: Page) -> None:
    figure = page.evaluate(FIGURE, [None])
    assert figure["layout"]["xaxis"]["range"] == [-0.5, 0.5]
    assert all(trace["x"] == [] for trace in figure["data"])


def test_the_figure_marks_the_clean_regime_and_clips_axes_but_never_data(page: Page) -> None:
    values: list[float | None] = [0.17, 0.1, 0.01, 0.02, None, 40.0]
    snapshot = {
        "key": "k",
        "rows": rows(*values, retention=[1, 0.9, 0.9, 0.8, None, -7], degraded_loss=[2, 2.1, 2.2, 2.3, None, 99]),
        "axis": {"title": "step", "ticks": [str(index) for index in range(6)]},
        "reference": {"chance": 4, "degraded_loss": 2, "loss_delta": 0.17, "margin": 0.1, "retention_min": 0.5},
        "verdict": {"regime": [2, 3]},
    }
    figure = page.evaluate(FIGURE, [snapshot])
    layout = figure["layout"]
    regime = next(shape for shape in layout["shapes"] if shape["type"] == "rect" and shape["yref"] == "paper")
    assert (regime["x0"], regime["x1"]) == (1.5, 3.5)
    assert layout["xaxis"]["range"] == [-0.5, 5.5]
    assert layout["uirevision"] == "k strength", "zoomed, an experiment stays so over the same axis"
    curves = {trace["yaxis"]: trace for trace in figure["data"] if trace.get("mode") == "lines+markers"}
    assert curves["y"]["y"] == [0.17, 0.1, 0.01, 0.02, 40.0]
    assert curves["y"]["x"] == [0, 1, 2, 3, 5]
    assert layout["yaxis"]["range"][1] < 4
    assert layout["yaxis2"]["range"][0] > -1
    assert layout["yaxis3"]["range"][1] < 6


FIGURE = """async ([snapshot]) => {
    const { sweepFigure } = await import("/live/sweep-figure.js")
    const names = ["text", "muted", "surface", "grid", "axis", "lossDelta", "effect", "degradedLoss", "clean", "alert"]
    const palette = { font: "sans-serif", ...Object.fromEntries(names.map((name) => [name, "#123456"])) }
    return sweepFigure(snapshot, palette, { width: 900, height: 500, span: null, mode: "strength" })
}"""


# ---- shams and the band of the whole curve ---------------------------------------------------------------------------


def snapshot_of(measured: list[dict[str, Any] | None]) -> dict[str, Any]:
    """A snapshot of these rows; the effect undegraded is 2."""
    return {
        "key": "k",
        "rows": measured,
        "axis": {"title": "step", "ticks": [str(index) for index in range(len(measured))]},
        "reference": {"chance": 4, "degraded_loss": 2, "loss_delta": 0.1, "effect": 2, "margin": 0.1},
        "text": {"shams": ["another set"]},
        "verdict": {"regime": None},
    }


def with_shams(*effects: float | None) -> list[dict[str, Any] | None]:
    """Rows with one sham each, or with none where there is no effect."""
    made = rows(*[0.1] * len(effects))
    for row, effect in zip(made, effects, strict=True):
        assert row is not None
        told = {"loss_delta": 0.2, "effect": effect, "state": "clean", "beaten": True}
        row["shams"] = [] if effect is None else [told]
    return made


def test_each_sham_is_a_line_with_gaps_where_it_is_not_measured(page: Page) -> None:
    figure = page.evaluate(FIGURE, [snapshot_of(with_shams(0.4, None, 0.2))])
    lines = [trace for trace in figure["data"] if trace.get("line", {}).get("width") == 1 and "text" in trace]
    assert [trace["y"] for trace in lines] == [[0.2, None, 0.2], [0.2, None, 0.1]], "the effect as a share of E(0) = 2"
    assert all("sham: another set" in text for trace in lines for text in (trace["text"][0], trace["text"][2]))


@pytest.mark.parametrize(("cost", "leaves"), [(0.1, False), (9.0, True)])
def test_shams_that_leave_the_chart_are_said_to(page: Page, cost: float, leaves: bool) -> None:
    measured = with_shams(0.4, 0.3)
    for row in measured:
        assert row is not None
        row["shams"][0]["loss_delta"] = cost
    figure = page.evaluate(FIGURE, [snapshot_of(measured)])
    assert any("some shams beyond the edge" in note["text"] for note in figure["layout"]["annotations"]) is leaves


def test_without_shams_nothing_speaks_of_them(page: Page) -> None:
    figure = page.evaluate(FIGURE, [snapshot_of(rows(0.1, 0.2))])
    assert not any("shams" in note["text"] for note in figure["layout"]["annotations"])


def test_the_band_of_the_whole_curve_is_two_dotted_lines(page: Page) -> None:
    snapshot = snapshot_of(rows(0.1, 0.2)) | {"band": [[0.0, 0.2], [0.1, 0.3]]}
    figure = page.evaluate(FIGURE, [snapshot])
    dotted = [trace["y"] for trace in figure["data"] if trace.get("line", {}).get("dash") == "dot"]
    assert dotted == [[0.0, 0.1], [0.2, 0.3]]


# ---- remaining.js ----------------------------------------------------------------------------------------------------


def test_what_is_left_is_estimated_from_the_last_seconds(page: Page) -> None:
    script = """async (seen) => {
        const { createEstimate } = await import("/live/remaining.js")
        const estimate = createEstimate()
        return seen.map(([key, done, total, now]) => estimate.left(key, done === null ? null : { done, total }, now))
    }"""
    slow = [("a", 0 if second == 0 else 300 + second, 1200, 1000 * second) for second in range(30)]  # 300 were stored
    fast = [("a", 329 + 10 * second, 1200, 29_000 + 1000 * second) for second in range(1, 21)]
    grown = [("a", 529, 2029, 49_000)]
    other = [("b", 5, 100, 50_000), ("b", 5, 100, 60_000)]
    sampling = [("a", None, 0, 61_000), ("a", 240, 900, 62_000)]
    told = page.evaluate(script, [*slow, *fast, *grown, *other, *sampling])
    assert told[:3] == [None] * 3, "nothing is known at first"
    assert told[4] == pytest.approx(1200 - 304), "what was stored was not measured"
    assert told[29] == pytest.approx(1200 - 329)
    assert told[49] == pytest.approx((1200 - 529) / 10), "what was slow is long ago"
    assert told[50] == pytest.approx(150)
    assert told[51:] == [None] * 4


# ---- ranking.js ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "verdict", "under_way", "over"),
    [
        ("waiting", None, "waiting", "not measured"),
        ("running", None, "measuring", "not finished"),
        ("running", "pending", "measuring", "not finished"),
        ("running", "never clean", "never clean…", "never clean, not finished"),
        ("done", "never clean", "never clean", "never clean"),
        ("out of reach", None, "out of reach", "out of reach"),
    ],
)
def test_a_curve_is_under_way_only_as_long_as_it_is_measured(
    page: Page, state: str, verdict: str | None, under_way: str, over: str
) -> None:
    module = Module(page, "ranking")
    curve = {"state": state, "verdict": verdict}
    assert [module("verdictOf", curve, ended) for ended in (False, True)] == [under_way, over]


# ---- states.js -------------------------------------------------------------------------------------------------------


def test_the_banner_says_what_to_do_where_there_is_no_answer(page: Page) -> None:
    banner_of = Module(page, "states")
    answer = {"name": "becomes clean", "tone": "clean", "headline": "It does.", "detail": "There."}

    def said(status: str, answer: dict[str, str] | None, *, gone: bool = False, **fields: Any) -> dict[str, str]:
        snapshot = {"status": status, "rows": [None], "progress": {"done": 3, "total": 9}, "message": "", **fields}
        return banner_of("bannerOf", snapshot, gone, answer)

    assert banner_of("bannerOf", None, False, None)["headline"] == said("queued", None)["headline"]
    assert "undegraded" in said("running", None)["headline"]
    assert "clean regime" in said("running", None, rows=[{}])["headline"]
    assert said("running", answer) == said("done", answer) == said("running", answer, gone=True) == answer
    assert "reload" in said("running", None, gone=True)["headline"]
    failed = said("failed", answer, message="The disk is full.")
    assert (failed["name"], failed["tone"], failed["headline"]) == ("failed", "failed", "The disk is full.")
    assert "It does." in failed["detail"]
    assert "Resume" in failed["detail"]
    assert said("failed", None)["headline"] != ""
    cancelled = said("cancelled", answer)
    assert {**cancelled, "detail": ""} == {**answer, "detail": ""}
    assert "3 of 9 points" in cancelled["detail"]
    assert "Resume" in said("cancelled", None)["detail"]


# ---- interventions.js ------------------------------------------------------------------------------------------------


def test_only_finished_curves_are_counted(page: Page) -> None:
    script = """async ([module, snapshot]) => (await import(`/live/${module}.js`)).answer(snapshot)"""
    curve = {"regime": "step 5", "tone": "clean", "headline": "It is.", "name": "mine", "frontier": None}
    curves = [
        {**curve, "index": 0, "standing": "genuine", "state": "done"},
        {**curve, "index": 1, "standing": "genuine", "state": "running"},
        {**curve, "index": 2, "standing": "sham", "state": "done", "regime": None},
    ]
    text, reference = {"intervention": "Ablating it"}, {"margin": 0.1}
    snapshot = {"status": "running", "curves": curves, "ranking": [], "text": text, "reference": reference}
    said = page.evaluate(script, ["interventions", snapshot])
    assert said["headline"] == "A clean regime: 1 of 1 genuine, 0 of 1 sham interventions measured so far."
    assert "It is." in said["detail"]
    assert "1 of 2 dials measured so far" in page.evaluate(script, ["dials", snapshot])["headline"]
    early = {**snapshot, "curves": curves[1:2]}
    assert "No intervention" in page.evaluate(script, ["interventions", early])["headline"]


def test_while_shams_are_awaited_the_banner_says_so(page: Page) -> None:
    script = """async (verdict) => {
        const { bannerOf } = await import("/live/states.js")
        return bannerOf({ status: "running", rows: [{}], verdict }, false, null)
    }"""
    awaited = page.evaluate(script, {"name": "shams awaited", "tone": "pending", "headline": "It looks clean."})
    assert (awaited["name"], awaited["tone"], awaited["headline"]) == ("measuring", "pending", "It looks clean.")
    assert page.evaluate(script, {"name": "pending", "tone": "pending"})["headline"] == "Looking for a clean regime…"
