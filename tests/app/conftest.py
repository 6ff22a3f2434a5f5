"""What the tests of the dashboard's server may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import Workers

from app import jobs
from app.jobs import JobManager


@pytest.fixture
def workers() -> Workers:
    """The workers that `manager` starts."""
    return Workers()


@pytest.fixture
def manager(workers: Workers) -> Iterator[JobManager]:
    """A job manager whose workers do only what a test says."""
    made = JobManager(workers.start)
    yield made
    made.close()


@pytest.fixture
def installed(manager: JobManager, monkeypatch: pytest.MonkeyPatch) -> JobManager:
    """The same manager, as the one of this process."""
    monkeypatch.setattr(jobs, "_installed", [])
    jobs.install(manager)
    return manager
