"""A phase map: two dials of a composition turned at once, one sweep for each strength of the outer one.

The inner dial is the one that the composition leaves open. At strength 0 of the outer dial its part is left out, for
there it is the network itself. At strength 0 of the inner dial a composition degrades nothing, so all sweeps begin at
the same undegraded network, which is measured once, and called so in every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from engine import report
from engine.comparison import Curve, lines_of, strength_axis
from engine.degraders.compose import Compose, Part
from engine.dials import InputError
from engine.lab import Lab
from engine.models.base import Progress
from engine.questions import outer_dial, outer_strengths
from engine.spec import Experiment
from engine.steps import Steps, drive
from engine.sweep import Sweep, side_by_side


def sweeps_of(experiment: Experiment, part: int, strengths: Sequence[float]) -> dict[float, Experiment]:
    """The experiments that a map is made of, by strength of the outer dial, ascending.

    Args:
        experiment: whose degrader is a composition.
        part: which of its parts, from 0, is the outer dial; not the open one.
        strengths: of the outer dial; 0 among them is the inner dial alone.

    Raises:
        InputError: there is no such part, or it has no such strength.
    """
    outer = outer_dial(experiment, part)
    if not strengths:
        raise InputError(f"a map needs strengths of {outer.name}, got none; give at least one.")
    return {strength: _with(experiment, part, strength) for strength in outer_strengths(experiment, part, strengths)}


def phase_map(
    experiment: Experiment,
    lab: Lab,
    part: int,
    strengths: Sequence[float],
    progress: Progress = lambda done, total: None,
) -> pd.DataFrame:
    """Measures a map: one row for each pair of strengths, sweep by sweep. What is stored is not measured again.

    Args:
        experiment: whose degrader is a composition; its open part is the inner dial.
        lab: where it is measured.
        part: which of its parts, from 0, is the outer dial.
        strengths: of the outer dial.
        progress: called with the points done and in all.

    Raises:
        InputError: there is no such part, or it has no such strength.
    """
    rows = Map(experiment, lab, part, strengths)
    drive(rows.steps(), progress)
    return table(rows)


def table(rows: Map) -> pd.DataFrame:
    """The table of a map that is measured; see `phase_map`."""
    return report.map_table([line for row in rows.curves for line in rows.lines(row) if line])


@dataclass(eq=False)
class MapRow(Curve):
    """One row of a map, swept over the inner dial.

    Attributes:
        outer: strength of the outer dial.
    """

    outer: float = field(kw_only=True)


class Map:
    """The rows of `phase_map`.

    Attributes:
        curves: one for each strength of the outer dial.
    """

    names = ("row",)

    def __init__(self, experiment: Experiment, lab: Lab, part: int, strengths: Sequence[float]) -> None:
        self._experiment = experiment
        self._dial = outer_dial(experiment, part)
        self.curves = [
            MapRow(self._dial.label(outer, experiment.card), asked, Sweep(asked, lab), outer=outer)
            for outer, asked in sweeps_of(experiment, part, strengths).items()
        ]

    def axes(self) -> dict[str, Any]:
        """Both dials."""
        asked = self._experiment
        inner = next(part.degrader for part in _parts(asked) if part.strength is None)
        return {
            "outer": strength_axis(asked, self._dial, [row.outer for row in self.curves]),
            "inner": strength_axis(asked, inner, asked.sweep_strengths) | {"ticks": _labels(asked)},
        }

    def steps(self) -> Steps[None]:
        """Measures all rows side by side."""
        yield from side_by_side([row.sweep for row in self.curves if row.sweep])

    def lines(self, curve: MapRow) -> list[dict[str, Any] | None]:
        """One for each strength of the inner dial, with all that `engine.report.map_table` shows of it."""
        assert curve.sweep is not None, "a row is a sweep"
        analysis, asked = curve.sweep.analysis(), curve.experiment
        measured = lines_of(asked, analysis)
        labels = dict(zip(self._experiment.sweep_strengths, _labels(self._experiment), strict=True))
        lines = {
            row.strength: {
                "row": curve.title,
                "outer_strength": curve.outer,
                "inner_label": labels[row.strength],
                **report.cells(row),
                **measured[row.strength],
            }
            for row in analysis.rows
        }
        return [lines.get(strength) for strength in self._experiment.sweep_strengths]


def write(path: Path, frame: pd.DataFrame, experiment: Experiment, part: int) -> None:
    """Writes a map as Parquet, with the experiment (`experiment`) and the outer dial (`part`) in its metadata; as CSV,
    without them, if the name ends so.

    Raises:
        InputError: the file can't be written.
    """
    report.write_table(path, frame, {"experiment": experiment.to_json(), "part": str(part)})


def _labels(experiment: Experiment) -> list[str]:
    """Of the strengths of the inner dial, in every row: at the first one nothing is degraded."""
    return [experiment.degrader.label(strength, experiment.card) for strength in experiment.sweep_strengths]


def _parts(experiment: Experiment) -> tuple[Part, ...]:
    assert isinstance(experiment.degrader, Compose), "a map's dials are composed"
    return experiment.degrader.parts


def _with(experiment: Experiment, part: int, strength: float) -> Experiment:
    """The experiment with another strength of a part; without the part, if that is 0."""
    parts = list(_parts(experiment))
    parts[part : part + 1] = [parts[part].model_copy(update={"strength": strength})] if strength else []
    degrader = Compose(parts=tuple(parts)) if len(parts) > 1 else parts[0].degrader
    return Experiment.read(experiment.model_dump(mode="json") | {"degrader": degrader.to_json()})
