"""Compositions of degraders: in order, each part with its own chance, and nothing at all at strength 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.degraders.base import Axis, Degraded, Degrader, Sampling, Separate, Setting
from engine.degraders.checkpoint import Checkpoint
from engine.degraders.compose import Compose, Part
from engine.degraders.pruning import Pruning
from engine.degraders.weight_noise import WeightNoise
from engine.dials import Dial, InputError
from engine.models.base import Card
from engine.networks.network import Network
from engine.randomness import normal
from engine.sites import State
from engine.spec import Experiment
from engine.words import place

Make = Callable[..., Experiment]

SETTINGS = [Setting(strength, draw) for draw in range(4) for strength in (0.05, 0.2)]


def composed(*parts: tuple[Degrader, float | None]) -> Compose:
    """A composition, also of parts that no folder offers."""
    made_up = (Part.model_construct(degrader=degrader, strength=strength) for degrader, strength in parts)
    return Compose.model_construct(parts=tuple(made_up))


def made(degrader: Degrader, network: Network, settings: Sequence[Setting], seed: int = 0) -> list[Degraded]:
    return [each for each in degrader.degrade(network, settings, seed) if isinstance(each, Degraded)]


def same(one: Degraded, other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one.weights[name], other[name]) for name in other)


def noised(weights: dict[str, Tensor], strength: float, pair: int, sign: int, seed: int) -> dict[str, Tensor]:
    """Weight noise by hand, whose unit is the root mean square of the weights that it is added to."""
    by = {name: sign * strength * w.square().mean().sqrt() for name, w in weights.items()}
    noise = {
        name: torch.from_numpy(normal(tuple(w.shape), "weight-noise", seed, pair, name)) for name, w in weights.items()
    }
    return {name: w + by[name] * noise[name] for name, w in weights.items()}


def pruned(weights: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The smallest weights of each matrix set to zero, by hand."""
    kept = {}
    for name, tensor in weights.items():
        kept[name] = tensor.clone()
        if tensor.ndim > 1:
            order = np.argsort(tensor.abs().flatten().numpy(), kind="stable")
            kept[name].view(-1)[torch.from_numpy(order[: round(share * tensor.numel())])] = 0
    return kept


def test_order_matters_and_both_orders_are_as_by_hand(network: Network) -> None:
    setting = Setting(0.2, 1)
    first = made(composed((WeightNoise(), None), (Pruning(), 0.3)), network, [setting])[0]
    second = made(composed((Pruning(), 0.3), (WeightNoise(), None)), network, [setting])[0]
    for name, tensor in pruned(noised(network.weights, 0.2, 0, -1, seed=0), 0.3).items():
        torch.testing.assert_close(first.weights[name], tensor, atol=1e-6, rtol=1e-5)
    for name, tensor in noised(pruned(network.weights, 0.3), 0.2, 0, -1, 0).items():
        torch.testing.assert_close(second.weights[name], tensor, atol=1e-6, rtol=1e-5)
    matrices = [name for name, tensor in network.weights.items() if tensor.ndim > 1]
    assert all((first.weights[name] == 0).any() and not (second.weights[name] == 0).any() for name in matrices)


def test_at_strength_0_the_other_parts_do_nothing_either(network: Network) -> None:
    for draw in range(3):
        (whole,) = made(composed((Pruning(), 0.5), (WeightNoise(), None)), network, [Setting(0.0, draw)])
        assert same(whole, network.weights)


def test_two_parts_of_one_kind_have_noise_of_their_own(network: Network) -> None:
    twice = composed((WeightNoise(), 0.1), (WeightNoise(), None))
    (both,) = made(twice, network, [Setting(0.1, 0)])
    (once,) = made(WeightNoise(), network, [Setting(0.1, 0)])
    name = max(network.weights, key=lambda each: network.weights[each].numel())
    first = (once.weights[name] - network.weights[name]).flatten()
    second = (both.weights[name] - once.weights[name]).flatten()
    correlation = torch.corrcoef(torch.stack([first, second]))[0, 1]
    assert abs(correlation) < 4 / first.numel() ** 0.5


def test_together_is_as_one_by_one(network: Network) -> None:
    twice = composed((Checkpoint(), 1 - 600 / network.card.steps[-1]), (Pruning(), 0.2), (WeightNoise(), None))
    at_once = made(twice, network, SETTINGS, seed=3)
    for setting, degraded in zip(SETTINGS, at_once, strict=True):
        (alone,) = made(twice, network, [setting], seed=3)
        assert same(degraded, dict(alone.weights))


