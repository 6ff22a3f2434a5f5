"""Loss-matched strength, where the loss is a given function of the strength."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import discovery
from engine.calibrate import Calibration, calibrate, on_losses, spaced_losses
from engine.cli import main
from engine.degraders.base import Degraded
from engine.degraders.low_rank import LowRank
from engine.degraders.quantisation import Quantisation
from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError
from engine.lab import Lab
from engine.loss_curve import TOLERANCE
from engine.measure import EXAMPLES, Losses
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

Make = Callable[..., Experiment]
Truth = Callable[[float], float]
"""Mean loss at a strength."""
Measurement = tuple[float, int, bool]
"""Strength, draw, and whether under an intervention."""
Toy = Callable[..., list[Measurement]]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(Store(tmp_path / "store"), threads=1) as opened:
        yield opened


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    """Puts a known loss in the place of networks; returns what is measured, one by one.

    Items and draws differ around the mean by what cancels over all of them, or by noise if there is a generator.
    """

    def install(truth: Truth, noise: np.random.Generator | None = None) -> list[Measurement]:
        measurements: list[Measurement] = []
        offsets: dict[str, Any] = {}

        def degrade(self: Any, network: Any, strength: float, draw: int, seed: int) -> Degraded:
            asked = {"strength": strength, "draw": float(draw), "random": float(self.random and strength > 0)}
            return Degraded({name: torch.tensor(value, dtype=torch.float64) for name, value in asked.items()})

        def losses(degraded: Degraded, items: int, intervention: object) -> Losses:
            strength, draw, random = (float(degraded.weights[name]) for name in ("strength", "draw", "random"))
            measurements.append((strength, int(draw), intervention is not None))
            spread = 0.3 * np.linspace(-1, 1, items) + random * (0.05 if draw % 4 < 2 else -0.05)
            if noise is not None:
                by_item = offsets.setdefault("items", noise.normal(0, 0.3, items))
                spread = by_item + random * offsets.setdefault(f"pair {draw // 2}", noise.normal(0, 0.2))
            none = np.zeros((EXAMPLES, 1))
            return Losses(truth(strength) + spread, spread, none, none, none[..., None], none[..., None])

        def measure(
            self: Lab, network: Any, data: Any, degraded: Sequence[Degraded], conditions: Sequence[Sequence[Any]]
        ) -> list[list[Losses]]:
            items = len(data.performance)
            pairs = zip(degraded, conditions, strict=True)
            return [[losses(each, items, condition) for condition in under] for each, under in pairs]

        for dial in (WeightNoise, Quantisation, LowRank):
            monkeypatch.setattr(dial, "degrade_one", degrade)
        monkeypatch.setattr(Lab, "measure", measure)
        return measurements

    return install


@pytest.fixture
def noise_dial(experiment: Make) -> Experiment:
    """Weight noise at its default strengths, with draws whose offsets cancel."""
    return experiment(strengths=None, draws=4)


def strengths(found: Calibration) -> list[float]:
    return [crossing.nearest.strength for crossing in found.crossings]


# ---- where the loss is reached ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "inverse"),
    [
        (lambda s: 2.3 + 2 * s, lambda loss: (loss - 2.3) / 2),
        (lambda s: 2.3 + 0.4 * math.log1p(s / 0.03), lambda loss: 0.03 * math.expm1((loss - 2.3) / 0.4)),
        (lambda s: 2.3 + 8 * s**3, lambda loss: ((loss - 2.3) / 8) ** (1 / 3)),
        (lambda s: 2.3 + math.expm1(4 * s) / 5, lambda loss: math.log1p(5 * (loss - 2.3)) / 4),
    ],
    ids=["linear", "log", "cubic", "exponential"],
)
@pytest.mark.parametrize("wanted", [2.35, 2.7, 3.3])
def test_a_rising_loss_is_reached_once(
    noise_dial: Experiment, lab: Lab, toy: Toy, truth: Truth, inverse: Truth, wanted: float
) -> None:
    measured = toy(truth)
    (found,) = calibrate(noise_dial, lab, [wanted])
    (crossing,) = found.crossings
    at = crossing.nearest
    assert crossing.reached
    assert crossing.beyond is None
    assert truth(at.strength) == pytest.approx(at.loss.mean, abs=1e-9)
    assert at.loss.mean == pytest.approx(wanted, abs=TOLERANCE)
    between = sorted(map(inverse, (wanted - TOLERANCE, wanted + TOLERANCE)))
    assert between[0] - 1e-9 <= at.strength <= between[1] + 1e-9
    assert at.loss.low < at.loss.mean < at.loss.high
    assert found.sentence == f"{wanted:g} nats are reached once: at noise {at.strength:.3g}."
    assert at.strength == float(f"{at.strength:.3g}"), "as it is told"
    rounds = (len(measured) - 1) / 4 - len(WeightNoise().strengths(noise_dial.card)[1:])
    assert rounds <= 6


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_loss_that_rises_and_falls_is_reached_wherever_it_is(
    noise_dial: Experiment, lab: Lab, toy: Toy, seed: int
) -> None:
    knots = np.array(noise_dial.sweep_strengths)
    rng = np.random.default_rng(seed)
    losses = 2.7 + rng.choice([-1, 1], size=len(knots)) * rng.uniform(0.05, 0.2, size=len(knots))
    toy(lambda strength: float(np.interp(strength, knots, losses)))
    (found,) = calibrate(noise_dial, lab, [2.7])
    before, after = losses[:-1] - 2.7, losses[1:] - 2.7
    roots = (knots[:-1] + np.diff(knots) * before / (before - after))[before * after < 0]
    assert len(roots) > 3
    assert len(found.crossings) == len(roots)
    for crossing, root in zip(found.crossings, roots, strict=True):
        assert crossing.reached
        assert crossing.nearest.loss.mean == pytest.approx(2.7, abs=TOLERANCE)
        index = np.searchsorted(knots, root)
        assert knots[index - 1] < crossing.nearest.strength < knots[index]
    labels = " and at ".join(crossing.nearest.label for crossing in found.crossings)
    assert found.sentence == f"2.7 nats are reached {len(roots)} times: at {labels}."


def test_a_loss_below_that_of_the_undegraded_network_can_be_reached(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.5 - 2 * strength + 8 * strength**2)  # least, 2.375, at .125
    below, start, never = calibrate(noise_dial, lab, [2.4, 2.5, 2.3])
    for strength, root in zip(strengths(below), np.sort(np.roots([8, -2, 0.1])), strict=True):
        slope = abs(16 * root - 2)
        assert strength == pytest.approx(root, abs=1.1 * TOLERANCE / slope)
    assert below.sentence.startswith("2.4 nats are reached twice: at noise ")
    assert strengths(start) == pytest.approx([0.0, 0.25], abs=0.01)
    assert never.crossings == ()
    assert never.losses[0] == pytest.approx(2.375, abs=1e-6)


def test_a_loss_that_is_never_reached_is_told_with_those_that_are(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.31 + 0.33 * math.sin(min(strength / 0.2, 1) * math.pi / 2))
    above, below = calibrate(noise_dial, lab, [2.7, 2.2])
    assert above.crossings == below.crossings == ()
    assert above.losses == pytest.approx((2.31, 2.64))
    gives = "from noise 0 to noise 0.6 the dial gives from 2.31 to 2.64 nats"
    assert above.sentence == f"2.7 nats are never reached: {gives}."
    assert below.sentence == f"2.2 nats are never reached: {gives}, undegraded 2.31; ask for more."


def test_a_jump_is_told_from_both_sides(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.4 if strength < 0.1234 else 3.0)
    (found,) = calibrate(noise_dial, lab, [2.8])
    (crossing,) = found.crossings
    assert not crossing.reached
    assert crossing.beyond is not None
    assert (crossing.nearest.strength, crossing.beyond.strength) == (0.124, 0.123)
    assert found.sentence == "2.8 nats are reached only approximately: noise 0.123 gives 2.4 and noise 0.124 gives 3."


def test_a_plateau_at_the_loss_is_one_crossing(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.4 if strength < 0.05 else 2.7 + 0.001 * strength if strength < 0.4 else 3.0)
    (found,) = calibrate(noise_dial, lab, [2.7])
    assert len(found.crossings) == 1
    assert found.crossings[0].reached


def test_a_network_that_comes_apart_reaches_nothing(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.3 + strength if strength < 0.15 else math.nan if strength < 0.3 else math.inf)
    reached, never = calibrate(noise_dial, lab, [2.4, 2.7])
    assert strengths(reached) == [0.1]
    assert never.crossings == ()
    assert never.losses == pytest.approx((2.3, 2.425))


def test_what_is_asked_beside_it_does_not_move_a_strength(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.3 + math.expm1(4 * strength) / 5)
    alone, together = (calibrate(noise_dial, lab, wanted)[-1] for wanted in ([2.6], [2.55, 2.65, 2.6]))
    assert alone == together


def test_of_noisy_losses_the_interval_holds_the_truth(
    experiment: Make, tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WeightNoise, "strengths", lambda self, card: (0.0, 0.2, 0.6))

    def truth(strength: float) -> float:
        return 2.3 + 2 * strength

    held, repeats = 0, 16
    for repeat in range(repeats):
        toy(truth, np.random.default_rng(repeat))
        with Lab(Store(tmp_path / str(repeat)), threads=1) as lab:
            (found,) = calibrate(experiment(strengths=None, draws=8), lab, [2.9], draws=8)
        (crossing,) = found.crossings
        assert crossing.nearest.loss.mean == pytest.approx(2.9, abs=TOLERANCE)
        held += crossing.nearest.loss.holds(truth(crossing.nearest.strength))
    # 14 are expected of a 90 % interval; without noise it would be all
    assert 12 <= held < repeats


# ---- dials with steps ------------------------------------------------------------------------------------------------


def test_bits_are_told_from_both_sides(experiment: Make, lab: Lab, toy: Toy) -> None:
    by_bits = {2: 3.9, 3: 2.91, 4: 2.62, 5: 2.5}
    toy(lambda strength: by_bits.get(1 - round(math.log2(strength)), 2.4) if strength else 2.4)
    asked = experiment(degrader="quantisation", strengths=None)
    near, exact = calibrate(asked, lab, [2.7, 2.62])
    (crossing,) = near.crossings
    assert not crossing.reached
    assert crossing.beyond is not None
    assert (crossing.nearest.strength, crossing.beyond.strength) == (0.125, 0.25)
    assert near.sentence == "2.7 nats are reached only approximately: bits 4 gives 2.62 and bits 3 gives 2.91."
    assert exact.sentence == "2.62 nats are reached once: at bits 4."


@pytest.mark.parametrize("wanted", [2.3025, 2.503, 2.666, 2.871, 3.1])
def test_ranks_between_those_of_the_default_sweep_are_found(
    experiment: Make, lab: Lab, toy: Toy, wanted: float
) -> None:
    asked = experiment(degrader={"name": "low-rank", "matrices": ["embed.W_E"]}, strengths=None)
    toy(lambda strength: 2.0 + 1.5 * strength)
    (found,) = calibrate(asked, lab, [wanted])
    (crossing,) = found.crossings
    losses = {rank: 2.0 + 1.5 * (1 - rank / 48) for rank in range(1, 49)}
    nearest = min(losses, key=lambda rank: abs(losses[rank] - wanted))
    assert crossing.nearest.label == f"rank {nearest}"
    if not crossing.reached:
        assert crossing.beyond is not None
        assert abs(int(crossing.beyond.label.split()[1]) - nearest) == 1
        assert (losses[nearest] - wanted) * (crossing.beyond.loss.mean - wanted) < 0


# ---- what is not measured again --------------------------------------------------------------------------------------


def test_a_sweep_and_a_calibration_share_what_they_measure(experiment: Make, lab: Lab, toy: Toy) -> None:
    measured = toy(lambda strength: 2.3 + 2 * strength)
    swept = experiment(strengths=None, draws=4)
    Sweep(swept, lab).run()
    measured.clear()
    (found,) = calibrate(swept, lab, [2.71])
    (strength,) = strengths(found)
    assert strength not in swept.sweep_strengths
    assert not {each for each, _, _ in measured} & set(swept.sweep_strengths), "the sweep's baseline was there"
    assert not any(intervened for _, _, intervened in measured)
    measured.clear()
    Sweep(experiment(strengths=[strength], draws=4), lab).run()
    assert measured == [(strength, draw, True) for draw in range(4)]


def test_a_calibration_goes_on_where_it_was_stopped(
    noise_dial: Experiment, lab: Lab, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = toy(lambda strength: 2.3 + math.expm1(4 * strength) / 5)
    step, left = Sweep.step, 70

    def interrupted(self: Sweep) -> set[int]:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Sweep, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            calibrate(noise_dial, lab, [2.5, 2.9])
    assert len(measured) == 70
    first = calibrate(noise_dial, lab, [2.5, 2.9])
    assert max(Counter(measured).values()) == 1
    count = len(measured)
    assert calibrate(noise_dial, lab, [2.5, 2.9]) == first
    assert len(measured) == count


def test_few_draws_are_taken_unless_more_are_wanted(experiment: Make, lab: Lab, toy: Toy) -> None:
    measured = toy(lambda strength: 2.3 + 2 * strength)
    for draws, given, taken in ((64, None, 4), (2, None, 2), (2, 8, 8)):
        measured.clear()
        calibrate(experiment(draws=draws, seed=draws), lab, [2.7], given)
        assert {draw for _, draw, _ in measured} <= set(range(taken))
    assert (0.1, 7, False) in measured


def test_where_networks_are_sampled_it_begins_coarse(
    noise_dial: Experiment, lab: Lab, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = toy(lambda strength: 2.3 + 2 * strength)
    monkeypatch.setattr(WeightNoise, "together", True)
    (found,) = calibrate(noise_dial, lab, [2.71])
    usual = noise_dial.sweep_strengths
    coarse = {strength for strength, _, _ in measured} & set(usual)
    assert coarse == {0.0, *usual[2::2]}
    assert usual[-1] in coarse
    assert found.crossings[0].reached


def test_progress_ends_where_all_is_done(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.3 + 2 * strength)
    told: list[tuple[int, int]] = []
    calibrate(noise_dial, lab, [2.71], progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


# ---- an experiment on an axis of degraded loss -----------------------------------------------------------------------


def test_strengths_are_those_that_give_the_losses(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.3 + 2 * strength if strength < 0.3 else 2.9 - 2 * (strength - 0.3))
    on = on_losses(noise_dial, lab, [2.8, 2.4, 2.3, 3.5, 2.6])
    # 2.4 and 2.6 are passed again on the way down: the first time counts
    assert on.experiment.sweep_strengths == pytest.approx((0.0, 0.05, 0.15, 0.25), rel=0.05)
    assert on.experiment.model_copy(update={"strengths": None}) == noise_dial
    assert [each.wanted for each in on.calibrations] == [2.3, 2.4, 2.6, 2.8, 3.5]
    assert on.left_out == (
        "2.3 nats is the loss of the undegraded network.",
        "3.5 nats are never reached: from noise 0 to noise 0.6 the dial gives from 2.3 to 2.9 nats.",
    )
    rows = Sweep(on.experiment, lab).run().rows
    assert [row.degraded_loss for row in rows] == pytest.approx([2.3, 2.4, 2.6, 2.8], abs=TOLERANCE)


def test_a_step_stands_for_one_loss(experiment: Make, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.4 + 2 * strength)
    on = on_losses(experiment(degrader="quantisation", strengths=None), lab, [2.9, 2.88, 3.2])
    assert on.experiment.sweep_strengths == (0.0, 0.25, 0.5)
    assert on.left_out == ("2.9 nats are nearest at bits 3, as 2.88 are.",)


def test_losses_out_of_reach_are_refused(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 2.4)
    with pytest.raises(InputError, match=r"within reach of weight-noise: 3 nats are never reached"):
        on_losses(noise_dial, lab, [3.0, 4.0])
    with pytest.raises(InputError, match="none was given"):
        on_losses(noise_dial, lab, [])
    with pytest.raises(InputError, match="a number of nats, got nan"):
        calibrate(noise_dial, lab, [2.4, math.nan])


def test_losses_are_spaced_evenly(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    measured = toy(lambda strength: 2.0 + strength)
    assert spaced_losses(noise_dial, lab, 4, end=2.8) == (2.2, 2.4, 2.6, 2.8)
    halfway = (2.0 + lab.data(noise_dial).performance.chance) / 2
    assert spaced_losses(noise_dial, lab, 2) == pytest.approx(((2.0 + halfway) / 2, halfway), abs=1e-3)
    assert measured == [(0.0, 0, False)]
    with pytest.raises(InputError, match="at least 1, got 0"):
        spaced_losses(noise_dial, lab, 0)
    with pytest.raises(InputError, match="a number of nats, got inf"):
        spaced_losses(noise_dial, lab, 2, end=math.inf)


def test_a_network_without_anything_to_lose_is_refused(noise_dial: Experiment, lab: Lab, toy: Toy) -> None:
    toy(lambda strength: 9.0)
    with pytest.raises(InputError, match="must be below chance"):
        spaced_losses(noise_dial, lab, 2)


def test_on_the_network_two_dials_meet_at_equal_loss(experiment: Make, lab: Lab) -> None:
    noise, pruning = experiment(strengths=None), experiment(degrader="pruning", strengths=None)
    wanted = spaced_losses(noise, lab, 2)
    for asked in (noise, pruning):
        rows = Sweep(on_losses(asked, lab, wanted).experiment, lab).run().rows
        assert [row.degraded_loss for row in rows[1:]] == pytest.approx(wanted, abs=TOLERANCE)


# ---- on the command line ---------------------------------------------------------------------------------------------


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(noise_dial: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calibrates the dial in this process: exit code, what was printed, and errors."""

    def run_here(*options: object) -> tuple[int, str, str]:
        (tmp_path / "spec.json").write_text(noise_dial.to_json())
        common = ["calibrate", str(tmp_path / "spec.json"), "--cache", str(tmp_path / "cache")]
        code, said = main([*common, *map(str, options)]), capsys.readouterr()
        return code, said.out, said.err

    return run_here


