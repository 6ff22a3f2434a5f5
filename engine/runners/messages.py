"""What a worker tells of a sweep, as JSON: the whole at first, then what changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from engine.behaviours.base import Items
from engine.measure import EXAMPLES
from engine.report import finite
from engine.sweep import Sweep
from engine.words import answer, place

Message = dict[str, Any]

CONDITIONS: Final = ("degraded", "intervened")
LEAD: Final = 2
"""Tokens shown before the first that is scored."""
SHOWN: Final = 24
"""Tokens shown of an item."""


def opening(sweep: Sweep) -> Message:
    """The items that are shown, and rows that are all still empty."""
    return {
        "examples": [_example(sweep, kind, title, items, i) for kind, title, items, i in _shown(sweep)],
        "rows": [None] * len(sweep.strengths),
        **progress(sweep),
    }


def progress(sweep: Sweep) -> Message:
    """How far the sweep is, and what it says so far."""
    analysis, finished = sweep.analysis(), sweep.finished
    said = answer(sweep.experiment, analysis, finished)
    regime = analysis.verdict.regime if len(analysis.rows) == len(sweep.strengths) else None
    origin = sweep.row(0)
    return finite(
        {
            "status": "done" if finished else "running",
            "progress": {"done": sweep.done, "total": sweep.total, "seconds": round(sweep.seconds, 2)},
            "reference": {
                "degraded_loss": origin and origin.degraded_loss,
                "loss_delta": origin and origin.loss_delta,
                "effect": origin and origin.effect,
                "chance": sweep.criteria.chance,
                "margin": analysis.margin,
                "retention_min": sweep.criteria.retention_min,
                "alpha": sweep.criteria.alpha,
            },
            "verdict": {**said._asdict(), "regime": regime},
        }
    )


def rows(sweep: Sweep, indices: set[int]) -> Message:
    """The rows of these strengths, by index as text (JSON objects have no other keys)."""
    return {"rows": {str(index): _row(sweep, index) for index in sorted(indices)}}


def _row(sweep: Sweep, index: int) -> Message:
    row, asked = sweep.row(index), sweep.experiment
    assert row is not None, "only strengths that changed are told"
    tick = asked.degrader.label(row.strength, asked.card)
    return finite(
        {
            **asdict(row),
            "index": index,
            "label": place(asked, row.strength),
            "tick": tick,
            "examples": _losses(sweep, index),
        }
    )


def _losses(sweep: Sweep, index: int) -> list[Message]:
    runs = sweep.examples(index)
    if runs is None:
        return []
    return [
        {
            name: _per_token(getattr(run, f"{kind}_examples")[item], items, item)
            for name, run in zip(CONDITIONS, runs, strict=True)
        }
        for kind, _, items, item in _shown(sweep)
    ]


def _shown(sweep: Sweep) -> list[tuple[str, str, Items, int]]:
    """The items that are shown: of which kind, what they are called, and where they lie."""
    asked = sweep.experiment.behaviour
    sets = (
        ("behaviour", asked.behaviour_item, sweep.data.behaviour),
        ("performance", asked.performance_item, sweep.data.performance),
    )
    return [(*each, item) for each in sets for item in range(min(EXAMPLES, len(each[-1])))]


def _example(sweep: Sweep, kind: str, title: str, items: Items, item: int) -> Message:
    show = sweep.experiment.behaviour.show
    return {
        "title": title,
        "kind": kind,
        "tokens": [show(sweep.experiment.model, int(token)) for token in items.inputs[item, _window(items, item)]],
        "scored": [loss is not None for loss in _per_token(np.zeros(items.read.shape[1]), items, item)],
    }


def _per_token(losses: np.ndarray, items: Items, item: int) -> list[float | None]:
    """Losses by token; null where none is read."""
    by_token = np.full(items.inputs.shape[1], np.nan)
    by_token[items.read[item][items.scored[item]] + 1] = losses[items.scored[item]]
    return [None if np.isnan(loss) else round(float(loss), 2) for loss in by_token[_window(items, item)]]


def _window(items: Items, item: int) -> slice:
    """The tokens to show: from a little before the first that is scored."""
    start = max(0, int(items.read[item][items.scored[item]].min()) + 1 - LEAD)
    return slice(start, start + SHOWN)
