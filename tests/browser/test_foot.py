"""What can be taken along from an answer: files that the browser makes, and texts on the clipboard."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Request
from views import SMALL, View

from app.permalink import address_of
from engine.snippets import command, python
from engine.spec import Experiment

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

YEAR = date.today().year

HOSTILE = "</script><script>document.title = 'taken over'</script><!--<script>\"'&amp;<b onclick=x>"

SAVE_HOSTILE = """async (hostile) => {
    const { savePage } = await import("/live/page-file.js")
    const root = document.querySelector(".rs-live")
    const plotly = document.querySelector("link[rel=modulepreload][href*=plotly]").href
    const layout = { title: { text: hostile } }
    const figure = { width: 300, height: 200, plot: () => ({ data: [{ y: [1], name: hostile }], layout }) }
    const row = { label: hostile, [hostile]: hostile }
    const snapshot = { rows: [row, null], status: hostile, device: hostile, progress: { done: 1, total: 2 } }
    const data = { name: "hostile", kind: "sweep", question: { a: hostile }, copy: { Python: hostile, CLI: hostile },
        about: hostile, link: "/?" + hostile }
    await savePage(root, plotly, [figure], snapshot, data)
}"""


@pytest.fixture
def view(tab: Tab) -> View:
    """A measured answer."""
    view = tab(permissions=["clipboard-read", "clipboard-write"]).open(SMALL)
    view.until_status("done")
    view.until_drawn()
    return view


def taken(view: View, form: str, folder: Path) -> Path:
    """A file of the export menu."""
    with view.page.expect_download() as downloading:
        view.export(form).click()
    path = folder / downloading.value.suggested_filename
    downloading.value.save_as(path)
    assert path.suffix == f".{form}"
    return path


def opened(view: View, file: Path) -> tuple[Page, list[str]]:
    """A saved page in a browser without a network, and what it complains of or asks for."""
    context = view.page.context
    context.set_offline(True)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def see(request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            complaints.append(request.url)

    page.on("request", see)
    page.goto(file.as_uri())
    page.wait_for_selector("#figure-0 .main-svg")
    return page, complaints


def test_a_saved_page_works_without_the_server_and_says_the_same(view: View, tmp_path: Path) -> None:
    table = taken(view, "csv", tmp_path).read_text(encoding="utf-8").splitlines()
    lines = [{name: _read(cell) for name, cell in line.items()} for line in csv.DictReader(table)]
    file = taken(view, "html", tmp_path)
    with view.page.expect_download() as downloading:
        view.page.evaluate(SAVE_HOSTILE, HOSTILE)
    downloading.value.save_as(tmp_path / "hostile.html")
    page, complaints = opened(view, file)
    assert view.part("headline").inner_text() in page.locator("h1").inner_text()
    assert page.locator("body > p").first.inner_text() == view.part("detail").inner_text()
    about = page.locator(".about").inner_text()
    assert all(each in about for each in ("Ablating heads 0.1, 0.3 (mean)", "dial: checkpoint", "model: induction"))
    assert page.get_by_role("link").get_attribute("href") == linked(view)
    answer = json.loads(page.locator("#answer").inner_text())
    assert datetime.now(UTC) - datetime.fromisoformat(answer["result"]["measured_at"]) < timedelta(hours=1)
    assert page.locator(".origin").inner_text().startswith("Measured on ")
    assert Experiment.read(answer["question"]).key == view.data("key")
    names = ("strength", "degraded_loss", "loss_delta", "effect_low", "retention", "state")
    assert [[row[name] for name in names] for row in answer["result"]["rows"]] == [
        [line[name] for name in names] for line in lines
    ]
    drawn: list[list[Any]] = page.evaluate("document.getElementById('figure-0').data.map((trace) => trace.y)")
    assert [line["degraded_loss"] for line in lines] in drawn
    assert page.locator(".main-svg").count() > 1
    head = page.locator("th").all_text_contents()
    cells = page.locator("tbody tr").nth(3).locator("td").all_text_contents()
    assert float(cells[head.index("loss delta")]) == pytest.approx(lines[3]["loss_delta"], rel=1e-4)
    assert complaints == []

    # what is in the data stays text
    page, complaints = opened(view, tmp_path / "hostile.html")
    assert page.title() == "Regimescope: hostile"
    assert json.loads(page.locator("#answer").inner_text())["question"] == {"a": HOSTILE}
    assert page.locator("td").first.text_content() == HOSTILE
    assert page.locator("pre").nth(1).text_content() == HOSTILE
    assert page.locator("[onclick]").count() == 0
    assert complaints == []


def test_a_picture_has_all_figures_and_the_words(view: View, tmp_path: Path) -> None:
    drawing = ElementTree.parse(taken(view, "svg", tmp_path)).getroot()
    width, height = (int(float(drawing.attrib[name])) for name in ("width", "height"))
    words = " ".join("".join(each.itertext()) for each in drawing.iter("{http://www.w3.org/2000/svg}text"))
    words = words.replace("\u00a0", " ")
    assert view.part("headline").inner_text() in words
    verdict = view.part("verdict-chip").inner_text()
    about = ("Ablating heads 0.1, 0.3 (mean)", "dial: checkpoint", "model: induction seed 0", verdict, str(YEAR))
    assert [each for each in (*about, "● clean", "── shams") if each not in words] == []
    assert all(each in words for each in ("loss delta (nats)", "effect retained", "degraded loss", "|loss delta|"))
    picture = Image.open(taken(view, "png", tmp_path))
    assert picture.size == (2 * width, 2 * height)
    assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 20


def test_texts_go_to_the_clipboard_or_are_shown(view: View) -> None:
    copies = view.part("copies")
    copied: dict[str, str] = {}
    for entry, name in (("copy", "Link"), ("copy-python", "Python"), ("copy-cli", "Command line")):
        copies.locator("summary").click()
        view.part(entry).click()
        copies.locator("summary").filter(has_text=f"{name} copied").wait_for()
        copied[name] = view.page.evaluate("navigator.clipboard.readText()")
    experiment = Experiment.preset("becomes-clean").model_copy(update={"items": 8})
    assert copied == {"Link": linked(view), "Python": python(experiment), "Command line": command(experiment)}
    # without HTTPS, on another host than this one, there is no clipboard
    view.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    view.page.set_viewport_size({"width": 420, "height": 900})
    copies.locator("summary").click()
    view.part("copy-cli").click()
    field = copies.locator("textarea")
    assert field.input_value() == copied["Command line"]
    box = field.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 420
    assert view.page.evaluate("getSelection().toString()") == copied["Command line"]
    view.page.keyboard.press("Escape")
    assert copies.locator("summary").evaluate("summary => summary === document.activeElement")
    view.page.keyboard.press("Enter")
    view.part("copy").wait_for()
    assert field.count() == 0


def linked(view: View) -> str:
    """The link to what a view shows, all settings and the cursor included."""
    experiment = Experiment.preset("becomes-clean").model_copy(update={"items": 8})
    strength = experiment.sweep_strengths[round(float(view.data("cursor")))]
    return f"{view.address}{address_of(experiment)}#s={strength:g}"


def test_a_copied_link_shows_the_same_again(tab: Tab) -> None:
    view = tab(permissions=["clipboard-read", "clipboard-write"]).open(SMALL)
    view.until_status("done")
    view.until_drawn()
    view.part("slider").press("ArrowRight")
    view.until("Number(data.cursor) % 1 === 0")
    view.page.get_by_role("radio", name="by degraded loss").check()
    view.part("copies").locator("summary").click()
    view.part("copy").click()
    view.part("copies").locator("summary").filter(has_text="Link copied").wait_for()
    other = tab()
    other.page.goto(view.page.evaluate("navigator.clipboard.readText()"))
    other.until_status("done")
    other.until_drawn()
    assert [other.data(name) for name in ("key", "cursor")] == [view.data(name) for name in ("key", "cursor")]
    assert other.page.get_by_role("radio", name="by degraded loss").is_checked()
    assert other.alerts() == []


def _read(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell or None
