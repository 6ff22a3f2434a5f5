"""The worker: a process of its own that answers questions in JSON lines, so that torch stays out of the web server.

It reads commands from standard input and writes events to standard output. One batch is computed at a time and commands
are obeyed between batches; several questions take turns. When standard input closes, whoever started the worker is
gone, and so is the worker.

Commands: `{"do": "start", "key", "kind", "question"}`, `{"do": "cancel", "key"}`, `{"do": "focus", "key", "strength"}`.
Events: `{"event": "ready", "device", "store", "message"}` and `{"event": "update", "key", …}`, whose other fields
replace those of the question's snapshot; `rows` given by index replace single rows, and `beside` counts the other
questions that take turns with it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from engine.device import add_option
from engine.dials import InputError
from engine.lab import Lab, keep_freed_memory
from engine.questions import Question, read_question
from engine.runners import Message
from engine.runners.work import Work, work_of
from engine.store import Store

log = logging.getLogger(__name__)

Tell = Callable[[Message], None]


class Worker:
    """Questions under way, which take turns."""

    def __init__(self, lab: Lab, tell: Tell) -> None:
        self._lab = lab
        self._tell = tell
        self._works: dict[str, Work] = {}

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._works

    def greet(self) -> None:
        """Tells that the worker is ready, and on what it runs."""
        self._tell({"event": "ready", "device": self._lab.where, **self._store()})

    def obey(self, command: Message) -> None:
        """Carries out one command; one about a question that is not under way has nothing to do."""
        match command:
            case {"do": "start", "key": key, "kind": kind, "question": form} if key not in self._works:
                with self._lab.store.owned_by(key):
                    self._guarded(key, lambda: self._start(key, read_question(kind, form)))
            case {"do": "cancel", "key": key}:
                self._works.pop(key, None)
            case {"do": "focus", "key": key, "strength": strength} if key in self._works:
                self._works[key].focus(strength)

    def turn(self) -> None:
        """Lets each of them do one batch."""
        for key, work in list(self._works.items()):
            with self._lab.store.owned_by(key):
                self._guarded(key, lambda key=key, work=work: self._report(key, work, work.step()))

    def _start(self, key: str, question: Question) -> None:
        work = work_of(question, self._lab)
        self._update(key, {**work.opening(), **self._store()})
        self._works[key] = work
        self._report(key, work, work.recall())

    def _report(self, key: str, work: Work, news: Message) -> None:
        if work.finished:
            del self._works[key]
        self._update(key, {**news, "beside": len(self._works.keys() - {key}), **self._store()})

    def _guarded(self, key: str, work: Callable[[], None]) -> None:
        """A question whose work fails says why and leaves the others alone."""
        try:
            work()
        except Exception as error:
            self._works.pop(key, None)
            if not isinstance(error, InputError):
                log.exception("A question could not be answered.")
                why = " ".join(str(error).split())  # one line, however many there were
                error = f"The measurement stopped: {type(error).__name__}: {why}; the server's log tells more."
            self._update(key, {"status": "failed", "message": str(error)})

    def _update(self, key: str, fields: Message) -> None:
        self._tell({"event": "update", "key": key, **fields})

    def _store(self) -> dict[str, str]:
        store = self._lab.store
        size = "results not kept" if store.notice else f"store {store.volume() / 1e6:,.1f} MB"
        return {"store": size, "message": store.notice}


def main() -> None:
    """Runs until standard input closes."""
    parser = argparse.ArgumentParser(description="Answers the dashboard's questions; not for use by hand.")
    parser.add_argument("--cache", type=Path, required=True)
    add_option(parser)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes our standard input
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get among the events

    def tell(event: Message) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(inbox,), daemon=True).start()
    keep_freed_memory()
    worker = Worker(Lab(Store(arguments.cache), device=arguments.device), tell)
    worker.greet()
    while True:
        while worker.idle or not inbox.empty():
            worker.obey(inbox.get())
        worker.turn()


def _read(inbox: queue.SimpleQueue[Message]) -> None:
    for line in sys.stdin:
        inbox.put(json.loads(line))
    os._exit(0)  # at once, mid-batch or not: what is stored is safe, and nobody listens any more


if __name__ == "__main__":
    main()
