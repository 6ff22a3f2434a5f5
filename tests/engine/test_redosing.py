"""Re-dosing, where the dose is known: on effects that are given functions of dose and strength."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import lab as laboratory
from engine import sweep as sweeping
from engine.cli import main
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError
from engine.interventions.steering import Steering
from engine.lab import Lab
from engine.measure import EXAMPLES, Losses
from engine.redosing import LADDER, MOST_STEPS, TOLERANCE, Dose, _search, redose, target_of
from engine.spec import Experiment
from engine.store import Store

Make = Callable[..., Experiment]
Effect = Callable[[float, float], float]
"""Mean effect of a coefficient at a strength."""

STEERING = {"name": "steering", "vector": "optimised-after-layer-0"}
STRENGTHS = [0.1, 0.5, 0.75]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(Store(tmp_path / "store"), threads=1) as opened:
        yield opened


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Callable[[Effect], list[float]]:
    """Puts a known effect in the place of networks; returns the coefficients that are measured, call by call.

    The loss delta is a tenth of the coefficient's square. Items and draws differ around these means.
    """

    def install(effect: Effect) -> list[float]:
        doses: list[float] = []

        def degrade(self: WeightNoise, network: Any, strength: float, draw: int, seed: int) -> Degraded:
            return Degraded({"strength": torch.tensor(strength, dtype=torch.float64), "draw": torch.tensor(draw)})

        def measure(network: Any, data: Any, degraded: Degraded, interventions: Sequence[Any]) -> list[Losses]:
            strength, draw = (float(degraded.weights[name]) for name in ("strength", "draw"))
            items = len(data.performance)
            spread = 0.1 * np.linspace(-1, 1, items) + (0.05 if draw % 2 else -0.05) * (strength > 0)
            none = np.zeros((EXAMPLES, 1))
            losses = []
            for each in interventions:
                dose = 0.0 if each is None else each.coefficient
                if each is not None:
                    doses.append(dose)
                moved = (0.0, 0.0) if each is None else (dose**2 / 10, effect(dose, strength))
                performance, behaviour = (1.0 + by * (1 + spread) for by in moved)
                losses.append(Losses(performance, behaviour, none, none, none[..., None], none[..., None]))
            return losses

        monkeypatch.setattr(WeightNoise, "degrade_one", degrade)
        monkeypatch.setattr(laboratory, "measure", measure)
        return doses

    return install


@pytest.fixture
def asked(experiment: Make) -> Callable[..., Experiment]:
    """An experiment that steers with this coefficient."""

    def make(coefficient: float = 1.0, **changes: Any) -> Experiment:
        intervention = STEERING | {"coefficient": coefficient}
        return experiment(intervention=intervention, strengths=STRENGTHS, **changes)

    return make


def doses(experiment: Experiment, lab: Lab, target: float | None = None) -> list[Dose]:
    return list(redose(experiment, lab, target_of(experiment, lab) if target is None else target))


def test_a_linear_effect_is_dosed_by_what_was_lost_of_it(
    asked: Make, lab: Lab, toy: Callable[[Effect], list[float]]
) -> None:
    toy(lambda dose, strength: dose * (1 - strength))
    experiment = asked(2.0)
    assert target_of(experiment, lab) == pytest.approx(2.0)
    found = doses(experiment, lab)
    assert [dose.strength for dose in found] == [0.0, *STRENGTHS]
    assert found[0].coefficient == 2.0
    for dose in found:
        right = 2.0 / (1 - dose.strength)
        assert dose.reached
        assert dose.coefficient == pytest.approx(right, rel=TOLERANCE)
        assert dose.effect.mean == pytest.approx(2.0, rel=TOLERANCE)
        assert dose.loss_delta.mean == pytest.approx(right**2 / 10, rel=2.1 * TOLERANCE)
        assert dose.loss_delta.low < dose.loss_delta.mean < dose.loss_delta.high
        assert dose.effect.low < dose.effect.mean < dose.effect.high
        assert dose.degraded_loss == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("effect", "dose_for"),
    [
        (lambda c, s: 3 * math.tanh(c * (1 - s) / 3), lambda e, s: 3 * math.atanh(e / 3) / (1 - s)),
        (lambda c, s: (1 - s) * c**3, lambda e, s: (e / (1 - s)) ** (1 / 3)),
        (lambda c, s: -math.expm1(c) * (1 - s), lambda e, s: math.log1p(-e / (1 - s))),
        (lambda c, s: c / (1 + s) if c < 3 else 1000.0 * c, lambda e, s: e * (1 + s)),
    ],
    ids=["saturating", "cubic", "negative and steep", "with a jump"],
)
def test_a_curved_effect_is_met_within_a_bounded_number_of_doses(
    asked: Make,
    lab: Lab,
    toy: Callable[[Effect], list[float]],
    effect: Effect,
    dose_for: Callable[[float, float], float],
) -> None:
    measured = toy(effect)
    target = effect(1.0, 0.0)
    for dose in doses(asked(), lab):
        assert dose.reached
        assert dose.effect.mean == pytest.approx(target, rel=TOLERANCE)
        assert dose.coefficient == pytest.approx(dose_for(target, dose.strength), rel=2 * TOLERANCE)
    assert len(set(measured)) <= 4 * (len(LADDER) + MOST_STEPS)


def test_what_no_dose_reaches_is_told_with_the_greatest_effect_found(
    asked: Make, lab: Lab, toy: Callable[[Effect], list[float]]
) -> None:
    toy(lambda dose, strength: dose * (1 - strength) ** 4)
    at_0, *reached, last = doses(asked(3.0), lab)
    assert at_0.reached
    assert [dose.reached for dose in reached] == [True, False]  # 3 / 0.9⁴ = 4.6, 3 / 0.5⁴ = 48
    for dose in (reached[1], last):
        assert dose.coefficient == 10.0, "the end of the dial"
        assert dose.effect.mean == pytest.approx(10 * (1 - dose.strength) ** 4)


def test_the_greatest_effect_need_not_be_that_of_the_greatest_dose(
    asked: Make, lab: Lab, toy: Callable[[Effect], list[float]]
) -> None:
    toy(lambda dose, strength: 1.0 if strength == 0 else 0.5 * dose * math.exp(1 - dose))
    for dose in doses(asked(), lab)[1:]:
        assert not dose.reached
        assert dose.coefficient == 1.0
        assert dose.effect.mean == pytest.approx(0.5)


def test_an_effect_that_is_no_number_is_no_effect(asked: Make, lab: Lab, toy: Callable[[Effect], list[float]]) -> None:
    toy(lambda dose, strength: math.nan if dose > 4 else dose * (1 - strength))
    found = doses(asked(), lab)
    assert [dose.reached for dose in found] == [True, True, True, True]
    found = doses(asked(2.0), lab)
    assert [dose.reached for dose in found] == [True, True, True, False]
    assert found[-1].coefficient == 4.0


@pytest.mark.parametrize("coefficient", [-2.0, 2.0])
def test_a_coefficient_keeps_its_sign(
    asked: Make, lab: Lab, toy: Callable[[Effect], list[float]], coefficient: float
) -> None:
    measured = toy(lambda dose, strength: dose * (1 - strength))
    for dose in doses(asked(coefficient), lab):
        assert dose.coefficient == pytest.approx(coefficient / (1 - dose.strength), rel=TOLERANCE)
    assert all(dose * coefficient > 0 for dose in measured)


def test_another_target(asked: Make, lab: Lab, toy: Callable[[Effect], list[float]]) -> None:
    toy(lambda dose, strength: dose * (1 - strength))
    assert [dose.coefficient for dose in doses(asked(), lab, 0.3)] == [
        pytest.approx(0.3 / (1 - strength), rel=TOLERANCE) for strength in (0.0, *STRENGTHS)
    ]


def test_doses_are_kept_in_the_store(asked: Make, lab: Lab, toy: Callable[[Effect], list[float]]) -> None:
    measured = toy(lambda dose, strength: math.sqrt(dose) * (1 - strength))
    first = doses(asked(), lab)
    assert len(measured) > 4
    measured.clear()
    assert doses(asked(), lab) == first
    assert measured == []


def test_what_cannot_be_re_dosed_is_refused(
    experiment: Make, asked: Make, lab: Lab, toy: Callable[[Effect], list[float]]
) -> None:
    toy(lambda dose, strength: 0.0)
    with pytest.raises(InputError, match=r"head-ablation has no dial 'coefficient'.*steering"):
        doses(experiment(), lab)
    with pytest.raises(InputError, match="must have an effect"):
        target_of(asked(), lab)
    for target in (0.0, math.nan, math.inf):
        with pytest.raises(InputError, match="a number other than 0"):
            doses(asked(), lab, target)


def test_on_the_network_the_dose_measures_what_it_says(experiment: Make, lab: Lab) -> None:
    asked = experiment(intervention=STEERING | {"coefficient": 0.5}, strengths=[0.05], draws=2)
    for dose in redose(asked, lab, 0.8):
        assert dose.reached
        intervention = Steering(vector=STEERING["vector"], coefficient=dose.coefficient)
        again = sweeping.Sweep(asked.model_copy(update={"intervention": intervention}), lab).run()
        row = next(row for row in again.rows if row.strength == dose.strength)
        assert row.effect == dose.effect.mean == pytest.approx(0.8, rel=TOLERANCE)
        assert (row.loss_delta_low, row.loss_delta_high) == (dose.loss_delta.low, dose.loss_delta.high)


# ---- on the command line ---------------------------------------------------------------------------------------------


def test_the_command_prints_a_line_for_each_strength(
    asked: Make, tmp_path: Path, toy: Callable[[Effect], list[float]], capsys: pytest.CaptureFixture[str]
) -> None:
    toy(lambda dose, strength: dose * (1 - strength) ** 4)
    (tmp_path / "spec.json").write_text(asked(3.0).to_json())
    command = ["redose", str(tmp_path / "spec.json"), "--cache", str(tmp_path / "cache")]
    assert main(command) == 0
    title, header, *lines, where = capsys.readouterr().out.splitlines()
    assert where.startswith("Measured on ")
    assert title == "Steering by 3 × optimised-after-layer-0, at an effect of 3 nats lost on copied tokens"
    assert header.split()[0] == "strength"
    assert [line.split()[0] for line in lines] == ["0", "0.1", "0.5", "0.75"]
    assert ["cannot reach it; nearest at 10" in line for line in lines] == [False, False, True, True]
    assert main([*command, "--effect", "0.01"]) == 0
    assert "cannot" not in capsys.readouterr().out


def test_the_command_refuses_in_one_sentence(
    experiment: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.json").write_text(experiment().to_json())
    assert main(["redose", str(tmp_path / "spec.json"), "--cache", str(tmp_path / "cache")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("regimescope: head-ablation has no dial")
    assert told.err.count("\n") == 1


def test_no_dose_is_asked_for_beyond_an_effect_that_is_no_number() -> None:
    asked: list[float] = []

    def reach(coefficient: float) -> float:
        asked.append(coefficient)
        return {1.0: 0.5, 2.0: 2.0}.get(coefficient, math.nan)

    _search(reach, [1.0, 2.0])
    assert asked[:2] == [1.0, 2.0]
    assert len(asked) == 3
    assert 1 < asked[2] < 2
