"""What a worker tells of comparisons and maps is what they say in one go, batch by batch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from engine import discovery
from engine.calibrate import spaced_losses
from engine.comparison import COLUMNS, Several, ranked
from engine.dial_comparison import Dials, compare_dials
from engine.intervention_comparison import Interventions, compare_interventions, contenders
from engine.lab import Lab
from engine.phase_map import Map, phase_map
from engine.questions import DialComparison, InterventionComparison, PhaseMap, Question
from engine.report import OUTER, finite
from engine.runners import Message
from engine.runners.several_work import SeveralWork
from engine.runners.work import Work, work_of
from engine.spec import Experiment
from engine.store import Store

FORM: dict[str, Any] = {
    "model": "planted",
    "behaviour": "context-steering",
    "degrader": "weight-noise",
    "strengths": [0.1, 0.3],
    "intervention": {"name": "steering", "vector": "competitor"},
    "draws": 2,
    "items": 16,
    "shams": 1,
}
COMPOSED = FORM | {
    "degrader": {"name": "compose", "parts": [{"degrader": "pruning", "strength": 0.2}, {"degrader": "weight-noise"}]}
}


@pytest.fixture(autouse=True)
def _few_dials(monkeypatch: pytest.MonkeyPatch) -> None:
    find = discovery.find

    def some(kind: Any) -> Any:
        found = find(kind)
        kept = ("compose", "pruning", "quantisation", "weight-noise")
        return {name: found[name] for name in kept} if kind == "degraders" else found

    monkeypatch.setattr(discovery, "find", some)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(Store(tmp_path / "store"), threads=1) as opened:
        yield opened


def questions() -> list[Question]:
    experiment = Experiment.read(FORM)
    return [
        DialComparison(experiment=experiment, count=2),
        InterventionComparison(experiment=experiment),
        InterventionComparison(experiment=experiment, redosed=True),
        PhaseMap(experiment=Experiment.read(COMPOSED), part=0, strengths=(0.0, 0.3)),
    ]


def in_one_go(question: Question, lab: Lab) -> pd.DataFrame:
    """The table that Python and the command line have."""
    match question:
        case DialComparison(experiment=experiment, count=count):
            return compare_dials(experiment, lab, spaced_losses(experiment, lab, count))
        case InterventionComparison(experiment=experiment, redosed=redosed):
            return compare_interventions(contenders(experiment), lab, redosed=redosed)
        case PhaseMap(experiment=experiment, part=part, strengths=strengths):
            return phase_map(experiment, lab, part, strengths)
        case _:
            raise AssertionError(question)


def of(question: Question, lab: Lab) -> Several:
    """Its curves."""
    match question:
        case DialComparison(experiment=experiment, count=count):
            return Dials(experiment, lab, spaced_losses(experiment, lab, count))
        case InterventionComparison(experiment=experiment, redosed=redosed):
            return Interventions(contenders(experiment), lab, redosed=redosed)
        case PhaseMap(experiment=experiment, part=part, strengths=strengths):
            return Map(experiment, lab, part, strengths)
        case _:
            raise AssertionError(question)


class Heard:
    """What somebody knows who heard all messages so far."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.fields: Message = {}
        self.rows: list[Message | None] = []
        self.hear(work.opening())
        self.hear(work.recall())

    def hear(self, message: Message) -> None:
        message = json.loads(json.dumps(finite(message), allow_nan=False))
        rows = message.pop("rows", {})
        if isinstance(rows, list):
            self.rows = rows
        else:
            for index, row in rows.items():
                self.rows[int(index)] = row
        self.fields |= message

    def to_the_end(self) -> Heard:
        while not self.work.finished:
            self.hear(self.work.step())
        return self


@pytest.mark.parametrize("question", questions(), ids=["dials", "interventions", "redosed", "map"])
def test_rows_are_those_of_the_table_in_one_go(question: Question, lab: Lab) -> None:
    heard = Heard(work_of(question, lab)).to_the_end()
    assert heard.fields["status"] == "done"
    table = in_one_go(question, lab)
    assert len(heard.rows) == len(table)
    same = [name for name in COLUMNS if name in table] if question.kind != "map" else ["loss_delta", "effect", "state"]
    for row, line in zip(heard.rows, table.to_dict("records"), strict=True):
        assert row is not None
        for name in same:
            expected = line[name]
            missing = expected is None or expected is pd.NA or expected is pd.NaT
            if missing or (isinstance(expected, float) and not math.isfinite(expected)):
                assert row.get(name) is None, name
            else:
                assert row[name] == expected, name
        if question.kind == "map":
            assert heard.fields["curves"][row["curve"]]["name"] == line[OUTER[1]]
            assert row["strength"] == line["inner_strength"]


