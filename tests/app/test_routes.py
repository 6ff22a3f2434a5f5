from __future__ import annotations

import csv
import http.client
import io
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import uvicorn
from fakes import PATIENCE, Workers, eventually, row
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from app import live, routes
from app.jobs import KEPT, Job, JobManager
from app.routes import PAUSE, REFUSED, UNKNOWN
from app.snapshot import Message
from engine.report import COLUMNS
from engine.spec import Experiment

Make = Callable[..., Experiment]
SOON = 0.05
"""Stands for `REOPENING`, so that no test waits two seconds."""


class Site:
    """The routes of a manager, served on a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.host = f"127.0.0.1:{port}"

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[http.client.HTTPResponse, bytes]:
        """Asks for a path as it stands: no client tidies up its dots."""
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    @contextmanager
    def socket(self, key: str, origin: str | None) -> Iterator[ClientConnection]:
        asked = None if origin is None else Origin(origin)
        with connect(f"ws://{self.host}/api/jobs/{key}", origin=asked, proxy=None) as connection:
            yield connection


class Browser:
    """A page with a WebSocket to a job; `seen` is what it has put together from what it was sent."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.messages: list[Message] = []
        self.seen: Message = {}

    def hear(self) -> Message:
        message = json.loads(self.connection.recv(timeout=PATIENCE))
        self.messages.append(message)
        fields = {name: value for name, value in message.items() if name not in ("type", "rows")}
        rows = message["rows"]
        if message["type"] == "update":
            rows = list(self.seen["rows"])
            for index, changed in message["rows"].items():
                rows[int(index)] = changed
        self.seen = {**self.seen, **fields, "rows": rows}
        return message

    def hear_until(self, name: str, value: object) -> None:
        while self.seen.get(name) != value:
            self.hear()

    def say(self, **command: Any) -> None:
        self.connection.send(json.dumps(command))


