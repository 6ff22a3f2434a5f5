"""The settings of an experiment, in the sidebar and in the URL: the URL is the permalink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import streamlit as st

from app.controls import Panel
from engine import discovery
from engine.behaviours.base import Behaviour
from engine.dials import dial_of
from engine.models.base import Card
from engine.spec import Experiment, presets

DEFAULT_PRESET: Final = "becomes-clean"
LOWEST_MARGIN: Final = 0.001
HIGHEST_MARGIN: Final = 10.0


def choose_experiment() -> tuple[Experiment, list[str]]:
    """Draws the settings; returns the experiment that they describe, and a sentence for each part of the URL that could
    not be used.

    Raises:
        InputError: the settings do not fit together.
    """
    panel = Panel({name: st.query_params.get_all(name) for name in st.query_params})
    begin = presets()[DEFAULT_PRESET]["experiment"]
    form: dict[str, Any] = {}
    with st.sidebar:
        st.markdown("## Regime:green[scope]")
        models = discovery.find("models")
        form["model"] = panel.choose("Model", "model", list(models), begin["model"])
        model = models[form["model"]]
        st.caption(model.summary)
        card = model().card()

        behaviours: dict[str, type[Behaviour]] = {
            name: kind for name, kind in discovery.find("behaviours").items() if kind.is_compatible(model())
        }
        form["behaviour"] = panel.choose("Behaviour", "behaviour", list(behaviours), begin["behaviour"])
        st.caption(behaviours[form["behaviour"]].summary)

        form["degrader"] = _variant(panel, "Degrader", "degraders", card, begin["degrader"])
        degrader = discovery.find("degraders")[form["degrader"]["name"]]
        form["intervention"] = _variant(panel, "Intervention", "interventions", card, begin["intervention"])

        with st.expander("Sampling and verdict"):
            with st.container():  # for the same reason as a variant's parameters
                if degrader.random:
                    form["draws"] = panel.dial(dial_of(Experiment, "draws"), "draws", card, begin)
            for name in ("items", "seed"):
                form[name] = panel.dial(dial_of(Experiment, name), name, card, begin)
            form["margin"] = panel.optional_number(
                "Margin ε (nats)",
                "margin",
                LOWEST_MARGIN,
                HIGHEST_MARGIN,
                "automatic",
                "Loss delta that counts as no longer significant. Empty: 5 % of what the network knows, chance − L(0).",
            )
            for name in ("retention_min", "alpha"):
                form[name] = panel.dial(dial_of(Experiment, name), name, card, begin)
    panel.finish()
    return Experiment.read(form), panel.notices


def _variant(
    panel: Panel, label: str, kind: Literal["degraders", "interventions"], card: Card, begin: str | Mapping[str, Any]
) -> dict[str, Any]:
    """A degrader or an intervention that the model admits, with its parameters."""
    known = {name: variant for name, variant in discovery.find(kind).items() if variant.is_compatible(card)}
    preset: Mapping[str, Any] = {"name": begin} if isinstance(begin, str) else begin
    name = panel.choose(label, kind.removesuffix("s"), list(known), preset["name"])
    st.caption(known[name].summary)
    return panel.variant(known[name], card, preset if name == preset["name"] else {})
