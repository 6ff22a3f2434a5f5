"""The verdict in plain words: one sentence that answers, and one or two that say on what it rests."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from engine.degraders.base import UNDEGRADED, Axis
from engine.regime import Analysis, Row, State
from engine.shams import AWAITED, outdone
from engine.spec import Experiment

Tone = Literal["clean", "entangled", "lost", "broken", "unresolved", "pending"]

TONES: dict[str, Tone] = {
    "clean throughout": "clean",
    "becomes clean": "clean",
    "unmasked": "entangled",
    "never clean": "entangled",
    "potency lost": "lost",
    "saturated": "broken",
    "unresolved": "unresolved",
    "pending": "pending",
}


DECIDED_BY: dict[str, State] = {
    "never clean": "entangled",
    "unmasked": "entangled",
    "potency lost": "effect lost",
    "unresolved": "unresolved",
}
"""The state of the strengths on which a verdict without a clean regime rests."""


class Answer(NamedTuple):
    """What a curve says: a headline, the numbers behind it, and the colour to say it in."""

    name: str
    tone: Tone
    headline: str
    detail: str


PENDING = Answer("pending", "pending", "Measuring the undegraded network…", "")
MEASURING = Answer("pending", "pending", "Measuring: nothing is resolved yet.", "")


def answer(experiment: Experiment, analysis: Analysis, finished: bool) -> Answer:
    """Says what a curve says.

    Args:
        experiment: what was measured.
        analysis: rows and verdict so far.
        finished: whether every point is measured.
    """
    return with_network(experiment, _answer(experiment, analysis, finished))


def with_network(experiment: Experiment, said: Answer) -> Answer:
    """The same, and which network it is said of if that is not the trained one."""
    if experiment.step is None:
        return said
    network = f"Studied is the network at training step {experiment.step:,}, not the trained one."
    return said._replace(detail=f"{said.detail} {network}".strip())


def _answer(experiment: Experiment, analysis: Analysis, finished: bool) -> Answer:
    verdict, rows = analysis.verdict, analysis.rows
    name = verdict.name
    if name == "pending":
        return PENDING
    subject = experiment.intervention.describe()
    if not finished and (waiting := sum(row.reason == AWAITED for row in rows)):
        # a verdict on the others would not last
        return MEASURING._replace(name="shams awaited", headline=_awaiting(subject, waiting))
    if not finished and (name == "unresolved" or len(rows) < len(experiment.sweep_strengths)):
        return MEASURING
    headline = _headline(name, subject, experiment, analysis)
    if not verdict.regime:
        return Answer(name, TONES[name], headline, _why(name, experiment, rows))
    detail = "".join(
        part(experiment, analysis) for part in (_at_regime, _beside_shams, _elsewhere, _confirmed, _at_once)
    )
    if analysis.confirmed is False:
        return Answer(name, "unresolved", f"{headline} This is not confirmed.", detail)
    return Answer(name, TONES[name], headline, detail)


def _awaiting(subject: str, strengths: int) -> str:
    where = "at one strength" if strengths == 1 else f"at {strengths} strengths"
    return f"{subject} looks clean {where}; whether it does more than its shams is being measured."


def place(experiment: Experiment, strength: float) -> str:
    """A strength with its name: "step 597", "noise 0.2"; of a composition that degrades nothing, "undegraded"."""
    axis: Axis = experiment.degrader.axis(experiment.card)
    label = experiment.degrader.label(strength, experiment.card)
    return label if label == UNDEGRADED else f"{axis.name} {label}"


def _headline(name: str, subject: str, experiment: Experiment, analysis: Analysis) -> str:
    rows, regime = analysis.rows, analysis.verdict.regime
    where = ""
    if regime:
        losses = " to ".join(f"{loss:.2f}" for loss in dict.fromkeys(analysis.verdict.losses or ()))
        where = f"{_span(experiment, rows[regime[0]], rows[regime[1]])} (degraded loss {losses})"
    match name:
        case "clean throughout":
            return f"{subject} is clean wherever the network works and the effect remains, undegraded too."
        case "becomes clean" if rows[0].state == "clean":
            return f"{subject} is clean undegraded, not in between, and again {where}."
        case "becomes clean" if rows[0].state == "unresolved":
            return f"{subject} is clean {where}; whether it is clean undegraded is unresolved."
        case "becomes clean":
            return f"{subject} becomes clean {where}."
        case "unmasked":
            first = next(row for row in rows if row.state == "entangled")
            looks = f"clean {where}" if regime else "clean undegraded"
            where_not = place(experiment, first.strength)
            return f"{subject} is unmasked: it looks {looks} and is entangled further on, first at {where_not}."
        case "never clean":
            return f"{subject} is never clean: it changes the loss beyond the margin wherever the network works."
        case "potency lost":
            return f"{subject} loses its effect before its cost: no clean regime."
        case "saturated":
            return f"{subject} can't be judged on this dial: every degraded strength breaks the network."
    if math.isnan(rows[0].retention) and not math.isnan(rows[0].effect):
        return f"{subject} has no effect to retain: undegraded it is not distinguishable from zero."
    undecided = [row for row in rows if row.state == "unresolved"]
    if regime:
        where_not = f"{len(undecided)} of {len(rows)} strengths are"
        return f"{subject} is clean {where}, but the curve is unresolved: {where_not}."
    below = sum(outdone(row) for row in undecided)
    if below and below == len(undecided):
        return f"{subject} could be clean only where a sham does more: unresolved."
    could = f"Unresolved: no strength is shown to be clean, and {len(undecided) - below} of {len(rows)} could be"
    return f"{could}; at {below} more a sham does more." if below else f"{could}."


def _span(experiment: Experiment, first: Row, last: Row) -> str:
    start = place(experiment, first.strength)
    start = "the undegraded network" if start == UNDEGRADED else start
    return f"at {start}" if first is last else f"from {start} to {place(experiment, last.strength)}"


def best_index(analysis: Analysis) -> int | None:
    """The degraded strength of the regime, by index, that would be clean at the smallest margin: the one whose numbers
    the detail tells. None without a regime.
    """
    if analysis.verdict.regime is None:
        return None
    first, last = analysis.verdict.regime
    return min(range(max(first, 1), last + 1), key=lambda index: analysis.rows[index].frontier)


def _best(analysis: Analysis) -> Row:
    """The row of that strength."""
    index = best_index(analysis)
    assert index is not None
    return analysis.rows[index]


def _at_regime(experiment: Experiment, analysis: Analysis) -> str:
    rows, best = analysis.rows, _best(analysis)
    level = f"{100 * (1 - 2 * experiment.level):g} %"
    return (
        f"At {place(experiment, best.strength)} it changes the loss by {_signed(best.loss_delta)} nats "
        f"({level} interval {_signed(best.loss_delta_low)} to {_signed(best.loss_delta_high)}, margin "
        f"±{analysis.margin:.3g}; {_signed(rows[0].loss_delta)} undegraded) "
        f"and keeps {100 * best.retention:.0f} % of its effect."
    )


def _beside_shams(experiment: Experiment, analysis: Analysis) -> str:
    """How its shams do there; that the effect exceeds theirs is part of being clean."""
    shams = _best(analysis).shams
    if not shams:
        return " No shams were run."
    clean = sum(sham.state == "clean" for sham in shams)
    which = "its sham" if len(shams) == 1 else f"each of its {len(shams)} shams"
    found = f"{clean or 'none'} of them {'is' if clean < 2 else 'are'} clean there"
    return f" Its effect there exceeds that of {which}; {found}."


def _elsewhere(experiment: Experiment, analysis: Analysis) -> str:
    """Clean strengths outside of the regime, which is the longest run of neighbours."""
    first, last = analysis.verdict.regime or (0, 0)
    others = [row for i, row in enumerate(analysis.rows) if row.state == "clean" and i > 0 and not first <= i <= last]
    if not others:
        return ""
    axis = experiment.degrader.axis(experiment.card)
    labels = (experiment.degrader.label(row.strength, experiment.card) for row in others)
    return f" Clean elsewhere, too, at {axis.name} {', '.join(labels)}."


def _why(name: str, experiment: Experiment, rows: tuple[Row, ...]) -> str:
    """The reason of the strength that comes nearest to being clean, among those that decide the verdict."""
    working = [row for row in rows if row.state != "broken"] or list(rows)
    deciding = [row for row in working if row.state == DECIDED_BY.get(name)]
    deciding = [row for row in deciding if not outdone(row)] or deciding
    nearest = min(deciding or working, key=lambda row: abs(row.loss_delta))
    return f"{_sentence(place(experiment, nearest.strength))}: {nearest.reason}"


def _confirmed(experiment: Experiment, analysis: Analysis) -> str:
    looked = analysis.confirmation
    if looked is None:
        return ""
    if looked.index is None or looked.row is None:
        return " On half of the items alone no strength is clean."
    chosen = f"{place(experiment, analysis.rows[looked.index].strength)}, chosen on half of the items,"
    if analysis.confirmed:
        return f" Confirmed: {chosen} is clean on the other half too."
    if looked.row.state == "clean":
        return f" {_sentence(chosen)} is clean on the other half, but lies outside of this regime."
    return f" {_sentence(chosen)} is {looked.row.state} on the other half."


def _at_once(experiment: Experiment, analysis: Analysis) -> str:
    """Whether it holds for a band that covers all strengths at once, which looking for the best one calls for."""
    if analysis.simultaneous is None:
        return ""
    if analysis.simultaneous:
        return " A band over the whole curve is within the margin there, too."
    return (
        f" A band over all {len(analysis.rows)} strengths at once is nowhere within the margin: the best of so many may"
        " look clean by chance."
    )


def _signed(nats: float) -> str:
    """A change with its sign, which zero has not."""
    text = f"{nats:+.3f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def _sentence(text: str) -> str:
    """Text as a sentence begins."""
    return text[:1].upper() + text[1:]
