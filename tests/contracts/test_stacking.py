"""Stacks: many degraded networks at once say what each says alone, whatever is done to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from specimens import brief, home, loaded, models, one_of_each, some_data, variations

from engine import discovery, stacking
from engine.behaviours.base import Dataset
from engine.degraders.activation_noise import ActivationNoise
from engine.degraders.base import Degraded
from engine.degraders.weight_noise import WeightNoise
from engine.dials import dials_of
from engine.interventions.base import Intervention
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.optimised_direction import OptimisedDirection
from engine.measure import Losses, measure
from engine.models.base import Model
from engine.networks.network import Network
from engine.stacking import Stacks, measure_stack

# so vmap tells where it goes through the networks one by one
pytestmark = pytest.mark.filterwarnings("error:There is a performance drop:UserWarning")

ITEMS, OTHERS = 4, 6
ROUNDING, RELATIVE = 1e-5, 1e-6
"""By how much sums in another order may move the mean of an item: float32 rounds logits of up to 80 to about 5e-6."""
SLOT = 5e-5
"""By how much they may move a single loss."""

SETTINGS = ((0.0, 0), (0.2, 1))
FITTED = ("optimised-direction", "random-optimised")
"""Interventions for which there is no stack."""


def few(model: Model, items: int = ITEMS) -> Dataset:
    """A few items of each set."""
    data = some_data(model, items)
    return replace(data, examples=data.examples.part(0, OTHERS), reference=data.reference[:OTHERS])


def degraded(model: Model, kind: str) -> list[Degraded]:
    """Some networks with other weights, or with the same weights and noise on some activations."""
    network, card = loaded(model), model.card()
    noise = WeightNoise() if kind == "weights" else card.usual(ActivationNoise)
    return [noise.degrade_one(network, strength, draw, 0) for strength, draw in SETTINGS]


def one_by_one(
    model: Model, data: Dataset, networks: Sequence[Degraded], interventions: Sequence[Intervention | None]
) -> list[list[Losses]]:
    return [measure(loaded(model), data, each, interventions) for each in networks]


def agree(
    one: Sequence[Sequence[Losses]],
    other: Sequence[Sequence[Losses]],
    rounding: float = ROUNDING,
    slot: float = SLOT,
) -> None:
    for here, there in zip(one, other, strict=True):
        for losses, others in zip(here, there, strict=True):
            for name, value in losses._asdict().items():
                at_most = slot if name.endswith("examples") else rounding
                np.testing.assert_allclose(value, getattr(others, name), atol=at_most, rtol=RELATIVE)


@pytest.fixture
def no_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where a stack is given up."""
    monkeypatch.setattr(stacking, "measure", lambda *_: pytest.fail("measured one by one"))


def specimens(variant: type[Intervention], kind: str) -> list[tuple[Intervention, Model]]:
    """The intervention with its defaults on its own model; for degraded weights on every kind of model, and on its own
    with every choice.
    """
    at_home = home("interventions", variant)
    if kind == "activations" or variant.name in FITTED:
        return [(brief(at_home.card().usual(variant)), at_home)]
    card = at_home.card()
    usual = card.usual(variant)
    # what can be vectorised depends on the choices, not on numbers or on which parts are meant
    given = {dial.name for dial in dials_of(variant) if dial.kind != "choice"}
    chosen = [
        each for each in variations(variant, card) if each.model_dump(include=given) == usual.model_dump(include=given)
    ]
    chosen = list(dict.fromkeys(chosen))
    others = [model for model in one_of_each() if model != at_home and variant.is_compatible(model.card())]
    return [(brief(each), at_home) for each in chosen] + [(brief(m.card().usual(variant)), m) for m in others]


