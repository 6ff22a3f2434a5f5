"""What a worker tells of a sweep: the whole at first, then what changed. Numbers may be NaN or infinite."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import numpy as np

from engine.runners import Message, examples
from engine.sweep import Sweep
from engine.words import answer, best_index, place

MOST_CHAINS: Final = 8
MOST_STEPS: Final = 60
"""Of what chains lost so much is shown."""


def opening(sweep: Sweep) -> Message:
    """What is measured, the items that are shown, and rows that are all still empty."""
    return {
        "examples": examples.described(sweep),
        "metric": sweep.data.behaviour.metric,
        "rows": [None] * len(sweep.strengths),
        **progress(sweep),
    }


def progress(sweep: Sweep) -> Message:
    """How far the sweep is, and what it says so far."""
    analysis, finished = sweep.analysis(), sweep.finished
    said = answer(sweep.experiment, analysis, finished)
    whole = len(analysis.rows) == len(sweep.strengths)  # else rows are not told by the index of their strength
    regime, told = (analysis.verdict.regime, best_index(analysis)) if whole else (None, None)
    origin, looked = sweep.row(0), analysis.confirmation
    return {
        "status": "done" if finished else "running",
        "progress": {"done": sweep.done, "total": sweep.total, "seconds": round(sweep.seconds, 2)},
        "sampling": sweep.sampling,
        "reference": {
            "degraded_loss": origin and origin.degraded_loss,
            "loss_delta": origin and origin.loss_delta,
            "effect": origin and origin.effect,
            "chance": sweep.criteria.chance,
            "margin": analysis.margin,
            "retention_min": sweep.criteria.retention_min,
            "alpha": sweep.criteria.alpha,
        },
        "verdict": {**said._asdict(), "regime": regime, "best": told},
        "band": [(each.low, each.high) for each in analysis.band],
        "confirmation": looked and asdict(looked),
    }


def rows(sweep: Sweep, indices: set[int]) -> Message:
    """The rows of these strengths, by index as text (JSON objects have no other keys)."""
    return {"rows": {str(index): _row(sweep, index) for index in sorted(indices)}}


def _row(sweep: Sweep, index: int) -> Message:
    row, asked = sweep.row(index), sweep.experiment
    assert row is not None, "only strengths that changed are told"
    tick = asked.degrader.label(row.strength, asked.card)
    return {
        **asdict(row),
        "index": index,
        "label": place(asked, row.strength),
        "tick": tick,
        "examples": examples.measured(sweep, index),
        "trace": _trace(sweep, index),
    }


def _trace(sweep: Sweep, index: int) -> list[list[float]] | None:
    """What the first chains of a strength lost along their steps, nats above the original network, evenly thinned; none
    where nothing was sampled.
    """
    chains = sweep.point(index).chains
    if not chains:
        return None
    return [[round(float(loss), 4) for loss in _thinned(chain.losses)] for chain in chains[:MOST_CHAINS]]


def _thinned(losses: np.ndarray) -> np.ndarray:
    places = np.linspace(0, len(losses) - 1, min(MOST_STEPS, len(losses))).round().astype(int)
    return losses[places]
