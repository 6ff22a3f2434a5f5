"""The items that are shown one by one: what they are, and what a network says of them at one strength."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from engine.items import Items
from engine.measure import EXAMPLES, SHOWN_CLASSES, Losses
from engine.spec import Experiment
from engine.sweep import Sweep

CONDITIONS: Final = ("degraded", "intervened")
SHOWN: Final = 24
"""Tokens shown of an item at most."""
LEAD: Final = 2
"""Tokens shown before the first that is scored, if not all are."""


def described(sweep: Sweep) -> list[dict[str, Any]]:
    """What the items are: tokens, of which some are scored, or an image and the classes that it may be of."""
    asked = sweep.experiment
    describe = _image if asked.behaviour.view == "image" else _tokens
    return [
        {
            "title": title,
            "kind": kind,
            "view": asked.behaviour.view,
            "metric": items.metric,
            **describe(asked, items, item),
        }
        for kind, title, items, item in _shown(sweep)
    ]


def measured(sweep: Sweep, index: int) -> list[dict[str, Any]]:
    """What the network says of each at a strength, without the intervention and with it: losses of the tokens, or
    probabilities of the classes.
    """
    runs = sweep.examples(index)
    if runs is None:
        return []
    read = _probabilities if sweep.experiment.behaviour.view == "image" else _losses
    return [
        {name: read(run, kind, items, item) for name, run in zip(CONDITIONS, runs, strict=True)}
        for kind, _, items, item in _shown(sweep)
    ]


def _shown(sweep: Sweep) -> list[tuple[str, str, Items, int]]:
    """The items that are shown, one of each set in turn: of which kind, what they are called, and where they lie."""
    asked = sweep.experiment.behaviour
    sets = (
        ("behaviour", asked.behaviour_item, sweep.data.behaviour),
        ("performance", asked.performance_item, sweep.data.performance),
    )
    return [(*each, item) for item in range(EXAMPLES) for each in sets if item < len(each[-1])]


# ---- tokens ----------------------------------------------------------------------------------------------------------


def _tokens(asked: Experiment, items: Items, item: int) -> dict[str, Any]:
    """The text, and after it what is to be answered at its end; an answer that is not the text's next token is written
    in its place, behind an arrow.
    """
    known = [int(token) for token in items.inputs[item]]
    texts = [asked.behaviour.show(asked.model, token) for token in known]
    texts.append("")
    for slot in np.flatnonzero(items.scored[item]):
        place, answers = int(items.read[item, slot]) + 1, _answers(items, item, int(slot))
        if place == len(known) or known[place] not in answers:
            arrow = "" if place == len(known) else "→"
            texts[place] = arrow + "/".join(asked.behaviour.show(asked.model, answer) for answer in answers)
    losses = _by_token(np.zeros(items.read.shape[1]), items, item)
    return {"tokens": texts[_window(items, item)], "scored": [loss is not None for loss in losses]}


def _losses(run: Losses, kind: str, items: Items, item: int) -> list[float | None]:
    return _by_token(getattr(run, f"{kind}_examples")[item], items, item)


def _by_token(losses: np.ndarray, items: Items, item: int) -> list[float | None]:
    """Losses of the tokens that are shown; null where none is read."""
    by_token = np.full(items.inputs.shape[1] + 1, np.nan)
    by_token[items.read[item][items.scored[item]] + 1] = losses[items.scored[item]]
    return [None if np.isnan(loss) else round(float(loss), 2) for loss in by_token[_window(items, item)]]


def _window(items: Items, item: int) -> slice:
    """The tokens to show: all of a short text, with the one that is read after its end; of a long one a part, from a
    little before the first that is scored.
    """
    places = items.read[item][items.scored[item]] + 1
    end = max(int(places.max()) + 1, items.inputs.shape[1])
    start = max(0, int(places.min()) - LEAD) if end > SHOWN else 0
    return slice(start, min(start + SHOWN, end))


# ---- images ----------------------------------------------------------------------------------------------------------


def _image(asked: Experiment, items: Items, item: int) -> dict[str, Any]:
    """The pixels row by row and any features beyond them, all from 0 to 1; the classes, and which of them are right."""
    side = math.isqrt(items.inputs.shape[1])
    classes, answers = _classes(asked, items), _answers(items, item, _slot(items, item))

    def named(some: tuple[int, ...]) -> list[str]:
        return [asked.behaviour.show(asked.model, each) for each in some]

    return {
        "side": side,
        "pixels": _shades(items.inputs[:, : side**2], item),
        "more": _shades(items.inputs[:, side**2 :], item),
        "classes": named(classes) or ["/".join(named(answers))],
        "answers": [classes.index(answer) for answer in answers] if classes else [0],
    }


def _probabilities(run: Losses, kind: str, items: Items, item: int) -> list[float]:
    slot = _slot(items, item)
    answer: np.ndarray = getattr(run, f"{kind}_answers")[item, slot]
    if not len(answer):  # too many classes to keep each: the right ones alone
        answer = np.exp(-getattr(run, f"{kind}_examples")[item, slot : slot + 1])
    elif items.among is not None:
        answer = answer[list(items.among)]
    return [round(float(share), 3) for share in answer]


def _classes(asked: Experiment, items: Items) -> tuple[int, ...]:
    """The classes among which the answer is to be found; none if there are too many to show."""
    count = asked.card.architecture.classes
    return (items.among or tuple(range(count))) if count <= SHOWN_CLASSES else ()


def _slot(items: Items, item: int) -> int:
    """The first slot that is scored; an image has no other."""
    return int(items.scored[item].argmax())


def _answers(items: Items, item: int, slot: int) -> tuple[int, ...]:
    """What counts as right: one answer, or two that are as good."""
    both = (items.targets, *([] if items.also is None else [items.also]))
    return tuple(dict.fromkeys(int(answers[item, slot]) for answers in both))


def _shades(features: np.ndarray, item: int) -> list[float]:
    """Features of an item between the least and the greatest of all items."""
    if not features.size:
        return []
    low, high = float(features.min()), float(features.max())
    return [round((float(each) - low) / ((high - low) or 1), 3) for each in features[item]]
