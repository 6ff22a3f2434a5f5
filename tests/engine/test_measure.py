"""The planner against a forward pass that plans nothing: one item, every position, every head in turn, float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy.special import erf
from torch import Tensor

from engine import measure as planner
from engine import sites
from engine.behaviours.base import Dataset
from engine.degraders.base import Degraded
from engine.interventions.base import FitOn, Intervention, Reference, World
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.identity import Identity
from engine.items import Items
from engine.measure import Losses, measure
from engine.models.architectures import Transformer
from engine.models.base import Card
from engine.models.induction import Induction
from engine.networks import transformer
from engine.networks.network import Network
from engine.networks.reading import state_of
from engine.sites import Edit

SHAPE = Transformer(layers=3, heads=2, d_model=8, vocab=11, context=12, d_mlp=6)
PlainEdits = dict[str, Callable[[np.ndarray], np.ndarray]]


class Shift(Intervention):
    """Adds a ramp along the last axis at some sites; a stand-in for anything that changes activations."""

    name: ClassVar[str] = "shift"
    summary: ClassVar[str] = "Adds a ramp."

    sites: tuple[str, ...]
    by: float = 0.5

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def edits(self, reference: Reference) -> dict[str, Edit]:
        return dict.fromkeys(self.sites, lambda x, _: x + self.by * torch.linspace(-1, 1, x.shape[-1]))

    def describe(self) -> str:
        return "Shifting"


def plain_shift(activation: np.ndarray) -> np.ndarray:
    return activation + 0.5 * np.linspace(-1, 1, activation.shape[-1])


@pytest.fixture(scope="module")
def tiny() -> Network:
    """A network of three small layers with random weights, none of them zero."""
    generator = torch.Generator().manual_seed(5)
    weights = transformer.initial_weights(SHAPE, generator)
    weights = {name: w + 0.3 * torch.randn(w.shape, generator=generator) for name, w in weights.items()}
    card = Induction().card().model_copy(update={"architecture": SHAPE})
    return Network(Path(), card, weights, transformer.stages(SHAPE), Induction().load().training)


@pytest.fixture(scope="module")
def tiny_data() -> Dataset:
    """Items of several lengths, with gaps between the positions that are read."""
    rng = np.random.default_rng(0)

    def items(count: int) -> Items:
        tokens = rng.integers(SHAPE.vocab, size=(count, SHAPE.context))
        read = np.stack([np.sort(rng.choice(SHAPE.context - 1, size=4, replace=False)) for _ in range(count)])
        scored = rng.random((count, 4)) < 0.7
        scored[:, 0] = True
        corrupt = rng.integers(SHAPE.vocab, size=tokens.shape)
        return Items(tokens, read, np.take_along_axis(tokens, read + 1, axis=1), scored, corrupt)

    return Dataset(items(9), items(7), items(6), rng.integers(SHAPE.vocab, size=(5, SHAPE.context)))


def plain_forward(weights: dict[str, Tensor], tokens: np.ndarray, edits: PlainEdits) -> dict[str, np.ndarray]:
    """Every activation of one sequence [pos], and its logits [pos, vocab]."""
    w = {name: tensor.double().numpy() for name, tensor in weights.items()}
    found: dict[str, np.ndarray] = {}

    def at(site: str, activation: np.ndarray) -> np.ndarray:
        found[site] = edits[site](activation) if site in edits else activation
        return found[site]

    def normed(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5) * w[f"{name}.w"] + w[f"{name}.b"]

    size = SHAPE.d_model // SHAPE.heads
    x = at(sites.embed(), w["embed.W_E"][tokens] + w["pos_embed.W_pos"][: len(tokens)])
    for layer in range(SHAPE.layers):
        block = f"blocks.{layer}"
        y = normed(x, f"{block}.ln1")
        q, k, v = (y @ w[f"{block}.attn.W_{name}"] + w[f"{block}.attn.b_{name}"] for name in "QKV")
        z = np.zeros((len(tokens), SHAPE.heads, size))
        for head in range(SHAPE.heads):
            own = slice(head * size, (head + 1) * size)
            for query in range(len(tokens)):
                scores = np.exp(k[: query + 1, own] @ q[query, own] / math.sqrt(size))
                z[query, head] = scores / scores.sum() @ v[: query + 1, own]
        z = at(sites.z(layer), z)
        x = at(
            sites.resid_mid(layer),
            x + z.reshape(len(tokens), -1) @ w[f"{block}.attn.W_O"] + w[f"{block}.attn.b_O"],
        )
        inside = normed(x, f"{block}.ln2") @ w[f"{block}.mlp.W_in"] + w[f"{block}.mlp.b_in"]
        neurons = at(sites.mlp_post(layer), inside * (1 + erf(inside / math.sqrt(2))) / 2)
        mlp = at(sites.mlp_out(layer), neurons @ w[f"{block}.mlp.W_out"] + w[f"{block}.mlp.b_out"])
        x = at(sites.resid_post(layer), x + mlp)
    logits = normed(x, "ln_final") @ w["unembed.W_U"] + w["unembed.b_U"]
    found[sites.LOGITS] = edits[sites.LOGITS](logits) if sites.LOGITS in edits else logits
    return found


def plain_losses(weights: dict[str, Tensor], items: Items, edits: PlainEdits) -> np.ndarray:
    """Mean loss of every item."""
    means = []
    for tokens, read, targets, scored in zip(items.inputs, items.read, items.targets, items.scored, strict=True):
        logits = plain_forward(weights, tokens, edits)[sites.LOGITS]
        losses = [
            math.log(np.exp(logits[position]).sum()) - logits[position, target]
            for position, target in zip(read[scored], targets[scored], strict=True)
        ]
        means.append(np.mean(losses))
    return np.array(means)


def agree(losses: Losses, weights: dict[str, Tensor], data: Dataset, edits: PlainEdits) -> None:
    np.testing.assert_allclose(losses.performance, plain_losses(weights, data.performance, edits), atol=2e-5)
    np.testing.assert_allclose(losses.behaviour, plain_losses(weights, data.behaviour, edits), atol=2e-5)


def alike(one: Sequence[Losses], other: Sequence[Losses], tolerance: float) -> None:
    for losses, others in zip(one, other, strict=True):
        for a, b in zip(losses, others, strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


SITES = [*SHAPE.parts["sites"], sites.LOGITS]


def test_without_intervention_it_is_the_plain_forward_pass(tiny: Network, tiny_data: Dataset) -> None:
    agree(measure(tiny, tiny_data, Degraded(tiny.weights), [None])[0], tiny.weights, tiny_data, {})


@pytest.mark.parametrize("site", SITES)
def test_an_edit_at_any_site_does_what_it_does_in_the_plain_pass(tiny: Network, tiny_data: Dataset, site: str) -> None:
    def edit(activation: np.ndarray) -> np.ndarray:
        return np.maximum(activation, 0)

    degraded = Degraded(tiny.weights, {site: lambda activation, _: activation.relu()})
    agree(measure(tiny, tiny_data, degraded, [None])[0], tiny.weights, tiny_data, {site: edit})


def test_an_intervention_at_two_sites(tiny: Network, tiny_data: Dataset) -> None:
    where = (sites.z(0), sites.mlp_post(1))
    without, under = measure(tiny, tiny_data, Degraded(tiny.weights), [None, Shift(sites=where)])
    agree(under, tiny.weights, tiny_data, dict.fromkeys(where, plain_shift))
    agree(without, tiny.weights, tiny_data, {})


@pytest.mark.parametrize("fit_on", ["degraded", "original"])
def test_mean_ablation_of_heads_in_two_layers(tiny: Network, tiny_data: Dataset, fit_on: FitOn) -> None:
    """The means are those of whole reference sequences, without the ablation itself, on the network asked for."""
    weights = {name: 1.2 * w for name, w in tiny.weights.items()}
    fitted = [
        plain_forward(weights if fit_on == "degraded" else tiny.weights, tokens, {}) for tokens in tiny_data.reference
    ]
    means = {layer: np.mean([found[sites.z(layer)] for found in fitted], axis=(0, 1)) for layer in range(2)}

    def ablate(layer: int, head: int) -> Callable[[np.ndarray], np.ndarray]:
        chosen = np.arange(SHAPE.heads)[:, None] == head
        return lambda z: np.where(chosen, means[layer], z)

    ablation = HeadAblation(heads=("0.1", "1.0"), value="mean", fit_on=fit_on)
    edits = {sites.z(0): ablate(0, 1), sites.z(1): ablate(1, 0)}
    agree(measure(tiny, tiny_data, Degraded(weights), [ablation])[0], weights, tiny_data, edits)


def test_edits_of_the_degrader_act_on_every_run_and_before_the_intervention(tiny: Network, tiny_data: Dataset) -> None:
    site = sites.resid_post(0)
    degraded = Degraded(tiny.weights, {site: lambda activation, _: 2 * activation, sites.z(1): lambda z, _: -z})
    without, under = measure(tiny, tiny_data, degraded, [None, Shift(sites=(site,))])
    agree(without, tiny.weights, tiny_data, {site: lambda x: 2 * x, sites.z(1): lambda z: -z})
    agree(under, tiny.weights, tiny_data, {site: lambda x: plain_shift(2 * x), sites.z(1): lambda z: -z})


def test_edits_of_the_degrader_act_on_the_reference_but_not_on_the_original(tiny: Network, tiny_data: Dataset) -> None:
    degraded = Degraded(tiny.weights, {sites.embed(): lambda activation, _: 2 * activation})
    reference = planner.LazyReference(tiny, degraded, tiny_data)
    cases: tuple[tuple[FitOn, PlainEdits], ...] = (("degraded", {sites.embed(): lambda x: 2 * x}), ("original", {}))
    for fit_on, edits in cases:
        for site in (sites.z(1), sites.embed(), sites.z(0)):  # in any order
            expected = [plain_forward(tiny.weights, tokens, edits)[site] for tokens in tiny_data.reference]
            np.testing.assert_allclose(reference.activations(site, fit_on).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("site", SITES[:-1])
@pytest.mark.parametrize("world", ["clean", "corrupt"])
def test_examples_are_read_where_their_answers_are(tiny: Network, tiny_data: Dataset, site: str, world: World) -> None:
    items = tiny_data.examples
    inputs = items.inputs if world == "clean" else items.corrupt
    reference = planner.LazyReference(tiny, Degraded(tiny.weights), tiny_data)
    expected = [
        plain_forward(tiny.weights, tokens, {})[site][read] for tokens, read in zip(inputs, items.read, strict=True)
    ]
    np.testing.assert_allclose(reference.examples(site, "degraded", world).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("site", SITES)
def test_any_inputs_can_be_run_as_far_as_a_site(tiny: Network, tiny_data: Dataset, site: str) -> None:
    reference = planner.LazyReference(tiny, Degraded(tiny.weights), tiny_data)
    state = state_of(tiny_data.behaviour)
    found = reference.run(state, [site], "original")
    whole = [plain_forward(tiny.weights, tokens, {})[site] for tokens in tiny_data.behaviour.inputs]
    at = tiny_data.behaviour.read if tiny.stage(site).slots else np.tile(np.arange(SHAPE.context), (len(whole), 1))
    expected = [each[places] for each, places in zip(whole, at, strict=True)]
    np.testing.assert_allclose(found[site].numpy(), expected, atol=1e-5)
    assert not [later for later in SITES[SITES.index(site) + 1 :] if later in found], "no further than needed"
    assert site not in state, "what came in is left as it was"


def probabilities(weights: dict[str, Tensor], items: Items, answers: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Of each scored slot of each item, the probability that any of several answers has."""
    found = []
    for item, (tokens, read, scored) in enumerate(zip(items.inputs, items.read, items.scored, strict=True)):
        weight = np.exp(plain_forward(weights, tokens, {})[sites.LOGITS][read])
        if items.among is not None:
            weight[:, [each for each in range(SHAPE.vocab) if each not in items.among]] = 0
        chances = weight / weight.sum(-1, keepdims=True)
        places = np.arange(len(read))
        found.append(np.sum([chances[places, answer[item]] for answer in answers], axis=0)[scored])
    return found


