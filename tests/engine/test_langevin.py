"""The sampler against laws that are known: Gaussians with their step-size bias, and potentials that are integrated."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor

from engine.networks import langevin
from engine.networks.langevin import Law, Sampled, sample
from engine.randomness import normal

CHAINS = 4000


def noise(chains: int, parameters: int, seed: int = 0) -> Callable[[int], Tensor]:
    """Independent noise for every chain, in double precision."""
    return lambda step: torch.from_numpy(normal((chains, parameters), "test", seed, step)).double()


def potential(energy: Callable[[Tensor], Tensor]) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
    """A loss with its gradient by autograd."""

    def run(u: Tensor, step: int) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            leaf = u.detach().requires_grad_()
            loss = energy(leaf)
            (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        return loss.detach(), gradient

    return run


def law(s: float, n_beta: float, chains: int = CHAINS) -> Law:
    column = torch.ones(chains, 1, dtype=torch.float64)
    return Law(s * column, n_beta * column)


def run(energy: Callable[[Tensor], Tensor], of: Law, start: Tensor, steps: int, seed: int = 0) -> Sampled:
    (result,) = [
        each
        for each in sample(potential(energy), of, start, noise(len(start), start.shape[1], seed), steps)
        if each is not None
    ]
    return result


def from_prior(s: float, parameters: int, chains: int = CHAINS) -> Tensor:
    return s * torch.from_numpy(normal((chains, parameters), "start")).double()


@pytest.mark.parametrize("s", [0.1, 0.7])
def test_without_a_loss_it_is_the_prior_whatever_the_step(s: float) -> None:
    result = run(lambda u: 0 * u.sum(1), law(s, 0.0), from_prior(s, 2), 40)
    assert (result.step > 0.09).all(), "the step is as large as it may be"
    for column in result.u.T:
        assert stats.kstest(column.numpy(), stats.norm(scale=s).cdf).pvalue > 1e-3
    np.testing.assert_allclose(result.acceptance, 1.0, atol=1e-9)
    assert result.u.T.corrcoef()[0, 1].abs() < 4 / CHAINS**0.5


@pytest.mark.parametrize("n_beta", [1.0, 30.0, 1000.0])
def test_on_a_quadratic_mean_and_covariance_are_as_calculated_step_size_included(n_beta: float) -> None:
    """L = Σ kᵢ(uᵢ − mᵢ)²/2 in rotated coordinates: each direction is an autoregression that is solved."""
    s, curvature, centre = 0.3, torch.tensor([0.0, 0.2, 4.0]).double(), torch.tensor([0.5, -0.4, 0.2]).double()
    turned, _ = torch.linalg.qr(torch.from_numpy(normal((3, 3), "turn")).double())
    result = run(
        lambda u: (curvature * (u @ turned - centre).square()).sum(1) / 2, law(s, n_beta), from_prior(s, 3), 400
    )
    # each chain has a step size of its own: in units of what is expected of it, all follow one law
    a = (-result.step).exp()[:, None]
    kick = (1 - a) * s**2 * n_beta * curvature
    rho = a - kick
    mean = kick * centre / (1 - rho)
    variance = (1 - a.square()) * s**2 / (1 - rho.square())
    standard = (result.u @ turned - mean) / variance.sqrt()
    assert (standard.mean(0).abs() < 4 / CHAINS**0.5).all()
    covariance = standard.T.cov()
    assert (covariance.diag() - 1).abs().max() < 4 * (2 / CHAINS) ** 0.5
    assert (covariance - covariance.diag().diag()).abs().max() < 4 / CHAINS**0.5
    right = s**2 / (1 + s**2 * n_beta * curvature)
    assert (variance >= 0.999 * right).all()
    assert (variance <= 2.1 * right).all(), "where the step is as large as is stable for the steepest direction"


@pytest.mark.parametrize(
    ("energy", "learning_coefficient", "largest_step"),
    [
        (lambda u: u[:, 0].square(), 1 / 2, 4e-8),
        (lambda u: u[:, 0] ** 4, 1 / 4, 1e-5),
        (lambda u: u[:, 0] ** 6, 1 / 6, 3e-5),
    ],
    ids=["1/2", "1/4", "1/6"],
)
def test_learning_coefficients_are_those_of_the_singularity(
    energy: Callable[[Tensor], Tensor], learning_coefficient: float, largest_step: float
) -> None:
    """λ of u^2k is 1/2k (Watanabe 2009): nβ·E[L] tends to it, and in the well it is integrated. The step is so small
    that it adds less than chance does.
    """
    s, n_beta = 1.0, 1e5

    def weight(u: float) -> float:
        return math.exp(-n_beta * float(energy(torch.tensor([[u]]).double())) - u**2 / (2 * s**2))

    def weighted(u: float) -> float:
        return n_beta * float(energy(torch.tensor([[u]]).double())) * weight(u)

    inside = (0.0, 12 * n_beta**-learning_coefficient)
    exact = integrate.quad(weighted, *inside, limit=200)[0] / integrate.quad(weight, *inside, limit=200)[0]
    assert exact == pytest.approx(learning_coefficient, rel=0.05), "nβ is large enough"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(langevin, "LARGEST_STEP", largest_step)
        result = run(energy, law(s, n_beta), from_prior(n_beta**-learning_coefficient, 1), 1500)
    estimates = n_beta * result.losses.double().mean(1)
    error = estimates.std() / len(estimates) ** 0.5
    assert abs(estimates.mean() - exact) < 3.5 * error


def test_acceptance_is_that_of_metropolis_and_hastings() -> None:
    """One step from known states, the densities of the proposal written out."""
    s, n_beta = 0.5, 3.0
    energy = lambda u: u[:, 0] ** 4 + 0.5 * u[:, 1].square()  # noqa: E731
    of, loss = law(s, n_beta, 7), potential(energy)
    u, step = from_prior(s, 2, 7), torch.full((7,), 0.2).double()
    a = (-step).exp()[:, None]
    spread = (1 - a.square()).sqrt() * s

    def mean(at: Tensor) -> Tensor:
        return a * at - (1 - a) * s**2 * n_beta * loss(at, 0)[1]

    after = mean(u) + spread * noise(7, 2)(0)
    found = langevin._acceptance(loss, of, 0, (u, energy(u), mean(u)), after, a, spread)
    scale = spread.numpy()
    for chain in range(7):

        def log_target(at: Tensor, chain: int = chain) -> float:
            return float(-n_beta * energy(at)[chain]) + stats.norm.logpdf(at[chain].numpy(), scale=s).sum()

        def log_proposal(to: Tensor, at: Tensor, chain: int = chain) -> float:
            return stats.norm.logpdf(to[chain].numpy(), mean(at)[chain].numpy(), scale[chain]).sum()

        ratio = log_target(after) + log_proposal(u, after) - log_target(u) - log_proposal(after, u)
        assert float(found[chain]) == pytest.approx(min(1.0, math.exp(ratio)), rel=1e-6)


def test_the_step_is_bounded_by_the_curvature_and_fixed_after_burn_in() -> None:
    """A steep direction among flat ones, which a random direction would not find."""
    s, n_beta, steepest = 0.5, 100.0, 40.0
    curvature = torch.full((200,), 0.01).double()
    curvature[17] = steepest
    result = run(lambda u: (curvature * u.square()).sum(1) / 2, law(s, n_beta, 50), from_prior(0.1, 200, 50), 60)
    a = (-result.step).exp()
    assert ((1 - a) * (1 + s**2 * n_beta * steepest) <= langevin.STABLE * 1.01).all()
    assert not result.diverged.any()


def test_nobody_looks_at_the_curvature_after_burn_in(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    at = langevin._Curvature.at

    def counted(look: langevin._Curvature, u: Tensor, gradient: Tensor, number: int) -> None:
        looks.append(number)
        at(look, u, gradient, number)

    monkeypatch.setattr(langevin._Curvature, "at", counted)
    run(lambda u: u.square().sum(1), law(0.1, 1.0, 3), from_prior(0.1, 2, 3), 40)
    assert len(looks) > 5
    assert max(looks) < 20


def test_a_chain_that_is_lost_is_marked_and_leaves_the_others_alone() -> None:
    def cliff(u: Tensor) -> Tensor:
        return torch.where(u[:, 0] > 0, torch.where(u[:, 0] > 5, 1e9, -100 * u[:, 0]), u[:, 0].square())

    start = torch.tensor([[-1.0], [0.5], [-1.0]]).double()
    same = noise(1, 1)
    (together,) = filter(None, sample(potential(cliff), law(0.2, 1.0, 3), start, lambda k: same(k).expand(3, 1), 20))
    (alone,) = filter(None, sample(potential(cliff), law(0.2, 1.0, 1), start[:1], same, 20))
    assert together.diverged.tolist() == [False, True, False]
    assert together.u.isfinite().all()
    torch.testing.assert_close(together.u[[0, 2]], alone.u.expand(2, 1))


def test_a_loss_that_is_no_number_counts_as_lost() -> None:
    result = run(lambda u: u.sum(1) * math.nan, law(0.2, 1.0, 2), from_prior(0.2, 3, 2), 10)
    assert result.diverged.all()
    assert result.u.isfinite().all()


def test_what_a_chain_does_depends_on_no_other() -> None:
    energy = lambda u: (u[:, 0] * u[:, 1]).square() + 0.1 * u[:, 2].square()  # noqa: E731
    column = torch.linspace(0.1, 0.8, 6).double()[:, None]
    of, start, whole = Law(column, 50 * column), column * from_prior(1.0, 3, 6), noise(6, 3)
    (together,) = filter(None, sample(potential(energy), of, start, whole, 30))
    for chain in (0, 3, 5):
        part = slice(chain, chain + 1)
        alone_law = Law(of.s[part], of.n_beta[part])
        (alone,) = filter(
            None, sample(potential(energy), alone_law, start[part], lambda k, part=part: whole(k)[part], 30)
        )
        torch.testing.assert_close(alone.u, together.u[part])
        torch.testing.assert_close(alone.losses, together.losses[part])


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.3])
def test_the_heat_is_what_the_chance_of_batches_adds_to_the_variance(chance: float) -> None:
    """A quadratic whose gradient is known up to noise: with the noise the stationary variance is known, too."""
    s, n_beta, curvature, size = 0.3, 50.0, 1.5, 60
    of, start = law(s, n_beta, 400), from_prior(s, size, 400)

    def noisy(u: Tensor, step: int) -> tuple[Tensor, Tensor]:
        slope = chance * torch.from_numpy(normal(tuple(u.shape), "batch", step)).double()
        return (curvature * u.square() / 2 + slope * u).sum(1), curvature * u + slope

    (result,) = filter(None, sample(noisy, of, start, noise(400, size), 120))
    assert not result.diverged.any()
    a = (-result.step).exp()[:, None]
    kick, spread = (1 - a) * s**2 * n_beta, (1 - a.square()) * s**2
    heat = (kick * chance).square() / spread
    torch.testing.assert_close(result.heat, heat[:, 0], rtol=0.5, atol=1e-6)
    assert result.heat.mean().item() == pytest.approx(heat.mean().item(), rel=0.02, abs=1e-9)
    variance = spread * (1 + heat) / (1 - (a - kick * curvature).square())
    assert (result.u.square() / variance).mean().item() == pytest.approx(1.0, rel=0.03)
