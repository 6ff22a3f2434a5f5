"""Whether a result that comes from outside contradicts itself: a state has to follow from its row's own numbers.

Not all of a state does: what chance is and which samples are sound stands in no row. So a state that is claimed is
looked at, and one that claims nothing ("unresolved") or less ("broken") is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.dials import InputError
from engine.intervals import Interval
from engine.regime import Analysis
from engine.spec import Experiment
from engine.strength import Row, Sham


def check(experiment: Experiment, analysis: Analysis) -> None:
    """Refuses rows whose states do not follow from their numbers, or that were judged by another margin.

    Raises:
        InputError: which of them, and why.
    """
    looked = analysis.confirmation
    rows = (*analysis.rows, *([looked.row] if looked and looked.row else ()))
    found = (_of_row(row, analysis.margin, experiment.retention_min) for row in rows)
    wrong = next((f"strength {row.strength:g}, {what}" for row, what in zip(rows, found, strict=True) if what), "")
    if rows and experiment.margin not in (None, analysis.margin):
        wrong = "the margin, which is not the one that was asked for"
    if wrong:
        raise InputError(f"A result must follow from its numbers, got one that does not at {wrong}; export it again.")


def _of_row(row: Row, margin: float, retention_min: float) -> str:
    for name in ("degraded_loss", "loss_delta", "effect"):
        low, mean, high = (getattr(row, f"{name}{end}") for end in ("_low", "", "_high"))
        if low > mean or mean > high:
            return f"whose {name.replace('_', ' ')} lies outside of its own interval"
    kept = row.retention_low >= retention_min
    if row.state == "clean" and not (kept and all(sham.beaten for sham in row.shams)):
        return f"which is called clean and keeps {'too little' if not kept else 'no more than a sham'} of its effect"
    if row.state == "effect lost" and not row.retention_high < retention_min:
        return "which is called effect lost and may keep enough of it"
    judged: Sequence[Row | Sham] = (row, *row.shams)
    return next(filter(None, (_of_delta(each, margin) for each in judged)), "")


def _of_delta(judged: Row | Sham, margin: float) -> str:
    """Whether its loss delta lies where its state says, inside the margin or outside."""
    delta = Interval(judged.loss_delta, judged.loss_delta_low, judged.loss_delta_high)
    whose = "with a sham that" if isinstance(judged, Sham) else "which"
    if judged.state == "clean" and not delta.inside(margin):
        return f"{whose} is called clean and has a loss delta that is not shown to be within the margin"
    if judged.state == "entangled" and not delta.outside(margin):
        return f"{whose} is called entangled and has a loss delta that is not shown to be outside of the margin"
    return ""
