"""The worker as its parent sees it: a real process, and JSON lines in both directions."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.lab import Lab
from engine.runners.process import WorkerProcess
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

Make = Callable[..., Experiment]
Event = dict[str, Any]

PATIENCE = 120
"""Seconds after which a worker that says nothing is taken for stuck. No test waits so long unless it fails."""

STRANGER = """
from __future__ import annotations
import os
from typing import ClassVar
from engine.degraders.base import Axis, Degraded, Separate
from engine.degraders.weight_noise import WeightNoise

class Loud(Separate):
    name: ClassVar[str] = "loud"
    summary: ClassVar[str] = "Prints, and fails at half strength."
    strength = property(lambda self: WeightNoise().strength)
    random = property(lambda self: False)

    @classmethod
    def is_compatible(cls, card): return True
    def strengths(self, card): return (0.0, 0.25, 0.5)
    def canonical(self, strength, card): return strength
    def unit(self, draw): return draw
    def label(self, strength, card): return f"{strength:g}"
    def axis(self, card): return Axis("loud", "loud")

    def degrade_one(self, network, strength, draw, seed):
        print("printed by Python")
        os.write(1, b'{"event": "written to the file descriptor"}\\n')
        if strength == 0.5:
            raise RuntimeError("it went\\n  wrong")
        return Degraded(network.weights)
"""


class Talk:
    """A worker, and everything that it has said."""

    def __init__(self, cache: Path) -> None:
        self.process = WorkerProcess(cache)
        self.heard: list[Event] = []
        self._inbox: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.until(lambda event: event["event"] == "ready")

    def _listen(self) -> None:
        for event in self.process.events():
            self._inbox.put(event)
        self._inbox.put(None)

    def start(self, experiment: Experiment, key: str | None = None) -> str:
        key = key or experiment.key
        self.process.send({"do": "start", "key": key, "kind": "sweep", "question": experiment.model_dump(mode="json")})
        return key

    def until(self, wanted: Callable[[Event], bool]) -> Event:
        """Listens to the first event that is wanted."""
        while True:
            event = self._inbox.get(timeout=PATIENCE)
            assert event is not None, f"the worker has ended; the last it said was {self.heard[-1:]}"
            self.heard.append(event)
            if wanted(event):
                return event

    def until_status(self, key: str, *statuses: str) -> Event:
        return self.until(lambda event: event.get("key") == key and event.get("status") in statuses)

    def until_end(self) -> None:
        """Listens until the worker is gone."""
        while (event := self._inbox.get(timeout=PATIENCE)) is not None:
            self.heard.append(event)

    def of(self, key: str) -> list[Event]:
        return [event for event in self.heard if event.get("key") == key]


def put_together(events: list[Event]) -> dict[str, Any]:
    """What a snapshot holds after these events of one sweep."""
    whole: dict[str, Any] = {}
    for event in events:
        change = {name: value for name, value in event.items() if name not in ("event", "key")}
        rows = change.pop("rows", {})
        if isinstance(rows, list):
            whole["rows"] = list(rows)
        else:
            for index, row in rows.items():
                whole["rows"][int(index)] = row
        whole |= change
    return whole


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    """A worker that several tests talk to, one after another; it knows a stranger's degrader."""
    site = tmp_path_factory.mktemp("site")
    (site / "stranger.py").write_text(STRANGER)
    info = site / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[regimescope.degraders]\nloud = stranger:Loud\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site))
        talk = Talk(tmp_path_factory.mktemp("worker") / "cache")
    yield talk
    talk.process.close()


@pytest.fixture
def long(experiment: Make) -> Experiment:
    """A sweep that takes minutes, and that no test waits for."""
    return experiment(strengths=[0.05 + i / 100 for i in range(30)], draws=64, items=32, seed=99)


def test_it_greets_with_what_it_runs_on(worker: Talk) -> None:
    greeting = worker.heard[0]
    assert greeting.keys() == {"event", "device", "store", "message"}
    assert greeting["event"] == "ready"
    assert greeting["device"].startswith("CPU")
    assert greeting["message"] == ""


