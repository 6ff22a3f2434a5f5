"""A model's handles undegraded: the same numbers as a sweep finds at strength 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.handles import undegraded
from engine.lab import Lab
from engine.models.base import Card, Handle
from engine.models.induction import Induction
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

ITEMS = 24


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(Store(tmp_path_factory.mktemp("store"))) as lab:
        yield lab


def test_each_row_is_that_of_a_sweep_at_strength_0(lab: Lab) -> None:
    model = Induction()
    found = undegraded(model, lab, ITEMS)
    assert [each.handle for each in found] == list(model.handles(model.card()))
    for each in found[:3]:
        form: dict[str, Any] = {"degrader": "checkpoint", "strengths": [0.7], "items": ITEMS, "shams": 0}
        form |= {"model": "induction", "behaviour": each.handle.behaviour, "intervention": each.handle.intervention}
        swept = Sweep(Experiment.read(form), lab).run().rows[0]
        assert each.row == swept


def test_handles_of_several_behaviours_are_measured_on_their_own_items(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = Handle("nothing", {"name": "copying"}, {"name": "identity"}, "sham", "It does nothing.")
    monkeypatch.setattr(Induction, "handles", lambda *_: (nothing, nothing._replace(title="nothing again")))
    for each in undegraded(Induction(), lab, ITEMS):
        assert (each.row.loss_delta, each.row.effect) == (0, 0)
        assert each.effect_unit == "nats lost on copied tokens"


def test_evidence_carries_the_numbers_of_the_card() -> None:
    card: Card = Induction().card()
    handle = Handle("a head", {}, {}, "open", "Its score is {induction score of head 1.1} of 1, {parameters} in all.")
    assert handle.told(card) == "Its score is 0.535 of 1, 4.4e+04 in all."
