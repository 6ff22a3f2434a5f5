"""Addresses within the dashboard of what was asked before."""

from __future__ import annotations

from urllib.parse import urlencode

from engine.questions import DialComparison, InterventionComparison, PhaseMap, Question
from engine.spec import Experiment


def address_of(question: Question) -> str:
    """The address at which a question is shown, with all of its settings."""
    match question:
        case Experiment():
            return _address("/", question)
        case DialComparison(experiment=experiment, count=count):
            return _address("/compare-dials", experiment, count=str(count))
        case InterventionComparison(experiment=experiment, redosed=redosed):
            return _address("/compare-interventions", experiment, **({"redosed": "true"} if redosed else {}))
        case PhaseMap(experiment=experiment, part=part, strengths=strengths):
            outer = experiment.degrader.parts[part].degrader.name  # type: ignore[attr-defined]  # it is a composition
            choice = {"outer.part": f"part {part + 1}, {outer}"}
            given = {f"outer.{outer}.strengths": ", ".join(map(repr, strengths))}
            return _address("/phase-map", experiment, **choice, **given)


def _address(path: str, experiment: Experiment, **query: str) -> str:
    return f"{path}?{urlencode({'experiment': experiment.to_json(), **query})}"
