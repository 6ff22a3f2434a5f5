"""Explore: one intervention on one dial, live."""

from __future__ import annotations

import streamlit as st

from app import jobs
from app.live import explore
from app.state import choose_experiment
from engine.dials import InputError

POLL_SECONDS = 1.0


def page() -> None:
    """Draws the page: settings on the left, the live component beside them."""
    try:
        experiment = choose_experiment()
        job = jobs.manager().open(experiment)
    except InputError as error:
        st.error(str(error))
        return
    key = experiment.key
    data = {
        "key": key,
        "snapshot": job.snapshot.whole(),
        "socket": f"/api/jobs/{key}",
        "csv": f"/api/jobs/{key}/result.csv",
    }
    explore(data, key="explore")
