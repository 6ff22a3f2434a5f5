"""Samples p(u) ∝ exp(−nβ·L(u))·N(u; 0, s²): stochastic gradient Langevin dynamics in a Gaussian well, many chains.

Without the loss this is an Ornstein–Uhlenbeck process, whose steps are known exactly; the gradient comes as a kick:

    u′ = a·u − (1 − a)·s²·nβ·∇L(u) + √(1 − a²)·s·η,   a = exp(−h),   η ~ N(0, 1)

(an exponential integrator; Hochbruck & Ostermann, Acta Numerica 2010). So with nβ = 0 the law N(0, s²) is kept whatever
the step size h. On L = k·u²/2 the stationary variance is (1 − a²)·s²/(1 − ρ²) with ρ = a − (1 − a)·s²·nβ·k, which tends
to s²/(1 + s²·nβ·k), the right one, as h → 0. It is stable while |ρ| < 1: the step is bounded by the curvature met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LARGEST_STEP: Final = 0.1
STABLE: Final = 1.0
"""(1 − a)·(1 + s²·nβ·k) is kept below this for the largest curvature k: at 2 a chain would leave for infinity."""
CAREFUL: Final = 0.25
"""With this share of the largest step that is stable a chain begins."""
BURN_IN: Final = 0.5
"""Share of the steps in which the step size may change and nothing is recorded."""
EVERY: Final = 5
"""Between looks at the curvature, and between steps whose acceptance is computed."""
LOOKS_AT_HEAT: Final = 4
"""How often after burn-in it is estimated what the chance of batches adds to the temperature."""
GROWS_ABOVE: Final = 0.9
SHRINKS_BELOW: Final = 0.75
"""Acceptance at which the step size changes."""
GROWTH: Final = 1.4
FIRST_LOOKS: Final = 4
PROBE: Final = 0.1
"""Distance over which a gradient's change is taken, in units of s."""
LOST: Final = 20.0
"""A chain whose loss is by so many nats above that of the start of all is not coming back."""


Losses = Float[Tensor, " chain"]
States = Float[Tensor, "chain parameter"]

Potential = Callable[[States, int], tuple[Losses, States]]
"""The loss above that at u = 0, nats, and its gradient; for the same number of a step on the same batch of items."""

Noise = Callable[[int], States]
"""Standard normal numbers for a step; the same ones for the same number."""


@dataclass(frozen=True)
class Law:
    """What is sampled: s and nβ of each chain, each [chain, 1]."""

    s: Float[Tensor, "chain 1"]
    n_beta: Float[Tensor, "chain 1"]


@dataclass(frozen=True)
class Sampled:
    """Where chains have come to, and what was recorded on the way.

    Attributes:
        u: the last states.
        losses: above that at u = 0 in every step after burn-in, nats.
        acceptance: the mean probability with which a Metropolis test would have accepted a step (MALA), on the batch of
            the step: it does not see the chance of batches.
        heat: what that chance adds to the temperature, as a share of it.
        step: the step size h after burn-in.
        diverged: whose loss was lost or no number; these stay where they were before.
    """

    u: States
    losses: Float[Tensor, "chain step"]
    acceptance: Float[Tensor, " chain"]
    heat: Float[Tensor, " chain"]
    step: Float[Tensor, " chain"]
    diverged: Bool[Tensor, " chain"]


