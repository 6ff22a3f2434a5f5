"""Controls of a composition: how many parts it has, which of them is swept, and each with its strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.controls import Panel
from engine import discovery
from engine.degraders.base import Degrader
from engine.degraders.compose import MOST_PARTS
from engine.dials import Dial, InputError, Variant, dials_of
from engine.discovery import read_variant
from engine.models.base import Card


def choose_variant(panel: Panel, variant: type[Variant], card: Card | None, begin: Mapping[str, Any]) -> dict[str, Any]:
    """The controls of a variant's parameters, and of its parts if it has some; returns its JSON form.

    They stand in a block of their own; see `Panel.variant`.
    """
    with st.container():
        form = panel.variant(variant, card, begin)
        for dial in dials_of(variant):
            if dial.kind == "parts":
                assert card is not None, "a model has no parts"
                form[dial.name] = _parts(panel, dial, variant.name, card, begin.get(dial.name, dial.default))
    return form


def _parts(panel: Panel, dial: Dial, key: str, card: Card, begin: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row of degraders, of which one is swept and the others have a strength."""
    counts = [str(count) for count in range(2, MOST_PARTS + 1)]
    count = int(panel.pick("Number of parts", f"{key}.{dial.name}", counts, str(len(begin)), dial.help))
    numbers = [str(number) for number in range(1, count + 1)]
    open_at = next((number for number, part in enumerate(begin, 1) if part.get("strength") is None), 1)
    swept = panel.pick("Part that is swept", f"{key}.swept", numbers, str(open_at), "The others keep their strength.")
    parts = []
    for number in range(1, count + 1):
        start = begin[number - 1] if number <= len(begin) else {}
        with st.container(border=True):
            parts.append(_part(panel, number, f"{key}.{number}", card, start, swept=str(number) == swept))
    return parts


def _part(panel: Panel, number: int, key: str, card: Card, begin: Mapping[str, Any], *, swept: bool) -> dict[str, Any]:
    """One of the degraders with its parameters and its strength."""
    known = {
        name: kind
        for name, kind in discovery.find("degraders").items()
        if kind.is_compatible(card) and not _is_composed(kind) and (number == 1 or not kind.replaces)
    }
    given = begin.get("degrader", "")
    start: Mapping[str, Any] = {"name": given} if isinstance(given, str) else given
    name = panel.choose(f"Part {number}", f"{key}.degrader", list(known), start["name"])
    same = name == start["name"]
    form = panel.variant(known[name], card, start if same else {}, within=f"{key}.")
    with st.container():  # as a variant's parameters
        if swept:
            st.caption("Its strength is swept.")
            return {"degrader": form}
        strength = _strength(panel, form, f"{key}.{name}.strength", card, begin.get("strength") if same else None)
    return {"degrader": form, "strength": strength}


def _strength(panel: Panel, form: Mapping[str, Any], key: str, card: Card, begin: float | None) -> float | None:
    """One of the strengths of the degrader's own sweep; none if the degrader is not fully set."""
    try:
        degrader = read_variant(form, "degraders")
    except InputError:
        return None  # which will be told when the experiment is read
    assert isinstance(degrader, Degrader)
    dial, offered = degrader.strength, degrader.strengths(card)[1:]
    if begin is None:
        begin = min(offered, key=lambda each: abs(each - dial.default))
    by_label = {degrader.label(each, card): each for each in sorted({*offered, begin})}
    label = degrader.label(begin, card)
    chosen = panel.slide(f"Strength ({degrader.axis(card).name})", key, list(by_label), label, dial.help)
    return by_label[chosen]


def _is_composed(kind: type[Degrader]) -> bool:
    return any(dial.kind == "parts" for dial in dials_of(kind))
