"""One intervention on every dial, compared at equal degraded loss.

Equal strengths of two dials have nothing in common, equal degraded losses have: the network knows as much less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from engine import discovery
from engine.calibrate import DRAWS, Calibration, at_strengths, calibrating, grid_of, strengths_of
from engine.comparison import Curve, CurveState, lines_of, table
from engine.dials import InputError
from engine.lab import Lab
from engine.models.base import Progress
from engine.report import CURVE
from engine.spec import Experiment
from engine.steps import Steps, drive
from engine.sweep import Sweep, side_by_side

NAMES: Final = ("dial", "wanted_loss")
"""Columns of a comparison of dials before `engine.comparison.COLUMNS`."""


def on_every_dial(experiment: Experiment) -> Iterator[Experiment]:
    """The experiment on every dial that its model can have, its own as it is given, the others as they usually are.

    A dial without randomness has one draw. From there the others take the usual number of draws.
    """
    form = experiment.model_dump(mode="json") | {"strengths": None}
    if not experiment.degrader.random:
        del form["draws"]
    for name, degrader in discovery.find("degraders").items():
        if name == experiment.degrader.name:
            yield experiment
        elif degrader.is_compatible(experiment.card):
            yield Experiment.read(form | {"degrader": experiment.card.usual(degrader).to_json()})


def compare_dials(
    experiment: Experiment, lab: Lab, losses: Sequence[float], progress: Progress = lambda done, total: None
) -> pd.DataFrame:
    """Sweeps an intervention on every dial that the model can have, at the strengths that give wanted degraded losses.

    One row for each dial and wanted loss, at the first strength that gives the loss. A loss that a dial does not reach
    has a row, too, without numbers; its note says why. Where a dial with steps comes only near a loss the note says
    so. The verdict of a dial is that of the undegraded network and all the losses that it reaches. What is stored is
    not measured again.

    Args:
        experiment: whose model, behaviour, intervention, items and criteria; its own dial is taken as it is given.
        lab: where it is measured.
        losses: wanted, nats.
        progress: called with the points done and planned so far.

    Returns:
        Columns `NAMES`, then `engine.comparison.COLUMNS`.

    Raises:
        InputError: there is no loss, or one is no number.
    """
    dials = Dials(experiment, lab, losses)
    drive(dials.steps(), progress)
    return table(dials)


@dataclass(eq=False)
class OnDial(Curve):
    """A dial on which the intervention is compared.

    Attributes:
        found: where it gives each wanted loss, once that is known.
        calibrated: points done and planned to find out.
    """

    found: tuple[Calibration, ...] = ()
    calibrated: tuple[int, int] = (0, 0)

    @property
    def state(self) -> CurveState:
        """How far it is; a dial is under way as soon as it is being calibrated."""
        if self.sweep is None and self.found:
            return "out of reach"
        return "done" if self.sweep and self.sweep.finished else "running" if self.calibrated[0] else "waiting"

    @property
    def sampling(self) -> float | None:
        """The same; 0 while networks are sampled to calibrate it, of which nobody knows how many it takes."""
        if self.sweep is None and self.state == "running" and self.asked.degrader.together:
            return 0.0
        return super().sampling

    @property
    def note(self) -> str:
        """Why no loss is within reach, if none is."""
        _, left_out = strengths_of(self.found)
        return next(iter(left_out.values()), "") if self.state == "out of reach" else ""


class Dials:
    """The curves of `compare_dials`.

    Attributes:
        wanted: degraded losses, nats, ascending.
        curves: one for each dial.
    """

    names = NAMES

    def __init__(self, experiment: Experiment, lab: Lab, losses: Sequence[float]) -> None:
        if not losses:
            raise InputError("dials must be compared at a degraded loss at least, got none; give one.")
        self.wanted = sorted(set(losses))
        self.curves = [
            OnDial(asked.degrader.name, asked, calibrated=(0, _points_to_calibrate(asked, len(self.wanted))))
            for asked in on_every_dial(experiment)
        ]
        self._lab = lab

    def steps(self) -> Steps[None]:
        """Calibrates and measures dial by dial; those whose networks are sampled, which takes long, come last."""
        for dial in sorted(self.curves, key=lambda dial: dial.asked.degrader.together):
            yield from self._calibrating(dial)
            strengths, _ = strengths_of(dial.found)
            if strengths:
                dial.sweep = Sweep(at_strengths(dial.asked, strengths.values()), self._lab)
                for _ in side_by_side([dial.sweep]):
                    yield self._points()

    def axes(self) -> dict[str, Any]:
        """The losses."""
        return {"losses": self.wanted}

    def lines(self, curve: OnDial) -> list[dict[str, Any] | None]:
        """One for each wanted loss; none before the dial is calibrated."""
        if not curve.found:
            return [None] * len(self.wanted)
        strengths, left_out = strengths_of(curve.found)
        measured = lines_of(curve.experiment, curve.sweep.analysis()) if curve.sweep else {}
        verdict = {name: each.get(name) for each in list(measured.values())[:1] for name in CURVE}
        lines: list[dict[str, Any] | None] = []
        for each in curve.found:
            line = measured.get(strengths[each.wanted]) if each.wanted in strengths else verdict
            note = left_out.get(each.wanted) or ("" if each.crossings[0].reached else each.sentence)
            known = {"dial": curve.title, "wanted_loss": each.wanted, **(line or {}), "note": note}
            lines.append(None if line is None else known)
        return lines

    def _calibrating(self, dial: OnDial) -> Steps[None]:
        # the loss is matched on the draws that are compared; where networks are sampled, on a few of them
        draws = None if dial.asked.degrader.together else dial.asked.draws
        steps = calibrating(dial.asked, self._lab, self.wanted, draws)
        while True:
            try:
                dial.calibrated = next(steps)
            except StopIteration as end:
                dial.found = end.value
                return
            yield self._points()

    def _points(self) -> tuple[int, int]:
        """Points done, and in all: of dials that were not begun, about how many there will be."""
        done = sum(dial.calibrated[0] + (dial.sweep.done if dial.sweep else 0) for dial in self.curves)
        return done, sum(dial.calibrated[1] + self._to_sweep(dial) for dial in self.curves)

    def _to_sweep(self, dial: OnDial) -> int:
        """Points of a dial's sweep; of one that was not begun, about how many there will be."""
        if dial.sweep or dial.found:
            return dial.sweep.total if dial.sweep else 0
        passes = 2 if dial.asked.controls else 1  # the shams come after the intervention
        return passes * (1 + len(self.wanted) * dial.asked.draws)


def _points_to_calibrate(experiment: Experiment, losses: int) -> int:
    """About so many points a calibration takes; each loss takes some steps to close in on."""
    draws = min(DRAWS, experiment.draws) if experiment.degrader.together else experiment.draws
    return (len(grid_of(experiment)) + 2 * losses) * draws