def test_the_command_prints_a_line_for_each_crossing_and_a_sentence_for_each_loss(
    run: Run, tmp_path: Path, toy: Toy, noise_dial: Experiment
) -> None:
    losses = {0.0: 2.3, 0.15: 2.6, 0.3: 2.9, 0.4: 2.6, 0.6: 2.3}
    toy(lambda strength: float(np.interp(strength, list(losses), list(losses.values()))))
    code, out, err = run("--loss", "2.6", "--loss", "3.5", "--out", tmp_path / "on.json")
    assert (code, err) == (0, "")
    title, head, *rows, once, never, left_out, where = out.splitlines()
    assert title == "weight-noise"
    assert head.split() == ["wanted", "loss,", "nats", "strength"]
    assert [row.split()[0] for row in rows] == ["2.6", "2.6", "3.5"]
    assert [row.endswith(end) for row, end in zip(rows, ("noise 0.15", "noise 0.4", "never"), strict=True)]
    assert once == "  2.6 nats are reached twice: at noise 0.15 and at noise 0.4."
    assert never == "  3.5 nats are never reached: from noise 0 to noise 0.6 the dial gives from 2.3 to 2.9 nats."
    assert left_out == f"left out of {tmp_path / 'on.json'}: {never.strip()}"
    assert where.startswith("Measured on ")
    written = Experiment.from_json((tmp_path / "on.json").read_bytes())
    assert written == noise_dial.model_copy(update={"strengths": (0.0, 0.15)})


