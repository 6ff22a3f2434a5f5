from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes import Workers, eventually, is_one_sentence, row

from app import jobs
from app.jobs import KEPT, RESTARTS, Job, JobManager
from engine.dials import InputError
from engine.spec import Experiment

Make = Callable[..., Experiment]


class Tab:
    """Somebody who watches a job."""

    def __init__(self, manager: JobManager, key: str) -> None:
        self.calls = 0
        self.called = threading.Event()
        assert manager.watch(key, self.listen) is not None

    def listen(self) -> None:
        self.calls += 1
        self.called.set()


def status(job: Job) -> str:
    return job.snapshot.get("status")


# ---- opening ---------------------------------------------------------------------------------------------------------


def test_many_tabs_share_one_job(manager: JobManager, workers: Workers, experiment: Make) -> None:
    opened = [manager.open(experiment()) for _ in range(5)]
    assert all(job is opened[0] for job in opened)
    key = experiment().key
    assert workers.latest.did("start") == [key]
    assert Experiment.read(workers.latest.sent[0]["experiment"]).key == key
    assert manager.get(key) is opened[0]


def test_another_experiment_is_another_job(manager: JobManager, workers: Workers, experiment: Make) -> None:
    jobs_ = [manager.open(experiment(seed=seed)) for seed in (0, 1)]
    assert jobs_[0] is not jobs_[1]
    assert workers.latest.did("start") == [job.experiment.key for job in jobs_]