def test_draws_of_a_pair_stay_a_pair() -> None:
    assert [composed((WeightNoise(), 0.1), (Single(), None)).unit(draw) for draw in range(4)] == [0, 0, 1, 1]
    assert [composed((Single(), 0.1), (Pruning(), None)).unit(draw) for draw in range(4)] == [0, 1, 2, 3]
    assert not composed((Checkpoint(), 0.5), (Pruning(), None)).random


def test_a_part_that_samples_gets_the_settings_of_a_unit_at_once_and_the_first_are_there_early(
    network: Network,
) -> None:
    sampled = composed((Checkpoint(), 1 - 600 / network.card.steps[-1]), (Sampled(), None))
    assert sampled.together
    results = list(sampled.degrade(network, SETTINGS, 0))
    assert [isinstance(each, Sampling) for each in results] == 4 * [True, True, False, False]
    shares = [each.share for each in results if isinstance(each, Sampling)]
    assert shares == [number / len(SETTINGS) for number in range(1, len(SETTINGS) + 1)], "of all that was asked for"
    sizes = [int(each.weights["calls"]) for each in results if isinstance(each, Degraded)]
    assert sizes == [2] * len(SETTINGS)


def test_edits_come_in_the_order_of_the_parts(network: Network) -> None:
    doubled_then_raised, raised_then_doubled = (
        made(composed(*parts), network, [Setting(0.1, 0)])[0].edits["here"](torch.ones(2), {})
        for parts in (((Edits(twice=1), 0.1), (Edits(twice=0), None)), ((Edits(twice=0), 0.1), (Edits(twice=1), None)))
    )
    assert doubled_then_raised.tolist() == [3, 3]
    assert raised_then_doubled.tolist() == [4, 4]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([{"degrader": "weight-noise"}], "2 to 4"),
        ([{"degrader": "weight-noise"}, {"degrader": "pruning"}], "got 2 open"),
        ([{"degrader": "weight-noise", "strength": 0.1}, {"degrader": "pruning", "strength": 0.1}], "got 0 open"),
        ([{"degrader": "weight-noise"}, {"degrader": "checkpoint", "strength": 0.5}], "put it first"),
        ([{"degrader": "compose"}, {"degrader": "pruning", "strength": 0.5}], "no compositions"),
        ([{"degrader": "weight-noise"}, {"degrader": "pruning", "strength": 7}], "strength of pruning must be"),
        ([{"degrader": "weight-noise"}, {"degrader": "checkpoint-x"}], "degrader must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused(parts: list[dict[str, Any]], told: str) -> None:
    form = {"model": "induction", "behaviour": "copying", "intervention": "identity"}
    with pytest.raises(InputError, match=told):
        Experiment.read({**form, "degrader": {"name": "compose", "parts": parts}})


# ---- parts that are made up ------------------------------------------------------------------------------------------


class Made(Degrader):
    """What the parts here have in common."""

    name: ClassVar[str] = "made-up"
    summary: ClassVar[str] = "Made up."

    @property
    def strength(self) -> Dial:
        return WeightNoise().strength

    @property
    def random(self) -> bool:
        return True

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def strengths(self, card: Card) -> tuple[float, ...]:
        return (0.0, 0.1)

    def canonical(self, strength: float, card: Card) -> float:
        return strength

    def unit(self, draw: int) -> int:
        return draw

    def label(self, strength: float, card: Card) -> str:
        return f"{strength:g}"

    def axis(self, card: Card) -> Axis:
        return Axis("made up", "made up")


class Single(Made, Separate):
    """Whose draws are all independent."""

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        return Degraded(network.weights)


class Edits(Made, Separate):
    """Doubles an activation, or raises it by 1."""

    twice: int

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        def edit(activation: Tensor, _: State) -> Tensor:
            return 2 * activation if self.twice else activation + 1

        return Degraded(network.weights, {"here": edit})


class Sampled(Made):
    """Tells how many settings it was asked for at once."""

    @property
    def together(self) -> bool:
        return True

    def degrade(self, network: Network, settings: Sequence[Setting], seed: int) -> Iterator[Degraded | Sampling]:
        for number, _ in enumerate(settings, 1):
            yield Sampling(number / len(settings))
            yield Degraded({"calls": torch.tensor(len(settings))})


# ---- in words --------------------------------------------------------------------------------------------------------


def test_at_strength_0_it_is_not_called_by_the_dial_that_is_swept(experiment: Make) -> None:
    """There the other parts degrade nothing, either: "step 4,000" would be with noise."""
    parts = [{"degrader": "checkpoint"}, {"degrader": "weight-noise", "strength": 0.05}]
    asked = experiment(degrader={"name": "compose", "parts": parts}, strengths=None)
    whole, first = asked.sweep_strengths[:2]
    assert asked.degrader.label(whole, asked.card) == place(asked, whole) == "undegraded"
    assert place(asked, first) == f"step {Checkpoint().label(first, asked.card)}"
