"""What becomes of jobs when their worker dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from fakes import Tab, Workers, eventually, is_one_sentence, row, status

from app.jobs import RESTARTS, Job, JobManager
from engine.spec import Experiment

Make = Callable[..., Experiment]


def test_a_worker_that_dies_is_replaced_and_gets_what_was_under_way(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    opened = [manager.open(experiment(seed=seed)) for seed in range(4)]
    keys = [job.question.key for job in opened]
    worker = workers.latest
    worker.update(keys[1], status="running")
    worker.update(keys[2], status="done")
    manager.cancel(keys[3], None)
    successor = workers.kill_latest()
    assert successor.did("start") == keys[:2]
    assert worker.closed, "what is left of a dead worker is cleared away"
    successor.update(keys[0], status="done")
    assert status(opened[0]) == "done"


def test_a_worker_that_keeps_dying_is_given_up_and_every_job_fails_with_a_sentence(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job, done = manager.open(experiment()), manager.open(experiment(seed=1))
    workers.latest.update(done.question.key, status="done")
    for _ in range(RESTARTS):
        workers.kill_latest()
    tab = Tab(manager, job.question.key)
    workers.latest.die()
    eventually(lambda: status(job) == "failed", "the job fails")
    assert tab.called.is_set()
    assert is_one_sentence(job.snapshot.get("message"))
    assert status(done) == "done"
    assert len(workers.all) == RESTARTS + 1
    assert all(worker.closed for worker in workers.all)


def test_nothing_waits_for_a_worker_that_was_given_up(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = given_up(manager, workers, experiment)
    late = manager.open(experiment(seed=1))
    assert [status(each) for each in (job, late)] == ["failed", "failed"]
    assert late.snapshot.get("message") == job.snapshot.get("message") != ""


def test_trying_again_gives_one_more_worker_a_chance(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = given_up(manager, workers, experiment)
    manager.resume(job.question.key)
    assert workers.latest.did("start") == [job.question.key]
    assert status(job) == "queued"
    workers.latest.die()
    eventually(lambda: status(job) == "failed", "the manager gives up again")
    assert len(workers.all) == RESTARTS + 2
    manager.resume(job.question.key)
    workers.latest.update(job.question.key, status="running", progress={"done": 1})
    assert status(job) == "running"
    workers.kill_latest()
    assert status(job) == "running"


def given_up(manager: JobManager, workers: Workers, experiment: Make) -> Job:
    """A job whose worker died once too often."""
    job = manager.open(experiment())
    for _ in range(RESTARTS):
        workers.kill_latest()
    workers.latest.die()
    eventually(lambda: status(job) == "failed", "the job fails")
    return job


def test_what_is_recalled_from_the_store_does_not_count_as_progress(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    """A worker that dies of the same point again and again tells each time of what was measured before that."""
    job = manager.open(experiment())

    def get_as_far_as_ever() -> None:
        workers.latest.update(job.question.key, rows=[None] * 3, progress={"done": 0, "total": 5})
        workers.latest.update(job.question.key, rows={"0": row(0)}, progress={"done": 1, "total": 5})

    for _ in range(RESTARTS):
        get_as_far_as_ever()
        workers.kill_latest()
    get_as_far_as_ever()
    workers.latest.die()
    eventually(lambda: status(job) == "failed" or len(workers.all) > RESTARTS + 1, "the manager decides")
    assert len(workers.all) == RESTARTS + 1


def test_a_worker_that_dies_now_and_then_is_always_replaced(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    for done in range(1, 2 * RESTARTS):
        workers.latest.update(job.question.key, rows={"0": row(0)}, progress={"done": done, "total": 99})
        workers.kill_latest()
    assert status(job) != "failed"


def test_why_a_job_failed_is_still_said_after_a_restart(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    workers.latest.update(job.question.key, status="failed", message="It stopped.")
    workers.latest.die()
    eventually(lambda: len(workers.all) == 2, "another worker is started")
    workers.latest.tell({"event": "ready", "device": "CPU", "store": "", "message": ""})
    assert job.snapshot.get("message") == "It stopped."


def test_closing_ends_the_worker_and_starts_no_other(workers: Workers, experiment: Make, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    manager = JobManager(workers.start, tmp_path)
    manager.open(experiment())
    (listening,) = set(threading.enumerate()) - before
    manager.close()
    listening.join(10)
    assert not listening.is_alive()
    assert (len(workers.all), workers.latest.closed) == (1, True)
