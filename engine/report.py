"""The results of a sweep and of a map as tables, and their files: Parquet with what was asked in its metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from engine.chains import Health
from engine.dials import InputError
from engine.intervals import Interval
from engine.regime import Analysis, Confirmation, Row, verdict
from engine.spec import Experiment
from engine.strength import Sham

if TYPE_CHECKING:
    from engine.sweep import Sweep

COLUMNS: Final = (
    "strength",
    *("degraded_loss", "loss_delta", "loss_delta_low", "loss_delta_high"),
    *("behaviour", "effect", "effect_low", "effect_high", "retention", "retention_low", "retention_high"),
    *("state", "draws", "items"),
    *("selectivity_gain", "selectivity_gain_low", "selectivity_gain_high", "frontier"),
    *("shams", "shams_beaten", "shams_clean"),
)
"""One row for each strength. Bounds are those of the two-sided (1 − 2α) interval, the ones that decide the state."""

HEALTH: Final = tuple(field.name for field in fields(Health))
"""Further columns where networks were sampled."""

CURVE: Final = ("verdict", "confirmed", "regime", "regime_loss_low", "regime_loss_high")
"""Columns of several sweeps that say the same in every row of one: its verdict, whether a second look confirms it, and
the clean regime in the dial's own units and in degraded loss, nats."""

OUTER: Final = ("outer_strength", "outer_label", "inner_strength", "inner_label", *CURVE)
"""Columns of a map before those of a sweep's result; the verdict is that of the whole sweep."""

METADATA: Final = b"regimescope"


def table(analysis: Analysis) -> pd.DataFrame:
    """The rows of a sweep, one for each strength."""
    return _tabled([cells(row) for row in analysis.rows], COLUMNS)


