"""A sweep: every strength and draw of an experiment, coarse to fine, from the store or else computed.

`Sweep` is resumable by construction: each point is stored as soon as it is measured, and what is stored is never
measured again. It does one batch at a time, so whoever drives it stays in charge: cancelling is to stop calling `step`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from engine.behaviours.base import Dataset
from engine.chains import Chain
from engine.degraders.base import Degraded, Setting
from engine.dials import Variant, dials_of
from engine.lab import Lab
from engine.measure import EXAMPLES, Losses
from engine.models.base import Progress
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


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of one point: the losses without the intervention and with it (or those without alone), and the
    chain that the network was sampled by, if it was.
    """

    losses: tuple[Losses, ...]
    chain: Chain | None


class Sweep:
    """One experiment under way.

    Attributes:
        experiment: what is measured.
        strengths: ascending from 0.
        seconds: time spent computing.
    """

    def __init__(self, experiment: Experiment, lab: Lab, *, with_intervention: bool = True) -> None:
        """Plans it. Without the intervention the degraded networks alone are measured, and every loss delta is 0."""
        self.experiment = experiment
        self.strengths = experiment.sweep_strengths
        self.seconds = 0.0
        self._lab = lab
        self._conditions = (None, experiment.intervention) if with_intervention else (None,)
        self._measured: dict[Place, Measured] = {}
        self._todo = deque(self._plan())
        self._making: deque[Place] = deque()
        """The places whose networks are under way, in the order in which `_networks` makes them."""
        self._waited = False
        self._networks: Iterator[Degraded | None] = iter(())
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

    @property
    def sampling(self) -> bool:
        """Whether networks are being sampled, which takes a while in which no points are measured."""
        return self._waited and not self.finished

    def focus(self, strength: float) -> None:
        """Puts the nearest strength first in the queue."""
        wanted = min(range(len(self.strengths)), key=lambda index: abs(self.strengths[index] - strength))
        self._todo = deque(sorted(self._todo, key=lambda place: place.index not in (ORIGIN.index, wanted)))

    def recall(self) -> set[int]:
        """Takes everything that the store already has; returns the indices of strengths that changed."""
        started = time.perf_counter()
        found = {}
        for place in self._todo:
            chain = self._stored_chain(place)
            losses = [self._stored(key) for key in self._keys(place, chain)]
            known = [each for each in losses if each is not None]
            if len(known) == len(losses) and (chain or not self._is_sampled(place)):
                found[place] = Measured(tuple(known), chain)
        self._measured |= found
        self._todo = deque(place for place in self._todo if place not in found)
        self.seconds += time.perf_counter() - started
        return self._judge({place.index for place in found})

    def step(self) -> set[int]:
        """Measures the next batch (`Lab.batch`); returns the indices of strengths that changed. Where networks are
        sampled it may come back with none, while they are under way.
        """
        started = time.perf_counter()
        try:
            measured = self._measure(self._next_batch())
        except BaseException:
            self._making.clear()  # a batch that fails or is interrupted is still to be done
            raise
        self._measured |= measured
        self._todo = deque(place for place in self._todo if place not in measured)
        self.seconds += time.perf_counter() - started
        return self._judge({place.index for place in measured})

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
        points = [self._measured[Place(index, draw)] for draw in draws]
        random = self.experiment.degrader.random and self.strengths[index] > 0

        def stacked(condition: int, part: str) -> np.ndarray:
            return np.stack([getattr(point.losses[condition], part) for point in points])

        return Point(
            strength=self.strengths[index],
            loss=stacked(0, "performance"),
            loss_intervened=stacked(-1, "performance"),
            behaviour=stacked(0, "behaviour"),
            behaviour_intervened=stacked(-1, "behaviour"),
            units=np.array([self.experiment.degrader.unit(draw) if random else 0 for draw in draws]),
            random=random,
            chains=tuple(point.chain for point in points if point.chain),
        )

    def points(self) -> list[Point]:
        """The measurements so far, in order of strength."""
        return [self.point(index) for index in sorted(self._rows)]

    def examples(self, index: int) -> tuple[Losses, ...] | None:
        """Token by token, the first draw at a strength: without the intervention and with it."""
        point = self._measured.get(Place(index, 0))
        return point and point.losses

    def _plan(self) -> list[Place]:
        """Strength 0 first, then every strength once, coarse to fine, then once more for each further draw."""
        draws = self.experiment.draws
        order = coarse_to_fine(len(self.strengths))
        return [ORIGIN, *(Place(index, draw) for draw in range(draws) for index in order if index > 0)]

    def _next_batch(self) -> list[tuple[Place, Degraded]]:
        """Places and their networks, as many as are measured side by side; fewer or none if networks are sampled and
        some time has passed.
        """
        # nothing can be said without the undegraded network, so it is first in the queue and goes alone
        size = self._lab.batch if ORIGIN in self._measured else 1
        if not self._making:
            together = self.experiment.degrader.together and ORIGIN in self._measured
            self._making = deque(islice(self._todo, None if together else size))
            settings = [Setting(self.strengths[place.index], place.draw) for place in self._making]
            self._networks = self._lab.degraded(self.experiment, settings)
        batch: list[tuple[Place, Degraded]] = []
        while self._making and len(batch) < size:
            try:
                degraded = next(self._networks)
            except StopIteration:
                name = self.experiment.degrader.name
                raise RuntimeError(f"{name}: its 'degrade' must yield a network for every setting, got too few.") from None
            self._waited = degraded is None
            if degraded is None:
                break
            batch.append((self._making.popleft(), degraded))
        return batch

    def _measure(self, batch: list[tuple[Place, Degraded]]) -> dict[Place, Measured]:
        """Measures what the store lacks of some points, and stores it."""
        keys = [self._keys(place, degraded.chain) for place, degraded in batch]
        found = [{condition: self._stored(key) for condition, key in enumerate(each)} for each in keys]
        missing = [[condition for condition, losses in each.items() if losses is None] for each in found]
        under = [[self._conditions[condition] for condition in each] for each in missing]
        network, networks = self._lab.network(self.experiment), [degraded for _, degraded in batch]
        measured = self._lab.measure(network, self.data, networks, under)
        points = {}
        for number, (place, degraded) in enumerate(batch):
            for condition, losses in zip(missing[number], measured[number], strict=True):
                self._lab.store.put(keys[number][condition], losses._asdict())
                found[number][condition] = losses
            if degraded.chain:
                self._lab.store.put(self._chain_key(place), degraded.chain._asdict())
            points[place] = Measured(tuple(each for each in found[number].values() if each), degraded.chain)
        return points

    def _stored(self, key: str) -> Losses | None:
        arrays = self._lab.store.get(key)
        return None if arrays is None else Losses(**arrays)

    def _is_sampled(self, place: Place) -> bool:
        return self.experiment.degrader.together and self.strengths[place.index] > 0

    def _stored_chain(self, place: Place) -> Chain | None:
        arrays = self._lab.store.get(self._chain_key(place)) if self._is_sampled(place) else None
        return None if arrays is None else Chain(**arrays)

    def _chain_key(self, place: Place) -> str:
        """The store's key of the chain that a point's network was sampled by, whatever is measured on it."""
        return key_of({**self._network(place), "of": "chain"})

    def _keys(self, place: Place, chain: Chain | None = None) -> list[str]:
        """The store's keys of a point, one for each condition.

        The undegraded network is the same whatever the dial, so its key leaves the degrader out. The tile's size, the
        threads and torch's version move a loss by rounding only (about 1e-8 nats), so they are no part of it.
        """
        question = {
            **self._network(place),
            "behaviour": _question(self.experiment.behaviour),
            "data": self.data.fingerprint,
            "examples": EXAMPLES,
            # a network that is sampled again may differ by what rounding makes of it: then it is another network, and
            # what was measured of the first one is no baseline for it
            "chain": None if chain is None else chain.fingerprint,
        }
        return [key_of(question | {"intervention": each and _question(each)}) for each in self._conditions]

    def _network(self, place: Place) -> dict[str, Any]:
        """All that a degraded network depends on."""
        asked, strength = self.experiment, self.strengths[place.index]
        return {
            "weights": asked.card.fingerprint,
            "step": asked.step,
            "model": _question(asked.model),
            "precision": "float32",
            "numpy": np.__version__,  # another release may draw other numbers from the same stream (NEP 19)
            "degrader": _question(asked.degrader) if strength else None,
            "strength": strength,
            "draw": place.draw,
            "seed": asked.seed if strength and asked.degrader.random else None,
        }

    def _judge(self, changed: set[int]) -> set[int]:
        """Renews the rows of these strengths; all rows wait for the undegraded network."""
        if ORIGIN not in self._measured:
            return set()
        if ORIGIN.index in changed:
            changed = {place.index for place in self._measured}
        for index in sorted(changed):
            self._rows[index] = row(self.point(index), self.point(ORIGIN.index), self.criteria, self.margin)
        return changed


def run_all(sweeps: Sequence[Sweep], progress: Progress) -> None:
    """Does sweeps one after the other, and tells of the points done and those of all of them."""
    total, before = sum(sweep.total for sweep in sweeps), 0
    for sweep in sweeps:
        sweep.recall()
        progress(before + sweep.done, total)
        while not sweep.finished:
            sweep.step()
            progress(before + sweep.done, total)
        before += sweep.total


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
    """A variant with its version, and with those of its parts."""
    parts = [
        _question(part.degrader)
        for dial in dials_of(type(variant))
        if dial.kind == "parts"
        for part in getattr(variant, dial.name)
    ]
    return {**variant.to_json(), "version": variant.version, **({"of parts": parts} if parts else {})}
