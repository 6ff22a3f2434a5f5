"""Explore: one intervention on one dial, live."""

from __future__ import annotations

import streamlit as st

from app import jobs
from app.markdown import plain
from app.state import choose_experiment, of_link
from app.views.following import follow
from engine.dials import InputError

LAST_SHOWN = "last-shown"


def page() -> None:
    """Draws the page: settings at the side, the live component in the middle."""
    above = st.container()  # what comes and goes in it leaves the component in its place, and so on the page
    try:
        experiment, notices = choose_experiment()
        job = jobs.manager().open(experiment)
        notices = of_link(experiment, notices)
    except InputError as error:
        above.error(plain(str(error)))
        if LAST_SHOWN not in st.session_state:
            return
        experiment = st.session_state[LAST_SHOWN]
        job = jobs.manager().open(experiment)
        notices = [f"Shown below is what was set before: {experiment.intervention.describe()}."]
    st.session_state[LAST_SHOWN] = experiment
    if notices:
        above.warning("  \n".join(notices))
    follow("explore", job)
