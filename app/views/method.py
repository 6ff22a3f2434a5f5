"""Method: what is measured and how it is judged, with equations and sources."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final

import streamlit as st

from engine import discovery
from engine.dials import Variant
from engine.discovery import Kind

TEXT: Final = Path(__file__).with_name("method.md")
KINDS: Final[dict[Kind, str]] = {
    "degraders": "Degraders",
    "interventions": "Interventions",
    "behaviours": "Behaviours",
    "models": "Models",
}


def page() -> None:
    """Draws the page."""
    st.title("Method")
    text = TEXT.read_text(encoding="utf-8")
    sections = [*re.findall(r"^## (.+)$", text, flags=re.MULTILINE), *KINDS.values()]
    st.markdown(" · ".join(f"[{section}](#{_anchor(section)})" for section in sections))
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        st.header(title, anchor=_anchor(title))
        st.markdown(body)
    for kind, title in KINDS.items():
        st.header(title, anchor=_anchor(title))
        for name, variant in discovery.find(kind).items():
            st.markdown(f"**{name}**: {variant.summary}  \n{_described(variant)}")


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z]+", "-", title.lower().replace("'", "")).strip("-")


def _described(variant: type[Variant]) -> str:
    """What the declaration says of itself, as text that Markdown leaves alone."""
    text = inspect.cleandoc(variant.__doc__ or "").replace("\n\n", "\n")
    plain = re.sub(r"([\\`*_{}\[\]<>#$~|:])", r"\\\1", " ".join(text.split()))
    return f":small[{plain}]"
