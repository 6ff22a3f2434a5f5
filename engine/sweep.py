"""A sweep: every strength and draw of an experiment, coarse to fine, from the store or else computed.

`Sweep` is resumable by construction: each point is stored as soon as it is measured, and what is stored is never
measured again. It does one batch at a time, so whoever drives it stays in charge: cancelling is to stop calling `step`.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from engine.behaviours.base import Dataset
from engine.dials import Variant
from engine.interventions.base import Intervention
from engine.lab import Lab
from engine.measure import EXAMPLES, Losses, measure
from engine.regime import Analysis, Criteria, Point, Row, confirm, margin_of, row, verdict
from engine.spec import Experiment
from engine.store import key_of


@dataclass(frozen=True)
class Place:
    """One point of a sweep: which strength (by index) and which draw."""

    index: int
    draw: int


ORIGIN = Place(0, 0)
"""The undegraded network."""


class Sweep:
    """One experiment under way.

    Attributes:
        experiment: what is measured.
        strengths: ascending from 0.
        seconds: time spent computing.
    """

    def __init__(self, experiment: Experiment, lab: Lab) -> None:
        self.experiment = experiment
        self.strengths = experiment.sweep_strengths
        self.seconds = 0.0
        self._lab = lab
        self._measured: dict[Place, list[Losses]] = {}
        self._todo = deque(self._plan())
        self.total = len(self._todo)
        self._rows: dict[int, Row] = {}

    @cached_property
    def data(self) -> Dataset:
        """The items that are measured."""
        return self._lab.data(self.experiment)

    @cached_property
    def criteria(self) -> Criteria:
        """What counts as clean."""
        asked = self.experiment
        return Criteria(self.data.performance.chance, asked.margin, asked.retention_min, asked.alpha)

    @cached_property
    def margin(self) -> float:
        """The margin in nats; needs the undegraded network's point."""
        return margin_of(self.point(ORIGIN.index), self.criteria)

    @property
    def done(self) -> int:
        """Points measured or found in the store."""
        return len(self._measured)

    @property
    def finished(self) -> bool:
        """Whether every point is there."""
        return not self._todo

    def focus(self, strength: float) -> None:
        """Puts the nearest strength first in the queue."""
        wanted = min(range(len(self.strengths)), key=lambda index: abs(self.strengths[index] - strength))
        self._todo = deque(sorted(self._todo, key=lambda place: place.index not in (ORIGIN.index, wanted)))

    def recall(self) -> set[int]:
        """Takes everything that the store already has; returns the indices of strengths that changed."""
        started = time.perf_counter()
        found = {}
        for place in self._todo:
            entries = [self._stored(key) for key in self._keys(place)]
            if all(entry is not None for entry in entries):
                found[place] = entries
        self._measured |= found
        self._todo = deque(place for place in self._todo if place not in found)
        self.seconds += time.perf_counter() - started
        return self._judge({place.index for place in found})

    def step(self) -> set[int]:
        """Measures the next batch, one point for each thread; returns the indices of strengths that changed."""
        started = time.perf_counter()
        # nothing can be said without the undegraded network, so it is first in the queue and goes alone
        size = self._lab.threads if ORIGIN in self._measured else 1
        batch = list(islice(self._todo, size))
        self._lab.network(self.experiment)  # loaded once, before the threads all want it
        for place, losses in zip(batch, self._lab.map(self._measure, batch), strict=True):
            self._measured[place] = losses
            self._todo.popleft()  # now, and not before: a batch that fails or is interrupted is still to be done
        self.seconds += time.perf_counter() - started
        return self._judge({place.index for place in batch})

    def run(self) -> Analysis:
        """Does all that is left and returns what the sweep says."""
        self.recall()
        while not self.finished:
            self.step()
        return self.analysis()

    def analysis(self) -> Analysis:
        """Rows and verdict of what is measured so far."""
        if 0 not in self._rows:
            return Analysis((), verdict((), np.nan), np.nan)
        rows = tuple(self._rows[index] for index in sorted(self._rows))
        confirmation = confirm(self.points(), self.criteria) if self.finished else None
        return Analysis(rows, verdict(rows, self.margin), self.margin, confirmation)

    def row(self, index: int) -> Row | None:
        """What is known of a strength so far."""
        return self._rows.get(index)

    def point(self, index: int) -> Point:
        """The measurements of a strength so far, as the statistics take them."""
        draws = sorted(place.draw for place in self._measured if place.index == index)
        runs = [self._measured[Place(index, draw)] for draw in draws]
        random = self.experiment.degrader.random and self.strengths[index] > 0

        def stacked(condition: int, part: str) -> np.ndarray:
            return np.stack([getattr(run[condition], part) for run in runs])

        return Point(
            strength=self.strengths[index],
            loss=stacked(0, "performance"),
            loss_intervened=stacked(1, "performance"),
            behaviour=stacked(0, "behaviour"),
            behaviour_intervened=stacked(1, "behaviour"),
            units=np.array([self.experiment.degrader.unit(draw) if random else 0 for draw in draws]),
            random=random,
        )

    def points(self) -> list[Point]:
        """The measurements so far, in order of strength."""
        return [self.point(index) for index in sorted(self._rows)]

    def examples(self, index: int) -> list[Losses] | None:
        """Token by token, the first draw at a strength: without the intervention and with it."""
        return self._measured.get(Place(index, 0))

    def _plan(self) -> list[Place]:
        """Strength 0 first, then every strength once, coarse to fine, then once more for each further draw."""
        draws = self.experiment.draws
        order = coarse_to_fine(len(self.strengths))
        return [ORIGIN, *(Place(index, draw) for draw in range(draws) for index in order if index > 0)]

    def _measure(self, place: Place) -> list[Losses]:
        """Measures what the store lacks of one point, and stores it."""
        keys = self._keys(place)
        found = [self._stored(key) for key in keys]
        missing = [condition for condition, losses in enumerate(found) if losses is None]
        network, asked = self._lab.network(self.experiment), self.experiment
        degraded = asked.degrader.degrade(network, self.strengths[place.index], place.draw, asked.seed)
        measured = measure(network, self.data, degraded, [self._conditions[i] for i in missing])
        for condition, losses in zip(missing, measured, strict=True):
            self._lab.store.put(keys[condition], losses._asdict())
            found[condition] = losses
        return [losses for losses in found if losses is not None]

    @property
    def _conditions(self) -> tuple[Intervention | None, ...]:
        return None, self.experiment.intervention

    def _stored(self, key: str) -> Losses | None:
        arrays = self._lab.store.get(key)
        return None if arrays is None else Losses(**arrays)

    def _keys(self, place: Place) -> list[str]:
        """The store's keys of a point: without the intervention and with it.

        The undegraded network is the same whatever the dial, so its key leaves the degrader out. The tile's size, the
        threads and torch's version move a loss by rounding only (about 1e-8 nats), so they are no part of it.
        """
        strength = self.strengths[place.index]
        question = {
            "weights": self.experiment.card.fingerprint,
            "model": _question(self.experiment.model),
            "behaviour": _question(self.experiment.behaviour),
            "data": self.data.fingerprint,
            "examples": EXAMPLES,
            "precision": "float32",
            "numpy": np.__version__,  # another release may draw other numbers from the same stream (NEP 19)
            "degrader": _question(self.experiment.degrader) if strength else None,
            "strength": strength,
            "draw": place.draw,
            "seed": self.experiment.seed if strength and self.experiment.degrader.random else None,
        }
        return [key_of(question | {"intervention": each and _question(each)}) for each in self._conditions]

    def _judge(self, changed: set[int]) -> set[int]:
        """Renews the rows of these strengths; all rows wait for the undegraded network."""
        if ORIGIN not in self._measured:
            return set()
        if ORIGIN.index in changed:
            changed = {place.index for place in self._measured}
        for index in sorted(changed):
            self._rows[index] = row(self.point(index), self.point(ORIGIN.index), self.criteria, self.margin)
        return changed


def coarse_to_fine(count: int) -> list[int]:
    """0 … count − 1, ends first, then always the middle of what is still open."""
    order = [0, count - 1] if count > 1 else [0]
    gaps = deque([(0, count - 1)])
    while gaps:
        low, high = gaps.popleft()
        middle = (low + high) // 2
        if low < middle < high:
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return order


def _question(variant: Variant) -> dict[str, Any]:
    return {**variant.to_json(), "version": variant.version}