def test_the_metric_can_be_a_probability(tiny: Network, tiny_data: Dataset) -> None:
    items = tiny_data.behaviour
    data = replace(tiny_data, behaviour=replace(items, metric="probability"))
    expected = [p.mean() for p in probabilities(tiny.weights, items, [items.targets])]
    found = measure(tiny, data, Degraded(tiny.weights), [None])[0]
    np.testing.assert_allclose(found.behaviour, expected, atol=1e-5)
    assert np.array_equal(
        found.behaviour_examples, measure(tiny, tiny_data, Degraded(tiny.weights), [None])[0].behaviour_examples, True
    ), "what is shown stays a loss"


def test_two_answers_count_together(tiny: Network, tiny_data: Dataset) -> None:
    items = tiny_data.performance
    also = (items.targets + 3) % SHAPE.vocab
    data = replace(tiny_data, performance=replace(items, also=also))
    expected = [-np.log(p).mean() for p in probabilities(tiny.weights, items, [items.targets, also])]
    found = measure(tiny, data, Degraded(tiny.weights), [None])[0]
    np.testing.assert_allclose(found.performance, expected, atol=2e-5)


def test_answers_can_be_sought_among_a_few_classes(tiny: Network, tiny_data: Dataset) -> None:
    among = (1, 4, 7)
    targets = np.array(among)[tiny_data.performance.targets % 3]
    items = replace(tiny_data.performance, targets=targets, among=among)
    expected = [-np.log(p).mean() for p in probabilities(tiny.weights, items, [targets])]
    found = measure(tiny, replace(tiny_data, performance=items), Degraded(tiny.weights), [None])[0]
    np.testing.assert_allclose(found.performance, expected, atol=2e-5)
    answers = found.performance_answers
    assert answers.shape == (planner.EXAMPLES, targets.shape[1], SHAPE.vocab)
    np.testing.assert_allclose(answers[..., list(among)].sum(-1), 1, atol=1e-6)


