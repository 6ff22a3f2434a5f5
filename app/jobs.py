"""Jobs: one for each question that somebody asked, whoever and however many look at it.

The manager belongs to the web process. It starts the worker, keeps what the worker tells as snapshots, and starts the
worker again if it dies: what was under way then goes on from what was stored.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from app.snapshot import Snapshot, announced
from engine.dials import InputError
from engine.documents import Document
from engine.history import History
from engine.questions import Question, experiment_of
from engine.runners import Message
from engine.runners.process import WorkerProcess
from engine.spec import Experiment

log = logging.getLogger(__name__)

KEPT: Final = 64
"""So many jobs that nobody waits for are remembered; older ones are recalled from the store when asked for again."""

RESTARTS: Final = 3
"""A worker that dies so often without telling of a new point in between is not started again."""

GIVEN_UP: Final = {
    "status": "failed",
    "message": "The engine keeps stopping, and the server's log tells why; if memory is short, ask for fewer items.",
}

Listener = Callable[[], None]


class Worker(Protocol):
    """What the manager needs of a worker; see `engine.runners.process`."""

    def send(self, command: Message) -> None:
        """Sends a command."""

    def events(self) -> Iterator[Message]:
        """What the worker tells, until it ends."""
        ...

    def close(self) -> None:
        """Ends the worker."""


def file_name(question: Question) -> str:
    """What a file with a question's answer is called, without its ending."""
    asked = experiment_of(question)
    kind = () if question.kind == "sweep" else (question.kind,)
    return "-".join((*kind, asked.model.name, asked.intervention.name, asked.degrader.name))


@dataclass
class Job:
    """A question that is being answered, or that is.

    Attributes:
        question: what is measured: a sweep, a comparison or a map.
        snapshot: what is known of it; replaced, never changed.
        listeners: whom to call when the snapshot is replaced.
        opened: when somebody last asked for it, by the monotonic clock.
        reached: the most points that the worker has told of, whichever worker it was.
    """

    question: Question
    snapshot: Snapshot
    listeners: set[Listener] = field(default_factory=set)
    opened: float = 0.0
    reached: int = 0

    @property
    def document(self) -> Document:
        """What is known so far, exactly."""
        return Document.of(self.question, self.snapshot.values, self.snapshot.exact_rows)

    @property
    def active(self) -> bool:
        """Whether the worker has something to do for it."""
        return self.snapshot.get("status") in ("queued", "running")


