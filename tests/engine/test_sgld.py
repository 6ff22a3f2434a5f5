"""SGLD on networks: weight noise where nothing is learned, settings that do not touch each other, health."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from engine.chains import Chain, diagnose
from engine.degraders.base import Degraded, Setting
from engine.degraders.sgld import Sgld
from engine.degraders.weight_noise import WeightNoise
from engine.lab import Lab
from engine.models.planted import Planted
from engine.networks import posterior
from engine.networks.network import Network, forward
from engine.networks.stacked import Stacked
from engine.randomness import normal
from engine.sites import LOGITS
from engine.spec import Experiment
from engine.store import Store
from engine.strength import Criteria, Point, row
from engine.sweep import Sweep

SETTINGS = [Setting(strength, draw) for strength in (0.1, 0.4) for draw in range(3)]


@pytest.fixture(scope="module")
def planted() -> Network:
    return Planted().load()


def made(degrader: Sgld, network: Network, settings: Sequence[Setting], seed: int = 0) -> list[Degraded]:
    return [each for each in degrader.degrade(network, settings, seed) if each is not None]


def flat(degraded: Degraded) -> torch.Tensor:
    return torch.cat([tensor.flatten() for tensor in degraded.weights.values()])


def test_at_an_inverse_temperature_of_nearly_0_it_is_weight_noise_as_a_distribution(planted: Network) -> None:
    hot = Sgld(n_beta=1.0, steps=10, batch=1)
    (drawn,) = made(hot.model_copy(update={"n_beta": 1e-9}), planted, [Setting(0.3, 0)])
    for name, tensor in planted.weights.items():
        if tensor.numel() > 1000:
            standard = ((drawn.weights[name] - tensor) / (0.3 * planted.scale[name])).flatten().numpy()
            assert stats.kstest(standard, stats.norm.cdf).pvalue > 1e-3
    (noise,) = WeightNoise().degrade(planted, [Setting(0.3, 0)], 0)
    assert noise is not None
    shifts = torch.stack(
        [flat(each) - torch.cat([w.flatten() for w in planted.weights.values()]) for each in (drawn, noise)]
    )
    assert shifts.corrcoef()[0, 1] > 0.5, "it begins at the weight noise of the same draw"


def test_the_stacked_loss_and_gradient_are_those_of_each_network(planted: Network) -> None:
    """The loss of the two answers, written out, and its gradient by autograd one network at a time."""
    potential = Stacked(planted, 8)
    u = 0.1 * torch.from_numpy(normal((3, len(potential.origin)), "u"))
    above, gradient = potential(u, 4)
    batches = planted.training.batch(4, 8)

    def loss(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        total = torch.zeros(())
        for items in batches:
            classes = list(items.among or range(14))
            inputs, read = torch.from_numpy(items.inputs), torch.from_numpy(items.read)
            logits = forward(planted.stages, weights, inputs, read)[LOGITS][:, 0, classes]
            right = torch.tensor([classes.index(target) for target in items.targets[:, 0]])
            total = total + F.cross_entropy(logits, right)
        return total

    for chain in range(3):
        weights = {name: tensor[chain].clone().requires_grad_() for name, tensor in potential.weights(u).items()}
        expected = loss(weights)
        gradients = torch.autograd.grad(expected, list(weights.values()))
        by_u = torch.cat([(g * planted.scale[name]).flatten() for name, g in zip(weights, gradients, strict=True)])
        assert above[chain].item() == pytest.approx((expected - loss(planted.weights)).item(), abs=1e-5)
        torch.testing.assert_close(gradient[chain], by_u, atol=1e-6, rtol=1e-4)


def test_a_setting_depends_on_no_other_and_on_no_stack(planted: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    degrader = Sgld(steps=20, batch=4, n_beta=200.0)
    together = made(degrader, planted, SETTINGS, seed=2)
    alone = [made(degrader, planted, [setting], seed=2)[0] for setting in reversed(SETTINGS)][::-1]
    monkeypatch.setattr(posterior, "PARAMETERS", 2 * 36_174 + 10_000)
    few = made(degrader, planted, SETTINGS, seed=2)
    for setting, *same in zip(SETTINGS, together, alone, few, strict=True):
        tolerance = 1e-3 * setting.strength
        for other in same[1:]:
            for name, tensor in same[0].weights.items():
                off = (other.weights[name] - tensor).abs().max() / planted.scale[name]
                assert off < tolerance
            assert other.chain is not None
            assert same[0].chain is not None
            np.testing.assert_allclose(other.chain.losses, same[0].chain.losses, atol=1e-3)


def test_a_pair_has_opposite_noise_and_strengths_share_it(planted: Network) -> None:
    cold = Sgld(steps=10, batch=1).model_copy(update={"n_beta": 1e-9})
    origin = torch.cat([w.flatten() for w in planted.weights.values()])
    plus, minus, stronger, other = (
        flat(each) - origin
        for each in made(cold, planted, [Setting(0.1, 0), Setting(0.1, 1), Setting(0.3, 0), Setting(0.1, 2)])
    )
    torch.testing.assert_close(plus, -minus, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(3 * plus, stronger, atol=1e-5, rtol=1e-3)
    assert torch.stack([plus, other]).corrcoef()[0, 1].abs() < 0.05


def test_it_keeps_the_training_loss_where_weight_noise_does_not(planted: Network) -> None:
    potential = Stacked(planted, 256)
    (noise,) = WeightNoise().degrade(planted, [Setting(0.6, 0)], 0)
    (drawn,) = made(Sgld(n_beta=300.0, steps=100, batch=32), planted, [Setting(0.6, 0)])
    assert noise is not None
    shift = torch.stack([(flat(each) - potential.origin) / potential.scale for each in (noise, drawn)])
    losses, _ = potential(shift, 0)
    assert losses[1] < 0.5 * losses[0]


def test_an_experiment_tells_the_health_and_finds_it_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    asked = Experiment.read(
        {
            "model": "planted",
            "behaviour": "context-steering",
            "degrader": {"name": "sgld", "steps": 10, "batch": 2},
            "intervention": {"name": "steering", "vector": "planted"},
            "strengths": [0.1, 0.5],
            "draws": 4,
            "items": 8,
        }
    )
    folder = tmp_path_factory.mktemp("store")
    with Lab(Store(folder), 1) as lab:
        first = Sweep(asked, lab).run()
        other = asked.model_copy(update={"items": 6})
        sweep, steps = Sweep(other, lab), 0
        while not sweep.finished:
            sweep.step()
            steps += 1
        assert steps == 1 + 2 * 4, "the networks are still there: none is sampled again"
    with Lab(Store(folder), 1) as lab:
        again = Sweep(asked, lab)
        again.recall()
        assert again.finished
        assert again.analysis().rows == first.rows
    assert first.rows[0].health is None
    for each in first.rows[1:]:
        assert each.health is not None
        assert each.health.chains == 4
        assert each.health.diverged == 0
        assert np.isfinite(each.health.learning_coefficient)


# ---- health ----------------------------------------------------------------------------------------------------------


def chain(losses: np.ndarray, **changed: float | bool) -> Chain:
    known = {"n_beta": 100.0, "acceptance": 0.9, "step": 0.05, "gap": np.nan, "diverged": False} | changed
    return Chain(losses, **{name: np.array(value) for name, value in known.items()})


@pytest.fixture
def good() -> list[Chain]:
    """Eight chains that are all of one law."""
    noise = np.random.default_rng(0).standard_normal((8, 100))
    return [chain(1 + 0.1 * row, gap=0.01 if not number else np.nan) for number, row in enumerate(noise)]


UNITS = np.arange(8) // 2


def test_good_chains_have_no_flag_and_the_coefficient_that_they_were_made_with(good: list[Chain]) -> None:
    health = diagnose(good, UNITS)
    assert not health.flag
    assert health.r_hat == pytest.approx(1.0, abs=0.02)
    assert 400 < health.effective_samples < 1500
    assert health.learning_coefficient_low < 100 < health.learning_coefficient_high
    assert health.learning_coefficient_high - health.learning_coefficient_low < 5


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"diverged": True}, "1 of 8 chains diverged"),
        ({"acceptance": 0.2}, "too coarse: acceptance is 0.2"),
        ({"acceptance": np.nan}, "too coarse"),
        ({"gap": 0.4}, "another start loses still differs by 40%"),
    ],
)
def test_one_bad_chain_is_enough(good: list[Chain], change: dict[str, float | bool], flag: str) -> None:
    bad = good[2]._replace(**{name: np.array(value) for name, value in change.items()})
    health = diagnose([*good[:2], bad, *good[3:]], UNITS)
    assert flag in health.flag
    assert health.flag.endswith(".")


def test_a_loss_that_moves_and_one_chain_alone_are_flagged(good: list[Chain]) -> None:
    drifting = [each._replace(losses=each.losses + np.linspace(0, 1, 100)) for each in good]
    assert "still moves" in diagnose(drifting, UNITS).flag
    assert "One chain alone" in diagnose(good[:1], UNITS[:1]).flag
    lost = [each._replace(diverged=np.array(True)) for each in good]
    assert "8 of 8 chains diverged" in diagnose(lost, UNITS).flag


def test_a_flag_forbids_clean_and_divergence_is_broken(good: list[Chain]) -> None:
    rng = np.random.default_rng(1)
    loss, effect = rng.normal(1, 0.01, (8, 64)), rng.normal(1, 0.01, (8, 64))
    values = {"loss": loss, "loss_intervened": loss + 1e-3, "behaviour": 0 * effect, "behaviour_intervened": effect}
    whole = {name: value[:1] for name, value in values.items()}
    origin = Point(0.0, *whole.values(), units=np.zeros(1, int), random=False)
    point = Point(0.1, *values.values(), units=UNITS, random=True, chains=tuple(good))
    criteria = Criteria(chance=3.0, margin=0.1)
    clean = row(point, origin, criteria, 0.1)
    assert clean.state == "clean"
    unmixed = replace(point, chains=(good[0]._replace(gap=np.array(0.5)), *good[1:]))
    flagged = row(unmixed, origin, criteria, 0.1)
    assert flagged.state == "unresolved"
    assert "Not mixed" in flagged.reason
    assert flagged.frontier == np.inf
    broken = row(replace(point, chains=(good[0]._replace(diverged=np.array(True)), *good[1:])), origin, criteria, 0.1)
    assert broken.state == "broken"
    assert "diverged" in broken.reason
