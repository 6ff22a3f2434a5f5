"""Widgets from declarations: every declared parameter gets its control, and the URL carries its value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import streamlit as st

from engine.dials import Dial, InputError, Variant, dials_of, listed, shown
from engine.models.base import Card

LOG_STEPS: Final = 40
FEW: Final = 8
"""So many names are shown; of more, their number is told."""
DRAWN: Final = "controls-drawn"
"""Where the session keeps the keys of all controls that there have been."""

Change = Literal["none", "parameters", "model"]
"""Which other network was chosen since the page was last drawn: none, one of the same kind, or of another."""


class Panel:
    """Draws controls, each under a key that is also its name in the URL, and notices what the URL asked for in vain.

    Attributes:
        notices: one sentence for each setting in the URL that could not be used.
        change: of the network. Parts of a network are chosen anew with every other one, since another network's head
            0.1 is another head; all settings begin anew with another kind.
    """

    def __init__(self, asked: Mapping[str, Sequence[str]]) -> None:
        self._asked = dict(asked)
        self._shown: set[str] = set()
        self._refused: list[str] = []
        self.notices: list[str] = []
        self.change: Change = "none"

    def take(self, key: str) -> str | None:
        """What the URL says under a name that no control has."""
        asked = self._asked.pop(key, None)
        return asked[-1] if asked else None

    def choose(
        self, label: str, key: str, names: Sequence[str], start: str, *, anew: bool = False, help: str | None = None
    ) -> str:
        """One of several names; `anew`: another network of the same kind begins with `start`, too."""
        index = self._begin(key, names, start, anew)
        value = st.selectbox(label, names, index=index, key=key, help=help, bind="query-params")
        return self._note(key, value or names[index], f"one of {listed(names)}")

    def pick(self, label: str, key: str, names: Sequence[str], start: str, help: str) -> str:
        """One of a few names, all of them in view."""
        default = names[self._begin(key, names, start)]
        value = st.segmented_control(
            label, names, default=default, required=True, key=key, help=help, bind="query-params"
        )
        return self._note(key, value, f"one of {', '.join(names)}")

    def slide(self, label: str, key: str, names: Sequence[str], start: str, help: str) -> str:
        """One of several names in a row, such as the strengths of a dial."""
        default = names[self._begin(key, names, start)]
        if len(names) == 1:
            return default  # a slider needs two ends
        value = st.select_slider(label, names, value=default, key=key, help=help, bind="query-params")
        return self._note(key, value, f"one of {', '.join(names)}")

    def variant(
        self, variant: type[Variant], card: Card | None, begin: Mapping[str, Any], within: str = ""
    ) -> dict[str, Any]:
        """The controls of a variant's parameters, apart from parts (see `app.parts`); returns its JSON form.

        They stand in a block of their own, so that what comes after them never moves: Streamlit loses a control's tie
        to the URL if it is drawn in a new place before it is gone from the old one.

        Args:
            variant: what is set.
            card: of the model that it is set for; none for a model itself, whose parameters are no parts of it.
            begin: values to begin with instead of the defaults.
            within: what the keys begin with.
        """
        with st.container():
            values = {
                dial.name: self.dial(dial, f"{within}{variant.name}.{dial.name}", card, begin)
                for dial in dials_of(variant)
                if dial.kind != "parts"
            }
        return {"name": variant.name, **values}

    def dial(self, dial: Dial, key: str, card: Card | None, begin: Mapping[str, Any]) -> Any:
        """The control of one parameter; returns its value."""
        label = dial.name.replace("_", " ").capitalize() + (f" ({dial.unit})" if dial.unit else "")
        common: dict[str, Any] = {"key": key, "help": dial.help, "bind": "query-params"}
        if dial.kind == "options":
            assert card is not None, "only a network has parts"
            return self._options(dial, label, card, begin, common)
        start = begin.get(dial.name, dial.default)
        self._settle(key, st.session_state.get(key) if self.change == "parameters" else start)
        if dial.kind == "choice":
            value = st.segmented_control(label, dial.choices, default=start, required=True, **common)
            return self._note(key, value, dial.allowed)
        assert dial.low is not None and dial.high is not None, "a number is declared by `dial`"
        if dial.kind == "integer":
            value = st.number_input(label, int(dial.low), int(dial.high), int(start), **common)
        elif dial.scale == "log":
            value = st.select_slider(label, log_steps(dial, start), value=start, **common)
            return self._note(key, value, f"one of the slider's steps {dial.allowed}")
        else:
            value = st.slider(label, dial.low, dial.high, float(start), step=dial.step, **common)
        return self._note(key, value, dial.allowed)

    def optional_number(
        self, label: str, key: str, low: float, high: float, start: float | None, placeholder: str, help: str
    ) -> float | None:
        """A number that may be left empty; with another network it begins anew: it was meant for that one."""
        self._settle(key, start)
        value = st.number_input(
            label,
            low,
            high,
            start,
            step=0.01,
            format="%g",
            key=key,
            placeholder=placeholder,
            help=help,
            bind="query-params",
        )
        return self._note(key, value, f"a number between {low:g} and {high:g}")

    def numbers(
        self, label: str, key: str, start: Sequence[float] | None, placeholder: str, help: str
    ) -> list[float] | None:
        """Numbers with commas between them, or none if it is left empty. Anything else `finish` refuses."""
        text = ", ".join(map(repr, start or ()))
        self._settle(key, text)
        value = st.text_input(label, text, key=key, placeholder=placeholder, help=help, bind="query-params")
        self._shown.add(key)
        try:
            return [float(each) for each in value.split(",") if each.strip()] or None
        except ValueError:
            self._refused.append(
                f"{label} must be numbers with commas between them, got {shown(value)}; correct them, or leave the "
                "field empty."
            )
            return None

    def finish(self) -> None:
        """Notices what is left of the URL: settings that nothing here goes by.

        With another network it forgets what is out of sight, which Streamlit would bring back.

        Raises:
            InputError: a control holds what it can't mean.
        """
        drawn: set[str] = st.session_state.setdefault(DRAWN, set())
        if self.change != "none":
            for key in drawn - self._shown:
                st.session_state.pop(key, None)
        drawn |= self._shown
        for key in self._asked:
            if key not in self._shown:
                self.notices.append(
                    f"The link's setting {_quoted(key)} does not belong to what is shown; it is left out."
                )
        if self._refused:
            raise InputError(self._refused[0])

    def _options(self, dial: Dial, label: str, card: Card, begin: Mapping[str, Any], common: dict[str, Any]) -> Any:
        choices, suggested, groups = card.options(dial.of), card.suggested(dial.of), card.groups.get(dial.of, {})
        key: str = common["key"]
        if dial.several:
            start = list(begin.get(dial.name, suggested))
            self._settle(key, start)
            value = st.multiselect(label, choices, default=start, **common)
            _offer(key, groups)
        else:
            start = begin.get(dial.name, next(iter(suggested), None))
            self._settle(key, start)
            value = st.selectbox(label, choices, index=choices.index(start) if start in choices else None, **common)
            if groups:
                st.caption(" · ".join(f"{group}: {first_few(parts)}" for group, parts in groups.items()))
        return self._note(key, value, f"among {first_few(choices)}")

    def _begin(self, key: str, names: Sequence[str], start: str, anew: bool = False) -> int:
        """Where a choice begins; what was chosen stays while it is offered, unless another network begins anew."""
        index = names.index(start) if start in names else 0
        now = st.session_state.get(key)
        offered = now in names
        kept = offered and self.change == "parameters" and not anew
        self._settle(key, now if kept else names[index], gone=not offered)
        return index

    def _settle(self, key: str, value: Any, gone: bool = False) -> None:
        """Gives a control this value if another network was chosen, or if what it was set to is gone.

        Streamlit would keep what it was set to, and leave it out of the URL if that is what it began with before.
        """
        if (self.change != "none" or gone) and key in st.session_state:
            st.session_state[key] = value

    def _note(self, key: str, value: Any, allowed: str) -> Any:
        self._shown.add(key)
        asked = self._asked.get(key)
        if asked is not None and not _same(asked, value):
            used = ", ".join(map(str, value)) if isinstance(value, list) else value
            self.notices.append(
                f"The link asks for {key} = {_quoted(', '.join(asked))}, which must be {allowed}; "
                f"{'nothing' if used is None else used} is used instead."
            )
        return value


def log_steps(dial: Dial, start: float) -> list[float]:
    """Values of a logarithmic dial, with the one that it starts from among them."""
    assert dial.low and dial.high, "a logarithmic dial has limits above 0"
    low, high = math.log(dial.low), math.log(dial.high)
    steps = {float(f"{math.exp(low + (high - low) * k / LOG_STEPS):.3g}") for k in range(LOG_STEPS + 1)}
    return sorted(steps | {start})


def first_few(names: Sequence[str]) -> str:
    """Names side by side; of very many the first, and how many there are."""
    more = f", … ({len(names):,} in all)" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def _offer(key: str, groups: Mapping[str, Sequence[str]]) -> None:
    """A button for each group of parts, which sets a control to it."""
    if groups:
        with st.container(horizontal=True, gap="small"):
            for name, parts in groups.items():
                text = f"{name} ({len(parts)})"
                st.button(
                    text, key=f"{key} {name}", help=first_few(parts), type="tertiary", on_click=_put, args=(key, parts)
                )


def _put(key: str, parts: Sequence[str]) -> None:
    """Sets a control to a group of parts."""
    st.session_state[key] = list(parts)


def _quoted(text: str) -> str:
    """What a link brings along, for a notice: a code span, so that it is never read as Markdown."""
    return "`" + shown(text).replace("`", "'") + "`"


def _same(asked: Sequence[str], value: Any) -> bool:
    """Whether what stands in the URL is what the control shows."""
    if isinstance(value, list):
        return set(asked) == set(map(str, value))
    try:
        return float(asked[-1]) == float(value)
    except (TypeError, ValueError):
        return asked[-1] == str(value if value is not None else "")