def test_a_loss_below_the_undegraded_one_is_told_as_such(run: Run, toy: Toy) -> None:
    toy(lambda strength: 2.3 + strength)
    code, out, _ = run("--loss", "1.5")
    assert code == 0
    assert "1.5 nats are never reached: " in out
    assert " nats, undegraded 2.3; ask for more.\n" in out


def test_the_command_spaces_losses_evenly(run: Run, toy: Toy, lab: Lab, noise_dial: Experiment) -> None:
    toy(lambda strength: 2.0 + 4 * strength)
    wanted = spaced_losses(noise_dial, lab, 3)
    _, out, _ = run("--count", 3)
    sentences = [line for line in out.splitlines() if "nats are reached" in line]
    assert [float(line.split()[0]) for line in sentences] == list(wanted)


def test_the_command_tells_of_every_dial_of_the_model(
    run: Run, toy: Toy, noise_dial: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy(lambda strength: 2.3 + 2 * strength)
    known = {variant.name: variant for variant in (LowRank, Quantisation, WeightNoise)}
    impossible = type("Impossible", (), {"is_compatible": lambda card: False})
    found, find = dict(known) | {"impossible": impossible}, discovery.find
    monkeypatch.setattr(discovery, "find", lambda kind: found if kind == "degraders" else find(kind))
    code, out, _ = run("--loss", "2.6", "--all-dials")
    assert code == 0
    assert [line for line in out.splitlines() if line in found] == list(known)
    assert out.count("2.6 nats are ") == len(known)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--loss", "nan"], "must be a number of nats, got nan"),
        (["--loss=-3"], "must be a number of nats, got -3; give one above 0."),
        (["--loss", "2.6", "--loss", "0"], "must be a number of nats, got 0; give one above 0."),
        (["--count", "0"], "at least 1, got 0"),
        (["--loss", "2.5", "--draws", "0"], "'draws' must be at least 1, got 0"),
        (["--loss", "2.5", "--out", "."], "--out must be a file, got ., which is a folder"),
        (["--loss", "2.5", "--out", "no/such/spec.json"], "--out must be in a folder that exists"),
    ],
)
def test_the_command_refuses_in_one_sentence(run: Run, toy: Toy, options: list[str], told: str) -> None:
    toy(lambda strength: 2.3 + 2 * strength)
    code, out, err = run(*options)
    assert (code, out) == (2, "")
    assert err.startswith("regimescope: ")
    assert told in err
    assert err.count("\n") == 1
