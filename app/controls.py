"""Widgets from declarations: every declared parameter gets its control, and the URL carries its value."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from engine.dials import Dial, Variant, dials_of
from engine.models.base import Card

LOG_STEPS = 40


def variant_controls(variant: type[Variant], card: Card, preset: dict[str, Any]) -> dict[str, Any]:
    """Draws the controls of a variant's parameters and returns its JSON form.

    Args:
        variant: what is set.
        card: of the model that it is set for.
        preset: values to begin with, where a preset names this variant.
    """
    st.caption(variant.summary)
    values = {dial.name: control(dial, f"{variant.name}.{dial.name}", card, preset) for dial in dials_of(variant)}
    return {"name": variant.name, **values}


def control(dial: Dial, key: str, card: Card, preset: dict[str, Any]) -> Any:
    """Draws one control, whose key is also its name in the URL, and returns its value."""
    label = dial.name.replace("_", " ").capitalize() + (f" ({dial.unit})" if dial.unit else "")
    common: dict[str, Any] = {"key": key, "help": dial.help, "bind": "query-params"}
    start = preset.get(dial.name, dial.default)
    match dial.kind:
        case "choice":
            return st.segmented_control(label, dial.choices, default=start, required=True, **common)
        case "options" if dial.several:
            begin = list(preset.get(dial.name, card.suggested(dial.of)))
            return st.multiselect(label, card.options(dial.of), default=begin, **common)
        case "options":
            choices = card.options(dial.of)
            begin = preset.get(dial.name, card.suggested(dial.of)[0])
            return st.selectbox(label, choices, index=choices.index(begin), **common)
    assert dial.low is not None and dial.high is not None, "a number is declared by `dial`"
    if dial.kind == "integer":
        return st.number_input(label, int(dial.low), int(dial.high), int(start), **common)
    if dial.scale == "log":
        return st.select_slider(label, log_steps(dial, start), value=start, **common)
    return st.slider(label, dial.low, dial.high, float(start), step=(dial.high - dial.low) / 200, **common)


def log_steps(dial: Dial, start: float) -> list[float]:
    """Values of a logarithmic dial, with the one that it starts from among them."""
    assert dial.low and dial.high
    low, high = math.log(dial.low), math.log(dial.high)
    steps = {float(f"{math.exp(low + (high - low) * k / LOG_STEPS):.3g}") for k in range(LOG_STEPS + 1)}
    return sorted(steps | {start})