def map_table(lines: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The lines of a map (`engine.phase_map`), one for each pair of strengths."""
    named = [{**line, "outer_label": line.get("row"), "inner_strength": line.get("strength")} for line in lines]
    return _tabled(named, (*OUTER, *COLUMNS[1:]))


def cells(row: Row) -> dict[str, Any]:
    """What `COLUMNS` have of a row, and `HEALTH` where networks were sampled."""
    counts = {
        "shams": len(row.shams),
        "shams_beaten": sum(sham.beaten for sham in row.shams),
        "shams_clean": sum(sham.state == "clean" for sham in row.shams),
    }
    measured = {name: counts[name] if name in counts else getattr(row, name) for name in COLUMNS}
    return {**measured, **(asdict(row.health) if row.health else {})}


def _tabled(lines: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Lines as a table of these columns, and of `HEALTH` where networks were sampled."""
    names = (*columns, *HEALTH) if any(name in line for line in lines for name in HEALTH) else columns
    return pd.DataFrame([{name: line.get(name) for name in names} for line in lines], columns=pd.Index(names))


def item_table(sweep: Sweep) -> pd.DataFrame:
    """Per-item values, one row for each strength, draw, set and item: without the intervention and with it."""
    parts = []
    for index in range(len(sweep.strengths)):
        point = sweep.point(index)
        for name, plain, intervened in (
            ("performance", point.loss, point.loss_intervened),
            ("behaviour", point.behaviour, point.behaviour_intervened),
        ):
            draw, item = (axis.ravel() for axis in np.indices(plain.shape))
            columns = {"strength": point.strength, "draw": draw, "set": name, "item": item}
            parts.append(pd.DataFrame({**columns, "degraded": plain.ravel(), "intervened": intervened.ravel()}))
    return pd.concat(parts, ignore_index=True)


def write(path: Path, frame: pd.DataFrame, experiment: Experiment, analysis: Analysis) -> None:
    """Writes a result: the table, and in its metadata the experiment (`experiment`) and what the table has no room for
    (`regimescope`); as CSV, without them, if the name ends so.

    Raises:
        InputError: the file can't be written.
    """
    write_table(path, frame, _metadata(experiment, analysis))


def write_to(file: Path | IO[bytes], frame: pd.DataFrame, experiment: Experiment, analysis: Analysis) -> None:
    """The same as Parquet, to a file that may be open."""
    write_table_to(file, frame, _metadata(experiment, analysis))


def _metadata(experiment: Experiment, analysis: Analysis) -> dict[str, str]:
    looked = analysis.confirmation
    extra = {
        "margin": analysis.margin,
        "rows": [asdict(row) for row in analysis.rows],
        "confirmation": looked and {"index": looked.index, "row": looked.row and asdict(looked.row)},
        "band": [asdict(each) for each in analysis.band],
    }
    # Python's JSON has NaN and Infinity, and so has what is read back
    return {"experiment": experiment.to_json(), METADATA.decode(): json.dumps(extra)}


def write_table(path: Path, frame: pd.DataFrame, metadata: Mapping[str, str]) -> None:
    """Writes any table as Parquet with this metadata; as CSV, without it, if the name ends so.

    Raises:
        InputError: the file can't be written.
    """
    with writing(path):
        if path.suffix.lower() == ".csv":
            frame.to_csv(path, index=False)
        else:
            write_table_to(path, frame, metadata)


def write_table_to(file: Path | IO[bytes], frame: pd.DataFrame, metadata: Mapping[str, str]) -> None:
    """Any table as Parquet with this metadata, to a file that may be open."""
    content = pa.Table.from_pandas(frame, preserve_index=False)
    named = {name.encode(): text.encode() for name, text in metadata.items()}
    pq.write_table(content.replace_schema_metadata({**(content.schema.metadata or {}), **named}), file)


def read(path: Path) -> tuple[Analysis, dict[str, Any]]:
    """A result's rows with their verdict, and the JSON form of its experiment; from Parquet, the one form that is read.

    Raises:
        InputError: there is no such file, or it is no result.
    """
    if path.suffix.lower() in (".csv", ".json") and path.is_file():
        raise InputError(
            f"A result must be a Parquet file to be read again, got {path}; the same sweep with --out "
            f"{path.with_suffix('.parquet').name} writes one from what is kept."
        )
    try:
        with path.open("rb") as file:  # what the system refuses is told in its words, not in pyarrow's
            content = pq.ParquetFile(file).read()
    except (OSError, pa.ArrowException) as error:
        told = getattr(error, "strerror", None)
        why = told or next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise InputError(
            f"A result must be a Parquet file that `regimescope sweep` wrote, got {path} ({why})."
        ) from error
    if not content.num_rows:
        raise InputError(f"A result must hold a strength at least, got {path}, which holds none; measure it first.")
    metadata = content.schema.metadata or {}
    try:
        extra, experiment = json.loads(metadata[METADATA]), json.loads(metadata[b"experiment"])
        content.select(COLUMNS)  # a table of items has the same metadata and is no result
        rows = tuple(_row(row) for row in extra["rows"])
        if [row.strength for row in rows] != content["strength"].to_pylist():
            raise ValueError("the metadata are not about this table")
        looked = extra["confirmation"]
        confirmation = looked and Confirmation(looked["index"], looked["row"] and _row(looked["row"]))
        band = tuple(Interval(**each) for each in extra["band"])
        return Analysis(rows, verdict(rows, extra["margin"]), extra["margin"], confirmation, band), experiment
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"A result must be written by `regimescope sweep`, got {path}, which is not; choose another file."
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tells in a sentence that a file can't be written.

    Raises:
        InputError: it can't.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"--out must be a file that can be written, got {path} ({why}); choose another.") from error


def _row(form: Mapping[str, Any]) -> Row:
    health, shams = form["health"], tuple(Sham(**sham) for sham in form["shams"])
    return Row(**{**form, "health": health and Health(**health), "shams": shams})


def finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: what is not finite becomes null, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return value
