"""A sweep as a worker drives it."""

from __future__ import annotations

from engine.lab import Lab
from engine.runners import Message, messages
from engine.spec import Experiment
from engine.sweep import Sweep


class SweepWork:
    """One sweep; see `engine.runners.work.Work`."""

    def __init__(self, experiment: Experiment, lab: Lab) -> None:
        self._sweep = Sweep(experiment, lab)

    @property
    def finished(self) -> bool:
        """Whether all is measured."""
        return self._sweep.finished

    def opening(self) -> Message:
        """What is measured, and the items that are shown."""
        return messages.opening(self._sweep)

    def recall(self) -> Message:
        """Takes what the store has."""
        return self._news(self._sweep.recall())

    def step(self) -> Message:
        """Measures a batch."""
        return self._news(self._sweep.step())

    def focus(self, strength: float) -> None:
        """Puts a strength first in the queue."""
        self._sweep.focus(strength)

    def _news(self, changed: set[int]) -> Message:
        return {**messages.progress(self._sweep), **messages.rows(self._sweep, changed)}
