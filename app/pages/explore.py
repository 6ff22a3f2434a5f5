"""Explore: one intervention on one dial, live."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import jobs, live
from app.jobs import Job
from app.state import choose_experiment
from engine.dials import InputError

COMPONENT = "explore"
POLL_SECONDS = 1.0
LAST_SHOWN = "last-shown"


def page() -> None:
    """Draws the page: settings at the side, the live component in the middle."""
    try:
        experiment, notices = choose_experiment()
        job = jobs.manager().open(experiment)
    except InputError as error:
        st.error(str(error))
        if LAST_SHOWN not in st.session_state:
            return
        job = jobs.manager().open(st.session_state[LAST_SHOWN])
        notices = [f"Shown below is what was set before: {job.experiment.intervention.describe()}."]
    st.session_state[LAST_SHOWN] = job.experiment
    for notice in notices:
        st.warning(notice)
    polls = (st.session_state.get(COMPONENT) or {}).get("transport") == "poll"
    st.fragment(_show, run_every=POLL_SECONDS if polls else None)(job, polls)


def _show(job: Job, polls: bool) -> None:
    """The live component; while `polls`, Streamlit brings it what the WebSocket can't."""
    key = job.experiment.key
    data: dict[str, Any] = {
        "key": key,
        "snapshot": job.snapshot.whole(),
        "socket": f"/api/jobs/{key}",
        "csv": f"/api/jobs/{key}/result.csv",
    }
    result = live.explore(data, key=COMPONENT)
    if result.command:
        jobs.manager().obey(key, result.command)
    if result.transport == "poll" and not polls:
        st.rerun()  # a fragment can't start to repeat itself
