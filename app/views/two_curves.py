"""Sweeps as their documents have them, one or two over one another, and what differs in their settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from app.markdown import plain
from engine.documents import Document
from engine.intervals import Interval
from engine.questions import Question
from engine.spec import Experiment
from engine.strength import Row, State
from engine.words import place

LOOKS = (("#1d5fd1", "solid"), ("#b45309", "dash"))
"""Colour and dash of the first and the second; legible on both themes."""
PANELS = (("loss_delta", "loss delta (nats)"), ("retention", "effect retained"))
SYMBOLS: Final[Mapping[State, tuple[str, str]]] = {
    "clean": ("circle", "●"),
    "entangled": ("x", "✕"),
    "effect lost": ("triangle-down", "▼"),
    "broken": ("square-open", "□"),
    "unresolved": ("circle-open", "○"),
}
"""Of a state the shape of its points, as in the live charts."""

Named = Mapping[str, Document]
"""One or two sweeps, each by what it is called here."""


def compare(sweeps: Named, key: str) -> None:
    """Draws them against degraded loss, for equal strengths of two dials have nothing in common, and tells how their
    settings differ.

    Args:
        sweeps: what is drawn.
        key: Streamlit's, of the chart.
    """
    for name, document in sweeps.items():
        st.markdown(f"**{name}** ({document.at[:16].replace('T', ' ')} UTC): {plain(document.said.headline)}")
    figure = _figure(sweeps)
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})
    shapes = " · ".join(f"{shape} {state}" for state, (_, shape) in SYMBOLS.items())
    st.caption(f"{shapes}. Bars are the intervals that decide, dotted lines the margin ±ε.")
    if len(sweeps) == 2:
        _differences(sweeps)
    st.dataframe(_table(sweeps), hide_index=True)


def _figure(sweeps: Named) -> go.Figure:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for (name, document), (colour, dash) in zip(sweeps.items(), LOOKS, strict=False):
        rows, margin = _rows(document), document.analysis.margin if document.analysis else math.nan
        for number, (field, _) in enumerate(PANELS, start=1):
            values = [_bounds(asdict(row), field) for row in rows]
            figure.add_scatter(
                x=[row.degraded_loss for row in rows],
                y=[value.mean for value in values],
                error_y={
                    "array": [_finite(value.high - value.mean) for value in values],
                    "arrayminus": [_finite(value.mean - value.low) for value in values],
                    "thickness": 1,
                    "width": 3,
                },
                name=name,
                legendgroup=name,
                showlegend=number == 1 and len(sweeps) == 2,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"symbol": [SYMBOLS[row.state][0] for row in rows], "size": 8},
                text=[f"{_at(document, row)}: {row.state}" for row in rows],
                hovertemplate="%{y:.3f} at degraded loss %{x:.3f}<br>%{text}",
                row=number,
                col=1,
            )
        for end in (-margin, margin) if math.isfinite(margin) else ():
            figure.add_hline(end, line={"color": colour, "dash": "dot", "width": 1}, row=1, col=1)  # type: ignore[arg-type]
    for number, (_, title) in enumerate(PANELS, start=1):
        figure.update_yaxes(title=title, row=number, col=1, fixedrange=True)
    figure.update_yaxes(tickformat=".0%", row=2, col=1)
    figure.update_xaxes(title="degraded loss (nats)", row=2, col=1)
    figure.update_xaxes(fixedrange=True)
    figure.update_layout(
        height=460,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    )
    return figure


def _table(sweeps: Named) -> pd.DataFrame:
    """Every strength with its state and intervals."""
    lines = [
        {**({"sweep": name} if len(sweeps) == 2 else {}), **_cells({**asdict(row), "label": _at(document, row)})}
        for name, document in sweeps.items()
        for row in _rows(document)
    ]
    return pd.DataFrame(lines)


def table_of_curves(document: Document) -> pd.DataFrame:
    """The same of a comparison or a map, line by line; what is missing in it is told as such."""
    name = {"dials": "dial", "interventions": "intervention"}.get(document.question.kind, "row")
    what = "outer dial" if name == "row" else name
    return pd.DataFrame([{what: str(line.get(name, "")), **_cells(line)} for line in document.lines])


def _cells(line: Mapping[str, Any]) -> dict[str, str]:
    loss = _number(line.get("degraded_loss"))
    return {
        "at": str(line.get("label") or "–"),
        "state": str(line.get("state") or "–"),
        "degraded loss": f"{loss:.3f}" if math.isfinite(loss) else "unknown",
        "loss delta (nats)": _bounds(line, "loss_delta").told("+.3f").replace("-", "−"),
        "effect retained": _bounds(line, "retention").told(".0%"),
    }


def _bounds(line: Mapping[str, Any], field: str) -> Interval:
    return Interval(*(_number(line.get(f"{field}{end}")) for end in ("", "_low", "_high")))


def _number(value: object) -> float:
    """A line may come from a file that says anything."""
    return float(value) if isinstance(value, int | float) else math.nan


def _rows(document: Document) -> tuple[Row, ...]:
    return document.analysis.rows if document.analysis else ()


def _at(document: Document, row: Row) -> str:
    assert isinstance(document.question, Experiment), "sweeps are shown"
    return place(document.question, row.strength)


def _finite(length: float) -> float | None:
    """An arm of an interval, if it has an end."""
    return length if math.isfinite(length) else None


# ---- settings --------------------------------------------------------------------------------------------------------


def _differences(sweeps: Named) -> None:
    """Tells which settings of two sweeps are not the same."""
    first, second = sweeps.values()
    lines = differences(first.question, second.question)
    if lines:
        st.table(pd.DataFrame(lines, columns=pd.Index(["setting", *sweeps])).set_index("setting"))
    else:
        numbers = "and so are their numbers" if first.says(second) else "their numbers are not"
        st.caption(f"Their settings are the same, {numbers}.")


def differences(first: Question, second: Question) -> list[tuple[str, str, str]]:
    """Settings of two questions that are not the same, in words; "–" where one has no such setting."""
    ours, theirs = (dict(_settings(each.model_dump(mode="json"))) for each in (first, second))
    names = dict.fromkeys([*ours, *theirs])
    return [(name, ours.get(name, "–"), theirs.get(name, "–")) for name in names if ours.get(name) != theirs.get(name)]


def _settings(value: Any, at: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """What a JSON form says, each with where it says so: "degrader · part 2 · strength"."""
    match value:
        case None:
            return
        case Mapping():
            for name, each in value.items():
                yield from _settings(each, at if name == "name" else (*at, name.replace("_", " ")))
        case [Mapping(), *_]:
            for number, each in enumerate(value, start=1):
                yield from _settings(each, (*at[:-1], f"{at[-1].removesuffix('s')} {number}"))
        case list():
            yield " · ".join(at), ", ".join(map(_said, value))
        case _:
            yield " · ".join(at), _said(value)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
