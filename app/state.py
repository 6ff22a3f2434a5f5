"""The settings of an experiment, in the sidebar and in the URL: the URL is the permalink."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.beginning import choose_beginning, told
from app.controls import Change, Panel
from app.parts import choose_variant
from engine import discovery
from engine.degraders.base import Degrader
from engine.dials import InputError, Variant, dial_of
from engine.models.base import Card, Model
from engine.spec import LEAST_MARGIN, MOST_MARGIN, Experiment, read_variant

LINK: Final = "link"
NETWORK: Final = "network-shown"
TRAINED: Final = "end of training"


def choose_experiment(besides: Collection[str] = ()) -> tuple[Experiment, list[str]]:
    """Draws the settings; returns the experiment that they describe, and a sentence for each part of the URL that could
    not be used.

    Args:
        besides: with what the names in the URL begin that belong to controls of the page's own.

    Raises:
        InputError: the settings do not fit together, or the model has not been trained here.
    """
    others = (name for name in st.query_params if name.partition(".")[0] not in besides)
    panel = Panel({name: st.query_params.get_all(name) for name in others})
    form: dict[str, Any] = {}
    with st.sidebar:
        st.markdown("## Regime:green[scope]")
        story, first = choose_beginning(panel)
        about = st.empty()
        form["model"] = _variant(panel, "model", discovery.find("models"), None, first["model"])
        model = read_variant(form["model"], "models")
        assert isinstance(model, Model)
        panel.change = _change(model, panel.change)
        card = model.card()
        same = read_variant(first["model"], "models") == model
        with st.container():
            form["step"] = _step(panel, card, first.get("step") if same else None)
        card = card.up_to(form["step"])
        begin = first if same else _beginning(model, card, first)

        behaviours = {name: kind for name, kind in discovery.find("behaviours").items() if kind.is_compatible(model)}
        degraders = {name: kind for name, kind in discovery.find("degraders").items() if kind.is_compatible(card)}
        interventions = {
            name: kind for name, kind in discovery.find("interventions").items() if kind.is_compatible(card)
        }
        form["behaviour"] = _variant(panel, "behaviour", behaviours, card, begin["behaviour"])
        begin = _for_behaviour(form["behaviour"], model, card, begin)
        form["degrader"] = _variant(panel, "degrader", degraders, card, begin["degrader"])
        form["intervention"] = _variant(panel, "intervention", interventions, card, begin["intervention"])
        standing = st.container()
        with st.expander("Sampling and verdict"):
            many = _sampling(panel, form, card, begin, _is_random(form["degrader"]))
    panel.finish()
    experiment = Experiment.read(form)
    about.caption(told(story, experiment == Experiment.read(first)))
    if experiment.items < form["items"]:
        many.caption(f"All {experiment.items} items there are.")
    if known := _standing(experiment):
        standing.caption(known)
    return experiment, panel.notices


def of_link(experiment: Experiment, notices: list[str]) -> list[str]:
    """What a link asked for in vain, until a setting is changed: from then on the page itself writes the URL."""
    key, told = st.session_state.setdefault(LINK, (experiment.key, notices))
    if experiment.key != key:
        told.clear()
    return told


def _variant(
    panel: Panel, kind: str, known: Mapping[str, type[Variant]], card: Card | None, begin: str | Mapping[str, Any]
) -> dict[str, Any]:
    """One of the variants that the model admits, with its parameters; returns its JSON form."""
    if not known:
        raise InputError(f"{kind} must be one that the chosen model admits, and there is none; choose another model.")
    start: Mapping[str, Any] = {"name": begin} if isinstance(begin, str) else begin
    name = panel.choose(kind.capitalize(), kind, list(known), start["name"])
    st.caption(known[name].summary)
    return choose_variant(panel, known[name], card, start if name == start["name"] else {})


def _step(panel: Panel, card: Card, start: int | None) -> int | None:
    """The checkpoint that is studied; none for the trained network."""
    earlier = [str(step) for step in reversed(card.steps[:-1])]
    if not earlier:
        return None
    step = panel.choose(
        "Network studied (training step)",
        "step",
        [TRAINED, *earlier],
        TRAINED if start is None else str(start),
        anew=True,
        help="The checkpoint that is degraded, and that the degraded networks are compared with.",
    )
    return None if step == TRAINED else int(step)


def _is_random(degrader: Mapping[str, Any]) -> bool:
    """Whether draws differ. Of a degrader that can't be read that is not known, and the number of draws stays set."""
    try:
        read = read_variant(degrader, "degraders")
    except InputError:
        return True
    assert isinstance(read, Degrader)
    return read.random


