"""The routes of a job manager, served on a port of this machine, and a page that listens there."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fakes import PATIENCE, eventually
from starlette.applications import Starlette
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from app import routes
from app.jobs import JobManager
from engine.runners import Message

SOON = 0.05
"""Seconds that stand for `REOPENING`, so that no test waits two of them."""


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


@contextmanager
def serving(manager: JobManager) -> Iterator[Site]:
    """Serves them for a while."""
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