def test_what_the_worker_tells_reaches_all_who_watch(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    tabs = [Tab(manager, job.experiment.key) for _ in range(2)]
    before = job.snapshot
    workers.latest.update(job.experiment.key, status="running", rows={"1": row(1)})
    assert [tab.calls for tab in tabs] == [1, 1]
    assert job.snapshot.since(before.version) == {"version": 3, "status": "running", "rows": {"1": row(1)}}
    assert before.get("status") == "queued"


def test_the_greeting_reaches_jobs_of_before_and_after(manager: JobManager, workers: Workers, experiment: Make) -> None:
    early = manager.open(experiment())
    workers.latest.tell({"event": "ready", "device": "CPU", "store": "store 1 MB", "message": ""})
    late = manager.open(experiment(seed=1))
    assert [job.snapshot.get("device") for job in (early, late)] == ["CPU", "CPU"]


def test_what_is_told_of_unknown_jobs_is_ignored(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    before = job.snapshot
    workers.latest.update("unknown", status="done")
    assert job.snapshot is before
    assert manager.get("unknown") is None
    assert manager.watch("unknown", lambda: None) is None


# ---- cancelling and going on -----------------------------------------------------------------------------------------


def test_one_of_two_who_cancels_keeps_the_job_and_the_last_stops_it(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    key = job.experiment.key
    first, second = Tab(manager, key), Tab(manager, key)
    manager.cancel(key, first.listen)
    assert workers.latest.did("cancel") == []
    assert status(job) == "queued"
    workers.latest.update(key, status="running")
    assert (first.calls, second.calls) == (0, 1)
    manager.cancel(key, second.listen)
    assert workers.latest.did("cancel") == [key]
    assert status(job) == "cancelled"


def test_a_tab_that_is_closed_cancels_nothing(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    tab = Tab(manager, job.experiment.key)
    manager.unwatch(job.experiment.key, tab.listen)
    assert workers.latest.did("cancel") == []
    workers.latest.update(job.experiment.key, status="running")
    assert (status(job), tab.calls) == ("running", 0)


def test_a_cancelled_job_is_brought_back_by_resume_alone(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    key = job.experiment.key
    manager.cancel(key, None)
    assert manager.open(experiment()) is job
    assert (status(job), workers.latest.did("start")) == ("cancelled", [key])
    manager.resume(key)
    assert (status(job), workers.latest.did("start")) == ("queued", [key, key])


def test_what_was_under_way_when_a_job_was_cancelled_comes_too_late(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    key = job.experiment.key
    manager.cancel(key, None)
    before = job.snapshot
    workers.latest.update(key, status="running", rows={"1": row(1)})
    assert job.snapshot is before
    manager.resume(key)
    workers.latest.update(key, status="running", rows={"1": row(1)})
    assert (status(job), job.snapshot.whole()["rows"][1]) == ("running", row(1))


def test_a_job_that_is_done_can_be_neither_cancelled_nor_resumed(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    key = job.experiment.key
    workers.latest.update(key, status="done", rows={"0": row(0)})
    before = job.snapshot
    for kind in ("cancel", "resume"):
        manager.obey(key, {"type": kind})
    assert job.snapshot is before
    assert workers.latest.did("start") == [key]
    assert workers.latest.did("cancel") == []


def test_a_running_job_is_not_started_twice_by_resume(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    workers.latest.update(job.experiment.key, status="running")
    manager.resume(job.experiment.key)
    assert workers.latest.did("start") == [job.experiment.key]


def test_a_failed_job_can_be_tried_again(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    key = job.experiment.key
    workers.latest.update(key, status="failed", message="It stopped.")
    manager.resume(key)
    assert (status(job), job.snapshot.get("message")) == ("queued", "")
    assert workers.latest.did("start") == [key, key]


# ---- leaving ---------------------------------------------------------------------------------------------------------


def test_a_job_that_the_last_one_leaves_is_dropped(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    key = job.experiment.key
    first, second = Tab(manager, key), Tab(manager, key)
    manager.leave(key, first.listen, job.opened)
    assert manager.get(key) is job
    manager.leave(key, second.listen, job.opened)
    assert manager.get(key) is None
    assert workers.latest.did("cancel") == [key]
    workers.latest.update(key, status="running")  # comes too late
    assert manager.open(experiment()) is not job
    assert workers.latest.did("start") == [key, key]


def test_a_job_that_was_opened_again_meanwhile_is_not_dropped(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    key, opened = job.experiment.key, job.opened
    tab = Tab(manager, key)
    eventually(lambda: manager.open(experiment()).opened > opened, "the clock goes on")
    manager.leave(key, tab.listen, opened)
    assert manager.get(key) is job
    assert workers.latest.did("cancel") == []


@pytest.mark.parametrize("ended", ["done", "cancelled"])
def test_a_job_that_is_over_stays_when_it_is_left(
    manager: JobManager, workers: Workers, experiment: Make, ended: str
) -> None:
    job = manager.open(experiment())
    tab = Tab(manager, job.experiment.key)
    workers.latest.update(job.experiment.key, status=ended)
    manager.leave(job.experiment.key, tab.listen, job.opened)
    assert manager.get(job.experiment.key) is job
    assert (job.listeners, workers.latest.did("cancel")) == (set(), [])


# ---- what browsers ask for -------------------------------------------------------------------------------------------


def test_focus_goes_to_the_worker(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    manager.obey(job.experiment.key, {"type": "focus", "strength": 0.3})
    assert workers.latest.sent[-1] == {"do": "focus", "key": job.experiment.key, "strength": 0.3}


@pytest.mark.parametrize(
    "command",
    [
        {},
        {"type": "no such thing"},
        {"type": ["cancel"]},
        {"type": "focus"},
        {"type": "focus", "strength": "0.1"},
        {"type": "focus", "strength": None},
        {"type": "focus", "strength": [0.1]},
        {"type": "focus", "strength": 10**400},
        {"type": "focus", "strength": float("nan")},
    ],
    ids=lambda command: str(command)[:50],
)
def test_nonsense_is_left_alone(
    manager: JobManager, workers: Workers, experiment: Make, command: dict[str, Any]
) -> None:
    job = manager.open(experiment())
    before = job.snapshot
    manager.obey(job.experiment.key, command)
    assert workers.latest.did("start") == [job.experiment.key]
    assert len(workers.latest.sent) == 1
    assert job.snapshot is before


@pytest.mark.parametrize("kind", ["cancel", "resume", "focus", "leave"])
def test_commands_about_unknown_jobs_are_left_alone(manager: JobManager, workers: Workers, kind: str) -> None:
    manager.obey("unknown", {"type": kind, "strength": 0.1}, lambda: None)
    assert workers.latest.sent == []


# ---- workers that die ------------------------------------------------------------------------------------------------


def test_a_worker_that_dies_is_replaced_and_gets_what_was_under_way(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    opened = [manager.open(experiment(seed=seed)) for seed in range(4)]
    keys = [job.experiment.key for job in opened]
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
    workers.latest.update(done.experiment.key, status="done")
    for _ in range(RESTARTS):
        workers.kill_latest()
    tab = Tab(manager, job.experiment.key)
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
    manager.resume(job.experiment.key)
    assert workers.latest.did("start") == [job.experiment.key]
    assert status(job) == "queued"
    workers.latest.die()
    eventually(lambda: status(job) == "failed", "the manager gives up again")
    assert len(workers.all) == RESTARTS + 2
    manager.resume(job.experiment.key)
    workers.latest.update(job.experiment.key, status="running", progress={"done": 1})
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
        workers.latest.update(job.experiment.key, rows=[None] * 3, progress={"done": 0, "total": 5})
        workers.latest.update(job.experiment.key, rows={"0": row(0)}, progress={"done": 1, "total": 5})

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
        workers.latest.update(job.experiment.key, rows={"0": row(0)}, progress={"done": done, "total": 99})
        workers.kill_latest()
    assert status(job) != "failed"


def test_why_a_job_failed_is_still_said_after_a_restart(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    workers.latest.update(job.experiment.key, status="failed", message="It stopped.")
    workers.latest.die()
    eventually(lambda: len(workers.all) == 2, "another worker is started")
    workers.latest.tell({"event": "ready", "device": "CPU", "store": "", "message": ""})
    assert job.snapshot.get("message") == "It stopped."


def test_closing_ends_the_worker_and_starts_no_other(workers: Workers, experiment: Make) -> None:
    before = set(threading.enumerate())
    manager = JobManager(workers.start)
    manager.open(experiment())
    (listening,) = set(threading.enumerate()) - before
    manager.close()
    listening.join(10)
    assert not listening.is_alive()
    assert (len(workers.all), workers.latest.closed) == (1, True)


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_old_jobs_that_nobody_waits_for_are_forgotten(manager: JobManager, workers: Workers, experiment: Make) -> None:
    first, *others = [experiment(seed=seed) for seed in range(KEPT + 1)]
    watched, running, *idle = [manager.open(each).experiment.key for each in others]
    Tab(manager, watched)
    for key in (watched, *idle):
        workers.latest.update(key, status="done")
    for key in (watched, running, *idle):
        assert manager.get(key) is not None
    manager.open(first)
    assert manager.get(idle[0]) is None, "the one that was not asked for longest"
    assert all(manager.get(key) for key in (watched, running, *idle[1:], first.key))


def test_a_job_that_was_asked_for_lately_is_remembered(manager: JobManager, workers: Workers, experiment: Make) -> None:
    many = [experiment(seed=seed) for seed in range(KEPT + 1)]
    for each in many[:KEPT]:
        manager.open(each)
        workers.latest.update(each.key, status="done")
    manager.open(many[0])
    manager.open(many[KEPT])
    assert manager.get(many[0].key) is not None
    assert manager.get(many[1].key) is None


# ---- threads ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def _hasty() -> Iterator[None]:
    """Threads take turns a thousand times more often than usual."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_hasty")
def test_threads_do_not_disturb_each_other(manager: JobManager, workers: Workers, experiment: Make) -> None:
    """Pages open the job, browsers come, look and go, the worker tells: nobody misses the job, nothing is lost."""
    asked, rounds = experiment(), 2000
    job = manager.open(asked)
    key = asked.key
    tab = Tab(manager, key)
    problems: list[object] = []

    def guarded(work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            try:
                for _ in range(rounds):
                    if not work():
                        problems.append(work)
            except Exception as error:
                problems.append(error)

        return run

    def visit() -> bool:
        def listener() -> None:
            pass

        there = manager.watch(key, listener) is job
        manager.leave(key, listener, job.opened)
        return there

    works = [lambda: manager.open(asked) is job, lambda: manager.get(key) is job, visit]
    threads = [threading.Thread(target=guarded(work)) for work in works * 2]
    for thread in threads:
        thread.start()
    for count in range(rounds):
        workers.latest.update(key, progress={"done": count}, rows={"1": row(1, draws=count)})
    for thread in threads:
        thread.join()
    assert problems == []
    assert tab.calls == rounds
    assert job.snapshot.whole()["rows"][1]["draws"] == rounds - 1
    assert job.snapshot.version == 2 + rounds


# ---- the process' manager --------------------------------------------------------------------------------------------


def test_pages_get_the_manager_that_was_installed(installed: JobManager) -> None:
    assert jobs.manager() is installed


def test_without_a_server_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_installed", [])
    with pytest.raises(InputError, match="regimescope app") as refused:
        jobs.manager()
    assert is_one_sentence(str(refused.value))
