"""Loss-matched strength: how far a dial has to be turned for the degraded network to have a wanted loss.

At equal strength two dials have nothing in common; at equal degraded loss they can be compared. The loss need not rise
with the strength, so a loss may be reached several times, or never.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np

from engine.dials import InputError
from engine.lab import Lab
from engine.loss_curve import LossCurve, Reading, nats, side_of
from engine.models.base import Progress
from engine.spec import Experiment
from engine.steps import Steps, drive
from engine.sweep import Sweep

DRAWS: Final = 4
"""Draws that a calibration takes at most, unless it is told how many."""
MOST_ROUNDS: Final = 12


@dataclass(frozen=True)
class Crossing:
    """Where the degraded loss passes the wanted one.

    Attributes:
        nearest: the strength whose loss is nearest to the wanted one.
        reached: whether it is the wanted one (within `TOLERANCE`).
        beyond: if it is not, the nearest strength on the other side of the wanted loss.
    """

    nearest: Reading
    reached: bool
    beyond: Reading | None = None


@dataclass(frozen=True)
class Calibration:
    """Where a dial gives a wanted loss.

    Attributes:
        wanted: the degraded loss, nats.
        crossings: in order of strength; empty if it is never reached.
        curve: all that was measured to find them, in order of strength, beginning with 0.
    """

    wanted: float
    crossings: tuple[Crossing, ...]
    curve: tuple[Reading, ...]

    @property
    def losses(self) -> tuple[float, float]:
        """The least and the greatest loss that was seen on the dial, nats."""
        known = [each.loss.mean for each in self.curve if math.isfinite(each.loss.mean)]
        return min(known, default=math.nan), max(known, default=math.nan)

    @property
    def sentence(self) -> str:
        """The same in plain words."""
        at = [each.nearest.label for each in self.crossings if each.reached]
        near = [_told(each) for each in self.crossings if not each.reached]
        wanted = f"{nats(self.wanted)} nats"
        if at:
            times = {1: "once", 2: "twice"}.get(len(at), f"{len(at)} times")
            also = f"; approximately, too: {'; '.join(near)}" if near else ""
            return f"{wanted} are reached {times}: at {' and at '.join(at)}{also}."
        if near:
            return f"{wanted} are reached only approximately: {'; '.join(near)}."
        low, high = self.losses
        searched = f"from {self.curve[0].label} to {self.curve[-1].label}"
        found = f"{wanted} are never reached: {searched} the dial gives from {nats(low)} to {nats(high)} nats"
        undegraded = self.curve[0].loss.mean
        return f"{found}, undegraded {nats(undegraded)}; ask for more." if self.wanted < undegraded else f"{found}."


@dataclass(frozen=True)
class OnLosses:
    """An experiment whose strengths give wanted losses.

    Attributes:
        experiment: at the first crossing of each loss, on the way from strength 0.
        calibrations: of each loss.
        left_out: of each loss that the experiment does not have, a sentence that says why.
    """

    experiment: Experiment
    calibrations: tuple[Calibration, ...]
    left_out: tuple[str, ...]


def calibrate(
    experiment: Experiment,
    lab: Lab,
    wanted: Sequence[float],
    draws: int | None = None,
    progress: Progress = lambda done, total: None,
) -> tuple[Calibration, ...]:
    """Finds where the experiment's dial gives wanted degraded losses, one calibration for each.

    The loss is measured at the strengths of the dial's default sweep (at every second, where networks are sampled,
    which takes long) and at the experiment's own. Two neighbours with the wanted loss between them bracket a strength
    that gives it; the secant, kept off the ends, closes in on it, for all losses side by side. A loss that rises and
    falls between two neighbours is not seen. A dial with steps (checkpoints, bits, ranks) gives the allowed strengths
    on either side. All of it is measured without the intervention and kept in the store, where sweeps find it.

    Args:
        experiment: whose model, behaviour, degrader, items and seed.
        lab: where it is measured.
        wanted: degraded losses, nats.
        draws: at each strength; default the experiment's, but not more than `DRAWS`.
        progress: called with the points measured and planned so far.

    Raises:
        InputError: a loss is no number.
    """
    return drive(calibrating(experiment, lab, wanted, draws), progress)


def calibrating(
    experiment: Experiment, lab: Lab, wanted: Sequence[float], draws: int | None = None
) -> Steps[tuple[Calibration, ...]]:
    """The same in steps."""
    for loss in wanted:
        if not 0 < loss < math.inf:
            raise InputError(f"the loss to reach must be a number of nats, got {loss:g}; give one above 0.")
    curve = LossCurve(experiment, lab, min(DRAWS, experiment.draws) if draws is None else draws)
    grid = grid_of(experiment)
    yield from curve.measuring(grid)
    known = {loss: set(grid) for loss in wanted}
    for rounds in range(MOST_ROUNDS):
        # the secant can creep up to a bend from one side: every third step halves the gap
        asked = {loss: curve.next_strengths(loss, known[loss], halve=rounds % 3 == 2) for loss in wanted}
        yield from curve.measuring(set().union(*asked.values()))
        if not any(asked.values()):
            break
        for loss, strengths in asked.items():
            known[loss] |= strengths
    return tuple(_calibration(loss, curve.readings(known[loss])) for loss in wanted)


def grid_of(experiment: Experiment) -> set[float]:
    """The strengths at which a calibration begins."""
    usual = experiment.degrader.strengths(experiment.card)
    return {*(usual[::-2] if experiment.degrader.together else usual), *(experiment.strengths or ())}


def on_losses(
    experiment: Experiment,
    lab: Lab,
    wanted: Sequence[float],
    draws: int | None = None,
    progress: Progress = lambda done, total: None,
) -> OnLosses:
    """The experiment on an axis of degraded loss: its strengths become those that give these losses.

    Where a dial with steps comes only near a loss, its nearest strength is taken. Arguments are those of `calibrate`.

    Raises:
        InputError: the dial reaches none of the losses.
    """
    calibrations = calibrate(experiment, lab, sorted(set(wanted)), draws, progress)
    strengths, left_out = strengths_of(calibrations)
    if not strengths:
        why = next(iter(left_out.values()), "none was given.")
        raise InputError(f"one loss at least must be within reach of {experiment.degrader.name}: {why}")
    return OnLosses(at_strengths(experiment, strengths.values()), calibrations, tuple(left_out.values()))


def strengths_of(calibrations: Sequence[Calibration]) -> tuple[dict[float, float], dict[float, str]]:
    """Of each wanted loss the strength that stands for it, at the first crossing; of those that have none, a sentence
    that says why.
    """
    taken: dict[float, float] = {}
    left_out: dict[float, str] = {}
    for each in calibrations:
        strength = each.crossings[0].nearest.strength if each.crossings else math.nan
        if not each.crossings:
            left_out[each.wanted] = each.sentence
        elif strength == 0:
            left_out[each.wanted] = f"{nats(each.wanted)} nats is the loss of the undegraded network."
        elif strength in taken.values():
            label = each.crossings[0].nearest.label
            first = next(wanted for wanted, other in taken.items() if other == strength)
            left_out[each.wanted] = f"{nats(each.wanted)} nats are nearest at {label}, as {nats(first)} are."
        else:
            taken[each.wanted] = strength
    return taken, left_out


def at_strengths(experiment: Experiment, strengths: Iterable[float]) -> Experiment:
    """The experiment at other strengths."""
    return Experiment.read(experiment.model_dump(mode="json") | {"strengths": list(strengths)})


def spaced_losses(experiment: Experiment, lab: Lab, count: int, end: float | None = None) -> tuple[float, ...]:
    """Evenly spaced degraded losses, from the undegraded network's (not among them) to an end.

    Args:
        experiment: whose network and items.
        lab: where the undegraded network is measured.
        count: how many.
        end: the last, nats; default halfway to chance, up to which the network counts as working.

    Raises:
        InputError: a count below 1, an end that is no number, or a network that has nothing to lose.
    """
    if count < 1:
        raise InputError(f"the count of losses must be at least 1, got {count}; ask for more.")
    sweep = Sweep(experiment.model_copy(update={"strengths": (0.0,)}), lab, with_intervention=False)
    start, chance = sweep.run().rows[0].degraded_loss, sweep.criteria.chance
    if end is None and not start < chance:
        raise InputError(f"the undegraded loss must be below chance, {chance:.4g}, got {start:.4g}; give an end.")
    end = (start + chance) / 2 if end is None else end
    if not math.isfinite(end):
        raise InputError(f"the last loss must be a number of nats, got {end:g}; give another.")
    return tuple(float(f"{loss:.4g}") for loss in np.linspace(start, end, count + 1)[1:])


def _calibration(wanted: float, curve: tuple[Reading, ...]) -> Calibration:
    crossings = []
    before: Reading | None = None

    def missed(reading: Reading) -> float:
        return abs(reading.loss.mean - wanted)

    known = (each for each in curve if math.isfinite(each.loss.mean))
    for side, neighbours in groupby(known, key=lambda each: side_of(each, wanted)):
        run = list(neighbours)
        if side == 0:
            # a row of strengths that all reach it is one crossing
            crossings.append(Crossing(min(run, key=missed), reached=True))
        elif before is not None:
            nearest, beyond = sorted((before, run[0]), key=missed)
            crossings.append(Crossing(nearest, reached=False, beyond=beyond))
        before = run[-1] if side else None
    return Calibration(wanted, tuple(crossings), curve)


def _told(crossing: Crossing) -> str:
    """What the strengths on either side of a loss give, the lesser strength first."""
    sides = sorted(filter(None, (crossing.nearest, crossing.beyond)), key=lambda each: each.strength)
    return " and ".join(f"{side.label} gives {nats(side.loss.mean)}" for side in sides)
