"""The table of handles in the documentation is what the command prints."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pages import ROOT

from engine import discovery
from engine.handles import undegraded
from engine.lab import Lab
from engine.models.base import Model
from engine.store import Store

MODELS = [model for variant in discovery.find("models").values() for model in variant.every()]
NUMBER = r"[+-]?\d+\.\d+"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(Store(tmp_path_factory.mktemp("store"))) as lab:
        yield lab


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.title)
def test_every_handle_stands_there_with_its_numbers(lab: Lab, model: Model) -> None:
    text = (ROOT / "docs" / "handles.md").read_text(encoding="utf-8")
    section = text.split(f"## {model.card().title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    found = undegraded(model, lab)
    assert len(lines) == len(found)
    for line, each in zip(lines, found, strict=True):
        title, _, delta, effect, state, standing, evidence = line.strip("| ").split(" | ")
        assert (title, standing, evidence) == (each.handle.title, each.handle.standing, each.evidence)
        if each.handle.intervention["name"] == "optimised-direction":
            continue  # a fit ends elsewhere on another processor
        assert state == each.row.state
        for told, measured in ((delta, each.row.loss_delta), (effect, each.row.effect)):
            number = re.match(NUMBER, told)
            assert number is not None
            assert float(number[0]) == pytest.approx(measured, abs=1e-3)