def sample(potential: Potential, law: Law, start: States, noise: Noise, steps: int) -> Iterator[Sampled | None]:
    """Runs the chains. After each step comes None, a chance to stop; in the end what was sampled.

    What a chain does depends on no other one.
    """
    u, burn_in = start, round(BURN_IN * steps)
    chains = len(u)
    diverged = torch.zeros(chains, dtype=torch.bool, device=u.device)
    losses, accepted, heat = [], [], []
    between = max(1, (steps - burn_in) // LOOKS_AT_HEAT)
    look = _Curvature(potential, law, u)
    step = CAREFUL * look.largest_step()
    for number in range(steps):
        loss, gradient = potential(u, number)
        diverged |= ~(loss.abs() < LOST)
        a = (-step).exp()[:, None]
        kick = -(-step).expm1()[:, None] * law.s.square() * law.n_beta
        spread = (-(-2 * step).expm1()).sqrt()[:, None] * law.s
        mean = a * u - kick * gradient
        following = mean.addcmul(spread, noise(number))
        diverged |= ~following.isfinite().all(1)
        following = following.where(~diverged[:, None], u)
        if number % EVERY == 0:
            acceptance = _acceptance(potential, law, number, (u, loss, mean), following, a, spread)
            if number < burn_in:
                look.at(u, gradient, number)
                step = step * torch.where(acceptance > GROWS_ABOVE, GROWTH, 1.0)
                step = step / torch.where(acceptance < SHRINKS_BELOW, GROWTH, 1.0)
                step = step.minimum(look.largest_step())
            else:
                accepted.append(acceptance)
        if number >= burn_in:
            losses.append(loss)
            if (number - burn_in) % between == 0:
                other = potential(u, steps + number)[1]  # on another batch
                chance = kick * (gradient - other) / 2**0.5
                stiffness = partial(_stiffness, potential, number, u, gradient, PROBE * law.s)
                heat.append(torch.stack([stiffness(chance), stiffness(spread * noise(number))]))
        u = following
        yield None
    acceptance = torch.stack(accepted, 1).nan_to_num(0).mean(1)
    by_batches, by_noise = torch.stack(heat).sum(0)
    yield Sampled(u, torch.stack(losses, 1), acceptance, (by_batches / by_noise).abs().nan_to_num(0), step, diverged)


def _acceptance(
    potential: Potential,
    law: Law,
    number: int,
    before: tuple[Tensor, Tensor, Tensor],
    after: States,
    a: Float[Tensor, "chain 1"],
    spread: Float[Tensor, "chain 1"],
) -> Losses:
    """The probability with which Metropolis and Hastings accept a step, on its own batch."""
    u, loss, mean = before
    loss_after, gradient = potential(after, number)
    mean_back = a * after - (1 - a) * law.s.square() * law.n_beta * gradient
    energy = (
        law.n_beta[:, 0].double() * (loss_after - loss).double() + _half_square(after, law.s) - _half_square(u, law.s)
    )
    there_and_back = _half_square(u - mean_back, spread) - _half_square(after - mean, spread)
    return (-energy - there_and_back).clamp_max(0).exp()


def _stiffness(
    potential: Potential,
    number: int,
    u: States,
    gradient: States,
    distance: Float[Tensor, "chain 1"],
    move: States,
) -> Losses:
    """mᵀ·H·m of a move m, with H the Hessian of the loss: twice what the move costs."""
    far = distance / move.norm(dim=1, keepdim=True).clamp_min(torch.finfo(u.dtype).tiny)
    return (move * (potential(u + far * move, number)[1] - gradient) / far).sum(1)


def _half_square(x: States, unit: Float[Tensor, "chain 1"]) -> Losses:
    return (x / unit).double().square().sum(1) / 2


class _Curvature:
    """The largest curvature that chains meet: power iteration on differences of gradients."""

    def __init__(self, potential: Potential, law: Law, u: States) -> None:
        self._potential = potential
        self._law = law
        self._recent: list[Tensor] = []
        _, gradient = potential(u, 0)
        self._direction = gradient
        for _ in range(FIRST_LOOKS):
            self.at(u, gradient, 0)
        self._recent = self._recent[-1:]  # the first ones have not yet found the steepest direction

    def at(self, u: States, gradient: States, number: int) -> None:
        """Looks once more."""
        tiny = torch.finfo(u.dtype).tiny
        unit = self._direction / self._direction.norm(dim=1, keepdim=True).clamp_min(tiny)
        distance = PROBE * self._law.s
        change = (self._potential(u + distance * unit, number)[1] - gradient) / distance
        self._direction = change.where(change.isfinite().all(1, keepdim=True), unit)
        self._recent = [*self._recent[-2:], self._direction.norm(dim=1)]

    def largest_step(self) -> Losses:
        """The step size that the curvature of the last looks allows."""
        curvature = torch.stack(self._recent).amax(0)
        stiff = 1 + self._law.s[:, 0].square() * self._law.n_beta[:, 0] * curvature
        return (-torch.log1p(-(STABLE / stiff).clamp_max(0.5))).clamp_max(LARGEST_STEP)
