from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from app.snapshot import Snapshot, announced
from engine.runners import Message
from engine.spec import Experiment
from engine.words import PENDING

FIRST = Snapshot().updated({"status": "queued", "message": "", "rows": [None, None, None]})


def merged(whole: Message, update: Message) -> Message:
    """What a browser makes of a snapshot and an update."""
    fields = {name: value for name, value in update.items() if name != "rows"}
    rows = list(whole["rows"])
    for index, row in update["rows"].items():
        rows[int(index)] = row
    return {**whole, **fields, "rows": rows}


def test_every_update_is_a_version() -> None:
    versions = [Snapshot().version, FIRST.version, FIRST.updated({"status": "running"}).version]
    assert versions == [0, 1, 2]


def test_fields_replace_fields_and_the_others_stay() -> None:
    whole = FIRST.updated({"status": "running", "device": "CPU"}).whole()
    assert whole == {
        "version": 2,
        "status": "running",
        "message": "",
        "device": "CPU",
        "rows": [None, None, None],
    }


def test_a_list_replaces_all_rows_and_indices_replace_single_ones() -> None:
    single = FIRST.updated({"rows": {"1": {"index": 1}}})
    assert single.whole()["rows"] == [None, {"index": 1}, None]
    assert single.updated({"rows": [None] * 2}).whole()["rows"] == [None, None]


def test_a_row_that_does_not_exist_is_left_out() -> None:
    assert FIRST.updated({"rows": {"3": {"index": 3}, "-1": {}}}).whole()["rows"] == [None, None, None]


def test_since_has_only_what_changed() -> None:
    snapshot = FIRST.updated({"status": "running", "message": "", "rows": {"2": {"index": 2}}})
    assert snapshot.since(FIRST.version) == {"version": 2, "status": "running", "rows": {"2": {"index": 2}}}
    assert snapshot.since(snapshot.version) == {"version": 2, "rows": {}}


def test_since_gathers_what_changed_in_several_versions() -> None:
    snapshot = FIRST
    for index, status in enumerate(("running", "queued", "done")):
        snapshot = snapshot.updated({"status": status, "rows": {str(index): {"index": index}}})
    assert snapshot.since(FIRST.version)["status"] == "done"
    assert set(snapshot.since(FIRST.version)["rows"]) == {"0", "1", "2"}
    assert set(snapshot.since(snapshot.version - 1)["rows"]) == {"2"}


def test_a_browser_that_has_any_version_and_what_changed_since_has_everything() -> None:
    changes: list[Message] = [
        {"status": "running"},
        {"rows": {"0": {"index": 0}}, "progress": {"done": 1}},
        {"progress": {"done": 2}},
        {"rows": [None, None, None], "status": "queued"},
        {"rows": {"0": {"index": 0, "draws": 2}, "1": {"index": 1}}, "status": "done"},
    ]
    history = [FIRST]
    for change in changes:
        history.append(history[-1].updated(change))
    for snapshot in history:
        assert merged(snapshot.whole(), history[-1].since(snapshot.version)) == history[-1].whole()


def test_a_snapshot_never_changes() -> None:
    change: Message = {"status": "running", "rows": {"0": {"index": 0}}}
    before, asked = copy.deepcopy(FIRST.whole()), copy.deepcopy(change)
    later = FIRST.updated(change)
    later.whole()["rows"].append("more")
    later.since(0)["rows"]["1"] = "more"
    later.whole()["status"] = "other"
    assert FIRST.whole() == before
    assert change == asked
    assert later.whole()["rows"] == [{"index": 0}, None, None]
    with pytest.raises(FrozenInstanceError):
        FIRST.version = 7  # type: ignore[misc]


def test_what_is_not_known_is_none() -> None:
    assert FIRST.get("status") == "queued"
    assert FIRST.get("verdict") is None


@pytest.mark.parametrize("changes", [{}, {"degrader": "checkpoint", "strengths": None}, {"margin": 0.2, "alpha": 0.01}])
def test_announced_says_what_is_known_before_anything_is_measured(
    experiment: Callable[..., Experiment], changes: dict[str, Any]
) -> None:
    asked = experiment(**changes)
    said = announced(asked).whole()
    strengths = list(asked.sweep_strengths)
    assert said["key"] == asked.key
    assert (said["status"], said["message"], said["examples"]) == ("queued", "", [])
    assert list(said["strengths"]) == strengths
    assert said["rows"] == [None] * len(strengths)
    assert said["axis"]["ticks"] == [asked.degrader.label(strength, asked.card) for strength in strengths]
    assert said["axis"]["title"] == asked.degrader.axis(asked.card).title
    assert said["text"]["intervention"] == asked.intervention.describe()
    assert (said["reference"]["retention_min"], said["reference"]["alpha"]) == (asked.retention_min, asked.alpha)
    assert said["reference"]["degraded_loss"] is None
    assert said["verdict"] == {**PENDING._asdict(), "regime": None}
    assert json.loads(json.dumps(said, allow_nan=False))["rows"] == said["rows"]
