from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fakes import PATIENCE, eventually, is_one_sentence
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from app import serve
from benchmarks.browser import START_SECONDS, Server, free_port, server
from engine.dials import InputError

ORPHAN_SECONDS = 15
"""A worker that is left for longer than this is an orphan; one that is still loading torch notices late."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard, served."""
    with server(tmp_path_factory.mktemp("served") / "cache") as running:
        yield running


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind((serve.ADDRESS, 0))
        other.listen()
        yield other.getsockname()[1]


def workers_of(running: Server) -> list[psutil.Process]:
    return psutil.Process(running.process.pid).children(recursive=True)


# ---- ports -----------------------------------------------------------------------------------------------------------


def test_a_free_port_is_accepted() -> None:
    serve.check_port(free_port())


@pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
def test_a_port_out_of_range_is_refused_in_a_sentence(port: int) -> None:
    with pytest.raises(InputError) as refused:
        serve.check_port(port)
    assert is_one_sentence(str(refused.value))
    assert "between 1 and 65535" in str(refused.value)
    assert str(port) in str(refused.value)


def test_a_port_that_is_taken_is_refused_in_a_sentence(taken: int) -> None:
    with pytest.raises(InputError) as refused:
        serve.check_port(taken)
    assert is_one_sentence(str(refused.value))
    assert f"got {taken}" in str(refused.value)


@pytest.mark.parametrize("port", ["abc", "", "8501.5", "9" * 5000])
def test_a_port_that_is_no_number_is_refused_in_a_sentence(port: str) -> None:
    with pytest.raises(InputError, match="--port must be a whole number") as refused:
        serve.check_port(port)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("port", ["taken", "99999", "abc"])
def test_the_program_ends_with_that_sentence_and_code_2(tmp_path: Path, taken: int, port: str) -> None:
    command = [sys.executable, "-m", "app.serve", "--port", port.replace("taken", str(taken)), "--no-browser"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=START_SECONDS, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("regimescope: --port must be")
    assert is_one_sentence(line)


# ---- settings --------------------------------------------------------------------------------------------------------


def test_the_settings_that_everything_else_rests_on() -> None:
    settings = serve.settings()
    assert settings["runner.postScriptGC"] is False
    assert settings["server.address"] == serve.ADDRESS == "127.0.0.1"
    assert set(settings["server.allowedHosts"]) == {"localhost", "127.0.0.1"}
    assert settings["server.enableCORS"] is True
    assert settings["server.enableXsrfProtection"] is True
    assert settings["server.fileWatcherType"] == "none"
    assert settings["browser.gatherUsageStats"] is False
    assert settings["client.showErrorDetails"] == "type"
    assert settings["theme.light.textColor"].startswith("#")


def test_the_settings_are_found_from_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = serve.settings()
    monkeypatch.chdir(tmp_path)
    assert serve.settings() == before


def test_an_installed_package_brings_its_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text('[server]\naddress = "here"\n[theme.light]\nfont = "a"\n')
    monkeypatch.setattr(serve, "HERE", tmp_path)
    assert serve.settings() == {"server.address": "here", "theme.light.font": "a"}


# ---- who may ask -----------------------------------------------------------------------------------------------------


def _status(served: Server, path: str, host: str) -> int:
    connection = http.client.HTTPConnection(served.address.removeprefix("http://"), timeout=PATIENCE)
    connection.request("GET", path, headers={"Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("path", ["/", "/explore", "/live/explore.js", "/_stcore/health"])
def test_only_the_names_of_this_machine_are_answered(served: Server, path: str) -> None:
    port = served.address.rpartition(":")[2]
    own = [_status(served, path, f"{name}:{port}") for name in ("localhost", "127.0.0.1")]
    foreign = [_status(served, path, host) for host in ("example.com", f"example.com:{port}", "", "localhost.evil.org")]
    assert own == [200, 200]
    assert foreign == [400, 400, 400, 400]


@pytest.mark.parametrize("path", ["/_stcore/stream", "/api/jobs/x"])
def test_a_websocket_under_a_foreign_name_is_refused(served: Server, path: str) -> None:
    """DNS rebinding: a page of example.com whose name has come to mean this machine."""
    address = f"{served.address.replace('http', 'ws')}{path}"
    headers = {"Host": "example.com"}
    with (
        pytest.raises(InvalidStatus),
        connect(address, origin=Origin("http://example.com"), additional_headers=headers, proxy=None),
    ):
        pass


def test_pages_of_other_sites_get_no_session(served: Server) -> None:
    address = f"{served.address.replace('http', 'ws')}/_stcore/stream"
    with pytest.raises(InvalidStatus), connect(address, origin=Origin("http://example.com"), proxy=None):
        pass


def test_nothing_outside_of_this_machine_is_listened_to(served: Server) -> None:
    (worker,) = workers_of(served)
    listening = [
        connection.laddr.ip
        for process in (psutil.Process(served.process.pid), worker)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [serve.ADDRESS]


# ---- the processes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda each: each.name)
def test_no_worker_outlives_the_server(tmp_path: Path, how: signal.Signals) -> None:
    with server(tmp_path / "cache") as running:
        workers = workers_of(running)
        assert len(workers) == 1
        running.process.send_signal(how)
        running.process.wait(ORPHAN_SECONDS)
        _, left = psutil.wait_procs(workers, timeout=ORPHAN_SECONDS)
        assert left == []


def test_the_browser_is_opened_on_the_page_unless_it_is_not_wanted(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    script = tmp_path / "browser.sh"
    script.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    script.chmod(0o755)
    port = free_port()
    command = [sys.executable, "-m", "app.serve", "--port", str(port), "--cache", str(tmp_path / "cache")]
    environment = {**os.environ, "BROWSER": f"{script} %s"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as process:
        eventually(opened.is_file, "a browser is opened")
        process.terminate()
    assert opened.read_text().strip() == f"http://localhost:{port}"
