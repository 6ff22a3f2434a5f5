"""What the server offers beside Streamlit's pages: the live component's files, and the jobs.

`WS /api/jobs/{key}` sends a snapshot and then what changes, at most ten times a second, and takes `cancel`, `resume`,
`focus` and `leave`. `GET /api/jobs/{key}/result.{form}` is what is measured so far as a file of one of the kinds in
`engine.documents.Form`, and `GET /api/history/{name}/result.{form}` what was measured before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.jobs import JobManager, file_name
from app.live import FOLDER
from app.snapshot import Snapshot
from engine.documents import Document, Form

REFUSED: Final = 4403
UNKNOWN: Final = 4404
PAUSE: Final = 0.1
"""Seconds from one update to the next, for one browser."""
REFINING: Final = 0.5
"""The same once every strength is there and only the intervals still shrink: a redraw takes a browser on this machine
up to 0.1 s of a core, which the sweep can use."""
REOPENING: Final = 2.0
"""Seconds in which another run of the page may open again what a browser leaves."""


def routes(manager: JobManager) -> list[BaseRoute]:
    """The routes to serve beside Streamlit's."""

    async def job_socket(socket: WebSocket) -> None:
        if not same_origin(socket):
            await socket.accept()
            await socket.close(REFUSED, "This page is not from here.")
            return
        await _Conversation(socket, manager).run()

    def result(request: Request) -> Response:
        job = manager.get(request.path_params["key"])
        return _file(job and job.document, request.path_params["form"])

    def past_result(request: Request) -> Response:
        return _file(manager.history.document(request.path_params["name"]), request.path_params["form"])

    return [
        WebSocketRoute("/api/jobs/{key}", job_socket),
        Route("/api/jobs/{key}/result.{form}", result),
        Route("/api/history/{name}/result.{form}", past_result),
        Mount("/live", _LiveFiles(directory=FOLDER)),
    ]


def same_origin(socket: WebSocket) -> bool:
    """Whether a WebSocket is asked for by a page of this very server; browsers let any page ask."""
    host = socket.headers.get("host")
    return socket.headers.get("origin") in (f"http://{host}", f"https://{host}")


class _LiveFiles(StaticFiles):
    """Scripts that the browser asks about at every load, and files under a hash that it keeps."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not path.endswith((".js", ".css")):
            return PlainTextResponse("Not found\n", status_code=404)
        return await super().get_response(path, scope)

    def file_response(self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        kept = "/vendor/" in scope["path"] and scope["query_string"]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


def _file(document: Document | None, form: str) -> Response:
    """A result as a file to save."""
    if document is None:
        return PlainTextResponse("There is no such result; reload the page that linked here.\n", status_code=404)
    if form not in Form.__members__:
        known = ", ".join(each.name for each in Form)
        return PlainTextResponse(f"A result is had as {known}, not as this.\n", status_code=404)
    asked = Form[form]
    name = file_name(document.question) + ("" if document.status == "done" else "-partial")
    headers = {"Content-Disposition": f'attachment; filename="{name}.{asked.name}"'}
    return Response(document.file(asked), media_type=asked.media, headers=headers)


class _Conversation:
    """One browser watching one job."""

    def __init__(self, socket: WebSocket, manager: JobManager) -> None:
        self._socket = socket
        self._manager = manager
        self._key: str = socket.path_params["key"]
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._watching = False
        self._told: int | None = None  # the version that the browser has

    async def run(self) -> None:
        await self._socket.accept()
        if not await self._watch():
            return
        teller = asyncio.create_task(self._tell())
        try:
            while (message := await self._socket.receive())["type"] == "websocket.receive":
                await self._heed(message.get("text") or "")
        except WebSocketDisconnect:
            pass
        finally:
            teller.cancel()
            self._manager.unwatch(self._key, self._on_news)

    def _on_news(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the server is going down
            self._loop.call_soon_threadsafe(self._news.set)

    async def _watch(self) -> bool:
        """Begins to tell, with the whole; False, and the end of the conversation, if there is no job."""
        self._watching = self._manager.watch(self._key, self._on_news) is not None
        if self._watching:
            self._told = None
            self._news.set()
        else:
            await self._socket.close(UNKNOWN, "There is no such job; the server may have been restarted.")
        return self._watching

    async def _tell(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await self._news.wait()
                self._news.clear()
                begun = self._loop.time()
                job = self._manager.get(self._key)
                if job is not None and self._watching:
                    await self._tell_of(job.snapshot)
                pause = REFINING if job is not None and job.snapshot.all_measured else PAUSE
                await asyncio.sleep(pause - (self._loop.time() - begun))

    async def _tell_of(self, snapshot: Snapshot) -> None:
        told, self._told = self._told, snapshot.version
        if told is None:
            await self._send({"type": "snapshot", **snapshot.whole()})
        elif snapshot.version != told:
            await self._send({"type": "update", **snapshot.since(told)})

    async def _heed(self, text: str) -> None:
        command = _parsed(text)
        job = self._manager.get(self._key)
        match command:
            case {"type": "leave"} if job is not None:
                self._manager.unwatch(self._key, self._on_news)
                self._loop.call_later(REOPENING, self._manager.leave, self._key, self._on_news, job.opened)
            case {"type": "cancel"} if job is not None and job.active:
                self._watching = False
                await self._send({"type": "update", "status": "cancelled", "rows": {}})
                self._manager.obey(self._key, command, self._on_news)
            case {"type": "resume"} if await self._watch():
                self._manager.obey(self._key, command)
            case {"type": "focus"}:
                self._manager.obey(self._key, command)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(json.dumps(message, allow_nan=False))


def _parsed(text: str) -> dict[str, Any]:
    try:
        command = json.loads(text)
    except (ValueError, RecursionError):  # besides bad syntax, endless digits and endless nesting
        return {}
    return command if isinstance(command, dict) else {}
