from __future__ import annotations

import csv
import json
from collections.abc import Callable

import pytest
from views import LONG, SMALL, View

from engine.report import COLUMNS
from engine.spec import Experiment

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

ZOOM = "() => document.querySelector('.rs-live [data-part=sweep]')._fullLayout.xaxis.range.map((end) => end.toFixed(3))"


def test_the_default_experiment_computes_by_itself(tab: Tab) -> None:
    view = tab().open()
    view.until_status("done")
    view.until_drawn()
    asked = Experiment.preset("becomes-clean")
    assert view.data("key") == asked.key
    assert view.data("n") == str(len(asked.sweep_strengths))
    assert view.data("transport") == "socket"
    assert view.part("verdict-chip").inner_text() == "becomes clean"
    assert asked.intervention.describe() in view.part("headline").inner_text()
    box = view.part("verdict").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 300, "the answer stands at the top"
    rests = (view.part("slider").get_attribute("aria-valuetext") or "").removesuffix(" of 4,000")
    assert f"At {rests} it changes the loss" in view.part("detail").inner_text(), "where the numbers are from"
    assert view.alerts() == []
    assert view.page.title() == "Regimescope"
    assert view.part("cancel").is_hidden()


# ---- charts ----------------------------------------------------------------------------------------------------------


def test_the_charts_stay_the_same_elements_and_keep_the_zoom(tab: Tab) -> None:
    view = tab().open(LONG)
    view.until_measured(20)
    view.until_drawn()
    view.page.evaluate("document.querySelector('.rs-live .main-svg').dataset.tag = 'the first'")
    view.page.evaluate("document.querySelector('.rs-live [data-part=sweep]').dataset.tag = 'the first'")
    box = view.part("sweep").bounding_box()
    assert box is not None
    whole = view.page.evaluate(ZOOM)
    view.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 80)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 80, steps=5)
    view.page.mouse.up()
    view.until("!part('reset-zoom').hidden")
    zoomed = view.page.evaluate(ZOOM)
    assert zoomed != whole
    view.until("Number(data.version) > argument", int(view.data("version")) + 5)
    assert view.page.evaluate(ZOOM) == zoomed
    view.part("reset-zoom").click()
    view.until("part('reset-zoom').hidden")
    assert view.page.evaluate(ZOOM) == whole
    view.choose("degrader", "checkpoint")
    view.until_measured(1)
    assert view.page.locator(".rs-live [data-tag='the first']").count() == 2
    assert view.page.locator(".rs-live .js-plotly-plot").count() == 2


def test_a_setting_that_cannot_be_used_moves_nothing(tab: Tab) -> None:
    """What is wrong is said above the component, which stays the element that it was, with what it showed."""
    view = tab().open(SMALL)
    view.until_status("done")
    view.until_drawn()
    view.part("sweep").evaluate("node => node.dataset.tag = 'the first'")
    before = view.data("key")
    heads = view.page.locator(".st-key-head-ablation-heads input")
    for _ in range(2):
        heads.press("Backspace")
    view.page.get_by_test_id("stAlert").filter(has_text="at least one head").wait_for()
    assert view.part("verdict").is_visible()
    shown = view.data("key")
    heads.fill("1.1")
    heads.press("Enter")
    view.until("data.key !== argument", shown)
    view.until_status("done")
    assert view.alerts() == []
    assert view.data("key") != before
    assert view.part("sweep").get_attribute("data-tag") == "the first"


def test_an_experiment_that_nobody_looks_at_any_more_is_dropped(tab: Tab) -> None:
    view = tab(tolerates="404").open(LONG | {"seed": "1"})
    view.until_measured(1)
    left = f"{view.address}/api/jobs/{view.data('key')}/result.csv"
    assert view.page.request.get(left).status == 200
    view.choose("degrader", "checkpoint")
    view.page.wait_for_function(
        "address => fetch(address).then((response) => response.status === 404)", arg=left, polling=200
    )


# ---- the dial --------------------------------------------------------------------------------------------------------


def test_the_keyboard_moves_the_dial_from_strength_to_strength(tab: Tab) -> None:
    view = tab().open()
    view.until_status("done")
    strengths = Experiment.preset("becomes-clean").sweep_strengths
    slider = view.part("slider")
    slider.focus()
    said: list[tuple[str, str | None, str]] = []
    for key, at in [("Home", 0), ("ArrowRight", 1), ("ArrowUp", 2), ("ArrowLeft", 1), ("End", len(strengths) - 1)]:
        view.page.keyboard.press(key)
        assert view.data("cursor") == str(at)
        spoken = slider.get_attribute("aria-valuetext")
        said.append((view.part("readout").inner_text(), spoken, view.tile("loss_delta")))
    assert said[1] == said[3]
    assert len(set(said)) == 4
    assert said[0][1] == "step 4,000 of 4,000"
    with view.sending("focus") as sent:
        view.page.keyboard.press("ArrowLeft")
    assert view.data("cursor") == str(len(strengths) - 2)
    assert sent == {"type": "focus", "strength": strengths[-2]}


