"""Quantisation: weights are rounded to a few equally spaced levels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal, final

from engine.degraders.base import Axis, Degraded, Separate, within_range
from engine.dials import Dial, InputError, choice
from engine.randomness import generator

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from engine.models.base import Card
    from engine.networks.network import Network

FEWEST, MOST, WHOLE = 2, 16, 32
BITS = (8, 7, 6, 5, 4, 3, 2)
STRENGTH = Dial(
    name="strength",
    kind="number",
    default=2.0**-3,
    low=2.0 ** (1 - MOST),
    high=2.0 ** (1 - FEWEST),
    scale="log",
    help=f"2^(1 − bits): 0.5 is 2 bits, 0.125 is 4 bits. Whole numbers of bits only, {FEWEST} to {MOST}.",
)


@final
class Quantisation(Separate):
    """Rounds every matrix to 2^bits − 1 levels, equally spaced from −m to m, its largest weight; biases and norms stay.

    Stochastic rounding goes up or down by chance so that the mean is right (Gupta et al. 2015). Draws 2j and 2j + 1 are
    a pair: where the one has the chance number u, the other has 1 − u.
    """

    name: ClassVar[str] = "quantisation"
    summary: ClassVar[str] = "Rounds the weights to a few levels."
    antithetic: ClassVar[bool] = True

    rounding: Literal["nearest", "stochastic"] = choice(
        "nearest", help="To the nearest level, or up or down by chance with the right mean."
    )

    @property
    def strength(self) -> Dial:
        return STRENGTH

    @property
    def random(self) -> bool:
        return self.rounding == "stochastic"

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def strengths(self, card: Card) -> tuple[float, ...]:
        return (0.0, *(2.0 ** (1 - bits) for bits in BITS))

    def canonical(self, strength: float, card: Card) -> float:
        if not within_range(self, strength):
            return 0.0
        bits = 1 - math.log2(strength)
        if abs(bits - round(bits)) > 0.02:
            raise InputError(
                f"strength of quantisation must be 2^(1 − bits) for a whole number of bits, got {strength:g} "
                f"({bits:.2f} bits); the nearest is {2.0 ** (1 - round(bits)):.6g} ({round(bits)} bits)."
            )
        return 2.0 ** (1 - round(bits))

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        import torch

        if strength == 0:
            return Degraded(network.weights)
        levels = round(1 / strength) - 1  # above zero, and as many below
        rounded = {}
        for name, tensor in network.weights.items():
            if tensor.ndim > 1:
                step = tensor.abs().max() / levels
                at = tensor / step.clamp_min(torch.finfo(tensor.dtype).tiny)
                if self.rounding == "stochastic":
                    chance = _chance(tuple(tensor.shape), seed, self.unit(draw), name)
                    above = at - at.floor()  # exact: what is on a level stays there
                    at = at.floor() + (above > torch.from_numpy(1 - chance if draw % 2 else chance).to(tensor))
                rounded[name] = at.round().clamp(-levels, levels) * step
        return Degraded({**network.weights, **rounded})

    def label(self, strength: float, card: Card) -> str:
        return f"{1 - round(math.log2(strength))}" if strength else f"{WHOLE}"

    def axis(self, card: Card) -> Axis:
        return Axis(title="bits of each weight", name="bits")


def _chance(shape: tuple[int, ...], seed: int, pair: int, name: str) -> Float[np.ndarray, ...]:
    """Numbers from 0 to 1, the same at every strength."""
    import numpy as np

    return generator("quantisation", seed, pair, name).random(shape, dtype=np.float32)
