"""Compositions and earlier checkpoints, chosen by hand: the address stays a permalink."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from test_networks import permalink
from views import SMALL, View

from engine.models.induction import Induction
from engine.spec import Experiment

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

DEFAULT = Experiment.preset("becomes-clean").model_dump(mode="json") | {"items": 8}
STEPS = Induction().card().steps


def press(view: View, widget: str, text: str) -> None:
    """Presses one of a few names that stand side by side."""
    with view.changing():
        view.page.locator(f".st-key-{widget}").get_by_text(text, exact=True).click()


def test_a_composition_is_put_together_and_its_address_is_a_permalink(tab: Tab) -> None:
    view = tab().open(SMALL | {"draws": "2", "degrader": "weight-noise"})
    view.choose("degrader", "compose")
    press(view, "compose-parts", "3")
    view.choose("compose-3-degrader", "quantisation")
    view.choose("compose-1-degrader", "checkpoint")
    press(view, "compose-swept", "3")
    press(view, "compose-3-quantisation-rounding", "stochastic")
    with view.changing():
        view.page.locator(".st-key-compose-1-checkpoint-strength").get_by_role("slider").press("ArrowRight")
    copy = permalink(view, tab)
    step = (
        copy.page.locator(".st-key-compose-1-checkpoint-strength").get_by_role("slider").get_attribute("aria-valuetext")
    )
    parts = [
        {"degrader": "checkpoint", "strength": 1 - int((step or "0").replace(",", "")) / STEPS[-1]},
        {"degrader": "weight-noise", "strength": 0.1},
        {"degrader": {"name": "quantisation", "rounding": "stochastic"}},
    ]
    asked = Experiment.read(DEFAULT | {"draws": 2, "degrader": {"name": "compose", "parts": parts}})
    assert copy.data("key") == asked.key
    press(view, "compose-parts", "2")
    view.choose("compose-1-degrader", "pruning")
    permalink(view, tab)
    view.choose("degrader", "pruning")
    assert "compose" not in view.page.url
    permalink(view, tab)
    view.until_status("done")


def test_an_earlier_checkpoint_is_studied(tab: Tab) -> None:
    view = tab().open(SMALL | {"degrader": "weight-noise", "draws": "2"})
    trained = view.data("key")
    step = STEPS[len(STEPS) // 2]
    view.choose("step", str(step))
    view.until(f"part('detail').textContent.includes('training step {step:,}')")
    copy = permalink(view, tab)
    asked = Experiment.read(DEFAULT | {"draws": 2, "degrader": "weight-noise", "step": step})
    assert copy.data("key") == asked.key
    view.until_status("done")
    assert f"training step {step:,}" in view.part("detail").inner_text()
    view.choose("step", "end of training")
    assert view.data("key") == trained
    assert "step=" not in view.page.url


def test_margin_and_step_are_left_behind_with_their_network(tab: Tab) -> None:
    view = tab().open(SMALL | {"step": str(STEPS[3]), "margin": "0.2"})
    view.choose("model", "digits")
    assert "margin" not in view.page.url
    assert "step" not in view.page.url
    permalink(view, tab)