class JobManager:
    """All jobs of one server, and the worker that does them. Its methods may be called from any thread."""

    def __init__(self, start_worker: Callable[[], Worker], store: Path) -> None:
        """Starts the worker.

        Args:
            start_worker: how.
            store: the folder of the store, where the history is kept as well.
        """
        self.store = store
        self.history = History(store)
        self._start_worker = start_worker
        self._jobs: dict[str, Job] = {}
        self._greeting: Message = {}
        self._lock = threading.RLock()
        self._closed = False
        self._deaths = 0
        self._worker = start_worker()
        self._start_listening()

    def open(self, question: Question) -> Job:
        """The question's job, started if it is new. A cancelled one stays cancelled."""
        with self._lock:
            job = self._jobs.pop(question.key, None) or self._begin(question)
            self._jobs[question.key] = job  # at the end: the dictionary is in order of use
            job.opened = time.monotonic()
            self._forget_oldest()
            return job

    def under_way(self) -> list[Job]:
        """The jobs that the worker has something to do for, the one asked for last at the end."""
        with self._lock:
            return [job for job in self._jobs.values() if job.active]

    def get(self, key: str) -> Job | None:
        """The job of this key, if there is one."""
        with self._lock:
            return self._jobs.get(key)

    def watch(self, key: str, listener: Listener) -> Job | None:
        """Calls the listener, from another thread, whenever the job's snapshot is replaced; None if there is no job."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                job.listeners.add(listener)
            return job

    def unwatch(self, key: str, listener: Listener | None) -> None:
        """Stops calling the listener. The job goes on: a closed tab cancels nothing."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and listener is not None:
                job.listeners.discard(listener)

    def cancel(self, key: str, listener: Listener | None) -> None:
        """One who watched wants it no more; the job stops with the last of them."""
        with self._lock:
            self.unwatch(key, listener)
            job = self._jobs.get(key)
            if job is not None and not job.listeners:
                self.stop(key)

    def leave(self, key: str, listener: Listener | None, opened: float) -> None:
        """One who watched looks at another question now. With the last of them a sweep is dropped, unless it was
        opened again meanwhile; what it measured is in the store. What was asked for by a button goes on.
        """
        with self._lock:
            self.unwatch(key, listener)
            job = self._jobs.get(key)
            dropped = job is not None and job.question.kind == "sweep" and not job.listeners and job.opened <= opened
            if job is not None and job.active and dropped:
                self._worker.send({"do": "cancel", "key": key})
                del self._jobs[key]
                self._forget_beginning(job.question)

    def _forget_beginning(self, question: Question) -> None:
        """A setting that somebody passed through is no part of the history."""
        record = self.history.find(question)
        if record is not None and record.status == "running":
            with contextlib.suppress(InputError):
                self.history.remove(question.key)

    def resume(self, key: str) -> None:
        """Goes on with a cancelled or failed job; a worker that was given up gets one more chance."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.snapshot.get("status") in ("cancelled", "failed"):
                if self._deaths > RESTARTS:
                    self._deaths = RESTARTS
                    self._worker = self._start_worker()
                    self._start_listening()
                self._tell(job, {"status": "queued", "message": ""})
                self._submit(job)

    def obey(self, key: str, command: Mapping[str, Any], listener: Listener | None = None) -> None:
        """What a browser asks for, by WebSocket or, without a listener, through Streamlit; nonsense is left alone."""
        match command:
            case {"type": "cancel"}:
                self.cancel(key, listener)
            case {"type": "resume"}:
                self.resume(key)
            case {"type": "focus", "strength": int() | float() as strength}:
                self.focus(key, strength)

    def focus(self, key: str, strength: float) -> None:
        """Puts one of a sweep's strengths first in its queue."""
        with self._lock:
            job = self._jobs.get(key)
            asked = job and job.question
            if isinstance(asked, Experiment) and strength in asked.sweep_strengths:
                self._worker.send({"do": "focus", "key": key, "strength": strength})

    def stop(self, key: str) -> None:
        """Cancels a job, whoever looks at it."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None and job.active:
                self._worker.send({"do": "cancel", "key": key})
                self._tell(job, {"status": "cancelled"})

    def forget(self, key: str) -> None:
        """Drops a job, whoever looks at it."""
        with self._lock:
            job = self._jobs.pop(key, None)
            if job is not None and job.active:
                self._worker.send({"do": "cancel", "key": key})

    def close(self) -> None:
        """Ends the worker."""
        with self._lock:
            self._closed = True
            self._worker.close()

    def _begin(self, question: Question) -> Job:
        job = Job(question, announced(question).updated(self._greeting))
        self._submit(job)
        return job

    def _submit(self, job: Job) -> None:
        if self._deaths > RESTARTS:
            self._tell(job, GIVEN_UP)
            return
        asked = job.question
        self._worker.send(
            {"do": "start", "key": asked.key, "kind": asked.kind, "question": asked.model_dump(mode="json")}
        )

    def _start_listening(self) -> None:
        threading.Thread(target=self._listen, name="worker-events", daemon=True).start()

    def _listen(self) -> None:
        while True:
            for event in self._worker.events():
                try:
                    self._heed(event)
                except Exception:  # one event that makes no sense must not end the listening
                    log.exception("An event of the worker was not understood.")
            with self._lock:
                if self._closed or not self._replace_worker():
                    return

    def _heed(self, event: Message) -> None:
        with self._lock:
            kind = event.pop("event")
            if kind == "ready":
                self._greeting = event
                for job in self._jobs.values():
                    if job.snapshot.get("status") != "failed":  # its message says why
                        self._tell(job, event)
            elif job := self._jobs.get(event.pop("key")):
                if job.active:  # what was under way when a job was cancelled comes too late
                    self._tell(job, event)
                done = event.get("progress", {}).get("done", 0)
                if done > job.reached:  # not so where another worker recalls what this one had measured
                    job.reached, self._deaths = done, 0

    def _replace_worker(self) -> bool:
        """Starts another worker on what was under way; False if that has been tried too often."""
        self._deaths += 1
        self._worker.close()
        given_up = self._deaths > RESTARTS
        if given_up:
            log.error("The worker died %d times in a row and is not started again.", self._deaths)
        else:
            log.warning("The worker died; another one goes on from what is stored.")
            self._worker = self._start_worker()
        for job in filter(lambda job: job.active, self._jobs.values()):
            self._submit(job)
        return not given_up

    def _tell(self, job: Job, change: Message) -> None:
        before = job.snapshot.get("status")
        job.snapshot = job.snapshot.updated(change)
        if job.snapshot.get("status") not in (before, "queued"):
            self._keep(job)
        for listener in job.listeners:
            listener()

    def _keep(self, job: Job) -> None:
        """Writes a record; from the history a finished job learns when it was measured, which may be long ago."""
        try:
            kept = self.history.keep(job.document)
            if job.snapshot.get("status") == "done":
                job.snapshot = job.snapshot.updated({"measured_at": kept.at})
        except Exception:  # what is measured is in the store: a record that can't be made must not stop the telling
            log.exception("A record of the history could not be made.")

    def _forget_oldest(self) -> None:
        idle = [key for key, job in self._jobs.items() if not job.active and not job.listeners]
        for key in idle[: max(0, len(self._jobs) - KEPT)]:
            del self._jobs[key]


def start_worker(cache: Path, device: str | None = None) -> Callable[[], Worker]:
    """How a manager starts its worker, on a device if one was asked for."""
    return lambda: WorkerProcess(cache, device)


_installed: list[JobManager] = []


def install(manager: JobManager) -> None:
    """Makes this the process' manager: Streamlit's pages have no other way to be handed one."""
    _installed[:] = [manager]


def manager() -> JobManager:
    """The process' manager.

    Raises:
        InputError: the pages were started without the server that brings it.
    """
    if not _installed:
        raise InputError("The dashboard must be started with `regimescope app`; stop this server and use that.")
    return _installed[0]