@pytest.mark.parametrize("kind", ["weights", "activations"])
@pytest.mark.parametrize("variant", discovery.find("interventions").values(), ids=lambda each: each.name)
def test_a_stack_says_what_its_networks_say_one_by_one(
    variant: type[Intervention], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for intervention, model in specimens(variant, kind):
        networks, data = degraded(model, kind), few(model)
        expected = one_by_one(model, data, networks, [None, intervention])
        with monkeypatch.context() as patch:
            if variant.name not in FITTED:
                patch.setattr(stacking, "measure", lambda *_: pytest.fail("measured one by one"))
            agree(measure_stack(loaded(model), data, networks, [None, intervention]), expected)


def test_in_float64_there_is_no_difference(no_way_back: None) -> None:
    model = models()[0]
    network = replace(loaded(model), weights={name: w.double() for name, w in loaded(model).weights.items()})
    data, interventions = few(model), [None, HeadAblation(heads=("0.1", "1.2"))]
    networks = [WeightNoise().degrade_one(network, strength, draw, 0) for strength, draw in SETTINGS]
    alone = [measure(network, data, each, interventions) for each in networks]
    agree(measure_stack(network, data, networks, interventions), alone, rounding=1e-7, slot=1e-6)  # kept in float32


def test_networks_of_different_kinds_stack(no_way_back: None) -> None:
    model = models()[0]
    networks = [*degraded(model, "weights"), *degraded(model, "activations")]
    data, interventions = few(model), [HeadAblation(heads=("0.1",))]
    expected = one_by_one(model, data, networks, interventions)
    agree(measure_stack(loaded(model), data, networks, interventions), expected)


def test_what_a_stack_leaves_behind_serves_others(no_way_back: None) -> None:
    """Activations that are kept while a stack is measured must not be those of the stack."""
    model = models()[0]
    network = replace(loaded(model))  # nothing is kept of this one yet
    networks, data = degraded(model, "activations"), few(model)
    interventions = [None, HeadAblation(heads=("1.1",), fit_on="original")]
    stacked = measure_stack(network, data, networks, interventions)
    agree(stacked, [measure(network, data, each, interventions) for each in networks])


def test_what_cannot_be_stacked_is_measured_one_by_one() -> None:
    model = models()[0]
    fitted = brief(model.card().usual(OptimisedDirection, fit_on="degraded"))
    networks, data = degraded(model, "weights"), few(model)
    expected = one_by_one(model, data, networks, [fitted])
    agree(measure_stack(loaded(model), data, networks, [fitted]), expected, rounding=0, slot=0)


# ---- as large as memory allows ---------------------------------------------------------------------------------------


class Memory:
    """Stands in for `measure_stack`, on a device that has memory for so many networks."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[int] = []

    def measure_stack(
        self,
        network: Network,
        data: Dataset,
        networks: Sequence[Degraded],
        interventions: Sequence[Intervention | None],
    ) -> list[list[Losses]]:
        self.asked.append(len(networks))
        if len(networks) > self.room:
            raise torch.OutOfMemoryError("injected")
        return measure_stack(network, data, networks, interventions)


def stacks_of(monkeypatch: pytest.MonkeyPatch, room: int, most: int) -> tuple[Stacks, Memory]:
    memory = Memory(room)
    monkeypatch.setattr(stacking, "measure_stack", memory.measure_stack)
    return Stacks(most), memory


def test_out_of_memory_a_stack_is_halved_and_on_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = models()[0]
    data, networks = few(model), degraded(model, "weights") * 6
    stacks, memory = stacks_of(monkeypatch, room=3, most=12)
    found = stacks.measure(loaded(model), data, networks, (None,))
    agree(found, one_by_one(model, data, networks, [None]))
    assert memory.asked == [12, 6, 3, 3, 3, 3]
    stacks.measure(loaded(model), data, networks[:5], (None,))
    assert memory.asked[-2:] == [3, 2], "what was learned is remembered"
    stacks.measure(loaded(model), few(model, 2), networks[:2], (None,))
    assert memory.asked[-1] == 2


def test_where_not_even_one_has_room_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    model = models()[0]
    stacks, memory = stacks_of(monkeypatch, room=0, most=4)
    with pytest.raises(torch.OutOfMemoryError):
        stacks.measure(loaded(model), few(model), degraded(model, "weights"), (None,))
    assert memory.asked == [2, 1]