@pytest.mark.parametrize("question", questions(), ids=["dials", "interventions", "redosed", "map"])
def test_of_curves_that_were_measured_in_one_go_the_same_is_told(question: Question, lab: Lab) -> None:
    heard = Heard(work_of(question, lab)).to_the_end()
    several = of(question, lab)
    points = (0, 0)
    for each in several.steps():
        points = each
    assert not isinstance(question, Experiment)
    told = finite(SeveralWork(question, lab, several).whole(points))
    told = json.loads(json.dumps(told, allow_nan=False))
    for changing in (told, heard.fields):
        changing["progress"].pop("seconds")
    assert told.pop("rows") == heard.rows
    assert told == {name: heard.fields[name] for name in told}


@pytest.mark.parametrize("question", questions()[:2], ids=["dials", "interventions"])
def test_the_ranking_is_that_of_the_table(question: Question, lab: Lab) -> None:
    heard = Heard(work_of(question, lab)).to_the_end()
    order = ranked(in_one_go(question, lab))
    names = [heard.fields["curves"][number]["name"] for number in heard.fields["ranking"]]
    within_reach = [curve["name"] for curve in heard.fields["curves"] if curve["state"] == "done"]
    assert names == [name for name in order[order.columns[0]] if name in within_reach]
    for curve in heard.fields["curves"]:
        (line,) = order[order[order.columns[0]] == curve["name"]].to_dict("records")
        assert curve["frontier"] == (line["frontier"] if math.isfinite(line["frontier"]) else None)
        assert curve["note"] or curve["state"] != "done" or curve["tone"] == "clean", "why there is no regime"


@pytest.mark.parametrize("question", questions(), ids=["dials", "interventions", "redosed", "map"])
def test_each_curves_experiment_asks_for_its_rows_again(question: Question, lab: Lab) -> None:
    heard = Heard(work_of(question, lab)).to_the_end()
    for curve in heard.fields["curves"]:
        experiment = Experiment.read(curve["experiment"])
        again = Heard(work_of(experiment, lab)).to_the_end()
        by_strength = {row["strength"]: row for row in again.rows if row}
        for row in heard.rows:
            if row and row["curve"] == curve["index"] and row["strength"] is not None:
                assert by_strength[row["strength"]]["loss_delta"] == row["loss_delta"]


@pytest.mark.parametrize("question", questions(), ids=["dials", "interventions", "redosed", "map"])
def test_partial_rows_come_early_and_what_was_stopped_goes_on(
    question: Question, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard(work_of(question, lab))
    progress: list[int] = []
    while not any(heard.rows):
        heard.hear(heard.work.step())
        progress.append(heard.fields["progress"]["done"])
    assert heard.fields["status"] == "running"
    assert not all(heard.rows), "long before the end"
    assert progress == sorted(progress)

    counted: list[int] = []
    measure = Lab.measure

    def counting(self: Lab, network: Any, data: Any, degraded: Any, interventions: Any) -> Any:
        counted.append(len(degraded))
        return measure(self, network, data, degraded, interventions)

    monkeypatch.setattr(Lab, "measure", counting)
    again = Heard(work_of(question, lab)).to_the_end()
    after = sum(counted)
    counted.clear()
    with Lab(Store(tmp_path / "empty"), threads=1) as empty:
        fresh = Heard(work_of(question, empty)).to_the_end()
    assert after < sum(counted), "what the first had measured was not measured again"
    assert again.rows == fresh.rows


def test_a_worker_does_every_kind(tmp_path: Path, experiment: Callable[..., Experiment]) -> None:
    from engine.runners.worker import Worker

    told: list[Message] = []
    with Lab(Store(tmp_path / "store"), threads=1) as lab:
        worker = Worker(lab, told.append)
        for question in [*questions(), experiment()]:
            form = question.model_dump(mode="json")
            worker.obey({"do": "start", "key": question.key, "kind": question.kind, "question": form})
        while not worker.idle:
            worker.turn()
    last = {event["key"]: event["status"] for event in told if "status" in event}
    assert set(last.values()) == {"done"}
    assert len(last) == 5