@pytest.fixture(autouse=True)
def _no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever browsers do, it is no error of the server."""
    yield
    errors = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert [record.getMessage() + (record.exc_text or "") for record in errors] == []


@contextmanager
def _serving(manager: JobManager) -> Iterator[Site]:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    application = Starlette(routes=routes.routes(manager))
    config = uvicorn.Config(application, ws="websockets-sansio", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        eventually(lambda: server.started, "the server starts")
        yield Site(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def site(manager: JobManager, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(routes, "REOPENING", SOON)
    with _serving(manager) as serving:
        yield serving


@pytest.fixture
def job(manager: JobManager, experiment: Make) -> Job:
    return manager.open(experiment())


@pytest.fixture
def key(job: Job) -> str:
    return job.experiment.key


@pytest.fixture
def browse(site: Site, key: str) -> Iterator[Callable[[], Browser]]:
    """Opens the job in a browser that has heard the first message."""
    with ExitStack() as opened:

        def make() -> Browser:
            browser = Browser(opened.enter_context(site.socket(key, site.origin)))
            browser.hear()
            return browser

        yield make


# ---- what is sent ----------------------------------------------------------------------------------------------------


def test_the_whole_comes_first_and_then_what_changes(browse: Callable[[], Browser], workers: Workers, job: Job) -> None:
    browser = browse()
    assert browser.messages == [{"type": "snapshot", **json.loads(json.dumps(job.snapshot.whole()))}]
    workers.latest.update(job.experiment.key, status="running", rows={"1": row(1)})
    assert browser.hear() == {"type": "update", "version": 3, "status": "running", "rows": {"1": row(1)}}


def test_many_changes_are_sent_together_and_none_is_lost(
    browse: Callable[[], Browser], workers: Workers, job: Job
) -> None:
    browser = browse()
    for done in range(100):
        workers.latest.update(job.experiment.key, progress={"done": done}, rows={str(done % 3): row(done % 3, at=done)})
    workers.latest.update(job.experiment.key, status="done", progress={"done": 100, "seconds": 9})
    browser.hear_until("status", "done")
    assert browser.seen == json.loads(json.dumps(job.snapshot.whole()))
    assert len(browser.messages) < 50


def test_every_browser_hears_everything(browse: Callable[[], Browser], workers: Workers, job: Job) -> None:
    browsers = [browse() for _ in range(5)]
    workers.latest.update(job.experiment.key, status="running", rows={"0": row(0)})
    workers.latest.update(job.experiment.key, status="done", rows={"1": row(1), "2": row(2)})
    for browser in browsers:
        browser.hear_until("status", "done")
        assert browser.seen == json.loads(json.dumps(job.snapshot.whole()))


# ---- what is heard ---------------------------------------------------------------------------------------------------


def test_cancel_and_resume(browse: Callable[[], Browser], workers: Workers, key: str) -> None:
    browser = browse()
    browser.say(type="cancel")
    browser.hear_until("status", "cancelled")
    eventually(lambda: workers.latest.did("cancel") == [key], "the worker is told")
    browser.say(type="resume")
    browser.hear_until("status", "queued")
    assert workers.latest.did("start") == [key, key]
    workers.latest.update(key, status="done", rows={"0": row(0)})
    browser.hear_until("status", "done")


def test_one_of_two_who_cancels_stops_nothing_and_hears_no_more(
    browse: Callable[[], Browser], workers: Workers, job: Job
) -> None:
    first, second = browse(), browse()
    key = job.experiment.key
    first.say(type="cancel")
    first.hear_until("status", "cancelled")
    workers.latest.update(key, status="running", rows={"0": row(0)})
    second.hear_until("status", "running")
    assert workers.latest.did("cancel") == []
    with pytest.raises(TimeoutError):
        first.connection.recv(timeout=3 * PAUSE)


def test_who_resumes_what_went_on_without_them_sees_all_of_it(
    browse: Callable[[], Browser], workers: Workers, job: Job
) -> None:
    first, second = browse(), browse()
    key = job.experiment.key
    workers.latest.update(key, status="running")
    first.hear_until("status", "running")
    first.say(type="cancel")
    first.hear_until("status", "cancelled")
    workers.latest.update(key, rows={"0": row(0)}, device="CPU")
    second.hear_until("device", "CPU")
    first.say(type="resume")
    first.hear_until("status", "running")
    assert first.seen == second.seen == json.loads(json.dumps(job.snapshot.whole()))
    workers.latest.update(key, status="done", rows={"1": row(1)})
    first.hear_until("status", "done")
    assert first.seen["rows"] == [row(0), row(1), None]


def test_a_cancel_that_comes_too_late_changes_nothing(
    browse: Callable[[], Browser], workers: Workers, job: Job
) -> None:
    browser, key = browse(), job.experiment.key
    workers.latest.update(key, status="done")
    browser.say(type="cancel")
    browser.hear_until("status", "done")
    workers.latest.tell({"event": "ready", "device": "another"})
    browser.hear_until("device", "another")
    assert browser.seen["status"] == "done"


def test_focus(browse: Callable[[], Browser], workers: Workers, key: str) -> None:
    browse().say(type="focus", strength=0.3)
    focus = {"do": "focus", "key": key, "strength": 0.3}
    eventually(lambda: focus in workers.latest.sent, "the worker is told")


GARBAGE: tuple[str | bytes, ...] = (
    "",
    "hello",
    "null",
    "[1, 2]",
    '"cancel"',
    "{",
    '{"type": "cancel"',
    '{"type": null}',
    '{"type": {"type": "cancel"}}',
    '{"type": "focus", "strength": NaN}',
    '{"type": "focus", "strength": 1e999}',
    '{"type": "focus", "strength": ' + "9" * 400 + "}",
    '{"type": "focus", "strength": ' + "9" * 5000 + "}",
    "[" * 100_000,
    "\x00\ud7ff💥",
    b"cancel",
    b"\xff\xfe",
    b'{"type": "cancel"}',
)


def test_garbage_is_ignored(browse: Callable[[], Browser], workers: Workers, job: Job) -> None:
    browser = browse()
    for count, garbage in enumerate(GARBAGE, 1):
        browser.connection.send(garbage)
        browser.say(type="focus", strength=0.3)
        eventually(lambda count=count: len(workers.latest.did("focus")) == count, f"serving after {garbage[:50]!r}")
    assert {command["do"] for command in workers.latest.sent} == {"start", "focus"}
    assert job.active


def test_who_resumes_a_job_that_was_forgotten_is_told_so(
    browse: Callable[[], Browser], manager: JobManager, workers: Workers, experiment: Make, job: Job
) -> None:
    browser = browse()
    browser.say(type="cancel")
    browser.hear_until("status", "cancelled")
    for seed in range(1, KEPT + 1):
        workers.latest.update(manager.open(experiment(seed=seed)).experiment.key, status="done")
    assert manager.get(job.experiment.key) is None
    browser.say(type="resume")
    with pytest.raises(ConnectionClosed) as closed:
        browser.hear()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == UNKNOWN


# ---- going away ------------------------------------------------------------------------------------------------------


def test_a_job_that_a_browser_leaves_is_dropped(
    browse: Callable[[], Browser], manager: JobManager, workers: Workers, key: str
) -> None:
    browser = browse()
    browser.say(type="leave")
    browser.connection.close()
    eventually(lambda: manager.get(key) is None, "the job is dropped")
    assert workers.latest.did("cancel") == [key]


def test_a_page_that_was_drawn_twice_can_be_left_as_well(
    browse: Callable[[], Browser], manager: JobManager, experiment: Make, job: Job
) -> None:
    browser, opened = browse(), job.opened
    eventually(lambda: manager.open(experiment()).opened > opened, "the page is drawn again")
    browser.say(type="leave")
    eventually(lambda: manager.get(job.experiment.key) is None, "the job is dropped")


def test_a_job_that_is_left_and_opened_again_goes_on(
    browse: Callable[[], Browser], manager: JobManager, workers: Workers, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = browse(), browse()
    job = manager.get(key)
    first.say(type="leave")
    first.connection.close()
    second.connection.close()
    again = browse()
    again.say(type="focus", strength=0.3)
    eventually(lambda: workers.latest.did("focus"), "commands are obeyed in order")
    with pytest.raises(TimeoutError):
        again.connection.recv(timeout=4 * SOON)
    assert manager.get(key) is job
    assert workers.latest.did("cancel") == []


def test_closing_a_tab_stops_nothing(
    browse: Callable[[], Browser], manager: JobManager, workers: Workers, job: Job
) -> None:
    browse().connection.close()
    eventually(lambda: not job.listeners, "the server notices")
    workers.latest.update(job.experiment.key, status="running")
    assert manager.get(job.experiment.key) is job
    assert workers.latest.did("cancel") == []


def test_a_tab_that_vanishes_while_it_is_told_something_is_forgotten(
    browse: Callable[[], Browser], workers: Workers, job: Job
) -> None:
    browser = browse()
    browser.connection.socket.shutdown(socket.SHUT_RDWR)
    for count in range(100):
        workers.latest.update(job.experiment.key, progress={"done": count}, rows={"0": row(0)})
    eventually(lambda: not job.listeners, "the server notices")


# ---- who may ask -----------------------------------------------------------------------------------------------------


def test_an_unknown_job_is_refused_with_a_reason(site: Site) -> None:
    with site.socket("0" * 32, site.origin) as connection, pytest.raises(ConnectionClosed) as closed:
        connection.recv(timeout=PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == UNKNOWN == 4404
    assert "restarted" in closed.value.rcvd.reason


@pytest.mark.parametrize(
    "origin",
    [None, "http://example.com", "http://127.0.0.1", "http://127.0.0.1:1", "null", "http://[", "http://user@own", ""],
)
def test_pages_of_other_sites_are_refused_with_a_reason(
    site: Site, job: Job, workers: Workers, origin: str | None
) -> None:
    asked = origin and origin.replace("own", site.host)
    with site.socket(job.experiment.key, asked) as connection:
        with suppress(ConnectionClosed):  # which may have happened already
            connection.send('{"type": "cancel"}')
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == REFUSED == 4403
    assert closed.value.rcvd.reason
    assert workers.latest.did("cancel") == []
    assert not job.listeners


# ---- the table -------------------------------------------------------------------------------------------------------


def test_the_table_has_the_columns_of_a_report_and_a_line_for_each_measured_strength(
    site: Site, workers: Workers, job: Job
) -> None:
    values = dict(zip(COLUMNS, (0.1, 2.5, 0.0123456789, None, 1e-9, *[0.5] * 6, "clean", 2, 8), strict=True))
    worker_row = {**values, "index": 1, "label": "noise 0.1", "reason": "It is, you see.", "examples": [{}]}
    workers.latest.update(job.experiment.key, rows={"1": worker_row})
    response, body = site.get(f"/api/jobs/{job.experiment.key}/result.csv")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="induction-head-ablation-')
    (line,) = csv.DictReader(io.StringIO(body.decode()))
    assert list(line) == list(COLUMNS)
    assert line == {name: "" if value is None else str(value) for name, value in values.items()}
    assert [float(line[name]) for name in ("loss_delta", "loss_delta_high")] == [0.0123456789, 1e-9]


def test_the_table_of_a_job_without_measurements_is_its_header(site: Site, key: str) -> None:
    _, body = site.get(f"/api/jobs/{key}/result.csv")
    assert body.decode().splitlines() == [",".join(COLUMNS)]


def test_the_table_of_an_unknown_job_does_not_exist(site: Site) -> None:
    response, body = site.get("/api/jobs/unknown/result.csv")
    assert response.status == 404
    assert b"reload" in body


# ---- the live component's files --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files() -> Iterator[Site]:
    """The live component's own files."""
    with _serving(JobManager(Workers().start)) as serving:
        yield serving


