"""What a tab shows when something breaks: the worker, the server, the store, the WebSocket."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, WebSocket
from views import LONG, SMALL, View

from benchmarks.browser import Server, free_port, server

pytestmark = pytest.mark.browser

Tab = Callable[..., View]

BRIEF = {"degrader": "weight-noise", "items": "128", "shams": "0"}
"""A sweep of 129 points, which takes some seconds."""

LOST = "WebSocket|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE"
"""What the console says when the server goes away."""

NO_SOCKETS = """
const Native = window.WebSocket
window.WebSocket = class extends Native {
  constructor(url, ...rest) {
    super(String(url).includes("/api/jobs/") ? "ws://127.0.0.1:9/" : url, ...rest)
  }
}
"""
"""Lets no WebSocket to a job come about, as a proxy may that knows none."""


def worker_of(running: Server) -> psutil.Process:
    (worker,) = psutil.Process(running.process.pid).children(recursive=True)
    return worker


def test_a_worker_that_is_killed_is_replaced_and_the_sweep_ends(tab: Tab, dashboard: Server) -> None:
    view = tab().open(BRIEF | {"seed": "11"})
    view.until_measured(10)
    worker = worker_of(dashboard)
    assert view.data("status") == "running"
    worker.kill()
    worker.wait()
    view.until_status("done")
    assert view.measured == int(view.part("progress").get_attribute("aria-valuemax") or 0)
    assert view.data("transport") == "socket"
    assert worker_of(dashboard).pid != worker.pid


def test_a_server_that_is_killed_and_started_again_goes_on_from_what_was_stored(
    chromium: Browser, tmp_path: Path
) -> None:
    told: list[int] = []

    def listen(socket: WebSocket) -> None:
        if "/api/jobs/" in socket.url:
            socket.on("framereceived", lambda frame: told.append(json.loads(frame).get("progress", {}).get("done", 0)))

    port, cache = free_port(), tmp_path / "cache"
    with chromium.new_context() as context:
        with server(cache, port) as first:
            view = View(context.new_page(), first.address, LOST).open(BRIEF)
            view.until_measured(20)
            assert view.data("status") == "running"
            key, stored = view.data("key"), view.measured
            first.process.kill()
            first.process.wait()
            view.until("data.transport === 'lost'")
            assert view.measured >= stored, "what was measured stays on the screen"
        view.page.on("websocket", listen)
        with server(cache, port):
            view.until("!part('reload').hidden")
            assert "reload" in view.part("status").inner_text()
            view.part("reload").click()
            view.until_status("done")
            assert view.data("key") == key
            assert next(done for done in told if done) >= stored
        assert view.complaints == []


def test_a_server_that_is_told_to_stop_does_so_in_the_middle_of_a_sweep(chromium: Browser, tmp_path: Path) -> None:
    with chromium.new_context() as context, server(tmp_path / "cache") as running:
        view = View(context.new_page(), running.address, LOST).open(LONG)
        view.until_measured(1)
        worker = worker_of(running)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(15) in (0, -signal.SIGTERM)
        assert not psutil.pid_exists(worker.pid)
        view.until("data.transport === 'lost'")
        assert view.part("status").inner_text() == "reconnecting…"
        assert "start it again" in view.part("message").inner_text()
        assert view.part("cancel").is_hidden()
        dialog, answer = view.page.get_by_test_id("stDialog").bounding_box(), view.root.bounding_box()
        assert dialog is not None
        assert answer is not None
        assert dialog["x"] + dialog["width"] <= answer["x"], "Streamlit's dialog covers nothing that is said here"


def test_without_websockets_the_page_is_fed_by_streamlit(tab: Tab) -> None:
    view = tab(tolerates=LOST)
    view.page.add_init_script(NO_SOCKETS)
    view.open(BRIEF | {"seed": "12"})
    view.until("data.transport === 'poll'")
    view.until_measured(1)
    view.until_status("done")
    assert view.data("transport") == "poll"
    view.choose("degrader", "checkpoint")
    view.until_status("done")


def test_without_websockets_cancel_and_resume_work_as_well(tab: Tab) -> None:
    view = tab(tolerates=LOST)
    view.page.add_init_script(NO_SOCKETS)
    view.open(LONG | {"seed": "13"})
    view.until_measured(1)
    view.part("cancel").click()
    view.until_status("cancelled")
    done = view.measured
    view.part("resume").click()
    view.until_measured(done + 1)


def test_a_store_that_cannot_be_written_is_told_and_nothing_else_is_lost(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file lies where the folder should be. The server is started in another folder than the program's, too."""
    in_the_way = tmp_path / "cache"
    in_the_way.write_text("not a folder")
    monkeypatch.chdir(tmp_path)
    with chromium.new_context() as context, server(in_the_way) as running:
        view = View(context.new_page(), running.address).open(SMALL)
        view.until_status("done")
        assert view.part("store").inner_text() == "results not kept"
        assert "can't be" in view.part("message").inner_text()
        assert view.part("verdict-chip").inner_text()
        assert view.complaints == []
    assert in_the_way.read_text() == "not a folder"
