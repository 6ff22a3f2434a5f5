"""A sweep: every strength and draw of an experiment, coarse to fine, from the store or else computed.

`Sweep` is resumable by construction: each point is stored as soon as it is measured, and what is stored is never
measured again. It does one batch at a time, so whoever drives it stays in charge: cancelling is to stop calling `step`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np

from engine import keys
from engine.behaviours.base import Dataset
from engine.chains import Chain
from engine.degraders.base import Degraded, Sampling, Setting
from engine.interventions.base import Intervention
from engine.lab import Lab
from engine.looks import undecided
from engine.measure import Losses
from engine.regime import Analysis, Criteria, Point, Row, band, confirm, margin_of, row, verdict
from engine.shams import awaiting, beside
from engine.spec import Experiment
from engine.steps import Steps


@dataclass(frozen=True)
class Place:
    """One point of a sweep: which strength (by index) and which draw, and whether the shams are measured there or the
    intervention.
    """

    index: int
    draw: int
    shams: bool = False


ORIGIN = Place(0, 0)
"""The undegraded network."""
ORIGIN_OF_SHAMS = Place(0, 0, shams=True)


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of one point: the losses under each of its conditions, the first of which is the network without
    an intervention, and the chain that the network was sampled by, if it was.
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
        self._intervention = (experiment.intervention,) if with_intervention else ()
        self._shams = experiment.controls if with_intervention else ()
        self._measured: dict[Place, Measured] = {}
        self._todo = deque(self._plan())
        self._making: deque[Place] = deque()
        """The places whose networks are under way, in the order in which `_networks` makes them."""
        self._sampled: float | None = None
        self._networks: Iterator[Degraded | Sampling] = iter(())
        self._judged: dict[int, Row] = {}
        """Strengths by themselves, without regard to shams."""
        self._rows: dict[int, Row] = {}
        self._final: Analysis | None = None

    @cached_property
    def data(self) -> Dataset:
        """The items that are measured."""
        return self._lab.data(self.experiment)

    @cached_property
    def criteria(self) -> Criteria:
        """What counts as clean."""
        asked = self.experiment
        return Criteria(self.data.performance.chance, asked.margin, asked.retention_min, asked.level)

    @cached_property
    def margin(self) -> float:
        """The margin in nats; needs the undegraded network's point."""
        return margin_of(self.point(ORIGIN.index), self.criteria)

    @property
    def done(self) -> int:
        """Points measured or found in the store."""
        return len(self._measured)

    @property
    def total(self) -> int:
        """Points to measure, as far as is known: where the verdict is undecided, more may come."""
        return len(self._measured) + len(self._todo)

    @property
    def finished(self) -> bool:
        """Whether every point is there."""
        return not self._todo

    @property
    def sampling(self) -> float | None:
        """While networks are being sampled, for which no points are measured: how much of that is done, 0 to 1."""
        return None if self.finished else self._sampled

    def focus(self, strength: float) -> None:
        """Puts the nearest strength first in the queue."""
        wanted = min(range(len(self.strengths)), key=lambda index: abs(self.strengths[index] - strength))
        self._todo = deque(sorted(self._todo, key=lambda place: place.index not in (ORIGIN.index, wanted)))

    def recall(self) -> set[int]:
        """Takes everything that the store already has; returns the indices of strengths that changed."""
        started = time.perf_counter()
        changed: set[int] = set()
        while found := self._recalled():
            self._measured |= found
            self._todo = deque(place for place in self._todo if place not in found)
            changed |= self._judge({place.index for place in found})
            self._go_on()
        self.seconds += time.perf_counter() - started
        return changed

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
        changed = self._judge({place.index for place in measured})
        self._go_on()
        self.seconds += time.perf_counter() - started
        return changed

    def run(self) -> Analysis:
        """Does all that is left and returns what the sweep says."""
        self.recall()
        while not self.finished:
            self.step()
        return self.analysis()

    def analysis(self) -> Analysis:
        """Rows and verdict of what is measured so far; of a finished sweep they are kept, for they take a while."""
        if self._final is not None:
            return self._final
        if 0 not in self._rows:
            return Analysis((), verdict((), np.nan), np.nan)
        rows = tuple(self._rows[index] for index in sorted(self._rows))
        said = Analysis(rows, verdict(rows, self.margin), self.margin)
        if not self.finished:
            return said
        points = self.points()
        self._final = replace(said, confirmation=confirm(points, self.criteria), band=band(points, self.criteria.alpha))
        return self._final

    def row(self, index: int) -> Row | None:
        """What is known of a strength so far."""
        return self._rows.get(index)

    def point(self, index: int) -> Point:
        """The measurements of a strength so far, as the statistics take them."""
        return self._point(index, -1, shams=False)

    def _point(self, index: int, condition: int, *, shams: bool) -> Point:
        """The measurements of a strength under one condition, in order of draws."""
        draws = self._draws(index, shams=shams)
        points = [self._measured[Place(index, draw, shams)] for draw in draws]
        random = self.experiment.degrader.random and self.strengths[index] > 0

        def stacked(condition: int, part: str) -> np.ndarray:
            return np.stack([getattr(point.losses[condition], part) for point in points])

        return Point(
            strength=self.strengths[index],
            loss=stacked(0, "performance"),
            loss_intervened=stacked(condition, "performance"),
            behaviour=stacked(0, "behaviour"),
            behaviour_intervened=stacked(condition, "behaviour"),
            units=np.array([self.experiment.degrader.unit(draw) if random else 0 for draw in draws]),
            random=random,
            chains=tuple(point.chain for point in points if point.chain),
        )

    def _draws(self, index: int, *, shams: bool) -> list[int]:
        return sorted(place.draw for place in self._measured if (place.index, place.shams) == (index, shams))

    def points(self) -> list[Point]:
        """The measurements so far, in order of strength."""
        return [self.point(index) for index in sorted(self._rows)]

    def examples(self, index: int) -> tuple[Losses, ...] | None:
        """Token by token, the first draw at a strength: without the intervention and with it."""
        point = self._measured.get(Place(index, 0))
        return point and point.losses

    def _plan(self) -> list[Place]:
        """Strength 0 first, then every strength once, coarse to fine, then once more for each further draw."""
        return [ORIGIN, *self._degraded_places(self.experiment.draws)]

    def _degraded_places(self, draws: int) -> list[Place]:
        order = coarse_to_fine(len(self.strengths))
        return [Place(index, draw) for draw in range(draws) for index in order if index > 0]

    def _go_on(self) -> None:
        """Once everything planned is measured: more draws where the verdict is undecided, then the shams."""
        if self._todo or not self._intervention or ORIGIN not in self._measured:
            return
        looks, draws = self.experiment.looks, self.experiment.draws
        for index in undecided([self._judged[index] for index in sorted(self._judged)]):
            done = len(self._draws(index, shams=False))
            following = next((size for size in looks if size > done), done)
            self._todo.extend(Place(index, draw) for draw in range(done, following))
        if not self._todo and self._shams:
            places = [ORIGIN, *self._degraded_places(draws)]
            beside = (Place(place.index, place.draw, shams=True) for place in places)
            self._todo.extend(place for place in beside if place not in self._measured)

    def _next_batch(self) -> list[tuple[Place, Degraded]]:
        """Places and their networks, as many as are measured side by side; fewer or none if networks are sampled and
        some time has passed.
        """
        # nothing can be said without the undegraded network, so it is first in the queue and goes alone
        size = self._lab.batch(self._lab.network(self.experiment)) if ORIGIN in self._measured else 1
        if not self._making:
            together = self.experiment.degrader.together and ORIGIN in self._measured
            self._making = deque(islice(self._todo, None if together else size))
            self._networks = self._lab.degraded(self.experiment, [self._setting(place) for place in self._making])
        batch: list[tuple[Place, Degraded]] = []
        while self._making and len(batch) < size:
            try:
                degraded = next(self._networks)
            except StopIteration:
                name = self.experiment.degrader.name
                raise RuntimeError(
                    f"{name}: its 'degrade' must yield a network for every setting, got too few."
                ) from None
            self._sampled = degraded.share if isinstance(degraded, Sampling) else None
            if isinstance(degraded, Sampling):
                break
            batch.append((self._making.popleft(), degraded))
        return batch

    def _measure(self, batch: list[tuple[Place, Degraded]]) -> dict[Place, Measured]:
        """Measures what the store lacks of some points, and stores it."""
        named = [self._keys(place, degraded.chain) for place, degraded in batch]
        found = [{condition: self._stored(key) for condition, key in enumerate(each)} for each in named]
        missing = [[condition for condition, losses in each.items() if losses is None] for each in found]
        under = [
            [self._conditions(place)[condition] for condition in each]
            for (place, _), each in zip(batch, missing, strict=True)
        ]
        network, networks = self._lab.network(self.experiment), [degraded for _, degraded in batch]
        measured = self._lab.measure(network, self.data, networks, under)
        points = {}
        for number, (place, degraded) in enumerate(batch):
            for condition, losses in zip(missing[number], measured[number], strict=True):
                self._lab.store.put(named[number][condition], losses._asdict())
                found[number][condition] = losses
            if degraded.chain:
                self._lab.store.put(keys.of_chain(self.experiment, self._setting(place)), degraded.chain._asdict())
            points[place] = Measured(tuple(each for each in found[number].values() if each), degraded.chain)
        return points

    def _recalled(self) -> dict[Place, Measured]:
        """Of what is still to be measured all that the store already has."""
        found = {}
        for place in self._todo:
            chain = self._stored_chain(place)
            losses = [self._stored(key) for key in self._keys(place, chain)]
            known = [each for each in losses if each is not None]
            if len(known) == len(losses) and (chain or not self._is_sampled(place)):
                found[place] = Measured(tuple(known), chain)
        return found

    def _stored(self, key: str) -> Losses | None:
        arrays = self._lab.store.get(key)
        return None if arrays is None else Losses(**arrays)

    def _is_sampled(self, place: Place) -> bool:
        return self.experiment.degrader.together and self.strengths[place.index] > 0

    def _stored_chain(self, place: Place) -> Chain | None:
        if not self._is_sampled(place):
            return None
        arrays = self._lab.store.get(keys.of_chain(self.experiment, self._setting(place)))
        return None if arrays is None else Chain(**arrays)

    def _keys(self, place: Place, chain: Chain | None = None) -> list[str]:
        """The store's keys of a point, one for each condition."""
        return keys.of_losses(self.experiment, self._setting(place), self.data, self._conditions(place), chain)

    def _setting(self, place: Place) -> Setting:
        return Setting(self.strengths[place.index], place.draw)

    def _conditions(self, place: Place) -> tuple[Intervention | None, ...]:
        """What is measured at a point, first of all the network without an intervention: the baseline of the others."""
        return (None, *(self._shams if place.shams else self._intervention))

    def _judge(self, changed: set[int]) -> set[int]:
        """Renews the rows of these strengths; all rows wait for the undegraded network."""
        if ORIGIN not in self._measured:
            return set()
        if ORIGIN.index in changed:
            changed = {place.index for place in self._measured if not place.shams}
        origin = self.point(ORIGIN.index)
        for index in sorted(changed):
            point = self.point(index)
            self._judged[index] = judged = row(point, origin, self.criteria, self.margin)
            if shams := self._shams_at(index):
                self._rows[index] = beside(judged, point, origin, shams, self.criteria, self.margin)
            else:
                self._rows[index] = awaiting(judged) if self._shams else judged
        return changed

    def _shams_at(self, index: int) -> list[tuple[Point, Point]]:
        """Of each sham the strength and strength 0, once all of its draws there are measured."""
        asked = 1 if index == ORIGIN.index else self.experiment.draws
        if ORIGIN_OF_SHAMS not in self._measured or len(self._draws(index, shams=True)) < asked:
            return []
        return [
            (self._point(index, number, shams=True), self._point(ORIGIN.index, number, shams=True))
            for number in range(1, 1 + len(self._shams))
        ]


def side_by_side(sweeps: Sequence[Sweep]) -> Steps[None]:
    """Does sweeps in turn, a batch of each, so that all of them show their shape early; those that sample networks come
    after the others and one by one, since they share what the first has sampled.
    """
    for sweep in sweeps:
        sweep.recall()
        if not (sweep.finished or sweep.experiment.degrader.together):
            sweep.step()  # the undegraded network, which the following ones then find in the store
        yield _points(sweeps)
    while under_way := [sweep for sweep in sweeps if not sweep.finished]:
        quick = [sweep for sweep in under_way if not sweep.experiment.degrader.together]
        for sweep in quick or under_way[:1]:
            sweep.step()
            yield _points(sweeps)


def _points(sweeps: Sequence[Sweep]) -> tuple[int, int]:
    """Points done, and in all as far as is known."""
    return sum(sweep.done for sweep in sweeps), sum(sweep.total for sweep in sweeps)


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
