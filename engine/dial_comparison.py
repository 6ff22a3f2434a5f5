"""One intervention on every dial, compared at equal degraded loss.

Equal strengths of two dials have nothing in common, equal degraded losses have: the network knows as much less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pandas as pd

from engine import discovery
from engine.calibrate import Calibration, at_strengths, calibrate, strengths_of
from engine.comparison import CURVE, framed, lines_of
from engine.dials import InputError
from engine.lab import Lab
from engine.models.base import Progress
from engine.spec import Experiment
from engine.sweep import Sweep, run_all

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
    if not losses:
        raise InputError("dials must be compared at a degraded loss at least, got none; give one.")
    wanted, before = sorted(set(losses)), 0
    planned: list[tuple[Experiment, tuple[Calibration, ...]]] = []
    for asked in on_every_dial(experiment):
        found, points = _calibrated(asked, lab, wanted, before, progress)
        planned.append((asked, found))
        before += points
    sweeps = [_sweep(asked, found, lab) for asked, found in planned]
    run_all([sweep for sweep in sweeps if sweep], lambda done, total: progress(before + done, before + total))
    lines = [
        line
        for (asked, found), sweep in zip(planned, sweeps, strict=True)
        for line in _lines(asked.degrader.name, found, sweep)
    ]
    return framed(lines, NAMES)


def _calibrated(
    experiment: Experiment, lab: Lab, wanted: Sequence[float], before: int, progress: Progress
) -> tuple[tuple[Calibration, ...], int]:
    """Where a dial gives the losses, and how many points it took to find out; those done before count in progress."""
    points = 0
    # the loss is matched on the draws that are compared; where networks are sampled, which takes long, on a few of them
    draws = None if experiment.degrader.together else experiment.draws

    def told(done: int, total: int) -> None:
        nonlocal points
        points = total
        progress(before + done, before + total)

    return calibrate(experiment, lab, wanted, draws, told), points


def _sweep(experiment: Experiment, found: tuple[Calibration, ...], lab: Lab) -> Sweep | None:
    strengths, _ = strengths_of(found)
    return Sweep(at_strengths(experiment, strengths.values()), lab) if strengths else None


def _lines(dial: str, found: tuple[Calibration, ...], sweep: Sweep | None) -> Iterator[dict[str, Any]]:
    """One line for each wanted loss."""
    strengths, left_out = strengths_of(found)
    measured = lines_of(sweep) if sweep else {}
    curve = {name: each.get(name) for each in list(measured.values())[:1] for name in CURVE}
    for each in found:
        line = measured[strengths[each.wanted]] if each.wanted in strengths else curve
        note = left_out.get(each.wanted) or ("" if each.crossings[0].reached else each.sentence)
        yield {"dial": dial, "wanted_loss": each.wanted, **line, "note": note}
