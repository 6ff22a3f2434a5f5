"""The settings of an experiment, in the sidebar and in the URL: the URL is the permalink."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from app.controls import control, variant_controls
from engine import discovery
from engine.dials import dials_of
from engine.models.base import Card
from engine.spec import Experiment, presets

DEFAULT_PRESET: Final = "becomes-clean"


def choose_experiment() -> Experiment:
    """Draws the settings and returns the experiment that they describe.

    Raises:
        InputError: the settings don't fit together.
    """
    asked = st.query_params.to_dict()
    begin = presets()[DEFAULT_PRESET]["experiment"]
    with st.sidebar:
        ...
