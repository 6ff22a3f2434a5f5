"""Waves modulo p, and the interventions on them: against numpy's FFT, and against feeding another number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine import sites
from engine.behaviours.steered_sum import SteeredSum
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.interventions.base import FitOn, Intervention
from engine.interventions.fourier import Fourier
from engine.interventions.frequency_rotation import FrequencyRotation
from engine.measure import LazyReference, run
from engine.models.modular_addition import ModularAddition
from engine.networks.fourier import component, shares, waves
from engine.networks.network import Network
from engine.networks.reading import state_of

P = 59
FREQUENCIES = tuple(str(k) for k in range(1, (P + 1) // 2))


def table(p: int = 11, columns: int = 5) -> Tensor:
    """A random function of the numbers modulo p."""
    return torch.from_numpy(np.random.default_rng(p).standard_normal((p, columns)))


def by_fft(values: Tensor, frequencies: set[int]) -> Tensor:
    """What these frequencies contribute, by another formula: all other coefficients of the FFT set to zero."""
    coefficients = np.fft.fft(values.numpy(), axis=0)
    p = len(values)
    coefficients[[k for k in range(p) if min(k, p - k) not in frequencies]] = 0
    return torch.from_numpy(np.fft.ifft(coefficients, axis=0).real)


def test_waves_are_orthonormal_and_with_the_constant_complete() -> None:
    rows = torch.cat([waves(11, range(1, 6)), torch.full((1, 11), 11**-0.5, dtype=torch.float64)])
    torch.testing.assert_close(rows @ rows.T, torch.eye(11, dtype=torch.float64))


@pytest.mark.parametrize("frequencies", [{1}, {5}, {2, 3}, {1, 2, 3, 4, 5}])
def test_components_are_those_of_the_fft(frequencies: set[int]) -> None:
    torch.testing.assert_close(component(table(), frequencies), by_fft(table(), frequencies))


def test_a_component_is_a_projection_and_the_components_make_up_the_whole() -> None:
    some, rest = {2, 5}, {1, 3, 4}
    kept = component(table(), some)
    torch.testing.assert_close(component(kept, some), kept)
    assert component(kept, rest).abs().max() < 1e-12
    torch.testing.assert_close(kept + component(table(), rest) + table().mean(0), table())
    assert torch.equal(component(table(), []), torch.zeros_like(table()))


def test_shares_are_the_power_spectrum() -> None:
    power = np.square(np.abs(np.fft.fft(table().numpy(), axis=0)[1:6])).sum(1)
    np.testing.assert_allclose(shares(table() + 3), power / power.sum())


@pytest.fixture(scope="module")
def grokked() -> Network:
    return ModularAddition().load()


@pytest.fixture(scope="module", params=["as trained", "noised"])
def degraded(request: pytest.FixtureRequest, grokked: Network) -> Degraded:
    return WeightNoise().degrade_one(grokked, 0.0 if request.param == "as trained" else 0.2, 1, 0)


def embedded_and_answered(network: Network, degraded: Degraded, *interventions: Intervention) -> list[Tensor]:
    """The embedding and the logits of a few pairs, without any intervention and under each."""
    data = SteeredSum().data(ModularAddition(), 24)
    reference, state = LazyReference(network, degraded, data), state_of(data.behaviour)
    conditions = [{}, *(each.edits(reference) for each in interventions)]
    embed, *_ = network.stages
    return [
        *run([embed], degraded, state, conditions),
        *run(network.stages, degraded, state, conditions),
    ]


def test_keeping_and_removing_make_up_the_whole(grokked: Network, degraded: Degraded) -> None:
    keep = Fourier(action="keep", frequencies=("3", "5"))
    remove = Fourier(action="remove", frequencies=("3", "5"))
    whole, kept, left, *_ = embedded_and_answered(grokked, degraded, keep, remove)
    numbers, places = degraded.weights["embed.W_E"][:P], degraded.weights["pos_embed.W_pos"]
    torch.testing.assert_close((kept + left - whole)[:, :2], (numbers.mean(0) + places[:2]).expand_as(kept[:, :2]))
    assert torch.equal(kept[:, 2], whole[:, 2])
    assert torch.equal(left[:, 2], whole[:, 2]), "the sign is no number"


def test_keeping_all_changes_nothing_and_removing_all_leaves_the_mean(grokked: Network, degraded: Degraded) -> None:
    keep, remove = (Fourier(action=action, frequencies=FREQUENCIES) for action in ("keep", "remove"))
    whole, kept, left, *_, answers, _, without = embedded_and_answered(grokked, degraded, keep, remove)
    assert torch.equal(kept, whole)
    assert left[:, :2].var(dim=0).max() < 1e-10, "no number is left to tell from another"
    assert without.var(dim=0).max() < 1e-8 < answers.var(dim=0).max()


def test_one_number_alone_can_be_changed(grokked: Network, degraded: Degraded) -> None:
    three = [Fourier(frequencies=("3", "5"), numbers=numbers) for numbers in ("both", "first", "second")]
    whole, both, first, second, *_ = embedded_and_answered(grokked, degraded, *three)
    assert torch.equal(first[:, 0], both[:, 0])
    assert torch.equal(first[:, 1:], whole[:, 1:])
    assert torch.equal(second[:, 1], both[:, 1])
    assert torch.equal(second[:, 0], whole[:, 0])


def test_removing_twice_is_removing_once(grokked: Network, degraded: Degraded) -> None:
    numbers = degraded.weights["embed.W_E"][:P]
    once = numbers - component(numbers, [3, 5])
    again = Degraded({**degraded.weights, "embed.W_E": torch.cat([once, degraded.weights["embed.W_E"][P:]])})
    remove = Fourier(frequencies=("3", "5"))
    _, first, *_ = embedded_and_answered(grokked, degraded, remove)
    _, second, *_ = embedded_and_answered(grokked, again, remove)
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("shift", [7, -20, 58])
def test_turning_every_frequency_is_reading_another_number(grokked: Network, degraded: Degraded, shift: int) -> None:
    rotation = FrequencyRotation(shift=shift, frequencies=FREQUENCIES)
    *_, answered = embedded_and_answered(grokked, degraded, rotation)
    state = state_of(SteeredSum().data(ModularAddition(), 24).behaviour)
    state["inputs"] = state["inputs"].clone()
    state["inputs"][:, 0] = (state["inputs"][:, 0] + shift) % P
    torch.testing.assert_close(answered, run(grokked.stages, degraded, state, [{}])[0], rtol=0, atol=1e-4)


def test_a_full_turn_is_none(grokked: Network, degraded: Degraded) -> None:
    turns = [FrequencyRotation(shift=shift, frequencies=("3", "5")) for shift in (0, P, 7, 7 - P)]
    whole, none, full, seven, back, *_ = embedded_and_answered(grokked, degraded, *turns)
    assert torch.equal(none, whole)
    assert torch.equal(full, whole)
    assert torch.equal(seven, back)
    assert not torch.equal(seven, whole)
    assert torch.equal(seven[:, 1:], whole[:, 1:]), "only the first number is turned"


def test_turning_is_multiplying_the_coefficients_by_a_phase(grokked: Network) -> None:
    """The formula of Nanda et al. (2023): cos w(a + d) = cos wa cos wd − sin wa sin wd, written out."""
    degraded = Degraded(grokked.weights)
    whole, turned, *_ = embedded_and_answered(grokked, degraded, FrequencyRotation(shift=7, frequencies=("4", "9")))
    numbers = grokked.weights["embed.W_E"][:P].double()
    a = torch.from_numpy(SteeredSum().data(ModularAddition(), 24).behaviour.inputs[:, :1])
    expected = whole[:, 0].double()
    for k in (4, 9):
        w, t = 2 * np.pi * k / P, torch.arange(P)[:, None]
        cosine, sine = (2 / P * (numbers * wave(w * t)).sum(0) for wave in (torch.cos, torch.sin))
        expected = expected + cosine * (torch.cos(w * (a + 7)) - torch.cos(w * a))
        expected = expected + sine * (torch.sin(w * (a + 7)) - torch.sin(w * a))
    torch.testing.assert_close(turned[:, 0].double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("fit_on", ["degraded", "original"])
def test_the_embedding_that_is_analysed_is_the_chosen_one(grokked: Network, fit_on: FitOn) -> None:
    degraded = WeightNoise().degrade_one(grokked, 0.3, 0, 0)
    remove = Fourier(frequencies=("1", "2"), fit_on=fit_on)
    whole, left, *_ = embedded_and_answered(grokked, degraded, remove)
    weights = degraded.weights if fit_on == "degraded" else grokked.weights
    numbers = torch.from_numpy(SteeredSum().data(ModularAddition(), 24).behaviour.inputs[:, :2])
    gone = by_fft(weights["embed.W_E"][:P].double(), {1, 2})[numbers]
    torch.testing.assert_close((whole - left)[:, :2].double(), gone, rtol=0, atol=1e-5)


def test_a_set_of_frequencies_has_one_order_and_one_name() -> None:
    assert Fourier(frequencies=("10", "9", "9", "1")) == Fourier(frequencies=("1", "9", "10"))
    assert Fourier(frequencies=("10", "9")).describe() == "Removing frequencies 9, 10 of both numbers"
    turned = FrequencyRotation(shift=-3, frequencies=("4",)).describe()
    assert turned == "Turning frequency 4 of the first number by -3"
    for variant in (Fourier, FrequencyRotation):
        with pytest.raises(ValueError, match="must name at least one frequency"):
            variant(frequencies=())


def test_only_networks_with_frequencies_are_offered_them(network: Network, grokked: Network) -> None:
    for variant in (Fourier, FrequencyRotation):
        assert variant.is_compatible(grokked.card)
        assert not variant.is_compatible(network.card)
    assert sites.embed() in Fourier(frequencies=("1",)).edits(
        LazyReference(grokked, Degraded(grokked.weights), SteeredSum().data(ModularAddition(), 1))
    )
