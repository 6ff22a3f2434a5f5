"""Method: what is measured and how it is judged, with equations and sources."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final

import streamlit as st

from app.markdown import plain
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
READABLE: Final = 800
"""Width of a column of text in pixels: some hundred characters."""


def page() -> None:
    """Draws the page. Every section, term of the glossary and variant has an anchor: `/method#margin`."""
    st.title("Method")
    text = TEXT.read_text(encoding="utf-8")
    titles = [*re.findall(r"^## (.+)$", text, flags=re.MULTILINE), *KINDS.values()]
    with st.container(width=READABLE):
        st.markdown(" · ".join(f"[{title}](#{_anchor(title)})" for title in titles))
        for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
            title, _, body = section.partition("\n")
            st.header(title, anchor=_anchor(title))
            # small headings in it get their anchors from Streamlit
            st.markdown(body)
        for kind, title in KINDS.items():
            st.header(title, anchor=_anchor(title))
            variants = discovery.find(kind).items()
            st.markdown(
                "\n\n".join(f"### {name}\n{variant.summary}\n\n{_described(variant)}" for name, variant in variants)
            )


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z]+", "-", title.lower().replace("'", "")).strip("-")


def _described(variant: type[Variant]) -> str:
    """What the declaration says of itself, as text that Markdown leaves alone but for `code`."""
    text = inspect.cleandoc(variant.__doc__ or "")
    prose, *rest = re.split(r"(`[^`]+`)", text)
    parts = [plain(prose), *(part if part.startswith("`") else plain(part) for part in rest)]
    return "".join(parts)
