"""What a model is: a declaration with a card, which loads a network with its weights and checkpoints."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.dials import InputError, Variant, dials_of
from engine.models.architectures import Architecture

if TYPE_CHECKING:
    from engine.networks.network import Network

Kind = TypeVar("Kind", bound=Variant)

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


Standing = Literal["genuine", "spurious", "sham", "open"]
"""What is known of a handle: it is the circuit, it only looks like one, it is a control, or nothing was verified."""


class Handle(NamedTuple):
    """An intervention on a model, of which it is known whether it is a genuine handle on a behaviour.

    Attributes:
        title: what people call it.
        behaviour: the behaviour that it is a handle on, in the JSON form.
        intervention: the intervention, in the JSON form.
        standing: what it is.
        evidence: how that is known, as a sentence; names of the card's metrics in `{}` stand for their values.
    """

    title: str
    behaviour: dict[str, Any]
    intervention: dict[str, Any]
    standing: Standing
    evidence: str

    def told(self, card: Card) -> str:
        """The evidence, with the card's numbers in it."""
        return re.sub(r"\{(.+?)\}", lambda name: f"{card.metrics[name[1]]:.3g}", self.evidence)


class Card(BaseModel):
    """The facts about a trained model that its training run measured; kept beside the weights as `card.json`.

    Attributes:
        groups: parts that belong together, by their kind (`heads`, `neurons`, `frequencies`), then by name; the first
            group of a kind is what one begins with.
        parts: kinds of parts that the architecture does not know of, such as the frequencies of modular addition.
        vectors: directions that come with the model, each with its site.
        metrics: what the network can do, measured on its weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    recipe: str
    seed: int
    data: str
    licence: str
    architecture: Architecture
    steps: tuple[int, ...]
    groups: dict[str, dict[str, tuple[str, ...]]]
    parts: dict[str, tuple[str, ...]] = {}
    vectors: dict[str, str] = {}
    metrics: dict[str, float]
    sha256: dict[str, str]

    def options(self, of: str) -> tuple[str, ...]:
        """What a parameter declared with `options(of=...)` can be; empty if the model has nothing of the kind."""
        known = {"vectors": tuple(self.vectors), **self.architecture.parts, **self.parts}
        return known.get(of, ())

    def suggested(self, of: str) -> tuple[str, ...]:
        """Which of these options to begin with: the first group of the kind, or else the first option (of sites, the
        architecture's usual one; of matrices, all).
        """
        if of == "matrices":
            return self.options(of)
        first = (self.architecture.usual_site,) if of == "sites" and self.options(of) else self.options(of)[:1]
        return next(iter(self.groups.get(of, {}).values()), first)

    def up_to(self, step: int | None) -> Card:
        """The card of the checkpoint of a step: none of the later ones is there. None: the trained network's own."""
        if step is None:
            return self
        return self.model_copy(update={"steps": tuple(each for each in self.steps if each <= step)})

    def usual(self, variant: type[Kind], **changed: Any) -> Kind:
        """A variant with its defaults, and with what the model suggests where a parameter has none."""
        given: dict[str, Any] = {}
        for dial in dials_of(variant):
            if dial.kind == "options":
                suggested = self.suggested(dial.of)
                given[dial.name] = suggested if dial.several else suggested[0]
        return variant.model_validate(given | changed)

    @property
    def fingerprint(self) -> str:
        """Identifies the weights, checkpoints and vectors: the hash of their files' hashes."""
        import hashlib

        return hashlib.sha256("".join(f"{k}={v};" for k, v in sorted(self.sha256.items())).encode()).hexdigest()


class Model(Variant):
    """A network under study. A subclass declares where its weights come from and how they are made.

    Its parameters, all of them choices, tell several networks of one kind apart.
    """

    @property
    def folder(self) -> Path:
        """Where the weights, checkpoints and card lie: those of further seeds in folders within the first seed's."""
        chosen = {name: value for name, value in self.model_dump().items() if (name, value) != ("seed", "0")}
        return assets().joinpath(self.name, *chosen.values())

    @property
    def title(self) -> str:
        """The model as a command line names it: its name and the parameters that have a choice."""
        return " ".join([self.name, *(f"--{name} {value}" for name, value in self.model_dump().items())])

    @classmethod
    def every(cls) -> tuple[Self, ...]:
        """Each network of the kind: every combination of parameters; the defaults come first."""
        dials = dials_of(cls)
        ordered = [sorted(dial.choices, key=lambda value, dial=dial: value != dial.default) for dial in dials]
        names = [dial.name for dial in dials]
        return tuple(cls(**dict(zip(names, values, strict=True))) for values in product(*ordered))

    def card(self) -> Card:
        """The model's card.

        Raises:
            InputError: the model has not been trained here, or its card is damaged.
        """
        path = self.folder / "card.json"
        if not path.is_file():
            raise InputError(
                f"model '{self.name}' has no weights in {self.folder}; train it with `regimescope train {self.title}`."
            )
        try:
            return Card.model_validate_json(path.read_bytes())
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            raise InputError(
                f"{path} must be the card of a trained model, got a file that is not ({problem}); restore it or train "
                f"the model again with `regimescope train {self.title}`."
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

    @abstractmethod
    def metrics(self, network: Network) -> dict[str, float]:
        """What the network can do, measured on its weights and checkpoints: the numbers of its card."""

    @abstractmethod
    def handles(self, card: Card) -> tuple[Handle, ...]:
        """The interventions whose standing is known, genuine ones first."""


def assets() -> Path:
    """The folder of trained weights: in a checkout beside the engine, in an installed package inside it."""
    engine = Path(__file__).parents[1]
    installed = engine / "assets"
    return installed if installed.is_dir() else engine.parent / "assets"
