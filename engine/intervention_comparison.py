"""Several interventions on one behaviour, on the same degraded networks: the genuine beside what only looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from engine import redosing
from engine.comparison import framed, lines_of
from engine.dials import InputError
from engine.discovery import read_variant
from engine.lab import Lab
from engine.models.base import Progress, Standing
from engine.redosing import DIAL
from engine.spec import Experiment
from engine.sweep import Sweep, run_all

NAMES: Final = ("intervention", "standing", DIAL)
"""Columns of a comparison of interventions before `engine.comparison.COLUMNS`; the coefficient is the one it was
compared with, missing if it has none."""


class Contender(NamedTuple):
    """An intervention that is compared.

    Attributes:
        title: what people call it.
        standing: what is known of it.
        experiment: in which it is swept.
        note: what is special about how it is compared, as a sentence; else empty.
    """

    title: str
    standing: Standing
    experiment: Experiment
    note: str = ""


def contenders(experiment: Experiment) -> list[Contender]:
    """The experiment's own intervention, then the model's other handles on its behaviour, at the same strengths.

    Standings are those that were verified on the trained network, also where an earlier checkpoint is studied; of an
    intervention that is no handle nothing was verified, so it is "open".
    """
    form = experiment.model_dump(mode="json")
    handles = [
        Contender(handle.title, handle.standing, Experiment.read(form | {"intervention": handle.intervention}))
        for handle in experiment.model.handles(experiment.model.card())
        if read_variant(handle.behaviour, "behaviours") == experiment.behaviour
    ]
    own = [each for each in handles if each.experiment == experiment]
    rest = [each for each in handles if each.experiment != experiment]
    return [own[0] if own else Contender(experiment.intervention.describe(), "open", experiment), *rest]


def compare_interventions(
    compared: Sequence[Contender],
    lab: Lab,
    *,
    redosed: bool = False,
    progress: Progress = lambda done, total: None,
) -> pd.DataFrame:
    """Sweeps interventions, one row for each intervention and strength, the undegraded network among them.

    Re-dosed, each one that has a coefficient is given that with which its effect on the undegraded network is that of
    the first; this one dose is kept at all strengths. What has no coefficient, or does not reach the effect with any,
    is compared as it is given, and its note says so. What is stored is not measured again.

    Args:
        compared: on the same behaviour, dial and strengths, with different titles; see `contenders`.
        lab: where they are measured.
        redosed: whether they are brought to the undegraded effect of the first.
        progress: called with the points done and in all.

    Returns:
        Columns `NAMES`, then `engine.comparison.COLUMNS`.

    Raises:
        InputError: they differ in more than their interventions, two have one title, or they are to be re-dosed and
            the first has no effect undegraded.
    """
    _check(compared)
    if redosed:
        first, *rest = compared
        target = redosing.undegraded_effect(first.experiment, lab)
        compared = [first, *(_redosed(each, lab, target) for each in rest)]
    sweeps = [Sweep(each.experiment, lab) for each in compared]
    run_all(sweeps, progress)
    lines = [
        {**dict(zip(NAMES, _names(each), strict=True)), **line, "note": each.note}
        for each, sweep in zip(compared, sweeps, strict=True)
        for line in lines_of(sweep).values()
    ]
    return framed(lines, NAMES).astype({DIAL: "float64"})


def _check(compared: Sequence[Contender]) -> None:
    if not compared:
        raise InputError("interventions must be compared with at least one of them, got none; give some.")
    titles = [each.title for each in compared]
    twice = next((title for title in titles if titles.count(title) > 1), None)
    if twice is not None:
        raise InputError(
            f"interventions that are compared must differ in their titles, got '{twice}' twice; rename one."
        )
    first = compared[0].experiment
    for each in compared:
        # how many shams an intervention has is its own affair
        if each.experiment.model_copy(update={"intervention": first.intervention, "shams": first.shams}) != first:
            raise InputError(
                "interventions must be compared in experiments that are alike in all else, got another experiment for "
                f"'{each.title}'; change its intervention only."
            )


def _names(contender: Contender) -> tuple[Any, ...]:
    coefficient = getattr(contender.experiment.intervention, DIAL, None)
    return contender.title, contender.standing, coefficient


def _redosed(contender: Contender, lab: Lab, target: float) -> Contender:
    """With the dose that has the target's effect undegraded, or as it is if there is none."""
    asked = contender.experiment
    if not redosing.has_dose(asked):
        return contender._replace(note=f"It has no {DIAL}, so it is compared as it is given, not re-dosed.")
    dose = next(redosing.redose(asked, lab, target))  # the first strength is 0
    if not dose.reached:
        note = (
            f"No {DIAL} has an effect of {target:.3g} (nearest: {dose.effect.mean:.3g} at {dose.coefficient:.4g}), so "
            "it is compared as it is given, not re-dosed."
        )
        return contender._replace(note=note)
    intervention = asked.intervention.model_copy(update={DIAL: dose.coefficient})
    return contender._replace(experiment=asked.model_copy(update={"intervention": intervention}))