@pytest.mark.parametrize("site", SITES)
def test_resuming_from_a_fork_equals_a_full_run(tiny: Network, tiny_data: Dataset, site: str) -> None:
    degraded = Degraded(tiny.weights)
    conditions = [None, Shift(sites=(site,)), Identity(), Shift(sites=(site, sites.LOGITS), by=-0.1), None]
    together = measure(tiny, tiny_data, degraded, conditions)
    alike(together, [measure(tiny, tiny_data, degraded, [each])[0] for each in conditions], tolerance=0)
    assert not np.array_equal(together[0].performance, together[1].performance)
    alike([together[0]], [together[4]], tolerance=0)


@pytest.mark.parametrize("rows", [1, 2 * SHAPE.context, 5 * SHAPE.context + 3, 10_000])
def test_the_size_of_a_tile_changes_nothing(
    tiny: Network, tiny_data: Dataset, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    conditions = [None, Shift(sites=(sites.z(1),)), HeadAblation(heads=("0.0", "2.1"))]
    usual = measure(tiny, tiny_data, Degraded(tiny.weights), conditions)
    monkeypatch.setattr(planner, "ROWS", rows)
    alike(measure(tiny, tiny_data, Degraded(tiny.weights), conditions), usual, tolerance=1e-6)


def test_a_loss_that_is_not_a_number_stays_so_in_the_mean_of_its_item_alone(tiny: Network, tiny_data: Dataset) -> None:
    weights = dict(tiny.weights)
    weights["embed.W_E"] = weights["embed.W_E"].clone()
    token = int(tiny_data.performance.inputs[0, 0])
    weights["embed.W_E"][token] = torch.nan
    losses = measure(tiny, tiny_data, Degraded(weights), [None, Identity()])
    for items, means in (
        (tiny_data.performance, [each.performance for each in losses]),
        (tiny_data.behaviour, [each.behaviour for each in losses]),
    ):
        # a token reaches the losses that are read at it and after it, and through masked attention (0 · NaN) those of
        # its own item that are read before it; another item's never
        last = [read[scored].max() for read, scored in zip(items.read, items.scored, strict=True)]
        spoilt = [token in tokens[: end + 1] for tokens, end in zip(items.inputs, last, strict=True)]
        assert 0 < sum(spoilt) < len(spoilt)
        for each in means:
            assert np.isnan(each)[spoilt].all()
            assert not np.isnan(each)[[token not in tokens for tokens in items.inputs]].any()


def test_an_infinite_loss_stays_infinite(tiny: Network, tiny_data: Dataset) -> None:
    bias = tiny.weights["unembed.b_U"].clone()
    token = int(tiny_data.performance.targets[0, 0])
    bias[token] = -torch.inf
    mean = measure(tiny, tiny_data, Degraded(tiny.weights | {"unembed.b_U": bias}), [None])[0].performance
    items = tiny_data.performance
    asked = [token in targets[scored] for targets, scored in zip(items.targets, items.scored, strict=True)]
    np.testing.assert_array_equal(np.isposinf(mean), asked)
    assert 0 < sum(asked) < len(asked)


def test_the_first_items_are_kept_slot_by_slot(tiny: Network, tiny_data: Dataset) -> None:
    losses = measure(tiny, tiny_data, Degraded(tiny.weights), [None])[0]
    for kept, items, means in (
        (losses.performance_examples, tiny_data.performance, losses.performance),
        (losses.behaviour_examples, tiny_data.behaviour, losses.behaviour),
    ):
        assert len(kept) == planner.EXAMPLES
        np.testing.assert_array_equal(np.isnan(kept), ~items.scored[: len(kept)])
        np.testing.assert_allclose(np.nanmean(kept, axis=1), means[: len(kept)], atol=1e-6)


def test_only_what_is_needed_is_computed(tiny: Network, tiny_data: Dataset) -> None:
    """Stages before the first edit run once, those after it once for each condition."""
    ran: list[str] = []

    def counted(stage: sites.Stage) -> sites.Stage:
        def run(weights: sites.Weights, state: sites.State) -> Tensor:
            ran.append(stage.site)
            return stage.run(weights, state)

        return replace(stage, run=run)

    counting = replace(tiny, stages=tuple(map(counted, tiny.stages)))
    edited = SITES.index(sites.z(1))
    measure(counting, tiny_data, Degraded(tiny.weights), [None, Shift(sites=(sites.z(1),)), Identity()])
    expected = {site: 2 if SITES.index(site) <= edited else 4 for site in SITES}  # two sets; one tile each
    assert {site: ran.count(site) for site in SITES} == expected
