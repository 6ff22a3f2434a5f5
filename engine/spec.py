"""The Experiment: one frozen, validated, hashed description of a sweep.

It is the permalink, the cache key, the command line's input and the notebook's argument. Reading it never loads a
network: a model's card says what can be asked of it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    ValidationError,
    field_validator,
)

from engine import discovery
from engine.behaviours.base import Behaviour
from engine.degraders.base import Degrader
from engine.dials import WHOLE, InputError, Variant, dial, dials_of, explain, listed, shown
from engine.discovery import Kind, read_variant
from engine.interventions.base import Intervention
from engine.models.base import Card, Model

PRESETS: Final = Path(__file__).parent / "presets"
MOST_STRENGTHS: Final = 64
MOST_DRAWS: Final = 64
LEAST_MARGIN: Final = 1e-6
MOST_MARGIN: Final = 10.0


def _field(kind: Kind) -> Any:
    return PlainValidator(partial(read_variant, kind=kind))


_as_json = PlainSerializer(lambda variant: variant.to_json())


class Experiment(BaseModel):
    """One intervention on one model, swept over the strengths of one degrader."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: ClassVar[str] = "sweep"
    """Of a question; see `engine.questions`."""

    model: Annotated[Model, _field("models"), _as_json]
    step: Annotated[int | None, WHOLE] = Field(
        default=None,
        strict=True,
        ge=0,
        description="The checkpoint that is studied; none: the network at the end of training.",
    )
    behaviour: Annotated[Behaviour, _field("behaviours"), _as_json]
    degrader: Annotated[Degrader, _field("degraders"), _as_json]
    intervention: Annotated[Intervention, _field("interventions"), _as_json]
    strengths: tuple[Annotated[float, Strict()], ...] | None = Field(
        default=None, description="Strengths to measure; none: the degrader's default sweep."
    )
    draws: int = dial(8, low=1, high=MOST_DRAWS, help="Random realisations at each strength; noise comes in pairs ±ε.")
    doublings: int = dial(
        0, low=0, high=6, help="How often the draws are doubled where the verdict is undecided; to 64 draws at most."
    )
    items: int = dial(256, low=1, high=1024, help="Items of the performance set, and as many of the behaviour set.")
    shams: int = dial(4, low=0, high=16, help="Shams of the intervention that are run beside it, where there are any.")
    seed: int = dial(0, low=0, high=2**31 - 1, help="Seed of the degrader's noise.")
    margin: float | None = Field(
        default=None,
        strict=True,
        ge=LEAST_MARGIN,
        le=MOST_MARGIN,
        description="Loss delta, in nats, that counts as no harm; none: 5 % of chance − L(0).",
    )
    retention_min: float = dial(0.5, low=0.05, high=1.0, step=0.05, help="Share of the effect that must be left.")
    alpha: float = dial(0.05, low=0.005, high=0.2, step=0.005, help="Error rate of every test.")

    @field_validator("strengths")
    @classmethod
    def _ascending_from_0(cls, strengths: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if strengths is None:
            return None
        degraded = sorted(set(strengths) - {0.0})
        if len(degraded) > MOST_STRENGTHS:
            raise InputError(
                f"experiment: 'strengths' must be at most {MOST_STRENGTHS} besides 0, got {len(degraded)}; "
                "leave some out."
            )
        return (0.0, *degraded)

    @classmethod
    def read(cls, form: object) -> Self:
        """An experiment from its JSON form, checked against the model that it names, in its canonical form.

        Raises:
            InputError: one sentence about what is wrong.
        """
        if not isinstance(form, Mapping):
            raise InputError(f"An experiment must be a JSON object, got {type(form).__name__}; see `regimescope list`.")
        try:
            experiment = cls.model_validate(form)
        except ValidationError as error:
            raise explain(error, "experiment") from error
        return experiment._checked()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """An experiment from JSON text; raises InputError as `read` does."""
        try:
            form = json.loads(text)
        except (ValueError, RecursionError) as error:  # besides bad syntax, endless digits and endless nesting
            got = f"text that is not ({error}); correct it" if text.strip() else "no text; write one"
            raise InputError(
                f"An experiment must be JSON, got {got}, or begin with a preset's from `regimescope list --json`."
            ) from error
        return cls.read(form)

    @classmethod
    def preset(cls, name: str) -> Self:
        """A preset by name; raises InputError if there is none."""
        known = presets()
        if name not in known:
            raise InputError(f"preset must be one of {', '.join(known)}, got {shown(name)}; choose one of them.")
        return cls.read(known[name]["experiment"])

    def to_json(self) -> str:
        """Canonical JSON: every parameter written out, keys sorted."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @property
    def key(self) -> str:
        """Names the experiment: sha256 of its canonical JSON and of the weights that it is about."""
        return hashlib.sha256(f"{self.card.fingerprint}\n{self.to_json()}".encode()).hexdigest()[:32]

    @cached_property
    def card(self) -> Card:
        """The card of the network that is studied: the model's, up to the step that is asked for."""
        return self.model.card().up_to(self.step)

    @property
    def sweep_strengths(self) -> tuple[float, ...]:
        """The strengths to measure, ascending from 0."""
        return self.strengths or self.degrader.strengths(self.card)

    @property
    def controls(self) -> tuple[Intervention, ...]:
        """The shams that are run beside the intervention: as many as are asked for, if there are so many."""
        asked = (self.intervention.sham(self.card, number) for number in range(self.shams))
        return tuple(sham for sham in asked if sham is not None)

    @property
    def looks(self) -> tuple[int, ...]:
        """How many draws an undecided strength has at each look at it."""
        return tuple(self.draws * 2**doubling for doubling in range(self.doublings + 1))

    @property
    def level(self) -> float:
        """The level of one look."""
        return self.alpha / len(self.looks)

    def _checked(self) -> Self:
        steps = self.model.card().steps
        if self.step is not None and self.step not in steps:
            known = ", ".join(map(str, steps))
            raise InputError(
                f"experiment: 'step' must be a checkpoint of the model, one of {known}, got {self.step}; choose one."
            )
        card = self.card
        if not self.behaviour.is_compatible(self.model):
            every = discovery.find("behaviours").items()
            known = ", ".join(name for name, kind in every if kind.is_compatible(self.model))
            raise InputError(
                f"behaviour of model {self.model.title} must be one of {known}, got {self.behaviour.name}; choose "
                "another or another network of the model."
            )
        _check_options(self.behaviour, card)
        for variant in (self.degrader, self.intervention):
            _check_variant(variant, self.model, card)
        canonical: dict[str, Any] = {"shams": len(self.controls)}
        draws = self.draws if self.degrader.random else 1
        doublings = min(self.doublings, int(math.log2(MOST_DRAWS / draws))) if self.degrader.random else 0
        canonical |= {"draws": draws, "doublings": doublings}
        canonical["degrader"] = _settled(self.degrader, card)
        if self.step == steps[-1]:
            canonical["step"] = None
        available = self.behaviour.available(self.model)
        if available is not None and self.items > available:
            canonical["items"] = available
        if self.strengths is not None:
            strengths = sorted({self.degrader.canonical(strength, card) for strength in self.strengths})
            if len(strengths) < 2:
                raise InputError("experiment: 'strengths' must hold at least one above 0, got none; add one.")
            canonical["strengths"] = tuple(strengths)
        return self.model_copy(update=canonical)


def _check_variant(variant: Degrader | Intervention, model: Model, card: Card) -> None:
    """Refuses what the model does not have, parts of a composition included."""
    if not variant.is_compatible(card):
        raise InputError(f"{variant.name} cannot be applied to model {model.name}; choose another.")
    _check_options(variant, card)
    for declared in dials_of(type(variant)):
        for part in getattr(variant, declared.name) if declared.kind == "parts" else ():
            _check_variant(part.degrader, model, card)


def _settled(degrader: Degrader, card: Card) -> Degrader:
    """A composition with the strengths of its parts as their dials name them; anything else as it is."""
    changed = {}
    for declared in dials_of(type(degrader)):
        if declared.kind == "parts":
            changed[declared.name] = tuple(
                part.model_copy(update={"strength": part.degrader.canonical(part.strength, card)})
                if part.strength is not None
                else part
                for part in getattr(degrader, declared.name)
            )
    return degrader.model_copy(update=changed) if changed else degrader


def _check_options(variant: Variant, card: Card) -> None:
    """Refuses heads, vectors and the like that the model does not have."""
    for declared in dials_of(type(variant)):
        if declared.kind == "options":
            value, known = getattr(variant, declared.name), card.options(declared.of)
            for each in value if declared.several else (value,):
                if each not in known:
                    raise InputError(
                        f"{variant.name}: '{declared.name}' must be among {listed(known)}, got {shown(each)}; "
                        f"choose {declared.of} that the model has."
                    )


def presets() -> dict[str, dict[str, Any]]:
    """The presets by name: `title`, `story`, and the `experiment`'s JSON form."""
    return {path.stem: json.loads(path.read_bytes()) for path in sorted(PRESETS.glob("*.json"))}
