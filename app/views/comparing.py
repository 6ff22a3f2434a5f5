"""What the pages of the longer questions have in common: such a question is measured once somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection

import streamlit as st

from app import jobs
from app.jobs import Job
from app.live import View
from app.markdown import plain
from app.state import choose_experiment, of_link
from app.views.following import follow
from engine.dials import InputError
from engine.questions import Question
from engine.spec import Experiment


def ask(
    title: str, about: str, view: View, question_of: Callable[[Experiment], Question], controls: Collection[str]
) -> None:
    """Draws the page: settings at the side, and the live component, or a button that starts to measure.

    Args:
        title: of the page.
        about: what is compared and why, for who comes here first.
        view: the live component.
        question_of: draws the page's own controls, and returns what is asked of the experiment at the side.
        controls: their names in the URL.
    """
    above = st.container()
    st.markdown(f"### {title}")
    st.caption(about)
    try:
        experiment, notices = choose_experiment(controls)
        if notices := of_link(experiment, notices):
            above.warning("  \n".join(notices))
        question = question_of(experiment)
        job = _known(question)
        if job is None and st.button("Measure", type="primary", key=f"measure {view}"):
            job = jobs.manager().open(question)
            st.rerun()  # without the button
    except InputError as error:
        above.error(plain(str(error)))
        return
    if job is None:
        st.caption(
            "Nothing of it is measured before you ask; what an earlier sweep has measured is taken from the store."
        )
    else:
        follow(view, job)


def _known(question: Question) -> Job | None:
    """The question's job if somebody has asked before; what was finished once is taken from the store."""
    manager = jobs.manager()
    found = manager.history.find(question)
    return manager.open(question) if found and found.status == "done" else manager.get(question.key)
