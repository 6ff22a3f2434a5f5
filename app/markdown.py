"""Text that Markdown is to leave alone."""

from __future__ import annotations

import re


def plain(text: str) -> str:
    """The text with all that means something in Streamlit's Markdown escaped: it is shown as it stands."""
    return re.sub(r"([\\`*_{}\[\]<>#$~|:!])", r"\\\1", text)
