"""What a model is: a declaration with a card, which loads a network with its weights and checkpoints."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.dials import InputError, Variant

if TYPE_CHECKING:
    from engine.networks.network import Network

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


class Architecture(BaseModel):
    """The sizes of a transformer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int
    heads: int
    d_model: int
    vocab: int
    context: int

    @property
    def head_names(self) -> tuple[str, ...]:
        """Every head as `layer.head`."""
        return tuple(f"{layer}.{head}" for layer in range(self.layers) for head in range(self.heads))


class Card(BaseModel):
    """The facts about a trained model that its training run measured; kept beside the weights as `card.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    recipe: str
    seed: int
    data: str
    licence: str
    architecture: Architecture
    steps: tuple[int, ...]
    head_groups: dict[str, tuple[str, ...]]
    vectors: dict[str, str]
    metrics: dict[str, float]
    sha256: dict[str, str]

    def options(self, of: str) -> tuple[str, ...]:
        """What a parameter declared with `options(of=...)` can be."""
        return {"heads": self.architecture.head_names, "vectors": tuple(self.vectors)}[of]

    def suggested(self, of: str) -> tuple[str, ...]:
        """Which of these options to begin with: the first group of heads, the first vector."""
        groups = [*self.head_groups.values(), self.options(of)[:1]] if of == "heads" else [self.options(of)[:1]]
        return groups[0]

    @property
    def fingerprint(self) -> str:
        """Identifies the weights, checkpoints and vectors: the hash of their files' hashes."""
        import hashlib

        return hashlib.sha256("".join(f"{k}={v};" for k, v in sorted(self.sha256.items())).encode()).hexdigest()


class Model(Variant):
    """A network under study. A subclass declares where its weights come from and how they are made."""

    @property
    def folder(self) -> Path:
        """Where the weights, checkpoints and card lie."""
        return assets() / self.name

    def card(self) -> Card:
        """The model's card.

        Raises:
            InputError: the model has not been trained here, or its card is damaged.
        """
        path = self.folder / "card.json"
        if not path.is_file():
            raise InputError(
                f"model '{self.name}' has no weights in {self.folder}; train it with `regimescope train {self.name}`."
            )
        try:
            return Card.model_validate_json(path.read_bytes())
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            raise InputError(
                f"{path} must be the card of a trained model, got a file that is not ({problem}); restore it or train "
                f"the model again with `regimescope train {self.name}`."
            ) from error

    @abstractmethod
    def load(self) -> Network:
        """The trained network.

        Raises:
            InputError: its files are missing, or are not those that the card describes.
        """

    @abstractmethod
    def train(self, folder: Path, progress: Progress) -> Card:
        """Trains the network from its seed and writes weights, checkpoints and card to `folder`."""


def assets() -> Path:
    """The folder of trained weights: in a checkout beside the engine, in an installed package inside it."""
    engine = Path(__file__).parents[1]
    installed = engine / "assets"
    return installed if installed.is_dir() else engine.parent / "assets"
