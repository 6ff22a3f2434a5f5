"""A one-layer transformer that learns to add modulo a prime, first by heart, much later by trigonometry: grokking.

It reads [a, b, =] and answers (a + b) mod p. What it ends with is known in full (Nanda et al. 2023, arXiv:2301.05217):
it embeds a and b as cosines and sines of a few *key frequencies*, multiplies them to cos w(a + b) and sin w(a + b), and
adds up cos w(a + b − c) into the logit of c. On the way there lie memorisation, circuit formation and clean-up.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, final

import numpy as np

from engine import sites
from engine.dials import choice
from engine.models.architectures import Transformer
from engine.models.base import Card, Handle, Model
from engine.randomness import generator

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.models.base import Progress, Standing
    from engine.networks.network import Network

SHIFT: Final = 7
"""What the steered sum adds: the network is made to answer (a + 7) + b."""


class Recipe(NamedTuple):
    """How one of the networks is made.

    Attributes:
        p: the modulus.
        tasks: the operations, each with a token of its own, p for the first.
        share: of all pairs of numbers, those that are trained on, every one of them in every step.
        checkpoints: steps that are kept, without the last.
    """

    p: int
    tasks: tuple[str, ...]
    d_model: int
    d_mlp: int
    share: float
    learning_rate: float
    weight_decay: float
    steps: int
    checkpoints: tuple[int, ...]
    seed: int = 0

    @property
    def shape(self) -> Transformer:
        """The network's sizes: a token for each number and each operation, an answer for each number."""
        return Transformer(
            layers=1,
            heads=4,
            d_model=self.d_model,
            vocab=self.p + len(self.tasks),
            context=3,
            d_mlp=self.d_mlp,
            activation="relu",
            outputs=self.p,
        )

    def word(self, token: int) -> str:
        """A token as people read it."""
        return str(token) if token < self.p else SYMBOLS[self.tasks[token - self.p]]


SYMBOLS: Final = {"addition": "+", "copying": "→"}

# The second operation copies b. Multiplication would share less with addition, but in four runs (40 to 70 % of the
# pairs, weight decay 2 and 3, 1,700 to 2,500 steps) at most three quarters of its held-out pairs came to be right.
RECIPES: Final = {
    "59": Recipe(
        59, ("addition",), 64, 256, 0.4, 2e-3, 3.0, 2400,
        (100, 350, 700, 1200, 1350, 1450, 1500, 1550, 1600, 1700),
    ),
    "59-seed-1": Recipe(
        59, ("addition",), 64, 256, 0.4, 2e-3, 3.0, 2400,
        (100, 150, 300, 450, 550, 600, 650, 700), seed=1,
    ),
    "59-seed-2": Recipe(
        59, ("addition",), 64, 256, 0.4, 2e-3, 3.0, 2400,
        (100, 250, 500, 700, 800, 850, 900, 920), seed=2,
    ),
    "113": Recipe(
        113, ("addition",), 128, 512, 0.3, 1e-3, 1.0, 16_000,
        (1600, 6000, 10_200, 10_800, 12_400),
    ),
    "59-two-tasks": Recipe(
        59, ("addition", "copying"), 64, 256, 0.7, 2e-3, 2.0, 1000,
        (100, 150, 200, 250, 300, 400, 600), seed=1,
    ),
}  # fmt: skip


class Pairs(NamedTuple):
    """Pairs of numbers with an operation, [item, 3], and the answers; `trained` of them come first."""

    inputs: Int[np.ndarray, "pair 3"]
    answers: Int[np.ndarray, " pair"]
    trained: int


def pairs(recipe: Recipe, task: str) -> Pairs:
    """All pairs of numbers in an order that the operation and the modulus decide; those trained on come first."""
    p, place = recipe.p, recipe.tasks.index(task)
    order = generator("modular-addition", p, place, "pairs").permutation(p * p)
    a, b = np.divmod(order, p)
    inputs = np.stack([a, b, np.full_like(a, p + place)], axis=1)
    return Pairs(inputs, answers(task, a, b, p), int(recipe.share * p * p))


def answers(task: str, a: Int[np.ndarray, " pair"], b: Int[np.ndarray, " pair"], p: int) -> Int[np.ndarray, " pair"]:
    """What an operation makes of the two numbers: their sum, or the second of them."""
    return (a + b) % p if task == "addition" else b


@final
class ModularAddition(Model):
    """One layer of four heads and an MLP with ReLU, no LayerNorm; 57 thousand parameters for p = 59, 227 for 113."""

    name: ClassVar[str] = "modular-addition"
    summary: ClassVar[str] = "One-layer transformer that groks addition modulo a prime."

    task: Literal["59", "59-seed-1", "59-seed-2", "113", "59-two-tasks"] = choice(
        "59",
        help="Addition modulo 59, quick, from three seeds; modulo 113, as published; modulo 59 with copying beside it.",
    )

    @property
    def recipe(self) -> Recipe:
        """How the network is made."""
        return RECIPES[self.task]

    def load(self) -> Network:
        from engine.networks import modular_training, network, transformer

        card = self.card()
        assert isinstance(card.architecture, Transformer)
        stages = transformer.stages(card.architecture)
        return network.load(self.folder, card, stages, modular_training.training(self.recipe))

    def train(self, folder: Path, progress: Progress) -> Card:
        from engine.networks import modular_training

        return modular_training.train(folder, progress, self.recipe)

    def metrics(self, network: Network) -> dict[str, float]:
        from engine.networks import modular_metrics

        return modular_metrics.metrics(network, self.recipe)

    def handles(self, card: Card) -> tuple[Handle, ...]:
        one_task = len(self.recipe.tasks) == 1
        key, other = ({"frequencies": card.groups["frequencies"][group]} for group in ("key", "other"))
        turn, remove = {"name": "frequency-rotation", "shift": SHIFT}, {"name": "fourier", "action": "remove"}
        found = (
            "The {key frequencies} frequencies that the embedding and the map from neurons to logits share: with only "
            "them in the logits the loss is {restricted loss}, without them {excluded loss}, against {loss of addition}"
        )
        control = "As many frequencies as the key ones: the strongest of the others."

        def handle(title: str, intervention: dict[str, Any], standing: Standing, evidence: str) -> Handle:
            return Handle(title, {"name": "steered-sum" if one_task else "addition"}, intervention, standing, evidence)

        if one_task:
            rest, aim = (
                "what the whole network adds with: no steered sum is left",
                {"target": 0.9, "rank": 8, "steps": 300},
            )
        else:
            rest, aim = "read by the other operation, too", {"target": 5.0}
        fitted = {"name": "optimised-direction", "site": sites.embed(), "examples": 256, **aim}
        return (
            handle("key frequencies of a turned", turn | key, "genuine", f"{found}."),
            handle(
                "key frequencies removed", remove | key, "open" if one_task else "genuine", f"{found}; they are {rest}."
            ),
            handle(
                "optimised at the embedding",
                fitted,
                "spurious",
                f"Fitted by gradient on 256 pairs for an effect of {aim['target']:g}, with no circuit in mind.",
            ),
            handle("other frequencies of a turned", turn | other, "sham", control),
            handle("other frequencies removed", remove | other, "sham", control),
        )
