"""What the tests in a real browser may ask for: the dashboard, Chromium, and tabs that must not complain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from views import PATIENCE, View

from benchmarks.browser import Server, browser, server

DESKTOP = {"width": 1440, "height": 900}

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium; without one the tests fail and say what to do.

    Not longer than for a module: as long as Playwright runs, no other test in this thread could run an event loop.
    """
    with browser() as running:
        yield running


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard, with a store of its own."""
    with server(tmp_path_factory.mktemp("dashboard") / "cache") as running:
        yield running


@pytest.fixture
def tab(chromium: Browser, dashboard: Server) -> Iterator[Callable[..., View]]:
    """Opens tabs. What a tab complains of and does not tolerate fails the test."""
    views: list[View] = []

    def make(tolerates: str = "", newcomer: bool = False, **context: Any) -> View:
        page = chromium.new_context(**{"viewport": DESKTOP, **context}).new_page()
        views.append(View(page, dashboard.address, tolerates, newcomer))
        return views[-1]

    yield make
    for view in views:
        view.stop()  # the sweep of a tab that is closed goes on
        view.page.context.close()
    assert [complaint for view in views for complaint in view.complaints] == []