def test_a_sweep_is_told_from_its_opening_to_its_end(worker: Talk, experiment: Make, tmp_path: Path) -> None:
    asked = experiment()
    key = worker.start(asked)
    worker.until_status(key, "done", "failed")
    events = worker.of(key)
    assert events[0]["rows"] == [None, None, None]
    assert events[0]["progress"]["done"] == 0
    assert [event["status"] for event in events] == ["running"] * (len(events) - 1) + ["done"]
    done = [event["progress"]["done"] for event in events]
    assert done == sorted(done)
    assert done[-1] == events[-1]["progress"]["total"] == 5
    assert "0" in events[2]["rows"], "the undegraded network comes first"

    with Lab(Store(tmp_path / "store"), threads=1) as lab:
        analysis = Sweep(asked, lab).run()
    whole = put_together(events)
    assert whole["verdict"]["name"] == analysis.verdict.name
    assert whole["reference"]["margin"] == analysis.margin
    for index, (told, row) in enumerate(zip(whole["rows"], analysis.rows, strict=True)):
        assert told["index"] == index
        assert (told["strength"], told["state"], told["draws"]) == (row.strength, row.state, row.draws)
        assert told["degraded_loss"] == row.degraded_loss, "the same to the last bit as in this process"
        assert told["loss_delta"] == row.loss_delta
        assert told["effect"] == row.effect
        assert len(told["examples"]) == len(whole["examples"])
        for example, losses in zip(whole["examples"], told["examples"], strict=True):
            for values in losses.values():
                assert [value is not None for value in values] == example["scored"]
                assert len(values) == len(example["tokens"])


def test_a_sweep_that_was_done_is_recalled_at_once(worker: Talk, experiment: Make) -> None:
    first = worker.start(experiment(seed=1))
    worker.until_status(first, "done")
    again = worker.start(experiment(seed=1), "again")
    worker.until_status(again, "done")
    opening, recalled = worker.of(again)
    assert opening["rows"] == [None, None, None]
    assert recalled["rows"].keys() == {"0", "1", "2"}
    one, other = (put_together(worker.of(key)) for key in (first, again))
    assert one["rows"] == other["rows"]
    assert one["verdict"] == other["verdict"]


def test_what_is_cancelled_is_told_of_no_more(worker: Talk, experiment: Make, long: Experiment) -> None:
    key = worker.start(long)
    worker.until(lambda event: event.get("key") == key and event["progress"]["done"] >= 3)
    worker.process.send({"do": "cancel", "key": key})
    worker.process.send({"do": "cancel", "key": "no-such"})
    after = worker.start(experiment(seed=2))
    worker.until(lambda event: event.get("key") == after)  # commands are obeyed in order, so the cancel is by now
    told = len(worker.of(key))
    worker.until_status(after, "done")
    assert len(worker.of(key)) == told


def test_focus_finishes_a_strength_before_the_others(worker: Talk, experiment: Make) -> None:
    asked = experiment(strengths=[0.05, 0.1, 0.2, 0.3, 0.4], draws=24, seed=3)
    key = worker.start(asked)
    worker.process.send({"do": "focus", "key": key, "strength": 0.21})
    worker.process.send({"do": "focus", "key": "no-such", "strength": 0.21})
    worker.until(lambda _: _draws(worker.of(key), 3) == 24)
    rows = put_together(worker.of(key))["rows"]
    others = [row["draws"] if row else 0 for row in (rows[1], rows[2], rows[4], rows[5])]
    assert max(others) < 23, "draw by draw, the others would have had 23 each"
    worker.until_status(key, "done")


def _draws(events: list[Event], index: int) -> int:
    row = put_together(events)["rows"][index] if events else None
    return row["draws"] if row else 0


