"""A tab that shows the dashboard, as a test looks at it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request, WebSocket

from benchmarks.browser import RETURNING

PATIENCE = 60_000
"""Milliseconds after which what should have happened counts as not happening; a busy machine needs some of them."""

SMALL = {"items": "8"}
"""The default dial on few items: measured in a moment."""

LONG = {"degrader": "weight-noise", "items": "256", "draws": "64"}
"""A sweep of a thousand points, which takes a minute: whatever a test does, it happens in the middle of it."""

PROBING = r"_stcore/(health|host-config)"
"""Streamlit looks for its server beside the page's own address first, which a browser's console tells as an error."""


class View:
    """One tab.

    Attributes:
        page: Playwright's page.
        address: of the dashboard.
        tolerates: a pattern of the complaints that the test causes itself.
        sockets: the WebSockets to jobs, in order.
    """

    def __init__(self, page: Page, address: str, tolerates: str = "", newcomer: bool = False) -> None:
        self.page = page
        self.address = address
        self.tolerates = tolerates
        self._complaints: list[str] = []
        self.sockets: list[WebSocket] = []
        page.set_default_timeout(PATIENCE)
        if not newcomer:
            page.add_init_script(RETURNING)
        page.on("console", self._hear_console)
        page.on("pageerror", self._hear_error)
        page.on("request", self._see_request)
        page.on("websocket", self._see_socket)

    def open(self, query: dict[str, str] | str = "") -> View:
        """Opens the dashboard with these settings in the URL; returns once the component follows the experiment."""
        text = query if isinstance(query, str) else urlencode(query)
        self.page.goto(f"{self.address}/?{text}" if text else self.address)
        self.until("data.key")
        return self

    @property
    def root(self) -> Locator:
        return self.page.locator(".rs-live")

    def part(self, name: str) -> Locator:
        """An element of the component."""
        return self.page.locator(f'.rs-live [data-part="{name}"]')

    def export(self, form: str) -> Locator:
        """An entry of the export menu, which is opened for it."""
        entry = self.part(form)
        if not entry.is_visible():
            self.part("exports").locator("summary").click()
        return entry

    def tile(self, name: str) -> str:
        """What a tile says."""
        return self.page.locator(f'.rs-live [data-tile="{name}"] dd b').inner_text()

    def data(self, name: str) -> str:
        """A data attribute of the component."""
        return self.root.get_attribute(f"data-{name}") or ""

    @property
    def measured(self) -> int:
        """How many points are measured so far."""
        return int(self.part("progress").get_attribute("aria-valuenow") or 0)

    def until(self, condition: str, argument: object = None) -> Any:
        """Waits until a condition about `root` (the component) and `data` (its data attributes) holds."""
        script = f"""argument => {{
            const root = document.querySelector(".rs-live")
            const part = (name) => root.querySelector(`[data-part="${{name}}"]`)
            const data = root?.dataset
            return root && ({condition})
        }}"""
        return self.page.wait_for_function(script, arg=argument).json_value()

    def until_status(self, status: str) -> None:
        self.until("data.status === argument", status)

    def until_measured(self, points: int) -> None:
        self.until('Number(part("progress").getAttribute("aria-valuenow")) >= argument', points)

    def until_drawn_by_streamlit(self) -> None:
        """Until no run of the page's script is under way."""
        self.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")

    def until_drawn(self) -> None:
        """Until the charts show all that is measured."""
        self.until('part("sweep").querySelector(".main-svg") && !part("cursor").hidden')

    def choose(self, widget: str, option: str) -> None:
        """Chooses from one of the lists at the side."""
        self.until_drawn_by_streamlit()  # which closes a list that is opened meanwhile
        with self.changing():
            self.page.locator(f".st-key-{widget} input").click()
            self.page.keyboard.type(option)  # of a long list only a part is on the page
            self.page.get_by_role("option", name=option, exact=True).click()

    def enter(self, widget: str, value: str) -> None:
        """Writes into one of the fields under "Sampling and verdict"."""
        field = self.page.locator(f".st-key-{widget} input")
        if not field.is_visible():
            self.page.get_by_test_id("stExpander").locator("summary").click()
        with self.changing():
            field.fill(value)
            field.press("Enter")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """What is done within leads to another experiment, which the page follows afterwards."""
        before = self.data("key")
        yield
        self.until("data.key !== argument", before)

    @contextmanager
    def sending(self, command: str) -> Iterator[dict[str, Any]]:
        """What is done within makes the browser send a command, which is then the dictionary's content."""
        sent: dict[str, Any] = {}
        with self.sockets[-1].expect_event("framesent", lambda frame: json.loads(frame)["type"] == command) as heard:
            yield sent
        sent.update(json.loads(heard.value))

    def stop(self) -> None:
        """Cancels what is under way."""
        if self.root.count():
            self.part("cancel").evaluate("button => button.hidden || button.click()")
            self.until("!['queued', 'running'].includes(data.status)")

    @property
    def complaints(self) -> list[str]:
        """Errors of scripts, what the browser's console calls errors, and what was asked of other sites."""
        return [each for each in self._complaints if not self.tolerates or not re.search(self.tolerates, each)]

    def alerts(self) -> list[str]:
        return self.page.get_by_test_id("stAlert").all_inner_texts()

    def rerun(self) -> None:
        """Lets Streamlit draw the page again with the same settings."""
        self.page.keyboard.press("r")

    def _hear_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complaints.append(f"{message.text} ({message.location['url']})")

    def _hear_error(self, error: Error) -> None:
        self._complaints.append(str(error))

    def _see_request(self, request: Request) -> None:
        if request.url.startswith("http") and not request.url.startswith(self.address):
            self._complaints.append(f"asked another site: {request.url}")

    def _see_socket(self, socket: WebSocket) -> None:
        if "/api/jobs/" in socket.url:
            self.sockets.append(socket)
