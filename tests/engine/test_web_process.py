"""What the web process imports: the engine's declarations and statistics, and the app, but never torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import app

SCRIPTS = {"app.main", "app.live.vendor.renew"}
"""Streamlit runs the first, whoever renews Plotly the second; nobody imports them."""

WATCH = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    if "torch" in sys.modules:
        sys.exit(f"{name} imports torch")
"""

USE = """
import sys
from pathlib import Path
from engine import discovery, report, words
import numpy as np
from engine.regime import Criteria, Point, analyse
from engine.spec import Experiment, presets

values = [np.array([[1.0, 1.5, 2.0, 1.2]])] * 4
undegraded = Point(0.0, *values, units=np.array([0]), random=False)

for kind in ("models", "behaviours", "degraders", "interventions"):
    assert discovery.find(kind)
for name in presets():
    asked = Experiment.preset(name)
    assert Experiment.from_json(asked.to_json()).key == asked.key
    analysis = analyse([undegraded], Criteria(4.0))
    assert words.answer(asked, analysis, False).headline == words.PENDING.headline
    assert [words.place(asked, strength) for strength in asked.sweep_strengths]
    report.write(Path(sys.argv[1]), report.table(analysis), asked, analysis)
    report.read(Path(sys.argv[1]))
assert "torch" not in sys.modules
"""


def python(code: str, *arguments: object) -> None:
    """Runs code in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_module_of_the_app_imports_torch() -> None:
    root = Path(app.__path__[0])
    names = {".".join(("app", *path.relative_to(root).with_suffix("").parts)) for path in root.rglob("*.py")}
    modules = {name.removesuffix(".__init__") for name in names}
    assert modules >= SCRIPTS
    python(WATCH, "engine.spec", "engine.dials", "engine.regime", "engine.words", "engine.report", *modules - SCRIPTS)


def test_reading_judging_and_telling_an_experiment_imports_no_torch(tmp_path: Path) -> None:
    python(USE, tmp_path / "result.parquet")
