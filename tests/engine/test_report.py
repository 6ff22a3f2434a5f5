"""A result's file: the columns that others read, the experiment beside them, and the same verdict when read back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine import report
from engine.dials import InputError
from engine.lab import Lab
from engine.regime import Analysis, verdict
from engine.report import COLUMNS, finite, item_table, read, table, write
from engine.spec import Experiment
from engine.store import Store
from engine.strength import Sham
from engine.sweep import Sweep

Make = Callable[..., Experiment]

PUBLISHED = (
    "strength, degraded_loss, loss_delta, loss_delta_low, loss_delta_high, behaviour, effect, effect_low, "
    "effect_high, retention, retention_low, retention_high, state, draws, items, "
    "selectivity_gain, selectivity_gain_low, selectivity_gain_high, frontier, shams, shams_beaten, shams_clean"
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(Store(tmp_path / "store"), threads=1)
    yield made
    made.close()


@pytest.fixture
def sweep(experiment: Make, lab: Lab) -> Sweep:
    """A finished sweep."""
    done = Sweep(experiment(shams=2), lab)
    done.run()
    return done


def told(analysis: Analysis) -> str:
    """Everything that an analysis says, as text: NaN equals NaN there."""
    return json.dumps(asdict(analysis))


def test_columns_are_those_that_are_published() -> None:
    assert ", ".join(COLUMNS) == PUBLISHED


def test_the_table_has_one_row_for_each_strength(sweep: Sweep) -> None:
    frame = table(sweep.analysis())
    assert list(frame.columns) == PUBLISHED.split(", ")
    assert frame["strength"].tolist() == [0.0, 0.1, 0.3]
    assert frame["draws"].tolist() == [1, 2, 2]
    assert frame["items"].tolist() == [8, 8, 8]
    for values, row in zip(frame.to_dict("records"), sweep.analysis().rows, strict=True):
        expected = {name: value for name, value in asdict(row).items() if name in COLUMNS}
        beside = {"shams": 2, "shams_beaten": sum(sham.beaten for sham in row.shams)}
        clean = sum(sham.state == "clean" for sham in row.shams)
        np.testing.assert_equal(values, expected | beside | {"shams_clean": clean})


def test_a_file_keeps_columns_experiment_and_verdict(sweep: Sweep, tmp_path: Path) -> None:
    analysis, path = sweep.analysis(), tmp_path / "result.parquet"
    write(path, table(analysis), sweep.experiment, analysis)
    content = pq.read_table(path)
    assert content.column_names == list(COLUMNS)
    assert content.schema.metadata[b"experiment"].decode() == sweep.experiment.to_json()
    again, form = read(path)
    assert told(again) == told(analysis)
    assert [type(sham) for row in again.rows for sham in row.shams] == [Sham] * (2 * len(again.rows))
    assert Experiment.read(form) == sweep.experiment


def test_pandas_reads_the_file(sweep: Sweep, tmp_path: Path) -> None:
    analysis, path = sweep.analysis(), tmp_path / "result.parquet"
    write(path, table(analysis), sweep.experiment, analysis)
    pd.testing.assert_frame_equal(pd.read_parquet(path), table(analysis))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"retention": math.nan, "retention_low": -math.inf, "retention_high": math.inf},
        {"degraded_loss": math.nan, "degraded_loss_low": math.nan, "degraded_loss_high": math.inf, "state": "broken"},
        {"loss_delta": math.nan, "loss_delta_low": -math.inf, "loss_delta_high": math.inf, "state": "broken"},
        {"effect": math.nan, "effect_low": math.nan, "effect_high": math.nan, "state": "unresolved"},
        {"frontier": math.inf, "selectivity_gain": math.inf},
        {"frontier": 0.5, "selectivity_gain": math.nan},
        {"reason": "A reason with “quotes”, a\nline and a \x00."},
    ],
)
@pytest.mark.parametrize("everywhere", [True, False])
def test_numbers_that_are_not_finite_come_back(
    sweep: Sweep, tmp_path: Path, changes: dict[str, Any], everywhere: bool
) -> None:
    """Whether a whole column is so or one row of it."""
    analysis = sweep.analysis()
    rows = tuple(replace(row, **changes) if everywhere or row.strength == 0.1 else row for row in analysis.rows)
    changed = Analysis(rows, verdict(rows, analysis.margin), analysis.margin)
    write(tmp_path / "result.parquet", table(changed), sweep.experiment, changed)
    again, _ = read(tmp_path / "result.parquet")
    assert told(again) == told(changed)


@pytest.mark.parametrize("intervention", ["identity", {"name": "steering", "vector": "optimised-after-layer-1"}])
def test_any_experiment_comes_back(experiment: Make, lab: Lab, tmp_path: Path, intervention: object) -> None:
    sweep = Sweep(experiment(intervention=intervention, strengths=[0.02, 2.0], margin=0.3, alpha=0.1), lab)
    analysis = sweep.run()
    write(tmp_path / "result.parquet", table(analysis), sweep.experiment, analysis)
    again, form = read(tmp_path / "result.parquet")
    assert told(again) == told(analysis)
    assert Experiment.read(form) == sweep.experiment


def test_values_of_single_items(sweep: Sweep, tmp_path: Path) -> None:
    frame = item_table(sweep)
    assert list(frame.columns) == ["strength", "draw", "set", "item", "degraded", "intervened"]
    assert len(frame) == (1 + 2 + 2) * 2 * 8
    values = frame.set_index(["strength", "set", "draw", "item"]).sort_index()
    assert values.index.is_unique
    for point in sweep.points():
        pairs = {
            "performance": (point.loss, point.loss_intervened),
            "behaviour": (point.behaviour, point.behaviour_intervened),
        }
        for name, (degraded, intervened) in pairs.items():
            here = values.loc[(point.strength, name)]
            np.testing.assert_array_equal(here["degraded"].to_numpy(), degraded.ravel())
            np.testing.assert_array_equal(here["intervened"].to_numpy(), intervened.ravel())
    write(tmp_path / "items.parquet", frame, sweep.experiment, sweep.analysis())
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "items.parquet"), frame)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read(path)
    told = str(error.value)
    assert told.startswith("A result must be ")
    assert str(path) in told
    assert "\n" not in told
    return told


def test_what_is_no_result_is_refused_in_one_sentence(sweep: Sweep, tmp_path: Path) -> None:
    analysis, good = sweep.analysis(), tmp_path / "good.parquet"
    write(good, table(analysis), sweep.experiment, analysis)
    whole = good.read_bytes()
    bad = {
        "empty": b"",
        "text": b"strength,loss\n0,1\n",
        "half": whole[: len(whole) // 2],
        "torn": whole[:200] + bytes(len(whole) - 400) + whole[-200:],
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name)
    assert refused(tmp_path / "missing.parquet").endswith("missing.parquet (No such file or directory).")
    assert refused(tmp_path).endswith("(Is a directory).")
    pq.write_table(pa.table({"strength": [0.0]}), tmp_path / "foreign.parquet")
    refused(tmp_path / "foreign.parquet")
    write(tmp_path / "items.parquet", item_table(sweep), sweep.experiment, analysis)
    refused(tmp_path / "items.parquet")


@pytest.mark.parametrize(
    "extra", [b"not json", b"[]", b"{}", b'{"margin": 0.1, "rows": [{"strength": 0.0}], "confirmation": null}']
)
def test_a_result_whose_metadata_are_damaged_is_refused(sweep: Sweep, tmp_path: Path, extra: bytes) -> None:
    analysis, path = sweep.analysis(), tmp_path / "result.parquet"
    write(path, table(analysis), sweep.experiment, analysis)
    content = pq.read_table(path)
    pq.write_table(content.replace_schema_metadata({**content.schema.metadata, report.METADATA: extra}), path)
    refused(path)


def test_a_result_whose_strengths_were_taken_out_is_refused(sweep: Sweep, tmp_path: Path) -> None:
    analysis, path = sweep.analysis(), tmp_path / "result.parquet"
    some = replace(analysis, rows=analysis.rows[:-1])
    none = replace(analysis, rows=())
    for frame, metadata in ((table(analysis), none), (table(analysis), some), (table(some), analysis)):
        write(path, frame, sweep.experiment, metadata)
        assert "must be written by `regimescope sweep`" in refused(path)
    write(path, table(none), sweep.experiment, none)
    with pytest.raises(InputError, match=r"must hold a strength at least, got .*, which holds none; measure it first"):
        read(path)


@pytest.mark.parametrize("name", ["missing/result.parquet", "."])
def test_a_file_that_cannot_be_written_is_refused(sweep: Sweep, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="can be written"):
        write(tmp_path / name, table(sweep.analysis()), sweep.experiment, sweep.analysis())


def test_what_is_not_finite_becomes_null_at_any_depth() -> None:
    value = {"a": [1.0, math.nan, (math.inf, {"b": -math.inf})], "c": "NaN", "d": None, "e": True, "f": 3}
    expected = {"a": [1.0, None, [None, {"b": None}]], "c": "NaN", "d": None, "e": True, "f": 3}
    assert finite(value) == expected
    assert json.loads(json.dumps(finite(value), allow_nan=False)) == expected
