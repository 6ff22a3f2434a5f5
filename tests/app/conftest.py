"""What the tests of the dashboard's server may ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import Workers
from sites import SOON, Site, serving

from app import jobs, routes
from app.jobs import Job, JobManager
from engine.spec import Experiment


@pytest.fixture
def workers() -> Workers:
    """The workers that `manager` starts."""
    return Workers()


@pytest.fixture
def manager(workers: Workers, tmp_path: Path) -> Iterator[JobManager]:
    """A job manager whose workers do only what a test says."""
    made = JobManager(workers.start, tmp_path / "store")
    yield made
    made.close()


@pytest.fixture
def installed(manager: JobManager, monkeypatch: pytest.MonkeyPatch) -> JobManager:
    """The same manager, as the one of this process."""
    monkeypatch.setattr(jobs, "_installed", [])
    jobs.install(manager)
    return manager


@pytest.fixture
def site(manager: JobManager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Site]:
    """The manager's routes, served. Whatever browsers do there, it is no error of the server."""
    monkeypatch.setattr(routes, "REOPENING", SOON)
    with serving(manager) as served:
        yield served
    errors = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert [record.getMessage() + (record.exc_text or "") for record in errors] == []


@pytest.fixture
def job(manager: JobManager, experiment: Callable[..., Experiment]) -> Job:
    """A job that somebody has opened."""
    return manager.open(experiment())


@pytest.fixture
def key(job: Job) -> str:
    """Its key."""
    return job.question.key
