"""What shams of ablations share: other sets of as many parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import comb, prod
from typing import TYPE_CHECKING, TypeVar

from engine.dials import dial_of
from engine.interventions.base import Intervention
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.models.base import Card

Parted = TypeVar("Parted", bound=Intervention)


def all_alike(_: str) -> str:
    """The kind of every part where any may stand in for any other."""
    return ""


def with_others(
    intervention: Parted, parameter: str, card: Card, number: int, kind: Callable[[str], str] = all_alike
) -> Parted | None:
    """The same intervention on as many other parts of the model; None if it has not so many sets of others.

    Args:
        intervention: what the sham is for.
        parameter: the one that names its parts.
        card: the model's.
        number: which sham, from 0.
        kind: tells which parts are of one kind; a set of others has as many of each.
    """
    every = card.options(dial_of(type(intervention), parameter).of)
    form = intervention.model_dump()
    others = others_than(form[parameter], every, number, kind)
    return None if others is None else intervention.model_validate(form | {parameter: others})


def others_than(
    chosen: Sequence[str], every: Sequence[str], number: int, kind: Callable[[str], str] = all_alike
) -> tuple[str, ...] | None:
    """The number-th of the sets, in random order, that have as many parts of each kind and none of those chosen.

    Sets are drawn uniformly, and one that was drawn before is drawn again, so distinct numbers give distinct sets and
    nothing is enumerated. None if there are not so many sets.
    """
    rest: dict[str, list[str]] = defaultdict(list)
    for part in every:
        if part not in chosen:
            rest[kind(part)].append(part)
    wanted = sorted(Counter(map(kind, chosen)).items())
    if number >= prod(comb(len(rest[each]), count) for each, count in wanted):
        return None
    chance = generator("sham", *chosen)
    drawn: dict[tuple[str, ...], None] = {}
    while len(drawn) <= number:
        picks = [(each, sorted(chance.choice(len(rest[each]), count, replace=False))) for each, count in wanted]
        drawn[tuple(rest[each][place] for each, places in picks for place in places)] = None
    return tuple(drawn)[-1]
