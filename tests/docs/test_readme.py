from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pages import PAGES, ROOT, anchors, blocks, links, section

from engine.cli import _parser
from engine.interventions.parts import Value
from engine.lab import Lab
from engine.regime import Analysis
from engine.spec import Experiment
from engine.sweep import Sweep
from engine.words import place


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names that exist once the README's Python code has run, in a folder of its own."""
    (code,) = blocks("README.md", "python")
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        exec(compile(code, "README.md", "exec"), names)
        yield names
    names["lab"].close()


@pytest.fixture(scope="module")
def lab(session: dict[str, Any]) -> Lab:
    return session["lab"]


@pytest.fixture(scope="module")
def analysis(session: dict[str, Any]) -> Analysis:
    return session["analysis"]


# ---- what the README shows -------------------------------------------------------------------------------------------


def test_the_python_code_runs_and_says_what_the_curve_says(analysis: Analysis) -> None:
    assert analysis.verdict.name == "becomes clean"
    assert analysis.verdict.strengths is not None


@pytest.mark.parametrize("form", blocks("README.md", "json"))
def test_the_json_is_an_experiment(form: str) -> None:
    asked = Experiment.from_json(form)
    assert Experiment.from_json(asked.to_json()) == asked


COMMANDS = [
    pytest.param(line, id=f"{page.name}: {' '.join(line.split())[:60]}")
    for page in PAGES
    for block in blocks(str(page.relative_to(ROOT)), "sh")
    for line in block.splitlines()
    if line.startswith("regimescope ")
]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_line_is_understood(line: str) -> None:
    _, *arguments = shlex.split(line, comments=True)
    assert callable(_parser().parse_args(arguments).run)


def test_there_are_command_lines_to_understand() -> None:
    assert len(COMMANDS) >= 5


def test_every_make_command_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        command
        for page in PAGES
        for command in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {"run", "test"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        place, _, anchor = link.partition("#")
        target = page.parent / place if place else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


# ---- what the README claims ------------------------------------------------------------------------------------------

CLAIMS = section("README.md", "What it says about the embedded models")


def claimed(pattern: str) -> str:
    found = re.search(pattern, CLAIMS)
    assert found is not None, f"the README no longer says {pattern}"
    return found[1].replace(",", "")


def test_the_cost_in_the_finished_network(analysis: Analysis) -> None:
    assert f"{analysis.rows[0].loss_delta:.2f}" == claimed(r"ablating them costs ([\d.]+) nats")
    assert analysis.rows[0].state == "entangled"


def test_where_the_cost_vanishes_and_what_is_left_of_the_effect(analysis: Analysis) -> None:
    asked = Experiment.preset("becomes-clean")
    last = asked.card.steps[-1]
    step = int(claimed(r"vanishes around step ([\d,]+)"))
    row = next(row for row in analysis.rows if round((1 - row.strength) * last) == step)
    regime = analysis.verdict.strengths
    assert regime is not None
    assert row.state == "clean"
    assert regime[0] <= row.strength <= regime[1]
    assert f"{100 * row.retention:.0f}" == claimed(r"(\d+) % of the effect is still there")


def test_the_strength_is_confirmed(analysis: Analysis) -> None:
    assert "confirmed on items that had no part in choosing it" in CLAIMS
    assert analysis.confirmed is True


VALUES = section("docs/induction.md", "What takes the place of the heads")


@pytest.mark.parametrize("value", get_args(Value))
def test_what_takes_the_place_of_the_heads_decides_what_they_cost(lab: Lab, value: str) -> None:
    told = re.search(rf"\| {value} \| ([^|]+) \| ([^|]+) \| ([^|]+) \|", VALUES)
    assert told is not None
    undegraded, deltas, curve = told.groups()
    preset = Experiment.preset("becomes-clean").model_dump(mode="json")
    asked = Experiment.read({**preset, "intervention": {**preset["intervention"], "value": value}})
    analysis = Sweep(asked, lab).run()
    origin = analysis.rows[0]
    assert undegraded.startswith(f"{origin.loss_delta:+.3f} ± ")
    assert undegraded.endswith(f"{origin.state})")
    kept = [row.loss_delta for row in analysis.rows if row.state not in ("effect lost", "broken")]
    assert deltas == f"{min(kept):+.3f} to {max(kept):+.3f}"
    assert analysis.verdict.strengths is not None
    ends = [place(asked, strength) for strength in analysis.verdict.strengths]
    assert curve.startswith(f"**{analysis.verdict.name}**, {' to '.join(ends)}, ")
    assert curve.endswith("(not confirmed)") is not analysis.confirmed


@pytest.mark.parametrize("vector", Experiment.preset("becomes-clean").card.options("vectors"))
def test_what_was_optimised_to_have_an_effect_is_clean_nowhere(lab: Lab, vector: str) -> None:
    assert "Two vectors that were optimised to have the same kind of effect are clean nowhere on that dial" in CLAIMS
    preset = Experiment.preset("becomes-clean").model_dump(mode="json")
    asked = Experiment.read({**preset, "shams": 0, "intervention": {"name": "steering", "vector": vector}})
    analysis = Sweep(asked, lab).run()
    assert analysis.rows[0].effect > 0.5
    assert not [row.strength for row in analysis.rows if row.state == "clean"]


# Model, behaviour, dial and intervention of what the table of models claims, and the verdict that it names.
CURVES = {
    "modular-addition": ("steered-sum", "checkpoint", {"name": "frequency-rotation", "frequencies": ["5", "9", "16"]}),
    "planted": ("context-steering", "weight-noise", {"name": "steering", "vector": "competitor"}),
    "digits": ("digit-steering", "checkpoint", {"name": "steering", "vector": "mean-3-to-8"}),
    "code-lm": ("code-copying", "checkpoint", {"name": "head-ablation", "heads": ["3.1", "3.2", "3.3"]}),
}


@pytest.mark.parametrize(
    ("model", "claim", "verdict"),
    [
        ("planted", r"\*unmasked\* by weight noise", "unmasked"),
        ("digits", "is clean nowhere", "never clean"),
        ("code-lm", "induction heads are clean throughout", "clean throughout"),
    ],
)
def test_what_the_table_of_models_says(lab: Lab, model: str, claim: str, verdict: str) -> None:
    assert re.search(rf"`{model}` \|[^|]*{claim}", CLAIMS)
    behaviour, dial, intervention = CURVES[model]
    form = {"model": model, "behaviour": behaviour, "degrader": dial, "intervention": intervention, "shams": 0}
    assert Sweep(Experiment.read({**form, "draws": 8}), lab).run().verdict.name == verdict


def test_turning_the_key_frequencies_costs_nothing(lab: Lab) -> None:
    assert "Turning them steers the sum at no cost" in CLAIMS
    behaviour, dial, intervention = CURVES["modular-addition"]
    model = "modular-addition"
    form = {"model": model, "behaviour": behaviour, "degrader": dial, "intervention": intervention, "shams": 0}
    asked = Experiment.read(form)
    assert tuple(intervention["frequencies"]) == asked.card.groups["frequencies"]["key"]
    origin = Sweep(asked, lab).run().rows[0]
    assert origin.state == "clean"
    assert abs(origin.loss_delta) < 1e-3
    assert origin.effect > 0.99
