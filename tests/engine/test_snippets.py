"""What "Copy as Python" and "Copy as CLI" give is run, and says what the question says when it is asked directly."""

from __future__ import annotations

import ast
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from engine import discovery
from engine.calibrate import spaced_losses
from engine.cli import main
from engine.dial_comparison import compare_dials
from engine.intervention_comparison import compare_interventions, contenders
from engine.interventions.head_ablation import HeadAblation
from engine.lab import Lab
from engine.phase_map import phase_map
from engine.questions import DialComparison, InterventionComparison, PhaseMap, Question
from engine.regime import Analysis
from engine.report import read
from engine.snippets import command, python
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

FORM: dict[str, Any] = {
    "model": "planted",
    "behaviour": "context-steering",
    "degrader": "weight-noise",
    "strengths": [0.1, 0.3],
    "intervention": {"name": "steering", "vector": "competitor"},
    "draws": 2,
    "items": 8,
    "shams": 1,
    "margin": 0.1,
}
COMPOSED = FORM | {
    "degrader": {"name": "compose", "parts": [{"degrader": "pruning", "strength": 0.2}, {"degrader": "weight-noise"}]}
}
AWKWARD = 'it\'s "$HOME" `id` $(id) \\n \\\nEOF\n%s {} \t\x00 — é 🙂' + "x" * 200


def questions() -> list[Question]:
    experiment = Experiment.read(FORM)
    return [
        experiment,
        DialComparison(experiment=experiment, count=2),
        InterventionComparison(experiment=experiment),
        InterventionComparison(experiment=experiment, redosed=True),
        PhaseMap(experiment=Experiment.read(COMPOSED), part=0, strengths=(0.0, 0.3)),
    ]


KINDS = ["sweep", "dials", "interventions", "redosed", "map"]


@pytest.fixture(autouse=True)
def _few_dials(monkeypatch: pytest.MonkeyPatch) -> None:
    find = discovery.find

    def some(kind: Any) -> Any:
        found = find(kind)
        kept = ("compose", "pruning", "weight-noise")
        return {name: found[name] for name in kept} if kind == "degraders" else found

    monkeypatch.setattr(discovery, "find", some)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """With a store of its own: what a snippet measured is not there."""
    with Lab(Store(tmp_path / "direct"), threads=1) as opened:
        yield opened


Answer = pd.DataFrame | Analysis


def asked_directly(question: Question, lab: Lab) -> Answer:
    match question:
        case DialComparison(experiment=experiment, count=count):
            return compare_dials(experiment, lab, spaced_losses(experiment, lab, count))
        case InterventionComparison(experiment=experiment, redosed=redosed):
            return compare_interventions(contenders(experiment), lab, redosed=redosed)
        case PhaseMap(experiment=experiment, part=part, strengths=strengths):
            return phase_map(experiment, lab, part, strengths)
        case Experiment():
            return Sweep(question, lab).run()


def assert_same(found: Answer, expected: Answer) -> None:
    if isinstance(found, Analysis) and isinstance(expected, Analysis):
        assert json.dumps(asdict(found)) == json.dumps(asdict(expected))  # as text, NaN equals NaN
        return
    assert isinstance(found, pd.DataFrame)
    assert isinstance(expected, pd.DataFrame)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("question", questions(), ids=KINDS)
def test_the_program_gives_the_same_numbers(question: Question, lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    left: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(python(question), "<clipboard>", "exec"), left)
    assert capsys.readouterr().out.strip()
    assert_same(left["analysis" if question.kind == "sweep" else "table"], asked_directly(question, lab))


# ---- the command -----------------------------------------------------------------------------------------------------

Heard = tuple[list[str], bytes]


def shell(text: str, script: str, folder: Path) -> str:
    """What a shell prints that runs the text in a folder, where `regimescope` is this script."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "regimescope").write_text(f"#!/bin/sh\n{script}\n")
    (programs / "regimescope").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        ["sh", "-c", text], cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout


@pytest.fixture
def heard(tmp_path: Path) -> Callable[[str], Heard]:
    """Runs a text in a shell; gives the arguments and the input that reach `regimescope`."""

    def hear(text: str) -> Heard:
        shell(text, "printf '%s\\n' \"$@\" > arguments\nexec cat > input", tmp_path)
        return (tmp_path / "arguments").read_text().splitlines(), (tmp_path / "input").read_bytes()

    return hear


@pytest.mark.parametrize("question", questions()[1:], ids=KINDS[1:])
def test_the_command_gives_the_same_numbers(
    question: Question, lab: Lab, heard: Callable[[str], Heard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, given = heard(command(question))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert main(arguments) == 0
    (out,) = tmp_path.glob("*.parquet")
    assert_same(pd.read_parquet(out), asked_directly(question, lab))


def test_the_command_of_a_sweep_runs_as_a_program(lab: Lab, tmp_path: Path) -> None:
    question = Experiment.read(FORM)
    said = shell(command(question), f'exec {shlex.quote(sys.executable)} -P -m engine.cli "$@"', tmp_path)
    found, form = read(tmp_path / "result.parquet")
    assert said.startswith(f"{found.verdict.name}: ")
    assert Experiment.read(form) == question
    assert_same(found, asked_directly(question, lab))


# ---- any text --------------------------------------------------------------------------------------------------------


@pytest.fixture
def awkward() -> Experiment:
    """Names that no shipped network has; a user's own may."""
    given = HeadAblation.model_construct(heads=(AWKWARD, "EOF", "'", "\\"))
    return Experiment.read(FORM).model_copy(update={"intervention": given})


def test_any_text_reaches_the_command(awkward: Experiment, heard: Callable[[str], Heard], tmp_path: Path) -> None:
    arguments, given = heard(command(awkward))
    assert json.loads(given) == awkward.model_dump(mode="json")
    assert arguments == ["sweep", "-", "--out", "result.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arguments", "bin", "input"], "nothing else ran"


def test_any_text_reaches_the_program(awkward: Experiment) -> None:
    calls = [node for node in ast.walk(ast.parse(python(awkward))) if isinstance(node, ast.Call)]
    (form,) = (call.args[0] for call in calls if ast.unparse(call.func) == "Experiment.read")
    assert ast.literal_eval(form) == awkward.model_dump(mode="json")