def test_sweeps_take_turns(worker: Talk, experiment: Make, long: Experiment) -> None:
    first = worker.start(long, "long")
    worker.until(lambda event: event.get("key") == first and event["progress"]["done"] >= 1)
    second = worker.start(experiment(seed=4))
    worker.until_status(second, "done")
    assert worker.of(first)[-1]["status"] == "running", "the short one did not wait for the long one"
    assert worker.of(second)[-1]["beside"] == 1, "and says that it was not alone"
    before = worker.of(first)[-1]["progress"]["done"]
    worker.until(lambda event: event.get("key") == first and event["progress"]["done"] > before)
    assert worker.of(first)[-1]["beside"] == 0
    worker.process.send({"do": "cancel", "key": first})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "no-such"}, "model must be one of"),
        ({"strengths": [9.0]}, "strength of weight-noise must be 0 or between"),
        ({"items": -1}, "'items' must be at least 1"),
        ({"degrader": "loud", "strengths": None, "draws": 1}, "The measurement stopped: RuntimeError: it went wrong"),
    ],
)
def test_an_experiment_that_fails_says_so_in_one_sentence_and_leaves_the_others_alone(
    worker: Talk, experiment: Make, changes: dict[str, Any], words: str
) -> None:
    form = experiment().model_dump(mode="json") | changes
    worker.process.send({"do": "start", "key": words, "kind": "sweep", "question": form})
    failed = worker.until_status(words, "failed")
    assert failed.keys() == {"event", "key", "status", "message"}
    assert words in failed["message"]
    assert "\n" not in failed["message"]
    assert failed["message"].endswith(".")
    after = worker.start(experiment(), f"after {words}")
    worker.until_status(after, "done")
    assert worker.of(words)[-1] == failed


def test_nothing_but_events_gets_among_the_events(worker: Talk) -> None:
    """A degrader has printed by now, by Python and to the file descriptor; yet every line was an event of ours."""
    assert any("RuntimeError" in event.get("message", "") for event in worker.heard)
    assert {event["event"] for event in worker.heard} == {"ready", "update"}


def test_it_ignores_the_interrupt_that_is_for_the_server(worker: Talk, experiment: Make, long: Experiment) -> None:
    key = worker.start(long, "interrupted")
    before = worker.until(lambda event: event.get("key") == key and event["progress"]["done"] >= 1)
    os.kill(worker.process.pid, signal.SIGINT)
    worker.until(lambda event: event.get("key") == key and event["progress"]["done"] >= before["progress"]["done"] + 6)
    worker.process.send({"do": "cancel", "key": key})


def test_a_worker_that_is_killed_loses_nothing_that_it_told(tmp_path: Path, long: Experiment) -> None:
    first = Talk(tmp_path / "cache")
    key = first.start(long)
    told = first.until(lambda event: event.get("key") == key and event["progress"]["done"] >= 9)["progress"]["done"]
    os.kill(first.process.pid, signal.SIGKILL)
    first.until_end()
    first.process.send({"do": "start", "key": key, "kind": "sweep", "question": {}})  # goes nowhere, and raises nothing
    first.process.close()

    second = Talk(tmp_path / "cache")
    second.start(long)
    opening, recalled = (second.until(lambda event: event.get("key") == key)["progress"] for _ in range(2))
    assert opening["done"] == 0
    assert told <= recalled["done"] < recalled["total"]
    second.until(lambda event: event.get("key") == key and event["progress"]["done"] >= recalled["done"] + 3)
    second.process.close()

    with Lab(Store(tmp_path / "cache"), threads=1) as lab, Lab(Store(tmp_path / "another"), threads=1) as another:
        kept, fresh = Sweep(long, lab), Sweep(long, another)
        kept.recall()
        assert kept.done >= recalled["done"] + 3
        while fresh.done < 4:
            fresh.step()
        for right in fresh.points():  # strength 0, and the first draw of three others
            index = long.sweep_strengths.index(right.strength)
            np.testing.assert_array_equal(kept.point(index).loss_intervened[0], right.loss_intervened[0])
            np.testing.assert_array_equal(kept.point(index).behaviour[0], right.behaviour[0])


@pytest.mark.parametrize("busy", [True, False])
def test_it_ends_when_its_parent_lets_go(tmp_path: Path, long: Experiment, busy: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.runners.worker", "--cache", str(tmp_path / "cache")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
        if busy:
            form = long.model_dump(mode="json")
            process.stdin.write(json.dumps({"do": "start", "key": "k", "kind": "sweep", "question": form}) + "\n")
            process.stdin.flush()
            for _ in range(3):
                assert json.loads(process.stdout.readline())["event"] == "update"
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        for line in process.stdout:
            assert json.loads(line)["event"] == "update"
        assert process.stderr.read() == ""
