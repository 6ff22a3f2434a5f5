"""The dashboard and a real browser, started for a while: for benchmarks, tests and pictures."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

ARGUMENTS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS: Final = 60

RETURNING: Final = "try { localStorage.setItem('regimescope-hint', 'seen') } catch {}"
"""A script for a page whose visitor has been here before: the guide of a first visit is not shown."""


@dataclass(frozen=True)
class Server:
    """A dashboard that is being served."""

    address: str
    process: subprocess.Popen[bytes]


def find_chromium() -> str:
    """The path of a Chromium or Chrome.

    Raises:
        RuntimeError: there is none; says what to do.
    """
    named = os.environ.get("REGIMESCOPE_CHROMIUM")
    path = named or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None or not Path(path).exists():
        raise RuntimeError(
            "No Chromium found: install it (Debian, Ubuntu: apt install chromium), "
            "or set REGIMESCOPE_CHROMIUM to its path."
        )
    return path


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@contextmanager
def server(cache: Path, port: int | None = None) -> Iterator[Server]:
    """The dashboard as a process of its own, with its store in `cache`; terminated at the end."""
    port = port or free_port()
    command = [sys.executable, "-m", "app.serve", "--port", str(port), "--cache", str(cache), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_until_served(process, port)
        yield Server(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_served(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"The dashboard did not start on port {port}.")
