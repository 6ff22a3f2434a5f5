"""Several interventions on one behaviour, on the same degraded networks: the genuine beside what only looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import pandas as pd

from engine import redosing
from engine.comparison import Curve, lines_of, strength_axis, table
from engine.dials import InputError
from engine.discovery import read_variant
from engine.lab import Lab
from engine.models.base import Progress, Standing
from engine.redosing import DIAL
from engine.spec import Experiment
from engine.steps import Steps, drive
from engine.sweep import Sweep, side_by_side

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
    interventions = Interventions(compared, lab, redosed=redosed)
    drive(interventions.steps(), progress)
    return table(interventions)


@dataclass(eq=False)
class Compared(Curve):
    """An intervention that is compared.

    Attributes:
        contender: what is swept, with another dose than was given if it is re-dosed.
    """

    contender: Contender = field(kw_only=True)

    @property
    def about(self) -> dict[str, Any]:
        """Its standing and its dose."""
        return dict(zip(NAMES[1:], _names(self.contender)[1:], strict=True))

    @property
    def note(self) -> str:
        """What is special about how it is compared."""
        return self.contender.note


class Interventions:
    """The curves of `compare_interventions`.

    Attributes:
        curves: one for each intervention.
    """

    names = NAMES

    def __init__(self, compared: Sequence[Contender], lab: Lab, *, redosed: bool = False) -> None:
        _check(compared)
        self.curves = [Compared(each.title, each.experiment, contender=each) for each in compared]
        self._lab = lab
        self._redosed = redosed

    def steps(self) -> Steps[None]:
        """Finds the doses if it is to, then measures all side by side."""
        if self._redosed:
            first, *rest = self.curves
            target = redosing.undegraded_effect(first.contender.experiment, self._lab)
            for curve in rest:
                yield 0, 0  # a dose takes some points on the undegraded network, how many is not known
                curve.contender = _redosed(curve.contender, self._lab, target)
        for curve in self.curves:
            curve.sweep = Sweep(curve.contender.experiment, self._lab)
        yield from side_by_side([curve.sweep for curve in self.curves if curve.sweep])

    def axes(self) -> dict[str, Any]:
        """The strengths, which all have in common."""
        asked = self.curves[0].asked
        return strength_axis(asked, asked.degrader, asked.sweep_strengths)

    def lines(self, curve: Compared) -> list[dict[str, Any] | None]:
        """One for each strength."""
        asked = curve.contender
        measured = lines_of(curve.experiment, curve.sweep.analysis()) if curve.sweep else {}
        about = {**dict(zip(NAMES, _names(asked), strict=True)), "note": asked.note}
        lines = (measured.get(strength) for strength in asked.experiment.sweep_strengths)
        return [line and {**line, **about} for line in lines]


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
