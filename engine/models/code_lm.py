"""A small language model of real text: a four-layer transformer trained on the source of Python's standard library.

Its text is the source of the Python that trains it, in byte-pair tokens; files are split by the hash of their path.
Half of the training sequences repeat a snippet, so that heads form which copy what they have seen before (Olsson et al.
2022): most repeat real text, the others tokens that were drawn one by one, which nothing but copying predicts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np

from engine.models.architectures import Transformer
from engine.models.base import Card, Handle, Model

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.models.base import Progress, Standing
    from engine.networks.network import Network

SHAPE: Final = Transformer(layers=4, heads=4, d_model=136, vocab=640, context=128, d_mlp=544, tied=True)
SNIPPETS: Final = (16, 64)
"""Tokens of a repeated snippet."""
PYTHON: Final = "3.11.7"
TEXT_SHA256: Final = "9fc56046f9e00e8efbf525122c900b756a0ef310b3077112170c3f42d5c85da7"
"""Whose source the shipped network was trained on."""
MIXTURE: Final = {"plain": 8, "repeated": 5, "scrambled": 3}
"""Sequences of each sort in a batch."""


def training_tokens(
    text: Int[np.ndarray, " token"], rng: np.random.Generator, context: int
) -> Int[np.ndarray, "item pos"]:
    """A batch of the training mixture: sequences of so many tokens, and one more to predict."""
    length = context + 1
    rows = text[rng.integers(len(text) - length, size=sum(MIXTURE.values()))[:, None] + np.arange(length)]
    for row in rows[MIXTURE["plain"] :][: MIXTURE["repeated"]]:
        size = _size(rng, length)
        _write(row, text[(start := int(rng.integers(len(text) - size))) : start + size], rng)
    for row in rows[MIXTURE["plain"] + MIXTURE["repeated"] :]:
        _write(row, text[rng.integers(len(text), size=_size(rng, length))], rng)
    return rows


def _size(rng: np.random.Generator, length: int) -> int:
    return int(rng.integers(SNIPPETS[0], min(SNIPPETS[1], length // 2) + 1))


def _write(row: Int[np.ndarray, " pos"], snippet: Int[np.ndarray, " pos"], rng: np.random.Generator) -> None:
    """Writes two or more copies of a snippet over the text in a row, at random places."""
    copies = int(rng.integers(2, len(row) // len(snippet) + 1))
    between = np.sort(rng.integers(len(row) - copies * len(snippet) + 1, size=copies))
    for place in between + len(snippet) * np.arange(copies):
        row[place : place + len(snippet)] = snippet


@final
class CodeLm(Model):
    """Four layers of four heads and an MLP, byte-pair tokens, context 128; one million parameters."""

    name: ClassVar[str] = "code-lm"
    summary: ClassVar[str] = "Four-layer language model of Python source, which copies names and closes brackets."

    def load(self) -> Network:
        from engine.networks import code_training, network, transformer

        return network.load(self.folder, self.card(), transformer.stages(SHAPE), code_training.training(self.folder))

    def train(self, folder: Path, progress: Progress) -> Card:
        from engine.networks import code_text, code_training

        return code_training.train(folder, progress, code_text.standard_library())

    def metrics(self, network: Network) -> dict[str, float]:
        from engine.networks import code_training

        return code_training.metrics(network)

    def handles(self, card: Card) -> tuple[Handle, ...]:
        heads = card.groups.get("heads", {})  # another training run may find fewer kinds
        snippets = {"name": "code-copying", "text": "snippets"}
        identifiers = {"name": "code-copying", "text": "identifiers"}

        def ablation(kind: str, behaviour: dict[str, Any], standing: Standing, evidence: str) -> Handle:
            scores = ", ".join(f"{head} {{{kind} score of head {head}}}" for head in heads[kind])
            intervention = {"name": "head-ablation", "heads": heads[kind]}
            found = f"Found by what they look at ({scores}); {evidence}."
            return Handle(f"{kind} heads, mean", behaviour, intervention, standing, found)

        def effect(kind: str) -> str:
            lost = "nats lost on {} without {} heads".format
            others = next(name for name in card.metrics if name.endswith("other heads") and "copied" in name)
            return (
                f"without them copied snippets lose {{{lost('copied tokens', kind)}}} nats and their first copies "
                f"{{{lost('first copies', kind)}}}, and {others.split(' without ')[1]} cost copies {{{others}}}"
            )

        unknown = "how much names owe to them and how much to knowing the language is not known"
        copying = [kind for kind in ("previous-token", "induction") if kind in heads]
        return (
            *(ablation(kind, snippets, "genuine", effect(kind)) for kind in copying),
            Handle(
                "optimised vector",
                snippets,
                {"name": "optimised-direction", "site": SHAPE.usual_site, "target": 2.0},
                "spurious",
                "Fitted by gradient to cost copied snippets 2 nats, with no circuit in mind.",
            ),
            Handle(
                "random heads",
                snippets,
                {"name": "random-heads", "count": len(heads.get("induction", ())) or 3},
                "sham",
                "As many heads as there are induction heads (3 if there are none), drawn at random from all.",
            ),
            *(ablation(kind, identifiers, "open", unknown) for kind in copying),
            *(
                ablation(kind, {"name": "closing"}, "open", "that closing rests on them is not known")
                for kind in ("opening",)
                if kind in heads
            ),
        )
