"""Networks of several kinds in the browser: their controls, their links, and what they make of an image."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from views import SMALL, View

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

DIGITS = SMALL | {"model": "digits"}

READ_BARS = "all => all.map((one) => one.title)"


def permalink(view: View, tab: Tab) -> View:
    """Another tab with the same address, which must show the same experiment and complain of nothing."""
    copy = tab()
    copy.page.goto(view.page.url)
    copy.until("data.key")
    assert copy.data("key") == view.data("key")
    assert copy.alerts() == []
    return copy


def test_an_image_is_shown_with_what_the_network_makes_of_it(tab: Tab) -> None:
    view = tab().open(DIGITS)
    view.until_status("done")
    assert view.page.locator(".rs-picture svg").count() == 4
    assert view.page.locator(".rs-picture").first.locator(".rs-pixel").count() == 64
    assert view.part("key-tokens").is_hidden()
    bars = view.page.locator(".rs-bars")
    original, degraded, intervened = bars.evaluate_all(READ_BARS)[:3]
    assert all(f"{digit}: " in original for digit in range(10))
    assert original.endswith("asked for: 8")
    assert degraded.removeprefix("degraded") == original.removeprefix("original"), "nothing is degraded there"
    assert intervened != original
    view.part("slider").focus()
    view.page.keyboard.press("End")
    now = bars.evaluate_all(READ_BARS)
    assert now[0] == original
    assert now[1] != degraded


def test_the_effect_is_told_in_the_unit_of_the_behaviour_and_with_its_level(tab: Tab) -> None:
    for query, start in (
        (DIGITS, "P 0."),
        (DIGITS | {"digits.exceptions": "memorised", "behaviour": "exceptions"}, "loss "),
    ):
        view = tab().open(query)
        view.until_status("done")
        note = view.page.locator(".rs-live [data-tile=effect] dd:last-child").inner_text().replace("\u00a0", " ")
        effect, level = note.split(" · ")
        assert level.startswith(start)
        before, after = map(float, level.removeprefix(start.rstrip("0.")).split(" → "))
        assert after - before == pytest.approx(float(view.tile("effect").replace("−", "-")), abs=0.011)
        assert ("probability" in effect) is (start == "P 0.")


def test_from_network_to_network_the_address_stays_a_permalink(tab: Tab) -> None:
    view = tab().open(SMALL)
    view.choose("intervention", "steering")
    view.choose("model", "digits")
    permalink(view, tab)
    view.choose("intervention", "neuron-ablation")
    permalink(view, tab)
    with view.changing():
        view.page.locator(".st-key-digits-network").get_by_text("cnn").click()
    copy = permalink(view, tab)
    assert copy.page.locator(".st-key-intervention input").input_value() == "neuron-ablation"
    view.choose("model", "induction")
    permalink(view, tab)
    view.until_status("done")


def test_a_group_of_heads_can_be_taken_with_one_click(tab: Tab) -> None:
    view = tab().open(SMALL)
    with view.changing():
        view.page.get_by_role("button", name="induction (4)").click()
    view.until_status("done")
    permalink(view, tab)
