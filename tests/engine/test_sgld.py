"""SGLD on networks: weight noise where nothing is learned, settings that do not touch each other, what is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from threading import Barrier, Thread

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from engine.degraders.base import Degraded, Setting
from engine.degraders.sgld import Sgld
from engine.degraders.weight_noise import WeightNoise
from engine.lab import Lab
from engine.models.planted import Planted
from engine.networks import posterior
from engine.networks.langevin import Law, Noise, Potential, Sampled, States
from engine.networks.network import Network, forward
from engine.networks.plain_attention import PlainAttention
from engine.networks.stacked import Stacked
from engine.randomness import normal
from engine.sites import LOGITS
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

SETTINGS = [Setting(strength, draw) for strength in (0.1, 0.4) for draw in range(3)]


@pytest.fixture(scope="module")
def planted() -> Network:
    return Planted().load()


def made(degrader: Sgld, network: Network, settings: Sequence[Setting], seed: int = 0) -> list[Degraded]:
    return [each for each in degrader.degrade(network, settings, seed) if isinstance(each, Degraded)]


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
    shifts = torch.stack(
        [flat(each) - torch.cat([w.flatten() for w in planted.weights.values()]) for each in (drawn, noise)]
    )
    assert shifts.corrcoef()[0, 1] > 0.5, "it begins at the weight noise of the same draw"


@pytest.mark.parametrize("draw", [0, 1, 6])
def test_a_chain_begins_exactly_at_the_weight_noise_of_its_draw(
    planted: Network, draw: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[torch.Tensor] = []

    def only_look(potential: Potential, law: Law, start: States, noise: Noise, steps: int) -> Iterator[Sampled | None]:
        starts.append(start)
        return iter([None])

    monkeypatch.setattr(posterior, "sample", only_look)
    next(Sgld(batch=1).degrade(planted, [Setting(0.3, draw)], 5))
    (noise,) = WeightNoise().degrade(planted, [Setting(0.3, draw)], 5)
    began = Stacked(planted, 1, (0,)).weights(starts[0])
    for name, tensor in noise.weights.items():
        torch.testing.assert_close(began[name][0], tensor, rtol=1e-6, atol=1e-7 * planted.scale[name].item())
    assert len(starts[0]) == (2 if draw == 0 else 1)
    assert not starts[0][1:].any(), "the second chain begins at the trained weights"


def test_a_second_chain_that_is_lost_has_not_met_the_first(planted: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(potential: Potential, law: Law, start: States, noise: Noise, steps: int) -> Iterator[Sampled | None]:
        losses = torch.ones(2, 4)
        losses[1] = torch.nan
        yield Sampled(start, losses, torch.ones(2), torch.zeros(2), torch.ones(2), torch.tensor([False, True]))

    monkeypatch.setattr(posterior, "sample", lost)
    (drawn,) = made(Sgld(batch=1), planted, [Setting(0.3, 0)])
    assert drawn.chain is not None
    assert drawn.chain.gap == np.inf
    assert not drawn.chain.diverged


def test_attention_that_can_be_stacked_is_that_of_torch_and_stays_in_its_thread() -> None:
    q, k, v = torch.from_numpy(normal((3, 2, 4, 9, 8), "qkv"))
    mask = torch.ones(9, 9, dtype=torch.bool).tril(2)
    attend = F.scaled_dot_product_attention
    for way in (attend, partial(attend, is_causal=True), partial(attend, attn_mask=mask)):
        expected = way(q, k, v)
        with PlainAttention():
            torch.testing.assert_close(way(q, k, v), expected, rtol=1e-5, atol=1e-6)
    both, inside = Barrier(2), []

    def enter(first: bool) -> None:
        if not first:
            both.wait()
            inside.append(torch.backends.cuda.flash_sdp_enabled())
        with PlainAttention():
            if first:
                both.wait()
            both.wait()

    threads = [Thread(target=enter, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == [True]
    assert torch.backends.cuda.flash_sdp_enabled(), "the fused ways are there again for all"


def test_the_stacked_loss_and_gradient_are_those_of_each_network(planted: Network) -> None:
    """The loss of the two answers, written out, and its gradient by autograd one network at a time."""
    potential = Stacked(planted, 8, (0, 0, 7))
    u = 0.1 * torch.from_numpy(normal((3, len(potential.origin)), "u"))
    above, gradient = potential(u, 4)

    def loss(weights: dict[str, torch.Tensor], first: int, size: int = 8) -> torch.Tensor:
        total = torch.zeros(())
        for items in planted.training.batch(first + 4, size):
            classes = list(items.among or range(14))
            inputs, read = torch.from_numpy(items.inputs), torch.from_numpy(items.read)
            logits = forward(planted.stages, weights, inputs, read)[LOGITS][:, 0, classes]
            right = torch.tensor([classes.index(target) for target in items.targets[:, 0]])
            total = total + F.cross_entropy(logits, right)
        return total

    def slope(weights: dict[str, torch.Tensor], first: int, size: int = 8) -> torch.Tensor:
        gradients = torch.autograd.grad(loss(weights, first, size), list(weights.values()))
        return torch.cat([(g * planted.scale[name]).flatten() for name, g in zip(weights, gradients, strict=True)])

    origin = {name: tensor.clone().requires_grad_() for name, tensor in planted.weights.items()}
    many = torch.stack([slope(origin, number - 4, 32) for number in range(32)]).mean(0)
    for chain in range(3):
        weights = {name: tensor[chain].clone().requires_grad_() for name, tensor in potential.weights(u).items()}
        first = potential.firsts[chain]
        instead = many - slope(origin, first)  # what chance the batch has at u = 0 is exchanged for the mean of many
        expected = loss(weights, first) - loss(origin, first) + instead @ u[chain]
        assert above[chain].item() == pytest.approx(expected.item(), abs=1e-5)
        torch.testing.assert_close(gradient[chain], slope(weights, first) + instead, atol=1e-6, rtol=1e-4)


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
    potential = Stacked(planted, 256, (0, 0))
    (noise,) = WeightNoise().degrade(planted, [Setting(0.6, 0)], 0)
    (drawn,) = made(Sgld(n_beta=300.0, steps=100, batch=32), planted, [Setting(0.6, 0)])
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
            "shams": 0,
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
