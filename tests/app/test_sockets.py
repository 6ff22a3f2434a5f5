from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
from fakes import PATIENCE, Workers, eventually, row
from sites import SOON, Browser, Site
from websockets.exceptions import ConnectionClosed

from app.jobs import KEPT, Job, JobManager
from app.routes import PAUSE, REFUSED, UNKNOWN
from engine.spec import Experiment

Make = Callable[..., Experiment]


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
    workers.latest.update(job.question.key, status="running", rows={"1": row(1)})
    assert browser.hear() == {"type": "update", "version": 3, "status": "running", "rows": {"1": row(1)}}


def test_many_changes_are_sent_together_and_none_is_lost(
    browse: Callable[[], Browser], workers: Workers, job: Job
) -> None:
    browser = browse()
    for done in range(100):
        workers.latest.update(job.question.key, progress={"done": done}, rows={str(done % 3): row(done % 3, at=done)})
    workers.latest.update(job.question.key, status="done", progress={"done": 100, "seconds": 9})
    browser.hear_until("status", "done")
    assert browser.seen == json.loads(json.dumps(job.snapshot.whole()))
    assert len(browser.messages) < 50


def test_every_browser_hears_everything(browse: Callable[[], Browser], workers: Workers, job: Job) -> None:
    browsers = [browse() for _ in range(5)]
    workers.latest.update(job.question.key, status="running", rows={"0": row(0)})
    workers.latest.update(job.question.key, status="done", rows={"1": row(1), "2": row(2)})
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
    key = job.question.key
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
    key = job.question.key
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
    browser, key = browse(), job.question.key
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
        workers.latest.update(manager.open(experiment(seed=seed)).question.key, status="done")
    assert manager.get(job.question.key) is None
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
    eventually(lambda: manager.get(job.question.key) is None, "the job is dropped")


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
    workers.latest.update(job.question.key, status="running")
    assert manager.get(job.question.key) is job
    assert workers.latest.did("cancel") == []


def test_a_tab_that_vanishes_while_it_is_told_something_is_forgotten(
    browse: Callable[[], Browser], workers: Workers, job: Job
) -> None:
    browser = browse()
    browser.connection.socket.shutdown(socket.SHUT_RDWR)
    for count in range(100):
        workers.latest.update(job.question.key, progress={"done": count}, rows={"0": row(0)})
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
    with site.socket(job.question.key, asked) as connection:
        with suppress(ConnectionClosed):  # which may have happened already
            connection.send('{"type": "cancel"}')
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == REFUSED == 4403
    assert closed.value.rcvd.reason
    assert workers.latest.did("cancel") == []
    assert not job.listeners
