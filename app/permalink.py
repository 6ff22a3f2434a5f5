"""Addresses within the dashboard of what was asked before."""

from __future__ import annotations

from urllib.parse import urlencode

from engine.questions import DialComparison, InterventionComparison, PhaseMap, Question, outer_dial
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
            outer = outer_dial(experiment, part).name
            choice = {"outer.part": f"part {part + 1}, {outer}"}
            given = {f"outer.{outer}.strengths": ", ".join(map(repr, strengths))}
            return _address("/phase-map", experiment, **choice, **given)


def _address(path: str, experiment: Experiment, **query: str) -> str:
    return f"{path}?{urlencode({'experiment': experiment.to_json(), **query})}"
