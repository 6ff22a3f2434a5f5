"""Fits a change of one activation to have a given effect, by gradient and with no circuit in mind."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from engine.networks.network import Network, run_until
from engine.networks.reading import Answers, answers_of, losses_of, on_device, state_of
from engine.networks.training import one_thread
from engine.randomness import normal
from engine.sites import LOGITS, Stage, State

if TYPE_CHECKING:
    from engine.items import Items, Metric

LEARNING_RATE: Final = 0.03
START: Final = 0.1
"""Size of the random vector to begin with, in units of the activation's root mean square, as is the learning rate."""
SURE: Final = 0.99
"""A probability is asked for no nearer to 0 or 1: beyond, one would fit for ever."""

FITTING: Final = Lock()
"""The threads of a sweep all ask for the same fit at once; one of them does it."""

Run = Callable[[State, Collection[str]], State]
"""Computes activations from a state that may already hold some (`Reference.run`), on the network's device."""


class Change(NamedTuple):
    """x ↦ x + c·(U(Vᵀx) + b) on the features x of one place; of inputs without positions, on those of all places.

    Attributes:
        shift: b, shaped as an activation in one place.
        into: U.
        out_of: V.
    """

    shift: Float[Tensor, ...]
    into: Float[Tensor, "feature rank"]
    out_of: Float[Tensor, "feature rank"]

    def apply(self, activation: Float[Tensor, ...], times: float = 1.0) -> Float[Tensor, ...]:
        """The activation with c = `times`."""
        features = activation.flatten(activation.ndim - self.shift.ndim)
        change = (features @ self.out_of) @ self.into.T + self.shift.flatten()
        return activation + times * change.view_as(activation)


class Goal(NamedTuple):
    """What is fitted.

    Attributes:
        site: which activation is changed.
        effect: by how much the change is to move the metric of the behaviour, on average over items.
        rank: of the map; 0 for a vector alone.
        examples: how many items it is fitted on.
        steps: of Adam.
        seed: of the random start.
    """

    site: str
    effect: float
    rank: int
    examples: int
    steps: int
    seed: int


@dataclass(frozen=True)
class Examples:
    """Items, compared by what identifies them."""

    fingerprint: str
    items: Items = field(compare=False)


def fit_on_original(network: Network, examples: Examples, goal: Goal) -> Change:
    """Fits on the network as it is: once, however many points of a sweep ask for it at a time."""
    with FITTING:
        return _fit_on_original(network, examples, goal)


@lru_cache(maxsize=32)
def _fit_on_original(network: Network, examples: Examples, goal: Goal) -> Change:

    def step(stage: Stage, state: State) -> Tensor:
        return stage.run(network.weights, state)

    def run(state: State, sites: Collection[str]) -> State:
        return run_until(network.stages, step, on_device(state, network.device), sites)

    return fit(run, examples.items, goal)


def fit(run: Run, examples: Items, goal: Goal) -> Change:
    """Fits a change to reach a goal: Adam moves the mean loss of the items, by as much as the mean metric is off its
    aim, with a step size that falls linearly to 0. For a metric that is the loss this is least squares. Probabilities
    are moved by their logarithms, so every item pulls, also one whose probability is near 0.
    """
    items = examples.part(0, goal.examples)
    with torch.inference_mode(False), torch.enable_grad(), one_thread():  # measuring goes without gradients
        with torch.no_grad():
            state = run(_as_far_as_read(state_of(items, "examples")), [goal.site])
            x = state[goal.site]
            answers = answers_of(items, x.device)
            before = _metric(losses_of(run(state, [LOGITS])[LOGITS], answers), answers, items.metric)
            aim = before + goal.effect if items.metric == "loss" else (before + goal.effect).clamp(1 - SURE, SURE)
        uphill = 1 if items.metric == "loss" else -1
        unit = x.square().mean().sqrt()
        shape = x.shape[1:] if state["inputs"].is_floating_point() else x.shape[2:]
        shift, into, out_of = _start(shape, goal, x.device)
        optimiser = torch.optim.Adam([shift, into, out_of], lr=LEARNING_RATE, eps=1e-12)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / goal.steps)
        for _ in range(goal.steps):
            changed = state | {goal.site: Change(unit * shift, into, out_of).apply(x)}
            losses = losses_of(run(changed, [LOGITS])[LOGITS], answers)
            off = _metric(losses.detach(), answers, items.metric) - aim
            optimiser.zero_grad()
            (uphill * off * _item_means(losses, answers).mean()).backward()
            optimiser.step()
            schedule.step()
        return Change((unit * shift).detach(), into.detach(), out_of.detach())


def _start(shape: tuple[int, ...], goal: Goal, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Where the fit begins: a small random vector, and a map of which U is 0 and V has columns of length about 1."""
    size = math.prod(shape)
    shift = torch.from_numpy(normal(tuple(shape), "fitted shift", goal.seed))
    out_of = torch.from_numpy(normal((size, goal.rank), "fitted map", goal.seed))
    shift, into, out_of = START * shift, torch.zeros(size, goal.rank), size**-0.5 * out_of
    shift, into, out_of = (each.to(device).requires_grad_() for each in (shift, into, out_of))
    return shift, into, out_of


def _as_far_as_read(state: State) -> State:
    """Tokens after the last position that is read make no difference."""
    if state["inputs"].is_floating_point():
        return state
    end = int(state["read"].max()) + 1
    return state | {name: state[name][:, :end] for name in ("inputs", "corrupt")}


def _metric(losses: Float[Tensor, "item slot"], answers: Answers, metric: Metric) -> Float[Tensor, ""]:
    """The mean over items of what the behaviour measures of one."""
    read = losses if metric == "loss" else (-losses).exp()
    return _item_means(read, answers).mean()


def _item_means(values: Float[Tensor, "item slot"], answers: Answers) -> Float[Tensor, " item"]:
    return torch.where(answers.scored, values, 0).sum(1) / answers.scored.sum(1)
