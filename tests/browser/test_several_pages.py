"""The pages of several curves and the history, as a person uses them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Download, expect
from views import PROBING, View

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

SMALL = "story=unmasked&items=8&shams=0"
"""On the smallest network, measured in seconds."""


def opened(tab: Tab, path: str) -> View:
    view = tab(tolerates=PROBING)
    view.page.goto(f"{view.address}/{path}")
    view.page.wait_for_selector("[data-testid=stMainBlockContainer] h3")
    return view


def measured(view: View) -> View:
    view.page.get_by_role("button", name="Measure", exact=True).click()
    view.until("data.key")
    view.until_status("done")
    return view


def saved(download: Download, folder: Path) -> Path:
    path = folder / download.suggested_filename
    download.save_as(path)
    return path


def test_interventions_are_compared_in_a_table_and_charts(tab: Tab, tmp_path: Path) -> None:
    view = measured(opened(tab, f"compare-interventions?{SMALL}"))
    lines = view.page.locator("[data-part=ranking] tbody tr")
    count = lines.count()
    assert count > 1
    expect(view.part("verdict-chip")).to_contain_text(f"of {count} clean")
    traces = "document.querySelector('[data-part=curves]').data.filter((trace) => trace.x.length).length"
    view.page.wait_for_function(f"() => {traces} > 0")
    before = view.page.evaluate(traces)
    lines.first.get_by_role("checkbox").uncheck()
    view.page.wait_for_function(f"(before) => {traces} < before", arg=before)

    # those of one standing are told apart, in the charts and in the table, all of which is in view
    swatches = lines.locator(".rs-swatch")
    dashes = swatches.locator("line").evaluate_all("all => all.map((line) => line.outerHTML)")
    assert len({*swatches.all_inner_texts()}) == len({*dashes}) == count
    letters = "document.querySelector('[data-part=curves]').layout.annotations.map(({ text }) => text).join()"
    assert all(f"<b>{letter}</b>" in view.page.evaluate(letters) for letter in swatches.all_inner_texts()[1:])
    more = ".rs-table[data-more='{}']"
    view.page.locator(more.format("")).wait_for()
    view.page.set_viewport_size({"width": 420, "height": 900})
    view.page.locator(more.format("right")).wait_for()
    view.page.locator(".rs-table").evaluate("table => table.scrollTo(table.scrollWidth, 0)")
    view.page.locator(more.format("left")).wait_for()
    view.page.set_viewport_size({"width": 1440, "height": 900})

    with view.page.expect_download() as downloading:
        view.export("csv").click()
    with saved(downloading.value, tmp_path).open() as file:
        table = list(csv.DictReader(file))
    assert len({line["intervention"] for line in table}) == count

    other = opened(tab, f"compare-interventions?{SMALL}")  # somebody else, who sees it at once
    other.until_status("done")
    assert other.data("key") == view.data("key")
    plane = other.part("plane")
    expect(plane.locator(".scatterlayer .point").first).to_be_attached()
    index = plane.evaluate("node => node.data.flatMap((trace) => trace.customdata ?? []).find((index) => index > 0)")
    with other.page.expect_navigation():
        plane.evaluate("(node, index) => node.emit('plotly_click', { points: [{ customdata: index }] })", index)
    other.until_status("done")
    assert "experiment=" in other.page.url
    assert "#s=" in other.page.url

    name = lines.first.get_by_role("link")
    with view.page.expect_navigation():
        name.click()
    view.until_status("done")
    assert view.page.get_by_test_id("stAlert").count() == 0
    assert "experiment=" in view.page.url


def test_a_cell_of_the_map_opens_in_explore(tab: Tab) -> None:
    outer = "outer.degrader=pruning&outer.pruning.strengths=0,+0.2"
    view = measured(opened(tab, f"phase-map?{SMALL}&draws=2&weight-noise.strengths=0.1,+0.3&{outer}"))
    cells = view.page.locator("[data-part=map] td a")
    assert cells.count() == 5, "undegraded there is one, whatever the outer dial"
    expect(view.part("verdict-chip")).to_contain_text("of 4 clean")
    cells.first.focus()
    view.page.keyboard.press("ArrowRight")
    view.page.keyboard.press("ArrowDown")
    cell = view.page.locator("[data-cell='1 1']")
    expect(cell).to_be_focused()
    state = cell.get_attribute("data-state")
    assert state
    expect(view.part("cell")).to_contain_text(state)
    view.page.get_by_role("radio", name="loss delta").check()
    expect(cell).to_have_text(re.compile(r"^[+−]?\d"))
    delta = cell.inner_text()
    cell.focus()
    with view.page.expect_navigation():
        view.page.keyboard.press("Enter")
    view.until_status("done")
    assert view.data("cursor") == "1", "at the cell's strength"
    assert view.tile("loss_delta").startswith(delta[:4])


def test_a_comparison_of_dials_shows_what_it_has_and_can_be_stopped(tab: Tab) -> None:
    view = opened(tab, f"compare-dials?{SMALL}&draws=2&count=2")
    view.page.get_by_role("button", name="Measure", exact=True).click()
    view.until("data.key")
    view.until("Number(data.n) > 2")  # the first dial's losses and some of the next one's
    assert view.data("status") == "running"
    dials = view.page.locator("[data-part=ranking] tbody tr").count()
    assert dials > 5, "those that wait are in the table already"
    view.part("cancel").click()
    view.until_status("cancelled")
    expect(view.part("detail")).to_contain_text("Resume")
    expect(view.part("ranking")).to_contain_text(re.compile("not (measured|finished)"))
    expect(view.part("ranking")).not_to_contain_text("measuring")
    notes = "document.querySelector('[data-part=panels]').layout.annotations.map(({ text }) => text).join()"
    view.page.wait_for_function(f"() => !/calibrating|waiting/.test({notes})")

    view.page.reload()  # come back later
    view.until_status("cancelled")
    view.part("resume").click()
    view.until("data.status === 'running'")


def test_the_history_is_searched_exported_imported_and_cleared(tab: Tab, tmp_path: Path) -> None:
    other = tab().open({"items": "9", "shams": "0"})  # what somebody else measures …
    other.until_status("done")
    view = opened(tab, "history?search=ablating+checkpoint")
    records = view.page.locator("[class*=st-key-record-]")
    expect(records.first).to_contain_text("Ablating heads 0.1, 0.3 (mean) · checkpoint")
    count = records.count()
    other.open({"items": "10", "shams": "0"})
    expect(records).to_have_count(count + 1)  # … is in the list by itself

    records.first.get_by_role("button", name="Export").click()
    with view.page.expect_download() as downloading:
        view.page.get_by_role("link", name="JSON").click()
    document = saved(downloading.value, tmp_path)
    view.page.keyboard.press("Escape")
    view.page.get_by_text("Import a result").click()
    view.page.locator("input[type=file]").set_input_files(document)
    expect(records).to_have_count(count + 2)
    expect(records.filter(has_text="imported")).to_have_count(1)
    forged = tmp_path / "forged.json"
    forged.write_text(document.read_text().replace('"regimescope": 1', '"regimescope": 7'))
    view.page.locator("input[type=file]").set_input_files(forged)
    said = view.page.get_by_test_id("stAlert")
    expect(said.filter(has_text="exported here")).to_be_visible()
    expect(said).to_have_count(1)
    table = tmp_path / "result.csv"
    table.write_text("strength,loss_delta")
    view.page.locator("input[type=file]").set_input_files(table)
    expect(said.filter(has_text="got no JSON")).to_be_visible()
    expect(said).to_have_count(1)  # nothing is left of what was said of the file before

    imported = records.filter(has_text="imported")
    imported.locator("summary").filter(has_text="Figures").click()
    expect(imported.get_by_text("Their settings are the same, and so are their numbers.")).to_be_visible()
    imported.locator("summary").filter(has_text="Figures").click()

    for number in range(2):
        records.nth(number).locator("[data-testid=stCheckbox] label").click()
        view.until_drawn_by_streamlit()
    expect(view.page.get_by_text("Two sweeps")).to_be_in_viewport()
    expect(view.page.locator(".st-key-two-curves .main-svg").first).to_be_in_viewport()

    records.first.get_by_role("button", name="Delete", exact=True).click()
    view.page.get_by_role("button", name="Delete it").click()
    expect(records).to_have_count(count + 1)
