"""Gaussian weight noise, in proportion to the size of the weights that get it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal, final

from engine.degraders.base import Axis, Continuous, Degraded
from engine.dials import Dial, choice
from engine.randomness import normal

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.base import Card
    from engine.networks.network import Network

SWEEP = (0.0, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)


@final
class WeightNoise(Continuous):
    """w + s·σ·ε with ε ~ N(0, 1) and σ the root mean square of the tensor, or of the filter: all weights into one unit.

    Noise per filter (Li et al. 2018, arXiv:1712.09913) does not drown units whose weights are small. Biases and norms
    then stay, as in their figures: of these a unit has only one, whose size is no measure of anything else.

    Draws come in antithetic pairs: draws 2j and 2j + 1 use +ε and −ε of pair j, which cancels what is odd in the noise.
    """

    name: ClassVar[str] = "weight-noise"
    summary: ClassVar[str] = "Gaussian noise on the weights, in proportion to their size."
    dial: ClassVar[Dial] = Dial(
        name="strength",
        kind="number",
        default=0.1,
        low=0.001,
        high=2.0,
        scale="log",
        unit="× rms",
        help="Standard deviation of the noise as a share of the root mean square of the weights of a tensor or filter.",
    )
    sweep: ClassVar[tuple[float, ...]] = SWEEP
    antithetic: ClassVar[bool] = True

    per: Literal["tensor", "filter"] = choice(
        "tensor",
        help="Whose size counts: a tensor's, or a filter's (the weights into one unit); then biases and norms stay.",
    )

    @property
    def random(self) -> bool:
        return True

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return True

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        import torch

        if strength == 0:
            return Degraded(network.weights)
        shapes = tuple((name, tuple(tensor.shape)) for name, tensor in network.weights.items())
        noise = _noise(seed, self.unit(draw), shapes, str(network.device))
        by = -strength if draw % 2 else strength
        noised = {
            name: torch.addcmul(network.weights[name], noise[name].to(scale), scale, value=by)
            for name, scale in self._scale(network).items()
        }
        return Degraded({**network.weights, **noised})

    def axis(self, card: Card) -> Axis:
        return Axis(title=f"weight noise, × rms of each {self.per}", name="noise")

    def _scale(self, network: Network) -> dict[str, Tensor]:
        """The unit of the noise, by the names of the tensors that get it."""
        if self.per == "tensor":
            return network.scale
        return {name: _filter_rms(tensor) for name, tensor in network.weights.items() if tensor.ndim > 1}


def _filter_rms(tensor: Tensor) -> Tensor:
    """Root mean square of the weights into each unit, in a shape that goes with the tensor's: a matrix is [in, out], a
    convolution [out, in, height, width].
    """
    into = 0 if tensor.ndim == 2 else tuple(range(1, tensor.ndim))
    return tensor.square().mean(into, keepdim=True).sqrt()


@lru_cache(maxsize=2)
def _noise(seed: int, pair: int, shapes: tuple[tuple[str, tuple[int, ...]], ...], device: str) -> dict[str, Tensor]:
    """The noise of an antithetic pair: drawn and moved once, whatever the number of strengths that scale it."""
    import torch

    return {
        name: torch.from_numpy(normal(shape, "weight-noise", seed, pair, name)).to(device) for name, shape in shapes
    }
