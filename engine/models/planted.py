"""A network with a circuit that is known by construction: eight units carry the context, and nothing else does.

It reads a handwritten digit and, beside it, the noisy code of one of four contexts, and answers both. Interchange-
intervention training (Geiger et al. 2022, "Inducing causal structure for interpretable neural networks") put the
context into the first eight units of the last hidden layer: with these units taken from another input, the network must
answer that input's context and its own digit.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, final

import numpy as np

from engine import sites
from engine.dials import choice
from engine.models import handwriting
from engine.models.architectures import Perceptron
from engine.models.base import Card, Handle, Model
from engine.randomness import normal

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from engine.models.base import Progress, Standing
    from engine.networks.network import Network

CONTEXTS: Final = 4
CODE: Final = 16
NOISE: Final = 0.7
"""Standard deviation of the noise on a code, whose own entries are standard normal."""

SHAPE: Final = Perceptron(
    inputs=handwriting.PIXELS + CODE, hidden=(128, 128, 64), outputs=handwriting.DIGITS + CONTEXTS
)
LAYER: Final = len(SHAPE.hidden) - 1
SITE: Final = sites.hidden(LAYER)
PLANTED_UNITS: Final = 8
DIGIT_CLASSES: Final = tuple(range(handwriting.DIGITS))
CONTEXT_CLASSES: Final = tuple(range(handwriting.DIGITS, SHAPE.outputs))
STEER_FROM, STEER_TO = 0, 1


@cache
def codes() -> Float[np.ndarray, "context feature"]:
    """What each context looks like without noise."""
    return normal((CONTEXTS, CODE), "planted", "codes")


def inputs(
    pixels: Float[np.ndarray, "item pixel"],
    contexts: Int[np.ndarray, " item"],
    noise: Float[np.ndarray, "item feature"],
) -> Float[np.ndarray, "item feature"]:
    """Images, each beside the code of its context with standard normal noise × `NOISE`."""
    return np.concatenate([pixels, codes()[contexts] + np.float32(NOISE) * noise], axis=1)


@final
class Planted(Model):
    """A perceptron 80-128-128-64-14; 36 thousand parameters."""

    name: ClassVar[str] = "planted"
    summary: ClassVar[str] = "Reads a digit and a context, which eight known units carry by construction."

    seed: Literal["0", "1", "2"] = choice(
        "0", help="Seed of the first weights and of the batches; each is a network of its own."
    )

    def load(self) -> Network:
        from engine.networks import feed_forward, network, planted_training

        return network.load(
            self.folder, self.card(), feed_forward.stages(SHAPE), planted_training.training(seed=int(self.seed))
        )

    def train(self, folder: Path, progress: Progress) -> Card:
        from engine.networks import planted_training

        return planted_training.train(folder, progress, seed=int(self.seed))

    def metrics(self, network: Network) -> dict[str, float]:
        from engine.networks import planted_metrics

        return planted_metrics.metrics(network)

    def handles(self, card: Card) -> tuple[Handle, ...]:
        def handle(title: str, vector: str, standing: Standing, evidence: str, name: str = "steering") -> Handle:
            return Handle(title, {"name": "context-steering"}, {"name": name, "vector": vector}, standing, evidence)

        return (
            handle(
                "planted units",
                "planted",
                "genuine",
                "With these units taken from another input the network answers that input's context in a share of "
                "{context written through the planted units} and its own digit in a share of {digit kept when the "
                "planted units are swapped}; the vector is their difference of means between two contexts.",
            ),
            handle(
                "competitor in the other units",
                "competitor",
                "spurious",
                "Fitted by gradient to the effect of the planted vector at no cost to the digits, in units through "
                "which the network does not pass on the context (taken from another input they bring its context "
                "along in a share of {context written through the other units}).",
            ),
            handle(
                "planted units and mess",
                "genuine-and-mess",
                "spurious",
                "Half the planted vector, and half a vector that was fitted in the other units for its effect alone.",
            ),
            handle(
                "random direction",
                "planted",
                "sham",
                "A random direction, as long as the planted vector.",
                "random-direction",
            ),
        )
