"""What is known of a job: an immutable, versioned snapshot, and what of it changed since a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from engine.questions import Question, experiment_of
from engine.report import finite
from engine.runners import Message
from engine.spec import Experiment
from engine.words import PENDING, with_network


def announced(question: Question) -> Snapshot:
    """What can be said of a question before the engine has said anything."""
    experiment = experiment_of(question)
    unknown = dict.fromkeys(("degraded_loss", "loss_delta", "effect", "chance", "margin"))
    common = {
        "key": question.key,
        "kind": question.kind,
        "status": "queued",
        "message": "",
        "device": "",
        "store": "",
        "progress": {"done": 0, "total": 0, "seconds": 0},
        "sampling": None,
        "beside": 0,
        "text": {
            "intervention": experiment.intervention.describe(),
            "effect": experiment.behaviour.effect,
            "degrader": experiment.degrader.name,
            "shams": [sham.describe() for sham in experiment.controls],
        },
        "reference": {**unknown, "retention_min": experiment.retention_min, "alpha": experiment.level},
    }
    return Snapshot().updated(common | (_of_sweep(question) if isinstance(question, Experiment) else _OF_TABLE))


_OF_TABLE: Final[Message] = {"axes": {}, "curves": [], "ranking": [], "rows": []}


def _of_sweep(experiment: Experiment) -> Message:
    card, degrader, strengths = experiment.card, experiment.degrader, experiment.sweep_strengths
    return {
        "sampled": degrader.together,
        "strengths": strengths,
        "axis": {**asdict(degrader.axis(card)), "ticks": [degrader.label(each, card) for each in strengths]},
        "verdict": {**with_network(experiment, PENDING)._asdict(), "regime": None},
        "band": [],
        "examples": [],
        "rows": [None] * len(strengths),
    }


@dataclass(frozen=True)
class Snapshot:
    """Fields and rows, each with the version at which it last changed. The row at index k is strength k's."""

    version: int = 0
    fields: Mapping[str, tuple[int, Any]] = field(default_factory=dict)
    rows: tuple[tuple[int, Message | None], ...] = ()

    def updated(self, change: Message) -> Self:
        """The next version: fields replace fields; `rows` replaces all rows if it is a list, and single ones if it is
        given by index.
        """
        version = self.version + 1
        change = dict(change)
        changed_rows = change.pop("rows", {})
        if isinstance(changed_rows, list):
            rows = tuple((version, row) for row in changed_rows)
        else:
            rows = tuple(
                (version, changed_rows[str(index)]) if str(index) in changed_rows else row
                for index, row in enumerate(self.rows)
            )
        news = {name: (version, value) for name, value in change.items() if self.get(name) != value}
        return type(self)(version, {**self.fields, **news}, rows)

    @property
    def all_measured(self) -> bool:
        """Whether something is known of every strength."""
        return all(row is not None for _, row in self.rows)

    def get(self, name: str) -> Any:
        """A field's value; None if it is not known."""
        return self.fields.get(name, (0, None))[1]

    @property
    def values(self) -> Message:
        """The fields as the worker told them."""
        return {name: value for name, (_, value) in self.fields.items()}

    @property
    def exact_rows(self) -> tuple[Message | None, ...]:
        """The rows as the worker told them."""
        return tuple(row for _, row in self.rows)

    def whole(self) -> Message:
        """Everything, as strict JSON has it: numbers that are not finite are null."""
        return finite({**self.values, "version": self.version, "rows": list(self.exact_rows)})

    def since(self, version: int) -> Message:
        """What changed after a version, likewise; rows by index."""
        values = {name: value for name, (changed, value) in self.fields.items() if changed > version}
        rows = {str(index): row for index, (changed, row) in enumerate(self.rows) if changed > version}
        return finite({**values, "version": self.version, "rows": rows})
