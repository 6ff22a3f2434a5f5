"""Cells (one strength, one draw, with the intervention and without) as the engine measures them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.shapes import Case
from engine.degraders.base import Separate
from engine.measure import measure


def ours(case: Case, degrader: Separate, strengths: Sequence[float], draws: int, seed: int) -> None:
    """Measures the cells of all strengths and draws."""
    for draw in range(draws):
        for strength in strengths:
            # no name for the network: it goes before the next one comes
            measure(
                case.network, case.data, degrader.degrade_one(case.network, strength, draw, seed), case.interventions
            )
