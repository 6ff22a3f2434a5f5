"""A two-layer attention-only transformer that learns to copy: the induction circuit in its smallest form.

Its training text mixes two sources. Two thirds are walks of a fixed random bigram chain, into which a random "name" is
written twice; one third are blocks of random tokens, repeated. The chain can be predicted from one token back; the
second copy of a name or a block only by looking up what followed the same token before (Elhage et al. 2021; Olsson et
al. 2022, "In-context learning and induction heads").
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, final

import numpy as np

from engine.dials import choice
from engine.models.architectures import Transformer
from engine.models.base import Card, Handle, Model

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from engine.models.base import Progress, Standing
    from engine.networks.network import Network

SHAPE: Final = Transformer(layers=2, heads=4, d_model=64, vocab=48, context=64)
CHAIN_SEED: Final = 20_240_501
NAME_LENGTHS: Final = (5, 16)
BLOCK_LENGTHS: Final = (8, 31)


class Text(NamedTuple):
    """Sequences of tokens [item, pos] and what each token is: `CHAIN` (follows its predecessor in the chain), `FRESH`
    (cannot be predicted from the text so far), or `COPY` (repeats an earlier passage, beyond its first token).
    """

    tokens: Int[np.ndarray, "item pos"]
    roles: Int[np.ndarray, "item pos"]


CHAIN, FRESH, COPY = 0, 1, 2


@cache
def chain() -> Float[np.ndarray, "vocab vocab"]:
    """Transition probabilities of the bigram chain: softmax of 2·N(0, 1) logits."""
    logits = 2 * np.random.default_rng(CHAIN_SEED).standard_normal((SHAPE.vocab, SHAPE.vocab))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def chain_with_names(rng: np.random.Generator, items: int) -> Text:
    """Walks of the chain with a random name of 5–16 tokens written into each at two places."""
    walk = _walk(rng, items, SHAPE.context)
    tokens = np.empty_like(walk)
    roles = np.full_like(walk, CHAIN)
    roles[:, 0] = FRESH
    for row in range(items):
        length = int(rng.integers(NAME_LENGTHS[0], NAME_LENGTHS[1] + 1))
        name = rng.integers(SHAPE.vocab, size=length)
        plain = SHAPE.context - 2 * length
        first, second = np.sort(rng.choice(np.arange(1, plain), size=2, replace=False))
        second_start = second + length
        pieces = (walk[row, :first], name, walk[row, first:second], name, walk[row, second:plain])
        tokens[row] = np.concatenate(pieces)
        roles[row, first : first + length + 1] = FRESH
        roles[row, second_start : second_start + length + 1] = FRESH
        roles[row, second_start + 1 : second_start + length] = COPY
    return Text(tokens, roles)


def repeated_blocks(rng: np.random.Generator, items: int) -> Text:
    """Blocks of 8–31 uniformly random tokens, each repeated until the context is full."""
    tokens = np.empty((items, SHAPE.context), dtype=np.int64)
    roles = np.full_like(tokens, COPY)
    for row in range(items):
        length = int(rng.integers(BLOCK_LENGTHS[0], BLOCK_LENGTHS[1] + 1))
        block = rng.integers(SHAPE.vocab, size=length)
        tokens[row] = np.resize(block, SHAPE.context)
        roles[row, : length + 1] = FRESH
    return Text(tokens, roles)


def _walk(rng: np.random.Generator, items: int, length: int) -> Int[np.ndarray, "item pos"]:
    cumulative = np.cumsum(chain(), axis=1)
    tokens = np.empty((items, length), dtype=np.int64)
    tokens[:, 0] = rng.integers(SHAPE.vocab, size=items)
    for pos in range(1, length):
        drawn = rng.random(items)[:, None] > cumulative[tokens[:, pos - 1]]
        tokens[:, pos] = np.minimum(drawn.sum(axis=1), SHAPE.vocab - 1)
    return tokens


def training_tokens(rng: np.random.Generator, items: int) -> Int[np.ndarray, "item pos"]:
    """A batch of the training mixture: two thirds chain with names, one third repeated blocks."""
    blocks = items // 3
    return np.concatenate([chain_with_names(rng, items - blocks).tokens, repeated_blocks(rng, blocks).tokens])


@final
class Induction(Model):
    """Two layers of four heads, vocabulary 48, context 64; 44 thousand parameters."""

    name: ClassVar[str] = "induction"
    summary: ClassVar[str] = "Two-layer attention-only transformer that copies repeated tokens."

    seed: Literal["0", "1", "2"] = choice(
        "0", help="Seed of the first weights and of the batches; each is a network of its own."
    )

    def load(self) -> Network:
        from engine.networks import induction_training, network, transformer

        return network.load(
            self.folder, self.card(), transformer.stages(SHAPE), induction_training.training(seed=int(self.seed))
        )

    def train(self, folder: Path, progress: Progress) -> Card:
        from engine.networks import induction_training

        return induction_training.train(folder, progress, seed=int(self.seed))

    def metrics(self, network: Network) -> dict[str, float]:
        from engine.networks import induction_training

        return induction_training.metrics(network)

    def handles(self, card: Card) -> tuple[Handle, ...]:
        def handle(title: str, intervention: dict[str, Any], standing: Standing, evidence: str) -> Handle:
            return Handle(title, {"name": "copying"}, intervention, standing, evidence)

        heads = card.groups.get("heads", {})  # another training run may find fewer kinds
        rest = sorted(set(card.options("heads")) - {head for group in heads.values() for head in group})
        looks = {
            "previous-token": "the previous token is greatest: {}; induction heads look where they have written",
            "induction": "the token after the last occurrence of this one is greatest: {}",
        }

        def ablation(kind: str) -> Handle:
            chosen = heads[kind][:2]
            scores = ", ".join(f"{head} {{{kind} score of head {head}}}" for head in chosen)
            return handle(
                "previous-token heads, mean" if kind == "previous-token" else "two strongest induction heads, mean",
                {"name": "head-ablation", "heads": chosen},
                "genuine",
                f"The heads whose attention to {looks[kind].format(scores)}.",
            )

        return (
            *(ablation(kind) for kind in looks if kind in heads),
            *(
                handle(
                    vector,
                    {"name": "steering", "vector": vector},
                    "spurious",
                    "Fitted by gradient to have an effect of 2 nats on repeated blocks, with no circuit in mind.",
                )
                for vector in card.vectors
            ),
            handle(
                "random vector",
                {"name": "random-direction", "vector": next(iter(card.vectors))},
                "sham",
                "A random direction, as long as the first of the fitted vectors.",
            ),
            *(
                handle(
                    "heads in no group, mean",
                    {"name": "head-ablation", "heads": chosen},
                    "sham",
                    "Heads that are in no group, two at most (of a random draw half would be induction heads).",
                )
                for chosen in [rest[:2]]
                if chosen
            ),
        )
