"""Networks drawn from the localised posterior: chains for many strengths and draws, stacked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from engine.chains import SMALLEST_LOSS, Chain
from engine.networks.langevin import Law, Noise, Sampled, sample
from engine.networks.network import Network
from engine.networks.stacked import Stacked
from engine.randomness import generator, normal

PARAMETERS: Final = 1_000_000
"""So many parameters of all chains together are sampled at once: more gain nothing on a CPU."""
PARAMETERS_ON_GPU: Final = 200_000_000
STEPS_AT_ONCE: Final = 8
"""For so many steps noise is drawn at a time."""


class Wanted(NamedTuple):
    """A chain: s and nβ, the pair whose noise it has, whether with the opposite sign, and whether a second chain that
    begins at the trained weights is to run beside it.
    """

    s: float
    n_beta: float
    pair: int
    mirrored: bool
    coupled: bool


class Drawn(NamedTuple):
    """The weights of one network, and how it was drawn."""

    weights: dict[str, Tensor]
    chain: Chain


@dataclass(frozen=True, eq=False)
class Posterior:
    """The localised posterior of a network.

    Attributes:
        network: the trained one.
        seed: of all noise and batches.
        steps: of each chain.
        batch: items in each step.
    """

    network: Network
    seed: int
    steps: int
    batch: int

    def sample(self, wanted: Sequence[Wanted]) -> Iterator[Drawn | float]:
        """The last network of each chain, in order, as soon as its stack is done; after every step until then the share
        of all steps that is done.
        """
        size = max(1, self._at_once // sum(tensor.numel() for tensor in self.network.weights.values()))
        for first in range(0, len(wanted), size):
            stack = wanted[first : first + size]
            potential = self._potential(stack)
            for step, sampled in enumerate(self._run(potential, stack), 1):
                if sampled is None:
                    yield (first + len(stack) * step / self.steps) / len(wanted)
                else:
                    yield from self._networks(potential, stack, sampled)

    def _potential(self, stack: Sequence[Wanted]) -> Stacked:
        """The loss of each chain, on batches of its own pair: chains that all saw the same would not be independent."""
        firsts = {each.pair: int(generator("sgld", self.seed, each.pair).integers(2**31)) for each in stack}
        return Stacked(self.network, self.batch, tuple(firsts[each.pair] for each in _with_coupled(stack)))

    def _run(self, potential: Stacked, stack: Sequence[Wanted]) -> Iterator[Sampled | None]:
        chains = _with_coupled(stack)
        law = Law(
            _column([each.s for each in chains], potential.origin),
            _column([each.n_beta for each in chains], potential.origin),
        )
        start = law.s * self._start(chains, potential)
        start[len(stack) :] = 0
        return sample(potential, law, start, self._noise(chains, potential), self.steps)

    def _start(self, chains: Sequence[Wanted], potential: Stacked) -> Float[Tensor, "chain parameter"]:
        """The weight noise of each chain's draw."""
        shapes = {name: tuple(tensor.shape) for name, tensor in self.network.weights.items()}
        of_pair = {
            pair: np.concatenate(
                [normal(shape, "weight-noise", self.seed, pair, name).ravel() for name, shape in shapes.items()]
            )
            for pair in {each.pair for each in chains}
        }
        rows = torch.from_numpy(np.stack([of_pair[each.pair] for each in chains])).to(potential.origin)
        return rows * _signs(chains, rows)

    def _noise(self, chains: Sequence[Wanted], potential: Stacked) -> Noise:
        """The noise of each chain in each step: that of its pair, the same at every strength. It is drawn for several
        steps at a time: to begin a stream takes longer than to draw from it for a small network.
        """
        pairs = sorted({each.pair for each in chains})
        of, signs = [pairs.index(each.pair) for each in chains], _signs(chains, potential.origin)
        shape, drawn = (STEPS_AT_ONCE, len(potential.origin)), dict[int, Tensor]()

        def at(step: int) -> Float[Tensor, "chain parameter"]:
            block, place = divmod(step, STEPS_AT_ONCE)
            if block not in drawn:
                drawn.clear()
                numbers = np.stack([normal(shape, "sgld steps", self.seed, pair, block) for pair in pairs])
                drawn[block] = torch.from_numpy(numbers).to(potential.origin)
            return drawn[block][of, place] * signs

        return at

    def _networks(self, potential: Stacked, stack: Sequence[Wanted], sampled: Sampled) -> Iterator[Drawn]:
        weights = potential.weights(sampled.u)
        last = sampled.losses[:, -(sampled.losses.shape[1] // 2) :].mean(1)
        last = last.where(~sampled.diverged, torch.inf)  # a second chain that was lost has not met the first
        beside = iter(last[len(stack) :])
        for at, wanted in enumerate(stack):
            gap = (
                ((next(beside) - last[at]).abs() / last[at].abs().clamp_min(SMALLEST_LOSS)).item()
                if wanted.coupled
                else np.nan
            )
            chain = Chain(
                losses=sampled.losses[at].float().cpu().numpy(),
                n_beta=np.array(wanted.n_beta),
                acceptance=np.array(sampled.acceptance[at].item()),
                heat=np.array(sampled.heat[at].item()),
                gap=np.array(gap),
                diverged=np.array(sampled.diverged[at].item()),
            )
            yield Drawn({name: tensor[at].clone() for name, tensor in weights.items()}, chain)

    @property
    def _at_once(self) -> int:
        device = next(iter(self.network.weights.values())).device
        return PARAMETERS if device.type == "cpu" else PARAMETERS_ON_GPU


def _with_coupled(stack: Sequence[Wanted]) -> list[Wanted]:
    """The chains of a stack, and behind them the second ones, which begin at the trained weights."""
    return [*stack, *(each for each in stack if each.coupled)]


def _signs(chains: Sequence[Wanted], like: Tensor) -> Float[Tensor, "chain 1"]:
    """Of the noise of each chain."""
    return _column([-1.0 if each.mirrored else 1.0 for each in chains], like)


def _column(values: Sequence[float], like: Tensor) -> Float[Tensor, "chain 1"]:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]