@pytest.mark.parametrize("path", sorted(path.name for path in live.FOLDER.glob("*.js")))
def test_scripts_are_served_and_asked_for_again_at_every_load(files: Site, path: str) -> None:
    response, body = files.get(f"/live/{path}?v=123")
    assert (response.status, body) == (200, (live.FOLDER / path).read_bytes())
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert response.headers["Cache-Control"] == "no-cache"
    again, _ = files.get(f"/live/{path}?v=123", {"If-None-Match": response.headers["ETag"]})
    assert again.status == 304


def test_styles_are_served(files: Site) -> None:
    response, body = files.get("/live/explore.css")
    assert (response.status, body) == (200, (live.FOLDER / "explore.css").read_bytes())
    assert response.headers["Content-Type"].startswith("text/css")


def test_plotly_is_kept_where_its_address_names_the_version(files: Site) -> None:
    path = "/live/vendor/plotly-basic.min.js"
    response, body = files.get(f"{path}?v=123")
    assert (response.status, body) == (200, (live.FOLDER / "vendor" / "plotly-basic.min.js").read_bytes())
    assert "immutable" in response.headers["Cache-Control"]
    response, _ = files.get(path)
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.fixture(scope="module")
def fort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose files say "shown", in a folder with the same names, beside files that say "secret"."""
    around = tmp_path_factory.mktemp("app")
    folder = around / "live"
    for original in live.FOLDER.rglob("*.*"):
        copy = folder / original.relative_to(live.FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("shown")
    for name in ("secret.js", "secret.css", "routes.py"):
        (around / name).write_text("secret")
    (folder / "link.js").symlink_to(around / "secret.js")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "FOLDER", folder)
        with _serving(JobManager(Workers().start)) as serving:
            yield serving


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/vendor",
        "/vendor/",
        "/__init__.py",
        "/explore.html",
        "/vendor/renew.py",
        "/vendor/plotly.json",
        "/vendor/LICENSE-plotly.txt",
        "/no-such-file.js",
        "/no-such-folder/file.js",
        "/%00.js",
        "/" + "long" * 200 + ".js",
        "/../routes.py",
        "/../secret.js",
        "/..%2fsecret.js",
        "/%2e%2e/secret.js",
        "/vendor/../../secret.js",
        "/vendor/..%2f..%2fsecret.css",
        "//secret.js",
        "/link.js",
    ],
)
def test_nothing_else_is_served(fort: Site, path: str) -> None:
    assert fort.get("/live/explore.js")[1] == b"shown"
    response, body = fort.get(f"/live{path}")
    assert response.status in (307, 404)
    assert body not in (b"secret", b"shown")
