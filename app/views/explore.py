"""Explore: one intervention on one dial, live."""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st

from app import jobs, live
from app.jobs import Job
from app.state import choose_experiment
from engine.dials import InputError
from engine.spec import Experiment

COMPONENT = "explore"
POLL_SECONDS = 1.0
LAST_SHOWN = "last-shown"
LINK = "link"


class Shown(NamedTuple):
    """What a page shows, and when it asked for it."""

    experiment: Experiment
    opened: float


def page() -> None:
    """Draws the page: settings at the side, the live component in the middle."""
    above = st.container()  # what comes and goes in it leaves the component in its place, and so on the page
    try:
        experiment, notices = choose_experiment()
        job = jobs.manager().open(experiment)
        notices = _of_link(experiment, notices)
    except InputError as error:
        above.error(str(error))
        if LAST_SHOWN not in st.session_state:
            return
        job = jobs.manager().open(st.session_state[LAST_SHOWN].experiment)
        notices = [f"Shown below is what was set before: {job.experiment.intervention.describe()}."]
    _leave_former(job)
    st.session_state[LAST_SHOWN] = Shown(job.experiment, job.opened)
    if notices:
        above.warning("  \n".join(notices))
    polls = (st.session_state.get(COMPONENT) or {}).get("transport") == "poll"
    st.fragment(_show, run_every=POLL_SECONDS if polls else None)(job, polls)


def _leave_former(job: Job) -> None:
    """Leaves what the page showed before: its browser says so too, but only if its WebSocket has opened meanwhile."""
    former: Shown | None = st.session_state.get(LAST_SHOWN)
    if former is not None and former.experiment.key != job.experiment.key:
        jobs.manager().leave(former.experiment.key, None, former.opened)


def _of_link(experiment: Experiment, notices: list[str]) -> list[str]:
    """What a link asked for in vain, until a setting is changed: from then on the page itself writes the URL."""
    key, told = st.session_state.setdefault(LINK, (experiment.key, notices))
    if experiment.key != key:
        told.clear()
    return told


def _show(job: Job, polls: bool) -> None:
    """The live component; while `polls`, Streamlit brings it what the WebSocket can't."""
    if polls:
        job = jobs.manager().open(job.experiment)  # nobody else knows that it is being watched
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
