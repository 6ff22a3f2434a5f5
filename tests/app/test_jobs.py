from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes import Tab, Workers, eventually, is_one_sentence, row, status

from app import jobs
from app.jobs import KEPT, JobManager
from engine.dials import InputError
from engine.spec import Experiment

Make = Callable[..., Experiment]


# ---- opening ---------------------------------------------------------------------------------------------------------


def test_many_tabs_share_one_job(manager: JobManager, workers: Workers, experiment: Make) -> None:
    opened = [manager.open(experiment()) for _ in range(5)]
    assert all(job is opened[0] for job in opened)
    key = experiment().key
    assert workers.latest.did("start") == [key]
    assert Experiment.read(workers.latest.sent[0]["question"]).key == key
    assert manager.get(key) is opened[0]


def test_another_experiment_is_another_job(manager: JobManager, workers: Workers, experiment: Make) -> None:
    jobs_ = [manager.open(experiment(seed=seed)) for seed in (0, 1)]
    assert jobs_[0] is not jobs_[1]
    assert workers.latest.did("start") == [job.question.key for job in jobs_]


def test_what_the_worker_tells_reaches_all_who_watch(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    tabs = [Tab(manager, job.question.key) for _ in range(2)]
    before = job.snapshot
    workers.latest.update(job.question.key, status="running", rows={"1": row(1)})
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
    key = job.question.key
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
    tab = Tab(manager, job.question.key)
    manager.unwatch(job.question.key, tab.listen)
    assert workers.latest.did("cancel") == []
    workers.latest.update(job.question.key, status="running")
    assert (status(job), tab.calls) == ("running", 0)


def test_a_cancelled_job_is_brought_back_by_resume_alone(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    key = job.question.key
    manager.cancel(key, None)
    assert manager.open(experiment()) is job
    assert (status(job), workers.latest.did("start")) == ("cancelled", [key])
    manager.resume(key)
    assert (status(job), workers.latest.did("start")) == ("queued", [key, key])


def test_what_was_under_way_when_a_job_was_cancelled_comes_too_late(
    manager: JobManager, workers: Workers, experiment: Make
) -> None:
    job = manager.open(experiment())
    key = job.question.key
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
    key = job.question.key
    workers.latest.update(key, status="done", rows={"0": row(0)})
    before = job.snapshot
    for kind in ("cancel", "resume"):
        manager.obey(key, {"type": kind})
    assert job.snapshot is before
    assert workers.latest.did("start") == [key]
    assert workers.latest.did("cancel") == []


def test_a_running_job_is_not_started_twice_by_resume(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    workers.latest.update(job.question.key, status="running")
    manager.resume(job.question.key)
    assert workers.latest.did("start") == [job.question.key]


def test_a_failed_job_can_be_tried_again(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    key = job.question.key
    workers.latest.update(key, status="failed", message="It stopped.")
    manager.resume(key)
    assert (status(job), job.snapshot.get("message")) == ("queued", "")
    assert workers.latest.did("start") == [key, key]


# ---- leaving ---------------------------------------------------------------------------------------------------------


def test_a_job_that_the_last_one_leaves_is_dropped(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    key = job.question.key
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
    key, opened = job.question.key, job.opened
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
    tab = Tab(manager, job.question.key)
    workers.latest.update(job.question.key, status=ended)
    manager.leave(job.question.key, tab.listen, job.opened)
    assert manager.get(job.question.key) is job
    assert (job.listeners, workers.latest.did("cancel")) == (set(), [])


# ---- what browsers ask for -------------------------------------------------------------------------------------------


def test_focus_goes_to_the_worker(manager: JobManager, workers: Workers, experiment: Make) -> None:
    job = manager.open(experiment())
    manager.obey(job.question.key, {"type": "focus", "strength": 0.3})
    assert workers.latest.sent[-1] == {"do": "focus", "key": job.question.key, "strength": 0.3}


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
    manager.obey(job.question.key, command)
    assert workers.latest.did("start") == [job.question.key]
    assert len(workers.latest.sent) == 1
    assert job.snapshot is before


@pytest.mark.parametrize("kind", ["cancel", "resume", "focus", "leave"])
def test_commands_about_unknown_jobs_are_left_alone(manager: JobManager, workers: Workers, kind: str) -> None:
    manager.obey("unknown", {"type": kind, "strength": 0.1}, lambda: None)
    assert workers.latest.sent == []


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_old_jobs_that_nobody_waits_for_are_forgotten(manager: JobManager, workers: Workers, experiment: Make) -> None:
    first, *others = [experiment(seed=seed) for seed in range(KEPT + 1)]
    watched, running, *idle = [manager.open(each).question.key for each in others]
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
