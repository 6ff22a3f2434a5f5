"""The ground-truth study: its plan, a tiny one that is stopped and goes on, and its file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from engine import discovery, study, study_commands
from engine.cli import main
from engine.degraders.pruning import Pruning
from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError
from engine.lab import Lab
from engine.models.base import Model
from engine.models.induction import Induction
from engine.models.modular_addition import ModularAddition, pairs
from engine.models.planted import Planted
from engine.networks.modular_forward import logits
from engine.redosing import TOLERANCE
from engine.spec import Experiment
from engine.store import Store
from engine.study_page import MARKS, markdown, put
from engine.study_result import Curve, Size, Study, read, shipped, write
from engine.sweep import Sweep

TINY = Size(items=8, draws=2, strengths=2, steps=10)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> tuple[Model, ...]:
    """One network, and two dials alone."""
    monkeypatch.setattr(study, "dials", lambda card, size: [Pruning(), WeightNoise()])
    return (Planted(),)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(Store(tmp_path / "store")) as lab:
        yield lab


# ---- the plan --------------------------------------------------------------------------------------------------------


def test_networks_with_known_mechanisms_are_found_from_three_seeds_each() -> None:
    found: dict[str, set[int]] = {}
    for model in study.networks():
        found.setdefault(model.name, set()).add(model.card().seed)
    assert found == {name: {0, 1, 2} for name in ("induction", "modular-addition", "planted")}
    assert len({model.card().recipe for model in study.networks()}) == len(found), "trained in one way"


def test_every_dial_but_a_composition_is_turned() -> None:
    for model in study.networks():
        known = {name for name, kind in discovery.find("degraders").items() if kind.is_compatible(model.card())}
        assert {dial.name for dial in study.dials(model.card(), TINY)} == known - {"compose"}


@pytest.mark.parametrize("model", [Induction(), Planted(), ModularAddition()], ids=lambda model: model.name)
def test_every_genuine_and_spurious_handle_is_studied_and_no_other(model: Model) -> None:
    cases = study.cases(model)
    asked = [each for each in model.handles(model.card()) if each.standing in ("genuine", "spurious")]
    assert sorted(case.handle.title for case in cases) == sorted(each.title for each in asked)
    for case in cases:
        assert case.standing == case.handle.standing
        assert case.matched_to.standing == "genuine"
        assert case.matched_to.behaviour == case.handle.behaviour
    assert study.count([model], TINY) == len(asked) * len(study.dials(model.card(), TINY))


def test_spurious_handles_go_round_the_genuine_ones() -> None:
    matched = {case.handle.title: case.matched_to.title for case in study.cases(Induction())}
    assert matched["optimised-after-layer-0"] == "previous-token heads, mean"
    assert matched["optimised-after-layer-1"] == "two strongest induction heads, mean"


@pytest.mark.parametrize("model", [each for each in ModularAddition.every() if len(each.recipe.tasks) == 1])
def test_a_network_that_groks_is_studied_where_nine_in_ten_sums_are_right(model: ModularAddition) -> None:
    card, known = model.card(), pairs(model.recipe, "addition")
    step = study.studied_step(card)
    assert step is not None
    assert card.metrics["last step of circuit formation"] < step < card.steps[-1]
    if model.recipe.p == 59:  # the seeds that are studied
        import torch

        weights, inputs = model.load().checkpoint(step), torch.from_numpy(known.inputs[known.trained :])
        right = logits(weights, inputs, model.recipe).argmax(dim=1).numpy() == known.answers[known.trained :]
        assert 0.85 < right.mean() < 0.96


def test_a_network_that_does_not_grok_is_studied_as_it_is() -> None:
    assert study.studied_step(Planted().card()) is study.studied_step(Induction().card()) is None


def test_strengths_are_thinned_evenly_and_keep_the_last() -> None:
    assert study.thinned([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 3) == (0.0, 1.0, 3.0, 5.0)
    assert study.thinned([0.0, 1.0, 2.0], 8) == (0.0, 1.0, 2.0)
    assert study.thinned([0.0, 1.0, 2.0], 1) == (0.0, 2.0)


# ---- a tiny study ----------------------------------------------------------------------------------------------------


def test_every_curve_is_that_of_a_sweep(few: tuple[Model, ...], lab: Lab) -> None:
    found = list(study.study(few, lab, TINY))
    assert len(found) == study.count(few, TINY) == 2 * 3
    assert [curve.dial for curve in found] == ["pruning"] * 3 + ["weight-noise"] * 3
    first = found[0]
    asked = Experiment.read(
        {
            "model": "planted",
            "behaviour": "context-steering",
            "intervention": {"name": "steering", "vector": "planted"},
            "degrader": "pruning",
            "strengths": list(study.thinned(Pruning().sweep, 2)),
            "items": 8,
        }
    )
    analysis = Sweep(asked, lab).run()
    assert (first.standing, first.network, first.seed) == ("genuine", "planted --seed 0", 0)
    assert first.verdict == analysis.verdict.name
    assert first.clean_regime == (analysis.verdict.regime is not None)
    assert first.effect == first.wanted == analysis.rows[0].effect
    assert first.frontier == min(row.frontier for row in analysis.rows[1:])
    kept = [row for row in analysis.rows[1:] if row.state not in ("broken", "effect lost")]
    gains = {row.strength: row.selectivity_gain for row in kept if math.isfinite(row.selectivity_gain)}
    assert (first.gain, first.gain_strength) == (
        (max(gains.values()), max(gains, key=lambda each: gains[each])) if gains else (None, None)
    )


def test_spurious_handles_have_the_effect_of_the_genuine_one(few: tuple[Model, ...], lab: Lab) -> None:
    genuine, *spurious = list(study.study(few, lab, TINY))[:3]
    for curve in spurious:
        assert curve.standing == "spurious"
        assert curve.wanted == genuine.effect
        assert curve.matched == (abs(curve.effect / curve.wanted - 1) <= TOLERANCE)
    assert any(curve.matched for curve in spurious)


def test_a_study_that_was_stopped_goes_on(
    few: tuple[Model, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Lab(Store(tmp_path / "one")) as lab:
        whole = list(study.study(few, lab, TINY))
    with Lab(Store(tmp_path / "other")) as lab:
        begun = list(islice(study.study(few, lab, TINY), 4))
    measured: list[int] = []
    measure = Lab.measure

    def counted(self: Lab, *asked: Any) -> Any:
        measured.append(len(asked[2]))
        return measure(self, *asked)

    monkeypatch.setattr(Lab, "measure", counted)
    with Lab(Store(tmp_path / "other")) as lab:
        going_on = study.study(few, lab, TINY)
        assert [next(going_on) for _ in range(4)] == begun == whole[:4]
        assert not measured, "what was measured is not measured again"
        assert [*begun, *going_on] == whole


# ---- its file, its page and its command ------------------------------------------------------------------------------


def test_a_study_comes_back_from_its_file(few: tuple[Model, ...], lab: Lab, tmp_path: Path) -> None:
    made = Study(TINY, tuple(study.study(few, lab, TINY)))
    write(tmp_path / "study.parquet", made)
    assert read(tmp_path / "study.parquet") == made


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no study")
    for name in ("text", "missing"):
        with pytest.raises(InputError, match="regimescope study"):
            read(tmp_path / name)


def test_the_command_writes_the_curves_and_prints_the_tables(
    few: tuple[Model, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(study, "networks", lambda: few)
    monkeypatch.setattr(study_commands, "SIZE", TINY)
    out, cache = tmp_path / "study.parquet", tmp_path / "cache"
    command = ["study", "--out", str(out), "--cache", str(cache), "--models", "planted"]
    step = Sweep.step

    def stopped(self: Sweep) -> set[int]:
        if self.experiment.degrader == WeightNoise():
            raise KeyboardInterrupt
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Sweep, "step", stopped)
        assert main(command) == 130
    assert not out.exists()
    assert "goes on from there" in capsys.readouterr().err
    assert main(command) == 0
    assert len(read(out).curves) == 6
    assert markdown(read(out)) in capsys.readouterr().out
    assert main([*command[:-1], "digits"]) == 2
    assert "--models must be some of planted" in capsys.readouterr().err


def test_tables_go_between_the_marks_of_a_page(tmp_path: Path) -> None:
    made, page = shipped(), tmp_path / "page.md"
    page.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    put(page, made)
    put(page, made)
    assert page.read_text() == f"before\n{MARKS[0]}\n\n{markdown(made)}\n\n{MARKS[1]}\nafter\n"
    with pytest.raises(InputError, match="--write"):
        put(tmp_path / "missing.md", made)


# ---- what is shipped -------------------------------------------------------------------------------------------------


def test_the_shipped_study_is_whole_and_its_tables_stand_in_the_documentation() -> None:
    found, models = shipped(), study.networks()
    assert found.size == Size()
    assert len(found.curves) == study.count(models, Size())

    def named(curve: Curve) -> tuple[str, str, str, str]:
        return curve.network, curve.dial, curve.handle, curve.standing

    planned = {
        (model.title, dial.name, case.handle.title, case.standing)
        for model in models
        for dial in study.dials(model.card(), Size())
        for case in study.cases(model)
    }
    assert set(map(named, found.curves)) == planned
    assert markdown(found) in study_commands.PAGE.read_text(encoding="utf-8")
