"""The degraded loss of a dial as a function of its strength, measured where it is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np

from engine.dials import InputError
from engine.intervals import UNDEFINED, Interval
from engine.lab import Lab
from engine.spec import Experiment
from engine.steps import Steps
from engine.strength import Row
from engine.sweep import Sweep
from engine.words import place

TOLERANCE: Final = 0.01
"""A loss is reached if the degraded loss comes within so many nats of it."""
PROBES: Final = 4000
"""Strengths between two neighbours that are tried to find those which a dial with steps allows."""


@dataclass(frozen=True)
class Reading:
    """The degraded loss at one strength.

    Attributes:
        strength: of the degrader.
        label: the strength with its name: "noise 0.2".
        loss: mean over draws and items, nats, with the experiment's two-sided (1 − 2α) interval; NaN if the network
            came apart.
        flag: why chains that the network was sampled by can't be trusted; empty if they can, or there are none.
    """

    strength: float
    label: str
    loss: Interval
    flag: str = ""


class LossCurve:
    """The degraded loss as a function of strength, as far as it is known."""

    def __init__(self, experiment: Experiment, lab: Lab, draws: int) -> None:
        self._experiment = Experiment.read(experiment.model_dump(mode="json") | {"draws": draws})
        self._lab = lab
        self._readings: dict[float, Reading] = {}
        self._points = 0

    def measuring(self, strengths: set[float]) -> Steps[None]:
        """Measures what is not known yet of these and of the undegraded network, in one sweep."""
        missing = (strengths | {0.0}) - self._readings.keys()
        if not missing:
            return
        asked = self._experiment.model_copy(update={"strengths": tuple(sorted(missing | {0.0}))})
        sweep = Sweep(asked, self._lab, with_intervention=False)
        sweep.recall()
        while not sweep.finished:
            yield self._points + sweep.done, self._points + sweep.total
            sweep.step()
        self._points += sweep.total
        yield self._points, self._points
        for row in filter(None, map(sweep.row, range(len(sweep.strengths)))):
            self._readings[row.strength] = self._reading(row)

    def readings(self, strengths: set[float]) -> tuple[Reading, ...]:
        """What is known of these, in order, beginning with strength 0."""
        return tuple(self._readings[strength] for strength in sorted(strengths | {0.0}))

    def next_strengths(self, wanted: float, known: set[float], *, halve: bool) -> set[float]:
        """A strength within each bracket of the wanted loss, where the dial has one that is not too fine."""
        found: set[float] = set()
        for low, high in pairwise(self.readings(known)):
            if side_of(low, wanted) * side_of(high, wanted) < 0:
                share = (wanted - low.loss.mean) / (high.loss.mean - low.loss.mean)
                share = 0.5 if halve else min(max(share, 0.1), 0.9)
                found.update(self._between(low.strength, high.strength, share))
        return found

    def _between(self, low: float, high: float, share: float) -> list[float]:
        """A strength between two others, at about this share of the way; none if the dial has none."""
        log = self._experiment.degrader.strength.scale == "log" and low > 0
        wanted, middle = ((low * (high / low) ** at if log else low + at * (high - low)) for at in (share, 0.5))
        if self._has_steps:
            tried = (self._canonical(float(each)) for each in np.linspace(low, high, PROBES))
        else:  # three digits can be read, and the same strength is found in the store again
            tried = (self._canonical(float(f"{each:.3g}")) for each in (wanted, middle))
        within = [each for each in tried if each is not None and low < each < high]
        return sorted(within, key=lambda each: abs(each - wanted))[:1]

    @cached_property
    def _has_steps(self) -> bool:
        """Whether the dial refuses or moves strengths between those of its default sweep."""
        strengths = self._experiment.degrader.strengths(self._experiment.card)
        between = [low + 0.382 * (high - low) for low, high in pairwise(strengths[1:])]  # no simple share: no step
        return any(self._canonical(each) != each for each in between)

    def _canonical(self, strength: float) -> float | None:
        try:
            return self._experiment.degrader.canonical(strength, self._experiment.card)
        except InputError:
            return None

    def _reading(self, row: Row) -> Reading:
        loss = Interval(row.degraded_loss, row.degraded_loss_low, row.degraded_loss_high)
        if row.health and row.health.diverged:
            loss = UNDEFINED
        flag = row.health.flag if row.health else ""
        return Reading(row.strength, place(self._experiment, row.strength), loss, flag)


def side_of(reading: Reading, wanted: float) -> int:
    """On which side of the wanted loss a reading lies: −1 below, 1 above, 0 if it is reached or not known."""
    distance = reading.loss.mean - wanted
    return 0 if math.isnan(distance) or abs(distance) <= TOLERANCE else int(math.copysign(1, distance))


def nats(loss: float) -> str:
    """A loss as sentences have it."""
    return f"{loss:.4g}"
