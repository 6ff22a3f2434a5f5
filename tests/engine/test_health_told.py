"""How networks were sampled, as it reaches the dashboard and the files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.lab import Lab
from engine.report import COLUMNS, HEALTH, finite, read, table, write
from engine.runners import messages
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

Make = Callable[..., Experiment]

SGLD = {"name": "sgld", "steps": 10, "batch": 2}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(Store(tmp_path / "store"), threads=1)
    yield made
    made.close()


def test_while_networks_are_sampled_that_is_told(experiment: Make, lab: Lab) -> None:
    sweep = Sweep(experiment(degrader=SGLD), lab)
    assert messages.opening(sweep)["sampling"] is None
    told: list[tuple[int, float | None]] = []
    while not sweep.finished:
        sweep.step()
        progress = messages.progress(sweep)
        told.append((progress["progress"]["done"], progress["sampling"]))
    assert told[0] == (1, None), "the network itself is not sampled"
    shares = [share for done, share in told if done == 1 and share is not None]
    assert shares == sorted(set(shares))
    assert 0 < shares[0] < shares[-1] <= 1
    assert {share for done, share in told if done > 1} == {None}


def test_where_nothing_is_sampled_that_is_never_told(experiment: Make, lab: Lab) -> None:
    sweep = Sweep(experiment(), lab)
    while not sweep.finished:
        sweep.step()
        assert messages.progress(sweep)["sampling"] is None
    assert messages.rows(sweep, {1})["rows"]["1"]["health"] is None


def test_rows_and_files_have_the_health_of_samples(experiment: Make, lab: Lab, tmp_path: Path) -> None:
    sweep = Sweep(experiment(degrader=SGLD), lab)
    analysis = sweep.run()
    original, sampled = messages.rows(sweep, {0, 1})["rows"].values()
    assert original["health"] is None
    assert sampled["health"]["chains"] == 2
    assert set(sampled["health"]) == set(HEALTH)
    json.dumps(finite(sampled), allow_nan=False)

    path = tmp_path / "result.parquet"
    write(path, table(analysis), sweep.experiment, analysis)
    names = pq.read_table(path).column_names
    assert names == [*COLUMNS, *HEALTH]
    assert table(analysis)["acceptance"].isna().tolist() == [True, False, False]
    again, _ = read(path)
    assert json.dumps([asdict(row) for row in again.rows]) == json.dumps([asdict(row) for row in analysis.rows])
    assert again.rows[1].health == analysis.rows[1].health
