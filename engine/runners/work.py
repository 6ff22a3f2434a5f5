"""What a worker drives: one question under way, which tells what it knows as JSON between its batches."""

from __future__ import annotations

from typing import Protocol

from engine.lab import Lab
from engine.questions import Question
from engine.runners import Message
from engine.runners.several_work import SeveralWork
from engine.runners.sweep_work import SweepWork
from engine.spec import Experiment


class Work(Protocol):
    """A question under way. Each message has what changed; rows by index as text."""

    @property
    def finished(self) -> bool:
        """Whether all is measured."""
        ...

    def opening(self) -> Message:
        """What is measured, with rows that are all still empty."""
        ...

    def recall(self) -> Message:
        """Takes what the store has, as far as it can be had at once."""
        ...

    def step(self) -> Message:
        """Does one batch."""
        ...

    def focus(self, strength: float) -> None:
        """Puts a strength first in the queue, where there is one queue."""


def work_of(question: Question, lab: Lab) -> Work:
    """A question's work, to be begun."""
    return SweepWork(question, lab) if isinstance(question, Experiment) else SeveralWork(question, lab)
