"""Gaussian activation noise: activations at chosen sites get noise in proportion to their usual size."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
from pydantic import field_validator

from engine.bounded import Bounded
from engine.degraders.base import Axis, Continuous, Degraded
from engine.dials import Dial, options
from engine.randomness import normal

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from engine.models.base import Card
    from engine.networks.network import Network
    from engine.sites import State

SWEEP = (0.0, 0.05, 0.065, 0.08, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)
MOST_BYTES: Final = 256 * 1024**2

_DRAWN = Bounded(MOST_BYTES)


@final
class ActivationNoise(Continuous):
    """a + s·σ·ε with ε ~ N(0, 1) and σ the root mean square of the activations at the site, in the network that is
    degraded, on items that it was trained on.

    The noise belongs to an item: it is the same with the intervention and without, at every strength, and for the
    item's corrupt counterpart. It is added before an intervention acts at the same site, so one that puts something
    else in place of the activation takes the noise away with it. Draws come in antithetic pairs: draws 2j and 2j + 1
    use +ε and −ε of pair j.
    """

    name: ClassVar[str] = "activation-noise"
    summary: ClassVar[str] = "Gaussian noise on the activations at chosen sites, in proportion to their size."
    dial: ClassVar[Dial] = Dial(
        name="strength",
        kind="number",
        default=0.2,
        low=0.001,
        high=10.0,
        scale="log",
        unit="× rms",
        help="Standard deviation of the noise as a share of the root mean square of the activations at its site.",
    )
    sweep: ClassVar[tuple[float, ...]] = SWEEP
    antithetic: ClassVar[bool] = True

    sites: tuple[str, ...] = options(of="sites", help="Where noise is added.")

    @field_validator("sites")
    @classmethod
    def _in_order(cls, sites: tuple[str, ...]) -> tuple[str, ...]:
        if not sites:
            raise ValueError("must name at least one site")
        return tuple(sorted(set(sites)))  # one set is one question

    @property
    def random(self) -> bool:
        return True

    @classmethod
    def is_compatible(cls, card: Card) -> bool:
        return bool(card.options("sites"))

    def degrade_one(self, network: Network, strength: float, draw: int, seed: int) -> Degraded:
        if strength == 0:
            return Degraded(network.weights)
        by = -strength if draw % 2 else strength
        edits = {
            site: partial(_noisy, by=by * network.activation_scale[site], labels=(seed, self.unit(draw), site))
            for site in self.sites
        }
        return Degraded(network.weights, edits)

    def axis(self, card: Card) -> Axis:
        return Axis(title="activation noise, × rms of the site", name="noise")


def _noisy(
    activation: Float[Tensor, "item place ..."], state: State, by: float, labels: tuple[int, int, str]
) -> Float[Tensor, "item place ..."]:
    import torch

    items = tuple(zip(state["set"].tolist(), state["index"].tolist(), strict=True))
    shape = tuple(activation.shape[1:])
    seed, pair, _ = labels

    def draw() -> dict[str, Tensor]:
        noise = np.stack([normal(shape, "activation-noise", *labels, *item) for item in items])
        return {"noise": torch.from_numpy(noise).to(activation)}

    noise = _DRAWN.get((seed, pair), (labels, items, shape, str(activation.device)), draw)["noise"]
    return torch.add(activation, noise, alpha=by)
