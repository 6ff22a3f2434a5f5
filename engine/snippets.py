"""Text that asks a question again and gives the same numbers: as a Python program, and as a command."""

from __future__ import annotations

import json
from pprint import pformat

from engine.questions import DialComparison, InterventionComparison, PhaseMap, Question, experiment_of
from engine.spec import Experiment

_LAB = """from engine.lab import Lab
from engine.spec import Experiment
from engine.store import Store, default_folder
"""


def python(question: Question) -> str:
    """A program that measures it; what is stored is not measured again."""
    experiment = experiment_of(question)
    form = pformat(experiment.model_dump(mode="json"), width=100, sort_dicts=False)
    asked = f"experiment = Experiment.read(\n{form}\n)\nwith Lab(Store(default_folder())) as lab:\n"
    match question:
        case Experiment():
            return (
                f"{_LAB}from engine.sweep import Sweep\n\n{asked}"
                "    analysis = Sweep(experiment, lab).run()\n"
                "print(analysis.verdict.name, analysis.verdict.strengths)\n"
            )
        case DialComparison(count=count):
            return (
                "from engine.calibrate import spaced_losses\nfrom engine.dial_comparison import compare_dials\n"
                f"{_LAB}\n"
                f"{asked}    table = compare_dials(experiment, lab, spaced_losses(experiment, lab, {count}))\n"
                "print(table)\n"
            )
        case InterventionComparison(redosed=redosed):
            return (
                f"from engine.intervention_comparison import compare_interventions, contenders\n{_LAB}\n"
                f"{asked}    table = compare_interventions(contenders(experiment), lab, redosed={redosed})\n"
                "print(table)\n"
            )
        case PhaseMap(part=part, strengths=strengths):
            return (
                f"{_LAB}from engine.phase_map import phase_map\n\n"
                f"{asked}    table = phase_map(experiment, lab, {part}, {list(strengths)})\nprint(table)\n"
            )


def command(question: Question) -> str:
    """A command for a POSIX shell that measures it, with the experiment as its input."""
    experiment = experiment_of(question)
    # JSON has no line break in it, so no line of it can be the word that ends the input
    form = json.dumps(experiment.model_dump(mode="json"))
    return f"regimescope {_arguments(question)} <<'EOF'\n{form}\nEOF\n"


def _arguments(question: Question) -> str:
    match question:
        case Experiment():
            return "sweep - --out result.parquet"
        case DialComparison(count=count):
            return f"compare - --dials --count {count} --out dials.parquet"
        case InterventionComparison(redosed=redosed):
            return f"compare - --interventions{' --redosed' if redosed else ''} --out interventions.parquet"
        case PhaseMap(part=part, strengths=strengths):
            return f"map - --part {part} --strengths {','.join(map(repr, strengths))} --out map.parquet"