def test_between_two_strengths_nothing_is_claimed_and_letting_go_snaps(tab: Tab) -> None:
    view = tab().open()
    view.until_status("done")
    strengths = Experiment.preset("becomes-clean").sweep_strengths
    slider = view.part("slider")
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    view.page.mouse.move(box["x"] + 5, y)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + 0.41 * box["width"], y, steps=4)
    view.until("!Number.isInteger(Number(data.cursor))")
    assert view.part("state-chip").inner_text() == "≈ between measured strengths"
    assert view.tile("loss_delta").startswith("≈ ")
    between = float(view.data("cursor"))
    with view.sending("focus") as sent:
        view.page.mouse.up()
    view.until("Number.isInteger(Number(data.cursor))")
    assert abs(int(view.data("cursor")) - between) <= 0.5
    assert view.part("state-chip").inner_text() in ("clean", "entangled", "effect lost", "broken", "unresolved")
    assert not view.tile("loss_delta").startswith("≈")
    assert sent == {"type": "focus", "strength": strengths[int(view.data("cursor"))]}


# ---- cancelling ------------------------------------------------------------------------------------------------------


def test_cancel_stays_cancelled_until_resume(tab: Tab) -> None:
    view = tab().open(LONG | {"seed": "2"})
    view.until_measured(1)
    view.part("cancel").click()
    view.until_status("cancelled")
    assert view.part("status").inner_text() == "cancelled"
    assert view.part("cancel").is_hidden()
    done = view.measured
    view.rerun()
    again = tab().open(LONG | {"seed": "2"})
    assert again.data("key") == view.data("key")
    again.until_status("cancelled")
    assert view.data("status") == "cancelled"
    assert view.measured == done
    assert again.measured >= done, "the tab that cancelled heard the last of it no more"
    view.part("resume").click()
    view.until_status("running")  # it was further than this tab had heard, so a point more is no sign of it
    view.until_measured(done + 1)
    view.part("cancel").click()
    view.until_status("cancelled")


def test_two_tabs_share_a_job_and_cancel_in_one_leaves_the_other_running(tab: Tab) -> None:
    first, second = tab().open(LONG | {"seed": "3"}), tab().open(LONG | {"seed": "3"})
    assert first.data("key") == second.data("key")
    first.until_measured(1)
    second.until_measured(1)
    first.part("cancel").click()
    first.until_status("cancelled")
    first.rerun()
    second.until_measured(second.measured + 3)
    assert second.data("status") == "running"
    assert first.data("status") == "cancelled"
    first.part("resume").click()
    first.until_measured(second.measured + 1)
    assert first.data("status") == "running"
    for view in (first, second):
        view.part("cancel").click()
        view.until_status("cancelled")


# ---- links and downloads ---------------------------------------------------------------------------------------------


def test_the_address_is_a_permalink(tab: Tab) -> None:
    view = tab().open(SMALL)
    view.choose("intervention", "steering")
    view.choose("degrader", "weight-noise")
    view.enter("seed", "5")
    copy = tab()
    copy.page.goto(view.page.url)
    copy.until("data.key")
    assert copy.data("key") == view.data("key")
    assert copy.alerts() == []
    form = json.loads(Experiment.preset("becomes-clean").to_json())
    steering = {"name": "steering", "vector": Experiment.read(form).card.suggested("vectors")[0]}
    changes = {"degrader": "weight-noise", "draws": 8, "intervention": steering, "items": 8, "seed": 5}
    assert copy.data("key") == Experiment.read(form | changes).key


def test_a_link_that_asks_for_what_does_not_exist_is_told_so(tab: Tab) -> None:
    query = "alpha=nan&head-ablation.heads=7.7&items=8&foo=%3Cb%3Ebar%3C/b%3E![](http://example.com/x.png)"
    view = tab().open(query)
    view.until_status("done")
    told = " ".join(view.alerts())
    assert all(name in told for name in ("alpha", "head-ablation.heads", "foo"))
    assert "Traceback" not in told
    assert view.page.get_by_test_id("stException").count() == 0
    assert view.page.get_by_test_id("stAlert").locator("img, b").count() == 0
    view.rerun()
    view.choose("degrader", "weight-noise")
    view.page.wait_for_function("() => !document.querySelector('[data-testid=stAlert]')")


def test_settings_that_are_put_away_are_not_complained_of(tab: Tab) -> None:
    """The page's own changes to the URL are no link that somebody opened."""
    view = tab().open(SMALL | {"degrader": "weight-noise", "draws": "3"})
    view.choose("degrader", "checkpoint")
    view.until_status("done")
    assert view.alerts() == []


def test_the_table_has_a_line_for_each_strength(tab: Tab) -> None:
    view = tab().open(SMALL)
    view.until_status("done")
    with view.page.expect_download() as downloading:
        view.export("csv").click()
    with open(downloading.value.path(), encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert downloading.value.suggested_filename.endswith(".csv")
    assert list(lines[0]) == list(COLUMNS)
    assert [float(line["strength"]) for line in lines] == list(Experiment.preset("becomes-clean").sweep_strengths)
