"""The page without a browser: opened with what stands in the URL, and read."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

KINDS = ("slider", "select_slider", "number_input", "button_group", "multiselect", "selectbox")


def page() -> None:
    from app.views import explore

    explore.page()


def opened(**query: str | list[str]) -> AppTest:
    """The page as a link opens it."""
    at = AppTest.from_function(page, default_timeout=30)
    for name, value in query.items():
        at.query_params[name] = value
    return drawn(at.run())


def drawn(at: AppTest) -> AppTest:
    """The same, once it is sure that nothing was raised."""
    assert [error.value for error in at.exception] == []
    return at


def shown(at: AppTest) -> dict[str, Any]:
    """What is sent to the live component."""
    (component,) = at.get("bidi_component")
    return json.loads(component.proto.json)  # type: ignore[attr-defined]


def controls(at: AppTest) -> dict[str, Any]:
    """Every control by its key."""
    return {element.key: element for kind in KINDS for element in at.get(kind)}  # type: ignore[attr-defined]


def texts(elements: Any) -> list[str]:
    return [element.value for element in elements]
