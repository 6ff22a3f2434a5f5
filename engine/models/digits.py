"""Small classifiers of real handwriting, some of which have memorised wrong labels beside the rule.

What a network memorised shows in its loss on these very images only, so the loss on the rule (held-out images) and the
loss on the memorised exceptions are two curves, never one (Zhang et al. 2017, "Understanding deep learning requires
rethinking generalization").
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple, final

import numpy as np

from engine.dials import choice
from engine.models import handwriting
from engine.models.architectures import Convolution, Perceptron
from engine.models.base import Card, Handle, Model
from engine.randomness import generator

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.models.base import Progress
    from engine.networks.network import Network

SHAPES: Final = {
    "mlp": Perceptron(inputs=handwriting.PIXELS, hidden=(128, 128), outputs=handwriting.DIGITS),
    "cnn": Convolution(side=handwriting.SIDE, channels=(10, 20, 40), outputs=handwriting.DIGITS),
}
EXCEPTIONS: Final = 90
"""A tenth of the training images."""
STEER_FROM, STEER_TO = 3, 8
VECTOR: Final = f"mean-{STEER_FROM}-to-{STEER_TO}"


class Exceptions(NamedTuple):
    """Training images by index, and the wrong digit that each is labelled as."""

    images: Int[np.ndarray, " exception"]
    labels: Int[np.ndarray, " exception"]


@cache
def exceptions() -> Exceptions:
    """The training images with a wrong label, in a fixed random order."""
    rng = generator("digits", "exceptions")
    images = rng.permutation(handwriting.TRAINING)[:EXCEPTIONS]
    wrong_by = rng.integers(1, handwriting.DIGITS, EXCEPTIONS)
    return Exceptions(images, (handwriting.training().digits[images] + wrong_by) % handwriting.DIGITS)


def rightly_labelled() -> handwriting.Images:
    """The training images that no network has seen with a wrong label."""
    return handwriting.training().where(np.setdiff1d(np.arange(handwriting.TRAINING), exceptions().images))


@final
class Digits(Model):
    """A perceptron 64-128-128-10 (26 thousand parameters) or three 3×3 convolutions (10 thousand)."""

    name: ClassVar[str] = "digits"
    summary: ClassVar[str] = "Small networks that read handwritten digits, with or without memorised exceptions."

    network: Literal["mlp", "cnn"] = choice("mlp", help="A fully connected network, or a convolutional one.")
    exceptions: Literal["none", "memorised"] = choice(
        "none", help="Whether a tenth of the training images had a wrong label, which the network then memorised."
    )

    def load(self) -> Network:
        from engine.networks import digits_training, feed_forward, network

        stages = feed_forward.stages(SHAPES[self.network])
        return network.load(self.folder, self.card(), stages, digits_training.training(self))

    def train(self, folder: Path, progress: Progress) -> Card:
        from engine.networks import digits_training

        return digits_training.train(self, folder, progress)

    def metrics(self, network: Network) -> dict[str, float]:
        from engine.networks import digits_training

        return digits_training.metrics(self, network)

    def handles(self, card: Card) -> tuple[Handle, ...]:
        steering, site = {"name": "digit-steering"}, card.architecture.usual_site
        fitted = {"name": "optimised-direction", "site": site}
        found = (
            Handle(
                "difference of means",
                steering,
                {"name": "steering", "vector": VECTOR},
                "open",
                f"The mean activation of training images of {STEER_TO} minus that of images of {STEER_FROM}; it moves "
                "the answer, but no mechanism was verified.",
            ),
            Handle(
                "optimised vector",
                steering,
                fitted | {"target": 0.9},
                "open",
                "Fitted by gradient for an effect of 0.9; no mechanism was verified.",
            ),
            Handle(
                "random direction",
                steering,
                {"name": "random-direction", "vector": VECTOR},
                "sham",
                "A random direction, as long as the difference of means.",
            ),
        )
        if self.exceptions == "none":
            return found
        memory = {"name": "exceptions"}
        return (
            *found,
            Handle(
                "difference of means projected out",
                memory,
                {"name": "directional-ablation", "site": site},
                "open",
                "The mean activation of rightly labelled images minus that of exceptions; no mechanism was verified.",
            ),
            Handle(
                "optimised vector for exceptions",
                memory,
                fitted | {"target": 1.0},
                "open",
                "Fitted by gradient to cost the exceptions 1 nat; no mechanism was verified.",
            ),
        )
