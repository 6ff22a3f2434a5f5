"""What a worker tells of a sweep, as JSON: the whole at first, then what changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from engine.behaviours.base import Items
from engine.measure import EXAMPLES
from engine.regime import confirm
from engine.report import finite
from engine.sweep import Sweep
from engine.words import answer, place

Message = dict[str, Any]

CONDITIONS: Final = ("degraded", "intervened")


def opening(sweep: Sweep) -> Message:
    """Everything about a sweep that does not change, and its rows, all still empty."""
    asked = sweep.experiment
    return {
        "axis": asdict(asked.degrader.axis(asked.card)),
        "text": {
            "intervention": asked.intervention.describe(),
            "effect": asked.behaviour.effect,
            "degrader": asked.degrader.name,
        },
        "examples": [
            {
                "title": title,
                "kind": kind,
                "tokens": [asked.behaviour.show(int(token)) for token in items.tokens[i, : _shown(items, i)]],
                "scored": [bool(each) for each in _scored(items, i)],
            }
            for kind, title, items in _sets(sweep)
            for i in range(min(EXAMPLES, len(items)))
        ],
        "rows": [None] * len(sweep.strengths),
        **progress(sweep),
    }


def progress(sweep: Sweep) -> Message:
    """How far the sweep is, and what it says so far."""
    analysis = sweep.analysis()
    finished = sweep.finished
    confirmation = confirm(sweep.points(), sweep.criteria) if finished and analysis.verdict.regime else None
    said = answer(sweep.experiment, analysis, confirmation, finished)
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
            "verdict": {**said._asdict(), "regime": _regime(sweep)},
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
        {**asdict(row), "index": index, "label": place(asked, row.strength), "tick": tick, "examples": _losses(sweep, index)}
    )


def _regime(sweep: Sweep) -> list[int] | None:
    """The clean regime, in indices of the sweep's strengths."""
    analysis = sweep.analysis()
    if analysis.verdict.regime is None:
        return None
    strengths = [analysis.rows[i].strength for i in analysis.verdict.regime]
    return [sweep.strengths.index(strength) for strength in strengths]


def _losses(sweep: Sweep, index: int) -> list[Message]:
    runs = sweep.examples(index)
    if runs is None:
        return []
    return [
        {name: _per_token(getattr(run, f"{kind}_examples")[i], items, i) for name, run in zip(CONDITIONS, runs, strict=True)}
        for kind, _, items in _sets(sweep)
        for i in range(min(EXAMPLES, len(items)))
    ]


def _sets(sweep: Sweep) -> list[tuple[str, str, Items]]:
    asked = sweep.experiment.behaviour
    return [
        ("behaviour", asked.behaviour_item, sweep.data.behaviour),
        ("performance", asked.performance_item, sweep.data.performance),
    ]


def _shown(items: Items, item: int) -> int:
    """Tokens up to the last one that is scored."""
    return int(items.read[item].max()) + 2


def _scored(items: Items, item: int) -> np.ndarray:
    scored = np.zeros(_shown(items, item), dtype=bool)
    scored[items.read[item][items.scored[item]] + 1] = True
    return scored


def _per_token(losses: np.ndarray, items: Items, item: int) -> list[float | None]:
    """Losses by token; null where none is read."""
    by_token = np.full(_shown(items, item), np.nan)
    by_token[items.read[item][items.scored[item]] + 1] = losses[items.scored[item]]
    return [None if np.isnan(loss) else round(float(loss), 2) for loss in by_token]
