"""The live components: each shows one job, fed over a WebSocket.

Streamlit sends the page the skeleton and the styles; the rest are ES modules that the app serves
from this folder at ``/live/``. The address carries a hash of their contents, so that a browser never runs old ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Literal

from streamlit.components.v2 import component

if TYPE_CHECKING:
    from streamlit.components.v2.bidi_component.state import ComponentResult
    from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent
"""What the app serves at ``/live/``."""

View = Literal["explore", "dials", "interventions", "phase-map"]
"""The live components. Each has a skeleton (`<view>.html`) and a script (`<view>.js`)."""

STYLES: dict[View, tuple[str, ...]] = {
    "explore": ("explore",),
    "dials": ("explore", "several"),
    "interventions": ("explore", "several"),
    "phase-map": ("explore", "several", "phase-map"),
}
"""Each view's style sheets."""

# Streamlit runs a component's script from a blob address, where a relative import has no base: hence location.origin.
_SCRIPT = Template("""\
export default async function (component) {
  const { default: view } = await import(new URL("$view", location.origin).href)
  return view({ ...component, plotly: "$plotly" })
}
""")


def show(
    view: View,
    data: Mapping[str, Any],
    key: str,
    on_transport_change: Callable[[], None] = lambda: None,
    on_command_change: Callable[[], None] = lambda: None,
) -> ComponentResult:
    """Show one job, or go on showing it with newer data.

    Args:
        view: Which component.
        data: ``key``, ``kind`` and ``question`` (its JSON form), ``name`` (of files, without an ending), ``about``
            (what was asked, in words), ``address`` (of the page with all settings), ``snapshot`` (full, or None),
            ``socket`` (an address), ``files`` (addresses by form) and ``copy`` (texts by language).
        key: Streamlit's key of the component. Keep it when the question changes, so that the page elements stay.
        on_transport_change: Called when ``transport`` becomes ``"poll"``: the browser cannot open a WebSocket, so
            ``data["snapshot"]`` must be renewed about once a second.
        on_command_change: Called when ``command`` arrives, which happens only while polling: what would have gone
            over the WebSocket, such as ``{"type": "cancel"}``.

    Returns:
        ``transport`` (``"socket"`` or ``"poll"``) and ``command`` (a mapping, or None).
    """
    return _component(view)(
        key=key,
        data=dict(data),
        default={"transport": "socket"},
        on_transport_change=on_transport_change,
        on_command_change=on_command_change,
    )


@cache
def _component(view: View) -> ComponentRenderer:
    """Register a component, once a process."""
    vendored = json.loads((FOLDER / "vendor" / "plotly.json").read_text(encoding="utf-8"))
    addresses = {
        "view": f"/live/{view}.js?v={_fingerprint()}",
        "plotly": f"/live/vendor/{vendored['file']}?v={vendored['sha256'][:12]}",
    }
    return component(
        f"regimescope_{view.replace('-', '_')}",
        html=Template((FOLDER / f"{view}.html").read_text(encoding="utf-8")).substitute(addresses),
        css="".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in STYLES[view]),
        js=_SCRIPT.substitute(addresses),
        isolate_styles=False,
    )


def _fingerprint() -> str:
    """A short hash of every script here; another one when any of them changes."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.js")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
