"""A result as one JSON document: the whole question, its answer, and where it was measured.

What is exported, imported and kept in the history has this form. It is strict JSON: numbers that JSON has no word for
are the texts "nan", "inf" and "-inf".
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import Enum
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Final, Literal, Self, get_args

import pandas as pd
from pandas.api.types import is_object_dtype
from pydantic import TypeAdapter, ValidationError

from engine import contradictions, report
from engine.dials import InputError, shown
from engine.intervals import Interval
from engine.questions import DialComparison, PhaseMap, Question, read_question
from engine.regime import Analysis, Confirmation, verdict
from engine.spec import MOST_STRENGTHS, Experiment
from engine.strength import Row
from engine.words import Answer, answer

SCHEMA: Final = 1
MOST_BYTES: Final = 4_000_000
"""Of a document that comes from outside."""
MOST_LINES: Final = 2_000
PLACES: Final = ("index", "curve", "place")
"""Where a line stands among the others; a table has that by itself."""

Status = Literal["running", "done", "cancelled", "failed"]

_VERSION = re.compile(r"[\w.+-]{1,40}")


@dataclass(frozen=True)
class _Result:
    """Of a sweep, as it is read."""

    rows: tuple[Row, ...]
    confirmation: Confirmation | None
    band: tuple[tuple[float, float], ...]


_RESULT = TypeAdapter(_Result)


class Form(Enum):
    """A kind of file that a result can be had as; its name is how such a file ends.

    Attributes:
        title: for people.
        media: type, for browsers.
    """

    csv = "CSV", "text/csv"
    parquet = "Parquet", "application/vnd.apache.parquet"
    json = "JSON", "application/json"

    def __init__(self, title: str, media: str) -> None:
        self.title = title
        self.media = media


@dataclass(frozen=True)
class Document:
    """A question and what is known of its answer.

    Attributes:
        question: what was asked.
        status: how far it is.
        done: points measured.
        total: points to measure, as far as it was known.
        said: what it says, in words.
        lines: of a comparison or a map: its table, line by line; of a sweep nothing, see `analysis`.
        curves: of a comparison or a map: what is known of each curve.
        analysis: of a sweep.
        where: it was measured.
        at: when, ISO 8601, UTC.
        version: of this program that measured it.
    """

    question: Question
    status: Status
    done: int
    total: int
    said: Answer
    lines: tuple[Mapping[str, Any], ...] = ()
    curves: tuple[Mapping[str, Any], ...] = ()
    analysis: Analysis | None = None
    where: str = ""
    at: str = ""
    version: str = ""

    @classmethod
    def of(cls, question: Question, fields: Mapping[str, Any], rows: Sequence[Mapping[str, Any] | None]) -> Self:
        """From what a worker tells: fields and rows as they stand, with numbers that are not finite."""
        known = [row for row in rows if row is not None]
        progress = fields.get("progress") or {}
        status: Status = "running" if fields["status"] == "queued" else fields["status"]
        where, at = fields.get("device") or "", fields.get("measured_at") or _now()
        common = {"done": progress.get("done", 0), "total": progress.get("total", 0), "where": where, "at": at}
        made = _version()
        if isinstance(question, Experiment):
            analysis = _analysis(known, fields)
            said = answer(question, analysis, status == "done")
            return cls(question, status, said=said, analysis=analysis, version=made, **common)
        curves = tuple(fields.get("curves") or ())
        lines = tuple({name: value for name, value in row.items() if name != "examples"} for row in known)
        return cls(
            question,
            status,
            said=_of_curves(question, curves, lines),
            lines=lines,
            curves=curves,
            version=made,
            **common,
        )

    @classmethod
    def of_sweep(cls, experiment: Experiment, analysis: Analysis, points: int, where: str) -> Self:
        """From a sweep that is finished."""
        said, now = answer(experiment, analysis, finished=True), _now()
        return cls(experiment, "done", points, points, said, analysis=analysis, where=where, at=now, version=_version())

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """From JSON that anybody may have written.

        Raises:
            InputError: it is no such document, or too large; one sentence.
        """
        if len(text) > MOST_BYTES:
            raise InputError(
                f"A result must be at most {MOST_BYTES:,} bytes of JSON, got {len(text):,}; export it again."
            )
        try:
            form = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise InputError(
                "A result must be a JSON file that was exported here, got no JSON; choose another."
            ) from error
        if not isinstance(form, Mapping) or form.get("regimescope") != SCHEMA:
            named = isinstance(form, Mapping) and "regimescope" in form
            got = shown(form["regimescope"]) if named else "JSON without it"
            raise InputError(
                f'A result must be a JSON file with "regimescope": {SCHEMA}, got {got}; choose one that was exported '
                "here."
            )
        if "kind" not in form or "question" not in form:
            raise InputError("A result must say what was asked, got one that does not; export it again.")
        return cls._read(read_question(form["kind"], form["question"]), form)

    def to_json(self) -> str:
        """The document; `from_json` reads it."""
        analysis = self.analysis
        result: dict[str, Any] = {"lines": self.lines, "curves": self.curves}
        if analysis is not None:
            looked = analysis.confirmation
            result = {
                "rows": [asdict(row) for row in analysis.rows],
                "margin": analysis.margin,
                "confirmation": looked and asdict(looked),
                "band": [(each.low, each.high) for each in analysis.band],
            }
        form = {
            "regimescope": SCHEMA,
            "kind": self.question.kind,
            "question": self.question.model_dump(mode="json"),
            "status": self.status,
            "progress": {"done": self.done, "total": self.total},
            "said": self.said._asdict(),
            "result": result,
            "measured": {"on": self.where, "at": self.at, "version": self.version},
        }
        return json.dumps(_encoded(form), allow_nan=False)

    def says(self, other: Document) -> bool:
        """Whether it has the same numbers as another one."""
        return repr((self.analysis, self.lines)) == repr((other.analysis, other.lines))  # NaN equals NaN here

    def table(self) -> pd.DataFrame:
        """The result as a table: of a sweep or a map as `engine.report` has it, else one row for each line."""
        if self.analysis is not None:
            return report.table(self.analysis)
        if isinstance(self.question, PhaseMap):
            return report.map_table(self.lines)
        table = pd.DataFrame([{name: each for name, each in line.items() if name not in PLACES} for line in self.lines])
        missing = {name: "float64" for name in table if table[name].isna().all()}
        table = table.astype(missing)
        mixed = [str(name) for name in table if is_object_dtype(table[name])]  # truth values, of which some are missing
        return table.assign(**{name: table[name].convert_dtypes() for name in mixed})

    def file(self, form: Form) -> bytes:
        """The result as a file."""
        match form:
            case Form.json:
                return self.to_json().encode()
            case Form.csv:
                return self.table().to_csv(index=False).encode()
            case Form.parquet:
                return self._parquet()

    def _parquet(self) -> bytes:
        buffer = io.BytesIO()
        if self.analysis is not None and isinstance(self.question, Experiment):
            report.write_to(buffer, self.table(), self.question, self.analysis)
        else:
            question = {"kind": self.question.kind, "question": self.question.model_dump(mode="json")}
            report.write_table_to(buffer, self.table(), {"question": json.dumps(question)})
        return buffer.getvalue()

    @classmethod
    def _read(cls, question: Question, form: Mapping[str, Any]) -> Self:
        with _reading("status"):
            status = form["status"]
            _check(status in get_args(Status))
        with _reading("progress"):
            done, total = (int(form["progress"][name]) for name in ("done", "total"))
        with _reading("measured"):
            measured = form["measured"]
            where, made, at = str(measured["on"]), str(measured["version"]), datetime.fromisoformat(measured["at"])
            _check(at.tzinfo is not None and _VERSION.fullmatch(made) is not None)
            now = at.astimezone(UTC).isoformat(timespec="seconds")
        common: dict[str, Any] = {"where": where, "at": now, "version": made}
        if isinstance(question, Experiment):
            with _reading("result"):
                result = form["result"]
                _check(status != "done" or bool(result["rows"]))  # it would read as one that is not begun
                analysis = _analysis(result["rows"], result)
                _check(_fits(analysis))
            contradictions.check(question, analysis)
            with _reading("result"):
                said = answer(question, analysis, status == "done")  # what it says follows from its numbers
            return cls(question, status, done, total, said, analysis=analysis, **common)
        with _reading("result"):
            result = form["result"]
            lines, curves = (tuple(_decoded(dict(each)) for each in result[name]) for name in ("lines", "curves"))
            _check(len(lines) <= MOST_LINES and len(curves) <= MOST_LINES)
        return cls(question, status, done, total, _of_curves(question, curves, lines), lines, curves, **common)


@contextmanager
def _reading(part: str) -> Iterator[None]:
    """Tells of what can't be read in a part of a document in one sentence."""
    try:
        yield
    except InputError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        inner = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ()
        places = ", ".join(f"number {each + 1}" if isinstance(each, int) else shown(each) for each in (part, *inner))
        raise InputError(
            f"A result must be whole, got one that was changed by hand at {places}; export it again."
        ) from error


