"""The study's tables, as the documentation has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, get_args

from engine.dials import InputError
from engine.intervals import Interval
from engine.regime import VerdictName
from engine.study_result import Curve, Study, Truth
from engine.study_statistics import LEVEL, Rate, area_of_cost, area_of_gain, area_of_verdict, errors

MARKS: Final = "<!-- study: written by `regimescope study --write` -->", "<!-- study: end -->"


def markdown(study: Study) -> str:
    """All that the study says, in tables."""
    curves, size = study.curves, study.size
    networks = dict.fromkeys(each.network for each in curves)
    dosed = [each for each in curves if each.standing == "spurious"]
    parts = (
        f"{len(curves)} curves of {len(networks)} networks; {size.items} items of each set, {size.draws} draws, "
        f"{size.strengths} strengths at most ({size.sampled} where networks are sampled, by chains of {size.steps} "
        f"steps). {sum(each.matched for each in dosed)} of "
        f"{len(dosed)} spurious curves have the undegraded effect that was wanted. Brackets: {LEVEL:.0%} intervals.",
        "### By dial",
        _table("dial", curves, lambda each: each.dial),
        "### By kind of network",
        _table("networks", curves, lambda each: each.model),
        "### Verdicts",
        _verdicts(curves),
        "### Networks",
        _networks(curves),
    )
    return "\n\n".join(parts)


def put(page: Path, study: Study) -> None:
    """Writes the tables between the marks of a page.

    Raises:
        InputError: there is no such page.
    """
    if not page.is_file():
        raise InputError(f"--write must be given in a checkout, which has the page {page}, got none; leave it out.")
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n\n{markdown(study)}\n\n{MARKS[1]}{after}", encoding="utf-8")


def _table(what: str, curves: Sequence[Curve], of: Callable[[Curve], str]) -> str:
    """Errors and areas of each group of curves, and of all."""
    groups = {name: [each for each in curves if of(each) == name] for name in dict.fromkeys(map(of, curves))}
    head = (
        *(what, "genuine without a clean regime (missed)", "spurious with one (false)"),
        *("false, confirmed on other items", "false, by the verdict", "AUC of the verdict", "AUC of the gain"),
        "AUC of the cost undegraded",
    )
    lines = [_line(name, some) for name, some in groups.items()]
    return _rows(head, lines if len(groups) == 1 else [*lines, _line("**all**", curves)])


def _line(name: str, curves: Sequence[Curve]) -> tuple[str, ...]:
    by_regime = errors(curves, "regime")
    rates = by_regime.missed, by_regime.false, errors(curves, "confirmed").false, errors(curves, "verdict").false
    areas = area_of_verdict(curves), area_of_gain(curves), area_of_cost(curves)
    return name, *map(_rate, rates), *map(_area, areas)


def _verdicts(curves: Sequence[Curve]) -> str:
    seen = [name for name in get_args(VerdictName) if any(each.verdict == name for each in curves)]
    lines = []
    for model in dict.fromkeys(each.model for each in curves):
        for standing in get_args(Truth):
            counts = Counter(each.verdict for each in curves if (each.model, each.standing) == (model, standing))
            lines.append((f"{model}, {standing}", *(str(counts[name]) for name in seen)))
    return _rows(("curves", *seen), lines)


def _networks(curves: Sequence[Curve]) -> str:
    """What the handles do undegraded, once for each: it is the same on every dial."""
    lines = {
        (each.network, each.handle): (
            each.network if each.step is None else f"{each.network} at step {each.step:,}",
            f"{each.handle} ({each.standing})",
            f"{each.effect:.3g}",
            f"{each.wanted:.3g}" if each.standing == "spurious" else "",
            f"{each.loss_delta:+.3f}",
            f"{each.margin:.3f}",
        )
        for each in curves
    }
    head = ("network", "handle", "effect E(0)", "wanted", "loss delta Δ(0), nats", "margin, nats")
    return _rows(head, list(lines.values()))


def _rows(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines))


def _rate(rate: Rate) -> str:
    low, high = (f"{100 * bound:.0f}" for bound in (rate.interval.low, rate.interval.high))
    return f"{rate.count}/{rate.curves} ({low} to {high} %)"


def _area(area: Interval) -> str:
    return f"{area.mean:.2f} ({area.low:.2f} to {area.high:.2f})"
