"""What the ground-truth study found: one line for each curve, and its file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from engine.dials import InputError
from engine.models.base import assets
from engine.regime import VerdictName

Truth = Literal["genuine", "spurious"]
"""Of the standings of a handle those that the study compares."""

METADATA: Final = b"regimescope study"


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        items: of each set.
        draws: at each strength of a dial with randomness.
        strengths: of each dial, besides 0; at most.
        sampled: the same, of a dial whose networks are sampled, which takes longest.
        steps: of each chain, where networks are sampled.
    """

    items: int = 256
    draws: int = 8
    strengths: int = 8
    sampled: int = 4
    steps: int = 100


@dataclass(frozen=True)
class Curve:
    """One handle of one network on one dial.

    Attributes:
        model: the kind of network.
        network: as a command line names it.
        seed: of its training.
        step: the checkpoint that is studied; None for the finished network.
        dial: the degrader.
        handle: the title of the handle.
        standing: what is known of it.
        matched_to: the genuine handle whose undegraded effect it was brought to; its own title if it is genuine.
        wanted: that effect, in the unit of the behaviour's metric.
        effect: E(0), its own.
        matched: whether the one is the other, as near as a dose is looked for.
        loss_delta: Δ(0), nats.
        margin: ε, nats.
        verdict: of the curve.
        clean_regime: whether a degraded strength is clean.
        confirmed: whether that held on the items that had no part in the choice.
        gain: the greatest selectivity gain of a degraded strength that is not broken and whose effect is not lost; None
            if there is none.
        gain_strength: where.
        frontier: the smallest margin at which a degraded strength would be clean, nats; infinite if none would be.
    """

    model: str
    network: str
    seed: int
    step: int | None
    dial: str
    handle: str
    standing: Truth
    matched_to: str
    wanted: float
    effect: float
    matched: bool
    loss_delta: float
    margin: float
    verdict: VerdictName
    clean_regime: bool
    confirmed: bool
    gain: float | None
    gain_strength: float | None
    frontier: float

    @property
    def called_clean(self) -> bool:
        """Whether the verdict takes it for genuine: there is a clean regime, and it is not that of a mask."""
        return self.verdict in ("becomes clean", "clean throughout")


@dataclass(frozen=True)
class Study:
    """All curves, and how much was measured for each."""

    size: Size
    curves: tuple[Curve, ...]


def shipped() -> Study:
    """The study that comes with the project."""
    return read(assets() / "study.parquet")


def write(path: Path, study: Study) -> None:
    """Writes a study, one row for each curve.

    Raises:
        InputError: the file can't be written.
    """
    rows = [asdict(curve) for curve in study.curves]
    content = pa.table({field.name: [row[field.name] for row in rows] for field in fields(Curve)})
    told = {METADATA: json.dumps(asdict(study.size)).encode()}
    try:
        pq.write_table(content.replace_schema_metadata(told), path)
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"--out must be a file that can be written, got {path} ({why}); choose another.") from error


def read(path: Path) -> Study:
    """A study from its file.

    Raises:
        InputError: there is no such file, or it is no study.
    """
    try:
        with pq.ParquetFile(path) as file:
            content = file.read()
        size = Size(**json.loads((content.schema.metadata or {})[METADATA]))
        return Study(size, _curves(content.to_pylist()))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"A study must be a file that `regimescope study` wrote, got {path}, which is not; choose another file."
        ) from error


def _curves(rows: Sequence[dict]) -> tuple[Curve, ...]:
    curves = tuple(Curve(**row) for row in rows)
    for curve in curves:
        if curve.verdict not in get_args(VerdictName) or curve.standing not in get_args(Truth):
            raise ValueError(f"'{curve.verdict}' or '{curve.standing}' is unknown")
    return curves
