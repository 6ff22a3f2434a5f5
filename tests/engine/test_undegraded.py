"""What degraded networks share with the one that they were made of: exact, computed once, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from tiny_networks import SHAPES, alike, data, network, noised
from torch import Tensor

from engine import sites
from engine.bounded import Bounded
from engine.degraders.base import Degraded
from engine.interventions.activation_patching import ActivationPatching
from engine.interventions.base import Intervention
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.mean_difference import MeanDifference
from engine.interventions.neuron_ablation import NeuronAblation
from engine.measure import Losses, measure
from engine.networks.network import Network
from engine.networks.reading import state_of
from engine.networks.undegraded import Undegraded
from engine.sites import Stage, State, Weights

KINDS = tuple(SHAPES)


def fresh(kind: str, ran: list[str] | None = None) -> Network:
    """A network of which nothing is kept yet; it tells which stages run."""

    def told(stage: Stage) -> Stage:
        def run(weights: Weights, state: State) -> Tensor:
            if ran is not None:
                ran.append(stage.site)
            return stage.run(weights, state)

        return replace(stage, run=run)

    return replace(network(kind), stages=tuple(map(told, network(kind).stages)))


def partly(kind: str, changed: Sequence[str]) -> Degraded:
    """A degraded network of which only these weights are degraded."""
    whole = noised(network(kind)).weights
    return Degraded({name: whole[name] if name in changed else w for name, w in network(kind).weights.items()})


def doubled(activation: Tensor, _: State) -> Tensor:
    return 2 * activation


def interventions(kind: str) -> list[Intervention | None]:
    site = SHAPES[kind].parts["sites"][1]
    every: list[Intervention | None] = [None, ActivationPatching(site=site), MeanDifference(site=site)]
    every += [NeuronAblation(neurons=("0.1", "1.1"), value=value) for value in ("mean", "resample")]
    if kind == "transformer":
        every += [
            HeadAblation(heads=heads, fit_on=fit_on)
            for heads in (("0.0",), ("1.1",))
            for fit_on in ("degraded", "original")
        ]
    return every


def without_sharing(kind: str, degraded: Degraded, monkeypatch: pytest.MonkeyPatch) -> list[Losses]:
    with monkeypatch.context() as patch:
        patch.setattr(Undegraded, "common", lambda *_: 0)
        return measure(fresh(kind), data(kind), degraded, interventions(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_whichever_weight_is_degraded_sharing_changes_no_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = fresh(kind)
    for name in network(kind).weights:
        degraded = partly(kind, [name])
        expected = without_sharing(kind, degraded, monkeypatch)
        for _ in range(2):  # what is kept by now is used
            found = measure(shared, data(kind), degraded, interventions(kind))
            assert all(map(alike, found, expected)), name


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_activations_are_edited_sharing_changes_no_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = fresh(kind)
    for site in [*SHAPES[kind].parts["sites"], sites.LOGITS]:
        for weights in (network(kind).weights, partly(kind, list(network(kind).weights)[-2:]).weights):
            degraded = Degraded(weights, {site: doubled})
            expected = without_sharing(kind, degraded, monkeypatch)
            found = measure(shared, data(kind), degraded, interventions(kind))
            assert all(map(alike, found, expected)), site


def test_what_comes_before_is_computed_once_for_all() -> None:
    ran: list[str] = []
    made = fresh("transformer", ran)
    late = [partly("transformer", ["blocks.1.mlp.W_in"]) for _ in range(3)]
    ablation = HeadAblation(heads=("1.1",), fit_on="degraded")
    measure(made, data("transformer"), late[0], [None, ablation])
    ran.clear()
    for degraded in late:
        measure(made, data("transformer"), degraded, [None, ablation])
    assert not {sites.embed(), sites.z(0), sites.resid_post(0), sites.z(1)} & set(ran)
    # of two sets: with the ablation from its site on, without it from the degraded matrix on
    after = [sites.resid_mid(1), sites.mlp_post(1)]
    assert [ran.count(site) for site in after] == [2 * 3, 4 * 3]


def test_where_the_first_stage_is_degraded_nothing_is_kept() -> None:
    made = fresh("transformer")
    measure(made, data("transformer"), noised(made), [None, HeadAblation(heads=("1.1",))])
    assert made.undegraded._kept.bytes == 0


def test_the_stages_that_are_the_same_are_counted() -> None:
    made, state = fresh("transformer"), state_of(data("transformer").examples)
    names = [stage.site for stage in made.stages]

    def common(changed: Sequence[str], edited: Sequence[str] = ()) -> int:
        return made.undegraded.common(partly("transformer", changed).weights, dict.fromkeys(edited, doubled), state)

    assert common([]) == 0
    assert common(["embed.W_E"]) == 0
    assert common(["blocks.0.attn.W_O"]) == names.index(sites.resid_mid(0))
    assert common(["unembed.W_U", "blocks.1.ln1.w"]) == names.index(sites.z(1))
    assert common(["unembed.W_U"], [sites.mlp_out(0)]) == names.index(sites.mlp_out(0)) + 1
    assert common(["blocks.0.attn.W_Q"], [sites.mlp_out(0)]) == names.index(sites.z(0))
    assert made.undegraded.entering(names.index(sites.z(1)), state) == (sites.resid_post(0),)
    assert made.undegraded.entering(names.index(sites.mlp_post(0)), state) == (sites.resid_mid(0),)
    assert made.undegraded.entering(names.index(sites.mlp_out(0)), state) == (sites.resid_mid(0), sites.mlp_post(0))


# ---- bounds ----------------------------------------------------------------------------------------------------------


def made_of(size: int) -> dict[str, Tensor]:
    return {"some": torch.zeros(size, dtype=torch.uint8)}


def test_what_is_kept_is_not_made_again() -> None:
    kept, made = Bounded(10), []
    for name in (1, 2, 1, 2):
        kept.get("owner", name, lambda name=name: (made.append(name), made_of(5))[1])
    assert made == [1, 2]
    assert kept.bytes == 10


def test_what_finds_no_room_leaves_what_is_there() -> None:
    """An owner asks for everything in turn: to throw out the oldest each time would be to keep nothing."""
    kept, made = Bounded(10), []
    for name in (1, 2, 3, 1, 2, 3):
        kept.get("owner", name, lambda name=name: (made.append(name), made_of(5))[1])
    assert made == [1, 2, 3, 3]
    assert kept.bytes == 10


def test_the_owner_that_was_asked_for_longest_ago_makes_room() -> None:
    kept = Bounded(10)
    for owner in ("first", "second", "first", "third"):
        kept.get(owner, "a", lambda: made_of(4))
    assert kept.bytes == 8
    assert kept.get("first", "a", lambda: pytest.fail("it was kept"))
    again: list[str] = []
    kept.get("second", "a", lambda: (again.append("second"), made_of(4))[1])
    assert again == ["second"]
    kept.get("large", "a", lambda: made_of(11))
    assert kept.bytes <= 10
