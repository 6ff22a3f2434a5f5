"""Serves the dashboard on this machine: Streamlit's pages, and beside them the jobs and the live component's files."""

from __future__ import annotations

import argparse
import contextlib
import logging
import socket
import sys
import threading
import tomllib
import webbrowser
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app import jobs
from app.routes import routes
from engine.device import add_option
from engine.dials import InputError, shown
from engine.store import default_folder, default_limit

HERE: Final = Path(__file__).parent
ADDRESS: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8501


def main() -> int:
    """`python -m app.serve`: serves until it is stopped; returns 2 on bad input."""
    parser = argparse.ArgumentParser(prog="regimescope app", description="Opens the dashboard.")
    parser.add_argument("--port", default=str(DEFAULT_PORT))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--no-browser", action="store_true")
    add_option(parser)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        port = check_port(arguments.port)
        default_limit()  # here, where a bad one is still told in a sentence
    except InputError as error:
        print(f"regimescope: {error}", file=sys.stderr)
        return 2
    address = f"http://localhost:{port}"
    on_start = None if arguments.no_browser else lambda: webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):  # the ordinary way to stop
        dashboard = app(arguments.cache or default_folder(), arguments.device, on_start)
        dashboard.run(config={**settings(), "server.port": port})
    return 0


def app(cache: Path, device: str | None = None, on_start: Any = None) -> st.App:
    """The dashboard as an ASGI application, with a worker that lives as long as it does.

    Args:
        cache: where measurements are kept.
        device: where they are computed, if one was asked for.
        on_start: called, in a thread of its own, when the dashboard is being served.
    """
    manager = jobs.JobManager(jobs.start_worker(cache, device), cache)
    jobs.install(manager)

    @contextlib.asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
        if on_start is not None:
            threading.Timer(0.5, on_start).start()
        try:
            yield {}
        finally:
            manager.close()

    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=list(settings()["server.allowedHosts"]))
    return st.App(HERE / "main.py", lifespan=lifespan, routes=routes(manager), middleware=[hosts])


def settings() -> dict[str, Any]:
    """Streamlit's options from `config.toml`, by dotted name, wherever the program is started."""
    installed = HERE / "config.toml"
    path = installed if installed.is_file() else HERE.parent / ".streamlit" / "config.toml"
    return dict(_dotted(tomllib.loads(path.read_text(encoding="utf-8"))))


def check_port(given: str | int) -> int:
    """The port as a number; refuses one that cannot be served on.

    Raises:
        InputError: it is no number, out of range, or another program uses it.
    """
    try:
        port = int(given)
    except ValueError as error:
        raise InputError(
            f"--port must be a whole number between 1 and 65535, got {shown(given)}; choose one, say {DEFAULT_PORT}."
        ) from error
    if not 1 <= port <= 65535:
        raise InputError(f"--port must be between 1 and 65535, got {port}; choose another.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise InputError(f"--port must be free, got {port} ({error.strerror}); choose another.") from error
    return port


def _dotted(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in table.items():
        pairs += _dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return pairs


if __name__ == "__main__":
    sys.exit(main())
