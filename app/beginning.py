"""What the settings begin with: one of the stories, or the experiment that a link brings along.

A link holds what differs from there, so it also says where it begins: `?story=…`, or `?experiment=…` with the JSON form
of one. The second is how other pages, and whoever has a spec, open an experiment that no controls led to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import streamlit as st

from app.controls import Panel
from app.markdown import plain
from engine.dials import InputError
from engine.spec import Experiment, presets

STORY: Final = "becomes-clean"
"""What the dashboard opens with."""
LINKED: Final = "as-linked"
"""The choice that stands for the experiment of a link."""
EXPERIMENT: Final = "experiment"
"""The name in the URL of a whole experiment."""
BEGUN: Final = "begun-with"


def choose_beginning(panel: Panel) -> tuple[str, Mapping[str, Any]]:
    """Draws the choice of a story; returns its name and the experiment's JSON form.

    With another story than before, the panel's controls begin anew.
    """
    linked, refused = _linked(panel)
    known = presets()
    names = [LINKED, *known] if linked else list(known)
    story = panel.choose(
        "Story",
        "story",
        names,
        LINKED if linked else STORY,
        help="An experiment to begin with; everything below can be changed.",
    )
    if refused:
        shown = "what was linked before" if story == LINKED else f"the story {story}"
        panel.notices.append(f"The link's experiment can't be used, so {shown} is shown instead: {refused}")
    if story == LINKED and linked:
        if st.query_params.get(EXPERIMENT) != linked.text:  # to write an address takes away what is after its "#"
            st.query_params[EXPERIMENT] = linked.text
        form = _as_asked(linked.experiment)
    else:
        st.query_params.pop(EXPERIMENT, None)
        form = known[story]["experiment"]
    begun = st.session_state.get(BEGUN, story)
    if begun != story:
        panel.change = "model"
    st.session_state[BEGUN] = story
    return story, form


def _as_asked(experiment: Experiment) -> dict[str, Any]:
    """Its JSON form, without the one draw that a dial without randomness has: others begin with more."""
    sampling = set() if experiment.degrader.random else {"draws", "doublings"}
    return experiment.model_dump(mode="json", exclude=sampling)


def told(story: str, unchanged: bool) -> str:
    """What is said of the story, as long as it is the one that is shown."""
    if not unchanged:
        return "Changed since."
    return "The experiment that the link brought along." if story == LINKED else presets()[story]["story"]


class _Linked(NamedTuple):
    """An experiment that a link brought along, and how it was written there."""

    text: str
    experiment: Experiment


def _linked(panel: Panel) -> tuple[_Linked | None, str]:
    """The experiment that this visit's link brought along, on whichever page; and why, if the link's can't be used."""
    asked, known = panel.take(EXPERIMENT), st.session_state.get(EXPERIMENT)
    refused = ""
    if asked is not None and (known is None or asked != known.text):
        try:
            st.session_state[EXPERIMENT] = _Linked(asked, Experiment.from_json(asked))
        except InputError as error:
            refused = plain(str(error))
            st.query_params.pop(EXPERIMENT, None)
    return st.session_state.get(EXPERIMENT), refused
