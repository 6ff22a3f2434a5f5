"""Does it work? What the ground-truth study says about the method, dial by dial."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from engine.dials import InputError
from engine.study_page import markdown
from engine.study_result import Curve, Study, shipped
from engine.study_statistics import Errors, Rate, area_of_cost, area_of_gain, area_of_verdict, errors

QUESTION = """A clean regime is meant to tell a genuine handle from one that only looks like it. Here that is tested,
on networks of which it is known what is genuine: each from three training seeds, on every dial, under
genuine handles and under spurious ones that were brought to the same effect on the undegraded network.
`regimescope study` runs it again."""

LIMITS = """**What it cannot say.** Three kinds of small networks, three seeds of each: the intervals have as many
trials as there are networks, and a kind of network that is not here may behave otherwise. Spurious
means fitted for its effect with no circuit in mind; other ways to be wrong are not tried. No shams were
run beside these curves. Dials have their usual settings, nothing was tuned."""

MISSED, FALSE = "#b45309", "#1d5fd1"
"""Legible on both themes; the marks differ in shape as well."""


def page() -> None:
    """Draws the page."""
    st.title("Does it work?")
    st.markdown(QUESTION)
    try:
        study = shipped()
    except InputError as error:
        st.error(str(error))
        return
    found = errors(study.curves, "regime")
    st.markdown(_answer(found))
    st.markdown(_ranking(study.curves))
    st.plotly_chart(_by_dial(study), key="study-by-dial", config={"displayModeBar": False})
    st.markdown(LIMITS)
    with st.expander("All figures", key="all-figures"):
        st.markdown(markdown(study))


def _answer(found: Errors) -> str:
    return (
        f"Of the curves of **genuine** handles {_share(found.missed)} show no clean regime: they are *missed*. "
        f"Of the curves of **spurious** ones {_share(found.false)} show one: they are *falsely clean*."
    )


def _ranking(curves: Sequence[Curve]) -> str:
    areas = (area_of_verdict(curves), area_of_gain(curves), area_of_cost(curves))
    by_verdict, by_gain, by_cost = (f"{area.mean:.2f} ({area.low:.2f} to {area.high:.2f})" for area in areas)
    return (
        f"The chance that a genuine handle ranks above a spurious one is {by_verdict} by the verdict, {by_gain} by the "
        f"selectivity gain, and {by_cost} by what it costs *undegraded*. As long as the first two do not lie clearly "
        "above the last, degrading the network has told no more than looking at the cost."
    )


def _share(rate: Rate) -> str:
    low, high = (f"{100 * bound:.0f}" for bound in (rate.interval.low, rate.interval.high))
    return f"{rate.count} of {rate.curves} ({100 * rate.interval.mean:.0f} %, 95 % interval {low} to {high} %)"


def _by_dial(study: Study) -> go.Figure:
    """Both rates of each dial with their intervals."""
    dials = list(dict.fromkeys(curve.dial for curve in study.curves))
    by_dial = [errors(_of_dial(study.curves, dial), "regime") for dial in dials]
    figure = go.Figure()
    for name, colour, symbol, rates in (
        ("genuine, missed", MISSED, "circle", [each.missed for each in by_dial]),
        ("spurious, falsely clean", FALSE, "diamond", [each.false for each in by_dial]),
    ):
        figure.add_scatter(
            x=[rate.interval.mean for rate in rates],
            y=dials,
            name=name,
            mode="markers",
            orientation="h",
            offsetgroup=name,
            marker={"color": colour, "symbol": symbol, "size": 11},
            error_x={
                "array": [rate.interval.high - rate.interval.mean for rate in rates],
                "arrayminus": [rate.interval.mean - rate.interval.low for rate in rates],
                "color": colour,
                "thickness": 1.2,
            },
            hovertext=[f"{dial}: {_share(rate)}" for dial, rate in zip(dials, rates, strict=True)],
            hoverinfo="text+name",
        )
    figure.update_layout(
        height=120 + 44 * len(dials),
        margin={"l": 8, "r": 8, "t": 56, "b": 8},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        scattermode="group",
        scattergap=0.5,
    )
    figure.update_xaxes(range=[-0.03, 1.03], tickformat=".0%", title="share of the curves", fixedrange=True)
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True)
    return figure


def _of_dial(curves: Sequence[Curve], dial: str) -> list[Curve]:
    return [curve for curve in curves if curve.dial == dial]
