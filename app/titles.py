"""What was asked, in words: a line for lists, and one for who sees nothing but an answer."""

from __future__ import annotations

from engine.questions import DialComparison, InterventionComparison, Question, experiment_of
from engine.spec import Experiment


def title_of(question: Question) -> str:
    """What was asked, in a line."""
    asked = experiment_of(question)
    return " · ".join((asked.intervention.describe(), asked.degrader.name, _network(asked), asked.behaviour.name))


def about(question: Question) -> str:
    """The same with names for its parts, as it stands in a picture or a page that is passed on."""
    asked = experiment_of(question)
    said = asked.intervention.describe()
    match question:
        case DialComparison():
            parts = [f"{said} on every dial, at equal degraded loss"]
        case InterventionComparison():
            parts = [f"{said} beside the model's other interventions", _dial(asked)]
        case _:
            parts = [said, _dial(asked)]
    return " · ".join((*parts, f"model: {_network(asked)}", f"behaviour: {asked.behaviour.name}"))


def _network(asked: Experiment) -> str:
    model = " ".join([asked.model.name, *(f"{name} {value}" for name, value in asked.model.model_dump().items())])
    return model if asked.step is None else f"{model} at step {asked.step:,}"


def _dial(asked: Experiment) -> str:
    return f"dial: {asked.degrader.name} ({asked.degrader.axis(asked.card).title})"
