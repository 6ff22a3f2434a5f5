"""Long work in steps: whoever drives it stays in charge between them, and stops it by not going on."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from engine.models.base import Progress

T = TypeVar("T")

Steps = Generator[tuple[int, int], None, T]
"""Work that yields the points done and in all, as far as is known, between two batches; and at its end its result."""


def drive(steps: Steps[T], progress: Progress) -> T:
    """Does it to its end, and tells how far it is."""
    while True:
        try:
            progress(*next(steps))
        except StopIteration as end:
            return end.value
