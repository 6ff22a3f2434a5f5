"""Compare dials: one intervention on every dial, at equal degraded loss."""

from __future__ import annotations

import streamlit as st

from app.views.comparing import ask
from engine.dials import dial_of
from engine.questions import DialComparison
from engine.spec import Experiment

ABOUT = """The experiment's intervention on every dial that the model can have. Equal strengths of two dials have
nothing in common, equal degraded losses have: so each dial is first calibrated, then swept at the strengths that give
the same losses, from the undegraded network's to halfway to chance."""


def page() -> None:
    """Draws the page."""
    ask("Compare dials", ABOUT, "dials", _question, ["count"])


def _question(experiment: Experiment) -> DialComparison:
    count = dial_of(DialComparison, "count")
    assert count.low is not None and count.high is not None, "a number has limits"
    chosen = st.number_input(
        "Degraded losses",
        int(count.low),
        int(count.high),
        int(count.default),
        key="count",
        help=count.help,
        bind="query-params",
        width=160,
    )
    return DialComparison(experiment=experiment, count=chosen)
