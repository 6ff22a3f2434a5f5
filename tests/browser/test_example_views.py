"""What the network does at one strength, drawn from a snapshot that was made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.browser import Server

pytestmark = pytest.mark.browser

Show = Callable[..., None]

SPACE = "\u00a0"

MOUNT = """async ([theme, address]) => {
    document.documentElement.innerHTML = `<head><link rel="stylesheet" href="${address}/live/explore.css"></head>
      <body style="margin: 0; width: 360px">
        <section class="rs-live" data-theme="${theme}">
          <h3><small data-part="where"></small></h3>
          <div class="rs-examples" data-part="examples"></div>
          <p class="rs-scale" data-part="key-tokens">0 <span></span> <b data-part="scale"></b></p>
          <p class="rs-scale" data-part="key-images">key</p>
        </section>
      </body>`
    const { createExamples } = await import("/live/examples.js")
    const { signal } = new AbortController()
    window.examples = createExamples((name) => document.querySelector(`[data-part="${name}"]`), signal)
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser, dashboard: Server) -> Iterator[Page]:
    """A page of the dashboard's origin."""
    with chromium.new_context(viewport={"width": 400, "height": 600}) as context:
        page = context.new_page()
        page.goto(f"{dashboard.address}/live/format.js")
        yield page


@pytest.fixture
def show(page: Page, dashboard: Server) -> Show:
    """Shows examples and what is said of them, undegraded and at a strength."""
    page.evaluate(MOUNT, ["light", dashboard.address])

    def shown(examples: list[dict[str, Any]], original: list[Any], row: list[Any], chance: float = 2.0) -> None:
        snapshot = {"examples": examples, "rows": [{"examples": original}], "reference": {"chance": chance}}
        page.evaluate(
            "([snapshot, row]) => window.examples.show(snapshot, row)",
            [snapshot, {"label": "noise 0.1", "examples": row}],
        )

    return shown


def image(**changes: Any) -> dict[str, Any]:
    """A 2×2 image of one of three classes."""
    return {
        "title": "a three",
        "kind": "behaviour",
        "view": "image",
        "metric": "probability",
        "side": 2,
        "pixels": [0, 0.25, 0.5, 1],
        "more": [],
        "classes": ["1", "3", "8"],
        "answers": [2],
        **changes,
    }


def tokens(**changes: Any) -> dict[str, Any]:
    """A sum that is answered after its last token."""
    return {
        "title": "a sum",
        "kind": "behaviour",
        "view": "tokens",
        "metric": "loss",
        "tokens": ["7", "5", "=", "12"],
        "scored": [False, False, False, True],
        **changes,
    }


def labels(page: Page, inside: str) -> list[str]:
    return page.locator(f"{inside}[aria-label]").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")


def test_an_image_is_drawn_pixel_by_pixel(page: Page, show: Show) -> None:
    show([image(more=[1, 0])], [{}], [{}])
    squares = page.locator(".rs-pixel").evaluate_all(
        "all => all.map((one) => ['x', 'y', 'fill-opacity'].map((name) => Number(one.getAttribute(name))))"
    )
    assert squares == [[0, 0, 0], [1, 0, 0.25], [0, 1, 0.5], [1, 1, 1], [0, 2.5, 1], [1, 2.5, 0]]
    box = page.locator(".rs-picture rect.rs-frame").first.bounding_box()
    assert box is not None
    assert box["width"] == pytest.approx(box["height"], abs=0.5)


def test_three_conditions_stand_side_by_side_with_a_bar_for_each_class(page: Page, show: Show) -> None:
    show([image()], [{"degraded": [0, 1, 0]}], [{"degraded": [0.1, 0.7, 0.2], "intervened": [0, 0.25, 0.75]}])
    assert page.locator(".rs-panel p").all_inner_texts() == ["original", "degraded", "+ intervention"]
    assert page.locator(".rs-panel b").all_inner_texts() == [f"0{SPACE}%", f"20{SPACE}%", f"75{SPACE}%"]
    heights = page.locator(".rs-bar").evaluate_all("all => all.map((one) => Number(one.getAttribute('height')) / 34)")
    assert heights == pytest.approx([0, 1, 0, 0.1, 0.7, 0.2, 0, 0.25, 0.75])
    assert labels(page, ".rs-bars")[1] == (f"degraded: 1: 10{SPACE}%, 3: 70{SPACE}%, 8: 20{SPACE}%; asked for: 8")


def test_the_class_that_is_asked_for_is_told_without_colour(page: Page, show: Show) -> None:
    show([image(answers=[0, 2])], [{"degraded": [0.25, 0.25, 0.5]}], [{}])
    assert page.locator(".rs-example h4").inner_text() == "a three · asked for: 1 or 8"
    lines = (
        page.locator(".rs-panel")
        .first.locator(".rs-labels span")
        .evaluate_all("all => all.map((one) => getComputedStyle(one).textDecorationLine)")
    )
    assert lines == ["underline", "none", "underline"]
    assert page.locator(".rs-panel b").first.inner_text() == f"75{SPACE}%"


def test_words_that_every_class_begins_with_are_left_out_below_the_bars(page: Page, show: Show) -> None:
    show([image(classes=["context 0", "context 1", "context 2"])], [{}], [{}])
    assert page.locator(".rs-panel").first.locator(".rs-labels span").all_text_contents() == ["0", "1", "2"]
    assert page.locator(".rs-example h4").inner_text() == "a three · asked for: context 2"


def test_what_is_not_measured_is_not_claimed(page: Page, show: Show) -> None:
    show([image()], [], [])
    assert page.locator(".rs-panel b").all_inner_texts() == ["–"] * 3
    show([image()], [{"degraded": [None, None, None]}], [{}])
    assert page.locator(".rs-panel b").all_inner_texts() == ["–"] * 3
    assert all("NaN" not in label for label in labels(page, ".rs-bars"))


def test_a_target_that_is_no_token_of_the_text_stands_after_it(page: Page, show: Show) -> None:
    show([tokens()], [{"degraded": [None, None, None, 0.1]}], [{"degraded": [None] * 3 + [1.0], "intervened": None}])
    assert page.locator(".rs-scored span").all_text_contents() == ["12"] * 3
    assert labels(page, ".rs-scored span") == [
        "12 (original): 0.10 nats",
        "12 (degraded): 1.00 nats",
        "12 (+ intervention): not scored",
    ]


def test_a_behaviour_that_is_a_probability_tells_it(page: Page, show: Show) -> None:
    show([tokens(metric="probability")], [{"degraded": [None, None, None, 0.693147]}], [{}])
    assert labels(page, ".rs-scored span")[0] == "12 (original): probability 0.50, 0.69 nats"


@pytest.mark.parametrize(("examples", "shown"), [([image()], "key-images"), ([tokens()], "key-tokens")])
def test_the_key_is_that_of_what_is_shown(page: Page, show: Show, examples: list[Any], shown: str) -> None:
    show(examples, [{}], [{}])
    for name in ("key-images", "key-tokens"):
        assert page.locator(f"[data-part={name}]").is_visible() is (name == shown)


def test_ten_classes_fit_beside_the_image(page: Page, show: Show) -> None:
    classes = [str(digit) for digit in range(10)]
    many = image(classes=classes, side=8, pixels=[0.5] * 64)
    show([many], [{"degraded": [0.1] * 10}], [{"degraded": [0.1] * 10, "intervened": [0.1] * 10}])
    assert page.evaluate("document.querySelector('.rs-examples').scrollWidth") <= 360
    assert page.locator(".rs-labels").evaluate_all("all => all.every((one) => one.scrollWidth <= one.clientWidth)")
