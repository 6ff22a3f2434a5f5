"""Compare interventions: the experiment's beside the model's other handles and its shams."""

from __future__ import annotations

import streamlit as st

from app.views.comparing import ask
from engine.questions import InterventionComparison
from engine.spec import Experiment

ABOUT = """The experiment's intervention beside the model's other handles on the same behaviour: genuine ones, and
spurious ones and shams that only look like it. All of them on the same degraded networks."""


def page() -> None:
    """Draws the page."""
    ask("Compare interventions", ABOUT, "interventions", _question, ["redosed"])


def _question(experiment: Experiment) -> InterventionComparison:
    redosed = st.toggle(
        "Bring them to the same undegraded effect",
        key="redosed",
        help="Gives each that has a coefficient the one with which it does undegraded what the experiment's own does.",
        bind="query-params",
    )
    return InterventionComparison(experiment=experiment, redosed=redosed)
