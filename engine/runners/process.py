"""The worker as its parent sees it: commands in, events out."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from engine.runners import Message


class WorkerProcess:
    """A worker that runs; `close` it, or it ends when this process does."""

    def __init__(self, cache: Path, device: str | None = None) -> None:
        command = [sys.executable, "-m", "engine.runners.worker", "--cache", str(cache)]
        command += ["--device", device] if device else []
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    @property
    def pid(self) -> int:
        """The process' number."""
        return self._process.pid

    def send(self, command: Message) -> None:
        """Sends a command; to a worker that has died it goes nowhere, and `events` has come to its end."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    def events(self) -> Iterator[Message]:
        """The worker's events, until it ends."""
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # a worker that is killed may leave half a line
                    yield json.loads(line)

    def close(self) -> None:
        """Ends the worker and waits until it is gone."""
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # what was not written yet has nobody to go to
            self._process.stdin.close()
