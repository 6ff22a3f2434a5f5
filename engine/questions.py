"""What can be asked of the engine: a sweep, or one of the longer questions that take several sweeps.

Each is frozen, validated JSON with a key, as an Experiment is. Reading one loads no network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    Strict,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from engine.degraders.base import Degrader
from engine.degraders.compose import Compose
from engine.dials import InputError, dial, explain, shown
from engine.models.base import Card
from engine.spec import Experiment

MOST_OUTER: Final = 12
"""Strengths of a map's outer dial, at most."""

_experiment = Annotated[
    Experiment,
    PlainValidator(lambda form: form if isinstance(form, Experiment) else Experiment.read(form)),
    PlainSerializer(lambda experiment: experiment.model_dump(mode="json")),
]


class _AboutAnExperiment(BaseModel):
    """What the longer questions have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    experiment: _experiment

    kind: ClassVar[str]

    @classmethod
    def read(cls, form: object) -> Self:
        """A question from its JSON form.

        Raises:
            InputError: one sentence about what is wrong.
        """
        if not isinstance(form, Mapping):
            raise InputError(f"A question must be a JSON object, got {type(form).__name__}; see the documentation.")
        try:
            return cls.model_validate(form)
        except ValidationError as error:
            raise explain(error, cls.kind) from error

    @property
    def key(self) -> str:
        """Names the question: sha256 of its canonical JSON and of the weights that it is about."""
        form = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{self.experiment.card.fingerprint}\n{self.kind}\n{form}".encode()).hexdigest()[:32]


class DialComparison(_AboutAnExperiment):
    """An experiment's intervention on every dial that its model can have, at equal degraded losses."""

    kind: ClassVar[str] = "dials"

    count: int = dial(6, low=2, high=12, help="Degraded losses at which dials are compared.")


class InterventionComparison(_AboutAnExperiment):
    """An experiment's intervention beside the model's other handles on its behaviour."""

    kind: ClassVar[str] = "interventions"

    redosed: Annotated[bool, Strict()] = False


class PhaseMap(_AboutAnExperiment):
    """Two dials of a composition at once: the open one, and one of its fixed parts at several strengths."""

    kind: ClassVar[str] = "map"

    part: Annotated[int, Strict()]
    strengths: tuple[Annotated[float, Strict()], ...]

    # what the fields before were refused for is told first, so the validators need not mind what is missing

    @field_validator("part")
    @classmethod
    def _has_a_strength(cls, part: int, others: ValidationInfo) -> int:
        if "experiment" in others.data:
            outer_dial(others.data["experiment"], part)
        return part

    @field_validator("strengths")
    @classmethod
    def _canonical(cls, strengths: tuple[float, ...], others: ValidationInfo) -> tuple[float, ...]:
        if not {"experiment", "part"} <= others.data.keys():
            return strengths
        canonical = outer_strengths(others.data["experiment"], others.data["part"], strengths)
        if not 1 <= len(canonical) <= MOST_OUTER:
            raise InputError(
                f"map: 'strengths' must be 1 to {MOST_OUTER} strengths of the outer dial, got {len(canonical)}; "
                "give others."
            )
        return canonical


def outer_dials(experiment: Experiment) -> Mapping[int, Degrader]:
    """What can be the outer dial of a map: parts of the composition whose strength is given, by number from 0.

    Raises:
        InputError: the degrader is no composition.
    """
    degrader = experiment.degrader
    if not isinstance(degrader, Compose):
        raise InputError(
            f"a map needs the degrader compose, whose parts are the two dials, got {degrader.name}; compose it with "
            "another."
        )
    return {number: part.degrader for number, part in enumerate(degrader.parts) if part.strength is not None}


def outer_dial(experiment: Experiment, part: int) -> Degrader:
    """The part of the composition that is a map's outer dial.

    Raises:
        InputError: it can't be that.
    """
    dials = outer_dials(experiment)
    if part not in dials:
        known = ", ".join(f"{number} ({outer.name})" for number, outer in dials.items())
        raise InputError(f"the part must be one whose strength is given, {known}, got {part}; choose one of them.")
    return dials[part]


def outer_strengths(experiment: Experiment, part: int, strengths: Iterable[float]) -> tuple[float, ...]:
    """Strengths of the outer dial in their canonical form: as the dial names them, ascending, each once.

    Raises:
        InputError: the dial has no such strength, or the part can't be the outer dial.
    """
    outer = outer_dial(experiment, part)
    return tuple(sorted({outer.canonical(strength, experiment.card) for strength in strengths}))


def repeated(outer: Degrader, card: Card, strengths: Sequence[float]) -> str:
    """A sentence on strengths of a map's outer dial that were given more than once, in whatever numbers; else empty."""
    labels = [outer.label(outer.canonical(each, card), card) for each in strengths]
    twice = dict.fromkeys(label for label in labels if labels.count(label) > 1)
    return f"Given more than once and measured once: {outer.name} {', '.join(twice)}." if twice else ""


Question = Experiment | DialComparison | InterventionComparison | PhaseMap

KINDS: Final[Mapping[str, type[Question]]] = {
    kind.kind: kind for kind in (Experiment, DialComparison, InterventionComparison, PhaseMap)
}


def experiment_of(question: Question) -> Experiment:
    """What a question is about: the experiment that it has, or is."""
    return question if isinstance(question, Experiment) else question.experiment


def read_question(kind: object, form: object) -> Question:
    """A question from its kind and its JSON form.

    Raises:
        InputError: there is no such kind, or one sentence about what is wrong.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"kind must be one of {', '.join(KINDS)}, got {shown(kind)}; choose one of them.")
    return KINDS[kind].read(form)
