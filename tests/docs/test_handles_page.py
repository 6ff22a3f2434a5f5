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
def test_every_handle_stands_there_with_its_numbers(lab: Lab, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "handles.md").read_text(encoding="utf-8")
    section = text.split(f"## {model.card().title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    card = model.card()
    handles = model.handles(card)
    rows = [line.strip("| ").split(" | ") for line in lines]
    assert [(row[0], row[5], row[6]) for row in rows] == [
        (each.title, each.standing, each.told(card)) for each in handles
    ]
    # a fit takes its time and ends elsewhere on another processor
    unfitted = tuple(each for each in handles if each.intervention["name"] != "optimised-direction")
    monkeypatch.setattr(type(model), "handles", lambda *_: unfitted)
    written = [row for row, each in zip(rows, handles, strict=True) if each in unfitted]
    for (_, _, delta, effect, state, _, _), each in zip(written, undegraded(model, lab), strict=True):
        assert state == each.row.state
        for told, measured in ((delta, each.row.loss_delta), (effect, each.row.effect)):
            number = re.match(NUMBER, told)
            assert number is not None
            assert float(number[0]) == pytest.approx(measured, abs=1e-3)
