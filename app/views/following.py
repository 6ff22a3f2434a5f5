"""What every page with a live component does: it follows one job."""

from __future__ import annotations

from typing import Any, NamedTuple

import streamlit as st

from app import jobs, live
from app.jobs import Job
from app.live import View
from app.permalink import address_of
from app.titles import about
from engine import snippets
from engine.documents import Form
from engine.questions import Question

POLL_SECONDS = 1.0


class _Followed(NamedTuple):
    """What a visitor looks at, and when the page asked for it."""

    key: str
    opened: float


def follow(view: View, job: Job) -> None:
    """Draws the live component of a job that was opened just now, and leaves the one that it showed before."""
    former: _Followed | None = st.session_state.get(f"followed by {view}")
    if former is not None and former.key != job.question.key:
        # its browser says so too, but only if its WebSocket has opened meanwhile
        jobs.manager().leave(former.key, None, former.opened)
    st.session_state[f"followed by {view}"] = _Followed(job.question.key, job.opened)
    polls = (st.session_state.get(view) or {}).get("transport") == "poll"
    st.fragment(_show, run_every=POLL_SECONDS if polls else None)(view, job.question, polls)


def _show(view: View, question: Question, polls: bool) -> None:
    """The live component; while `polls`, Streamlit brings it what the WebSocket can't."""
    job = jobs.manager().open(question)  # while it polls, nobody else knows that it is being watched
    key = question.key
    data: dict[str, Any] = {
        "key": key,
        "kind": question.kind,
        "question": question.model_dump(mode="json"),
        "name": jobs.file_name(question),
        "about": about(question),
        "address": address_of(question),
        "snapshot": job.snapshot.whole(),
        "socket": f"/api/jobs/{key}",
        "files": {form.title: f"/api/jobs/{key}/result.{form.name}" for form in Form},
        "copy": {"Python": snippets.python(question), "CLI": snippets.command(question)},
    }
    result = live.show(view, data, key=view)
    if result.command:
        jobs.manager().obey(key, result.command)
    if result.transport == "poll" and not polls:
        st.rerun()  # a fragment can't start to repeat itself
