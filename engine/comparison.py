"""What comparisons of dials and of interventions have in common: rows of several sweeps in one table, and a ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Protocol

import pandas as pd

from engine.degraders.base import Degrader
from engine.redosing import DIAL
from engine.regime import Analysis, Verdict
from engine.report import CURVE
from engine.spec import Experiment
from engine.steps import Steps
from engine.sweep import Sweep
from engine.words import place

MEASURED: Final = (
    "strength",
    *("degraded_loss", "degraded_loss_low", "degraded_loss_high", "loss_delta", "loss_delta_low", "loss_delta_high"),
    *("effect", "effect_low", "effect_high", "retention", "retention_low", "retention_high"),
    *("selectivity_gain", "frontier", "state", "reason", "draws", "items"),
)
"""Columns that are a `Row`'s; bounds are those of the two-sided (1 − 2α) interval."""

COLUMNS: Final = (*MEASURED, "label", *CURVE, "note")
"""`label` is the strength with its name ("step 597"); `note` says what is special about a row, else it is empty."""

TYPES: Final = {
    **dict.fromkeys(("state", "reason", "label", "verdict", "regime", "note"), "string"),
    **dict.fromkeys(("draws", "items"), "Int64"),
    "confirmed": "boolean",
}


CurveState = Literal["waiting", "running", "done", "out of reach"]


@dataclass(eq=False)
class Curve:
    """One of several curves that are measured side by side.

    Attributes:
        title: what people call it; no other curve has the same.
        asked: the experiment, as far as it is known before it is swept.
        sweep: that measures it; none as long as it is not known what to sweep, or if there is nothing to sweep.
    """

    title: str
    asked: Experiment
    sweep: Sweep | None = None

    @property
    def experiment(self) -> Experiment:
        """As it is swept."""
        return self.sweep.experiment if self.sweep else self.asked

    @property
    def state(self) -> CurveState:
        """How far it is."""
        if self.sweep is None or not self.sweep.done:
            return "waiting"
        return "done" if self.sweep.finished else "running"

    @property
    def sampling(self) -> float | None:
        """While networks are being sampled for it, for which no points are measured: how much of that is done."""
        return self.sweep.sampling if self.sweep else None

    @property
    def about(self) -> dict[str, Any]:
        """What else is known of it, by column."""
        return {}

    @property
    def note(self) -> str:
        """What is special about it, as a sentence; else empty."""
        return ""


class Several(Protocol):
    """Several curves that are measured in steps, and can be looked at between them."""

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of its lines before `COLUMNS`, the curve's title first."""
        ...

    @property
    def curves(self) -> Sequence[Curve]:
        """In a fixed order."""
        ...

    def axes(self) -> dict[str, Any]:
        """What the places of its lines are, as JSON."""
        ...

    def steps(self) -> Steps[None]:
        """Measures them. What is stored is not measured again."""
        ...

    def lines(self, curve: Any) -> list[dict[str, Any] | None]:
        """What is known of one of its curves, a line for each of its places; none where nothing is known yet."""
        ...


def strength_axis(experiment: Experiment, degrader: Degrader, strengths: Sequence[float]) -> dict[str, Any]:
    """An axis of strengths, as JSON."""
    card = experiment.card
    ticks = [degrader.label(strength, card) for strength in strengths]
    return {**asdict(degrader.axis(card)), "strengths": list(strengths), "ticks": ticks}


def framed(lines: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Lines as a table: columns of these names, then `COLUMNS`. What a line does not have is missing."""
    frame = pd.DataFrame(list(lines), columns=pd.Index([*names, *COLUMNS]))
    numbers = {
        name: "float64" for name in (*names, *COLUMNS) if name == DIAL or (name in COLUMNS and name not in TYPES)
    }
    return frame.astype(numbers | TYPES)


def table(several: Several) -> pd.DataFrame:
    """All that is known of several curves."""
    return framed([line for curve in several.curves for line in several.lines(curve) if line], several.names)


def lines_of(asked: Experiment, analysis: Analysis) -> dict[float, dict[str, Any]]:
    """What a sweep says so far, by strength: a line for each, without a note."""
    curve = {
        "verdict": analysis.verdict.name,
        "confirmed": analysis.confirmed,
        **_regime(asked, analysis.verdict),
    }
    return {
        row.strength: {
            **{name: getattr(row, name) for name in MEASURED},
            "label": place(asked, row.strength),
            **curve,
            "note": "",
        }
        for row in analysis.rows
    }


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """One line for each dial or intervention of a comparison, those that come nearest to being clean first.

    Counted are degraded strengths at which the network works and the effect is kept, those with a finite frontier:
    `frontier` is the smallest ε among them, in nats, with which the curve would be clean somewhere, `label` where that
    is, and `selectivity_gain` the largest among them. Infinite and missing if there is no such strength. Lines go by
    frontier, then by gain; what was not measured comes last.

    An upper bound is ranked, so few draws count against a dial. And what comes first was selected: that it comes first
    is no test.

    Args:
        frame: of `compare_dials` or `compare_interventions`, also as read from a file.
    """
    name = str(frame.columns[0])
    about = [each for each in ("standing", "coefficient") if each in frame]
    lines = []
    for _, group in frame.groupby(name, sort=False):
        rows = group.to_dict("records")
        line = {each: rows[0][each] for each in (name, *about, *CURVE)}
        measured = any(math.isfinite(row["strength"]) for row in rows)
        line["frontier"] = math.inf if measured else math.nan
        able = [row for row in rows if row["strength"] > 0 and math.isfinite(row["frontier"])]
        if able:
            best = min(able, key=lambda row: row["frontier"])
            line |= {"frontier": best["frontier"], "label": best["label"]}
            line["selectivity_gain"] = max((row["selectivity_gain"] for row in able), key=_known)
        lines.append(line)
    columns = pd.Index([name, *about, *CURVE, "frontier", "label", "selectivity_gain"])
    table = pd.DataFrame(lines, columns=columns).sort_values(["frontier", "selectivity_gain"], ascending=[True, False])
    return table.reset_index(drop=True).astype({each: kind for each, kind in TYPES.items() if each in columns})


def _known(number: float) -> float:
    """A number to sort by, one that is not known below all others."""
    return -math.inf if math.isnan(number) else number


def _regime(experiment: Experiment, verdict: Verdict) -> dict[str, Any]:
    if verdict.strengths is None or verdict.losses is None:
        return {}
    ends = dict.fromkeys(place(experiment, strength) for strength in verdict.strengths)
    low, high = verdict.losses
    return {"regime": " to ".join(ends), "regime_loss_low": low, "regime_loss_high": high}
