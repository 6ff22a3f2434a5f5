"""Two sweeps over one another, and what differs in their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from app.markdown import plain
from engine.documents import Document
from engine.spec import Experiment

LOOKS = (("#1d5fd1", "solid", "circle"), ("#b45309", "dash", "diamond"))
"""Colour, dash and marker of the first and the second; legible on both themes."""
PANELS = (
    ("loss_delta", "loss delta (nats)"),
    ("retention", "effect retained"),
    ("degraded_loss", "degraded loss (nats)"),
)


def compare(first: Document, second: Document) -> None:
    """Draws both, against degraded loss: equal strengths of two dials have nothing in common."""
    st.markdown("#### Two sweeps")
    names = ("first", "second")
    for name, document in zip(names, (first, second), strict=True):
        st.markdown(f"**{name}** ({document.at[:16].replace('T', ' ')} UTC): {plain(document.said.headline)}")
    st.plotly_chart(_figure((first, second)), key="two-curves", config={"displayModeBar": False})
    differing = _differences(first.question, second.question)
    if differing:
        st.table(pd.DataFrame(differing, columns=pd.Index(["setting", *names])).set_index("setting"))
    else:
        st.caption("Their settings are the same.")


def _figure(documents: tuple[Document, Document]) -> go.Figure:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for document, name, (colour, dash, symbol) in zip(documents, ("first", "second"), LOOKS, strict=True):
        table = document.table()
        for row, (field, _) in enumerate(PANELS[:2], start=1):
            figure.add_scatter(
                x=table["degraded_loss"],
                y=table[field],
                name=name,
                legendgroup=name,
                showlegend=row == 1,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"symbol": symbol, "size": 7},
                text=table["state"],
                hovertemplate="%{y:.3f} at degraded loss %{x:.3f}<br>%{text}",
                row=row,
                col=1,
            )
        margin = document.analysis.margin if document.analysis else 0.0
        for end in (-margin, margin):
            figure.add_hline(end, line={"color": colour, "dash": "dot", "width": 1}, row=1, col=1)  # type: ignore[arg-type]
    for row, (_, title) in enumerate(PANELS[:2], start=1):
        figure.update_yaxes(title=title, row=row, col=1, fixedrange=True)
    figure.update_yaxes(tickformat=".0%", row=2, col=1)
    figure.update_xaxes(title=PANELS[2][1], row=2, col=1)
    figure.update_xaxes(fixedrange=True)
    figure.update_layout(
        height=460,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    )
    return figure


def _differences(first: Any, second: Any) -> list[tuple[str, str, str]]:
    """Settings of two experiments that are not the same."""
    assert isinstance(first, Experiment) and isinstance(second, Experiment), "sweeps are compared"
    ours, theirs = (dict(_flat(each.model_dump(mode="json"))) for each in (first, second))
    names = dict.fromkeys([*ours, *theirs])
    return [(name, ours.get(name, "–"), theirs.get(name, "–")) for name in names if ours.get(name) != theirs.get(name)]


def _flat(form: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in form.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
