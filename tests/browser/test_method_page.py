"""The method's page in a browser: equations are drawn from what the server has, and links find their place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from views import PROBING, View

pytestmark = pytest.mark.browser


def test_a_link_leads_to_a_term_and_equations_need_no_other_site(tab: Callable[..., View]) -> None:
    view = tab(tolerates=PROBING, viewport={"width": 420, "height": 900})
    view.page.goto(f"{view.address}/method#margin")
    term = view.page.locator("#margin")
    term.wait_for()
    view.page.wait_for_function("document.querySelector('#margin').getBoundingClientRect().top < innerHeight")
    assert term.bounding_box()["y"] >= 0  # type: ignore[index]
    assert view.page.locator(".katex-display").count() >= 3
    assert view.page.locator(".katex-error").count() == 0
    # a font of the equations' own, which the server has; the tab complains of what other sites are asked
    view.page.wait_for_function(
        "[...document.fonts].some((font) => font.family.startsWith('KaTeX') && font.status === 'loaded')"
    )
    assert view.page.evaluate("document.documentElement.scrollWidth") <= 420