def _sampling(panel: Panel, form: dict[str, Any], card: Card, begin: Mapping[str, Any], random: bool) -> DeltaGenerator:
    """What an experiment has beside its variants; returns the place for a remark on the number of items."""
    with st.container():  # for the same reason as a variant's parameters
        if random:
            for name in ("draws", "doublings"):
                form[name] = panel.dial(dial_of(Experiment, name), name, card, begin)
        form["strengths"] = _strengths(panel, form["degrader"]["name"], begin)
    form["items"] = panel.dial(dial_of(Experiment, "items"), "items", card, begin)
    remark = st.container()
    form["shams"] = panel.dial(dial_of(Experiment, "shams"), "shams", card, begin)
    form["seed"] = panel.dial(dial_of(Experiment, "seed"), "seed", card, begin)
    form["margin"] = panel.optional_number(
        "Margin ε (nats)",
        "margin",
        LEAST_MARGIN,
        MOST_MARGIN,
        begin.get("margin"),
        "automatic",
        "Loss delta that counts as no longer significant. Empty: 5 % of what the network knows, chance − L(0).",
    )
    for name in ("retention_min", "alpha"):
        form[name] = panel.dial(dial_of(Experiment, name), name, card, begin)
    return remark


def _strengths(panel: Panel, degrader: str, begin: Mapping[str, Any]) -> list[float] | None:
    """Strengths instead of those of the dial's default sweep; each dial has its own."""
    given = begin["degrader"]
    same = degrader == (given if isinstance(given, str) else given["name"])
    return panel.numbers(
        "Strengths",
        f"{degrader}.strengths",
        begin.get("strengths") if same else None,
        "the dial's default sweep",
        "Strengths to measure besides 0, in the dial's own numbers, as they stand in an exported table.",
    )


def _change(model: Model, change: Change) -> Change:
    """How the chosen model differs from the one that the page was last drawn for, if not everything begins anew."""
    former = st.session_state.get(NETWORK, model)
    st.session_state[NETWORK] = model
    if former == model or change != "none":
        return change
    return "parameters" if former.name == model.name else "model"


def _beginning(model: Model, card: Card, story: Mapping[str, Any]) -> Mapping[str, Any]:
    """What to begin with on another network than the story's: its dial, and the first handle that is known."""
    handle = next(iter(model.handles(card)), None)
    return {
        "degrader": story["degrader"],
        "behaviour": handle.behaviour if handle else "",
        "intervention": handle.intervention if handle else "",
    }


def _for_behaviour(chosen: Mapping[str, Any], model: Model, card: Card, begin: Mapping[str, Any]) -> Mapping[str, Any]:
    """What to begin with on the chosen behaviour: its first handle, unless it is the behaviour that one began with."""
    start = begin["behaviour"]
    if chosen["name"] == (start if isinstance(start, str) else start.get("name")):
        return begin
    behaviour = read_variant(chosen, "behaviours")
    handles = (each for each in model.handles(card) if read_variant(each.behaviour, "behaviours") == behaviour)
    handle = next(handles, None)
    return {**begin, "intervention": handle.intervention} if handle else begin


def _standing(experiment: Experiment) -> str:
    """What is known of the intervention, if it is one of the model's handles on this behaviour."""
    for handle in experiment.model.handles(experiment.card):
        same_behaviour = read_variant(handle.behaviour, "behaviours") == experiment.behaviour
        if same_behaviour and read_variant(handle.intervention, "interventions") == experiment.intervention:
            known = f"{handle.standing.capitalize()}: {handle.told(experiment.card)}"
            return known if experiment.step is None else f"Of the trained network is known: {known}"
    return ""
