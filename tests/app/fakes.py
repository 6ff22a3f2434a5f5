"""A worker that only does what a test says, and what else the tests of the dashboard share."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from app.jobs import Job, JobManager
from engine.runners import Message
from engine.strength import Row

PATIENCE = 10.0
"""Seconds after which what should have happened by itself counts as not happening."""


class FakeWorker:
    """Keeps the commands that it gets, and tells what a test tells it to.

    Attributes:
        sent: the commands.
        closed: whether the manager has ended it.
    """

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.closed = False
        self._events: queue.Queue[Message | None] = queue.Queue()

    def send(self, command: Message) -> None:
        self.sent.append(command)

    def events(self) -> Iterator[Message]:
        while (event := self._events.get()) is not None:
            yield event
            self._events.task_done()
        self._events.task_done()

    def close(self) -> None:
        self.closed = True
        self._events.put(None)

    def tell(self, event: Message) -> None:
        """Tells an event; returns once the manager has heeded it."""
        self._events.put(dict(event))
        self._events.join()

    def update(self, key: str, **fields: Any) -> None:
        """Tells of a sweep."""
        self.tell({"event": "update", "key": key, **fields})

    def die(self) -> None:
        """Ends as a process that is killed does."""
        self._events.put(None)

    def did(self, what: str) -> list[str]:
        """The keys for which a command came."""
        return [command["key"] for command in self.sent if command["do"] == what]


class Workers:
    """Starts fake workers, and keeps count of them."""

    def __init__(self) -> None:
        self.all: list[FakeWorker] = []
        self._started = threading.Condition()

    def start(self) -> FakeWorker:
        with self._started:
            self.all.append(FakeWorker())
            self._started.notify_all()
            return self.all[-1]

    @property
    def latest(self) -> FakeWorker:
        """The one that works now."""
        return self.all[-1]

    def kill_latest(self) -> FakeWorker:
        """Lets the worker die; returns the one that takes its place, once it has all that was under way."""
        count = len(self.all)
        self.latest.die()
        with self._started:
            assert self._started.wait_for(lambda: len(self.all) > count, PATIENCE), "no other worker was started"
        self.latest.tell({"event": "ready", "device": "another"})
        return self.latest


class Tab:
    """Somebody who watches a job; counts how often there was news."""

    def __init__(self, manager: JobManager, key: str) -> None:
        self.calls = 0
        self.called = threading.Event()
        assert manager.watch(key, self.listen) is not None

    def listen(self) -> None:
        self.calls += 1
        self.called.set()


def status(job: Job) -> str:
    """How a job stands."""
    return job.snapshot.get("status")


def row(index: int, **values: Any) -> Message:
    """A row as the worker tells it."""
    numbers = {each.name: 0.5 for each in fields(Row) if each.type == "float"}
    words = {"state": "clean", "reason": "It is, you see.", "draws": 1, "items": 8, "health": None, "shams": []}
    return {**numbers, **words, "index": index, "strength": index / 10, "label": f"noise {index / 10}", **values}


def eventually(condition: Callable[[], object], what: str) -> None:
    """Waits until a condition holds that no event announces."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: did not happen"
        time.sleep(0.01)


def is_one_sentence(text: str) -> bool:
    """Whether a text is one line with one full stop, at its end, and short enough to be read."""
    return re.fullmatch(r"[^\n\r]{10,400}\.", text) is not None and re.search(r"[.!?][\s,]", text) is None
