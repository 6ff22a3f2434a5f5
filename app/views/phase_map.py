"""Phase map: two dials at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import streamlit as st

from app.controls import Panel
from app.views.comparing import ask
from engine import discovery
from engine.degraders.base import Degrader
from engine.degraders.compose import Compose
from engine.dials import InputError
from engine.discovery import read_variant
from engine.models.base import Card
from engine.questions import PhaseMap, outer_dial, outer_dials, repeated
from engine.spec import Experiment

ABOUT = """Two dials at once: the degrader at the side, and an outer one that degrades as well. Each cell is judged as a
strength of its own; a click opens it in Explore."""

OUTER: Final = "outer"
"""What the names of this page's controls begin with."""
USUAL: Final = 4
"""So many strengths of the outer dial to begin with, besides 0."""


def page() -> None:
    """Draws the page."""
    ask("Phase map", ABOUT, "phase-map", _question, [OUTER])


def _question(experiment: Experiment) -> PhaseMap:
    asked = {name: st.query_params.get_all(name) for name in st.query_params if name.partition(".")[0] == OUTER}
    panel = Panel(asked)
    left, right = st.columns(2)
    with left:
        composed, part = _composed(panel, experiment)
    outer = outer_dial(composed, part)
    with right:
        strengths = panel.numbers(
            "Strengths of the outer dial",
            f"{OUTER}.{outer.name}.strengths",
            (0.0, *_spread(outer, composed.card, USUAL)),
            "such as 0, 0.1, 0.2",
            "0 is the inner dial alone.",
        )
    panel.finish()
    if panel.notices:
        st.warning("  \n".join(panel.notices))
    question = PhaseMap.read({"experiment": composed, "part": part, "strengths": strengths or ()})
    if twice := repeated(outer, composed.card, strengths or ()):
        right.warning(twice)
    right.caption(_extent(question))
    return question


def _extent(question: PhaseMap) -> str:
    """How much is measured, as far as is known before."""
    asked, degrader = question.experiment, question.experiment.degrader
    assert isinstance(degrader, Compose), "two dials are composed"
    alone = any(part.degrader.random for number, part in enumerate(degrader.parts) if number != question.part)
    degraded = len(asked.sweep_strengths) - 1
    # every sweep begins with the undegraded network; without the outer dial there may be no chance
    points = sum(1 + degraded * (asked.draws if strength or alone else 1) for strength in question.strengths)
    count = len(question.strengths)
    more = [
        *(["as many again for the shams"] if asked.shams else []),
        *(["more draws where the verdict is undecided"] if asked.doublings else []),
    ]
    sweeps = f"{count} sweeps" if count > 1 else "1 sweep"
    return f"{', '.join([f'{sweeps} of {degraded + 1} strengths each: {points:,} points', *more])}."


def _composed(panel: Panel, experiment: Experiment) -> tuple[Experiment, int]:
    """The experiment on both dials, and which part is the outer one."""
    degrader = experiment.degrader
    if isinstance(degrader, Compose):
        dials = {f"part {number + 1}, {outer.name}": number for number, outer in outer_dials(experiment).items()}
        return experiment, dials[panel.choose("Outer dial", f"{OUTER}.part", list(dials), next(iter(dials)))]
    known = _beside(degrader, experiment.card)
    if not known:
        raise InputError(
            f"the degrader must be one that another can be composed with, got {degrader.name}; choose one."
        )
    start = "weight-noise" if "weight-noise" in known else next(iter(known))
    name = panel.choose("Outer dial", f"{OUTER}.degrader", list(known), start)
    st.caption(known[name].summary)
    form = panel.variant(known[name], experiment.card, {}, within=f"{OUTER}.")
    outer = read_variant(form, "degraders")
    assert isinstance(outer, Degrader), "found among them"
    return _with(experiment, outer, form)


def _beside(degrader: Degrader, card: Card) -> Mapping[str, type[Degrader]]:
    """Degraders that can be composed with another: of what replaces the network, or samples it, there can be one."""

    def fits(kind: type[Degrader]) -> bool:
        if kind is type(degrader) or kind is Compose or not kind.is_compatible(card):
            return False
        other = card.usual(kind)
        return not (other.replaces and degrader.replaces) and not (other.together and degrader.together)

    return {name: kind for name, kind in discovery.find("degraders").items() if fits(kind)}


def _with(experiment: Experiment, outer: Degrader, form: Mapping[str, Any]) -> tuple[Experiment, int]:
    """The composition of both; what replaces the network goes first."""
    strength = _spread(outer, experiment.card, 1)[0]
    parts = [{"degrader": form, "strength": strength}, {"degrader": experiment.degrader.to_json()}]
    part = 0
    if experiment.degrader.replaces:
        parts, part = parts[::-1], 1
    composed = experiment.model_dump(mode="json") | {"degrader": {"name": "compose", "parts": parts}}
    if not experiment.degrader.random:
        del composed["draws"], composed["doublings"]  # the outer dial may have some
    return Experiment.read(composed), part


def _spread(outer: Degrader, card: Card, count: int) -> list[float]:
    """Strengths of its default sweep, evenly spread over the first half of it: further on networks are broken.

    Raises:
        InputError: it has none.
    """
    offered = outer.strengths(card)[1:]
    if not offered:
        raise InputError(f"the outer dial must have strengths, got {outer.name}, which has none here; choose another.")
    half = max(count, (len(offered) + 1) // 2)
    places = np.linspace(0, min(half, len(offered)) - 1, min(count, len(offered))).round().astype(int)
    return [offered[place] for place in dict.fromkeys(places.tolist())]