def _check(holds: bool) -> None:
    if not holds:
        raise ValueError


def _fits(analysis: Analysis) -> bool:
    """Whether its rows are in order, and what is said of them belongs to rows that there are."""
    strengths, band, looked = [row.strength for row in analysis.rows], analysis.band, analysis.confirmation
    chosen = looked and looked.index
    in_order = all(one < next_one for one, next_one in pairwise(strengths))
    return in_order and len(band) in (0, len(strengths)) and (chosen is None or 0 <= chosen < len(strengths))


def _analysis(rows: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> Analysis:
    """A sweep's rows with their verdict, which follows from them."""
    if len(rows) > MOST_STRENGTHS + 1:
        raise ValueError("rows")
    margin = fields.get("margin", (fields.get("reference") or {}).get("margin"))
    margin = math.nan if margin is None else float(margin)
    form = {"rows": rows, "confirmation": fields.get("confirmation"), "band": fields.get("band") or ()}
    result = _RESULT.validate_python(form)
    read = result.rows
    ends = tuple(Interval(row.loss_delta, low, high) for row, (low, high) in zip(read, result.band, strict=False))
    return Analysis(read, verdict(read, margin), margin, result.confirmation, ends)


def _of_curves(question: Question, curves: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]) -> Answer:
    """What several curves say, in short: of a map how many of its cells are clean, else which curves are somewhere."""
    if isinstance(question, PhaseMap):
        # at strength 0 of the inner dial nothing is degraded, whatever the outer one
        states = [line.get("state") for line in lines if line.get("strength")]
        count, whole, some = states.count("clean"), len(states), any(curve.get("confirmed") is True for curve in curves)
        subject = question.experiment.intervention.describe()
        found = f"clean in {count}" if count else "shown to be clean in none"
        headline = f"{subject} is {found} of {whole} degraded cells."
        return _counted(count, whole, headline, confirmed=some)
    what = "dials" if isinstance(question, DialComparison) else "interventions"
    judged = [curve for curve in curves if curve.get("state") == "done"]
    clean = [str(curve.get("name")) for curve in judged if curve.get("tone") == "clean" and curve.get("regime")]
    named = f": {', '.join(clean)}" if clean else ""
    has = "is shown to have" if not clean else "has" if len(clean) == 1 else "have"
    headline = f"{len(clean) or 'None'} of {len(judged)} {what} {has} a clean regime{named}."
    return _counted(len(clean), len(judged), headline, confirmed=True)


def _counted(clean: int, whole: int, headline: str, *, confirmed: bool) -> Answer:
    return Answer(f"{clean} of {whole} clean", "clean" if clean and confirmed else "unresolved", headline, "")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version() -> str:
    return version("regimescope")


def _refuse(constant: str) -> None:
    """Strict JSON has no NaN."""
    raise ValueError(constant)


def _encoded(value: Any) -> Any:
    """What JSON has no number for, as a text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _encoded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encoded(each) for each in value]
    return value


def _decoded(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line with such texts as numbers again."""
    return {name: float(each) if each in ("nan", "inf", "-inf") else each for name, each in line.items()}
