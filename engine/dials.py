"""Declared parameters: the one place that says a parameter's range, default, scale, unit and help.

A *variant* (a model, behaviour, degrader or intervention) is a frozen pydantic model whose fields are made by `dial`,
`choice`, `options` or `parts`. Validation, the widget, the cache key, the JSON form and the reference all read the same
declaration; pydantic does the validation and the JSON, and this file adds what a dial needs beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Scale = Literal["linear", "log"]


class InputError(ValueError):
    """Bad input, told in one sentence: which parameter, what is allowed, what came, what to do."""


class Variant(BaseModel):
    """A frozen, validated declaration of parameters under a `name`; the base of every kind that extends.

    Subclasses are either abstract (one per kind) or final. `version` is part of the cache key: raise it when the same
    parameters come to mean other numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    summary: ClassVar[str]
    """What it is or does, in one sentence for people."""
    version: ClassVar[int] = 1

    def to_json(self) -> dict[str, Any]:
        """The JSON form: `name` and every parameter, defaults written out."""
        return {"name": self.name, **self.model_dump(mode="json")}


class Dial(BaseModel):
    """What is declared of one parameter, in a form that JSON carries."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Literal["number", "integer", "choice", "options", "parts"]
    default: Any = None
    help: str
    low: float | None = None
    high: float | None = None
    scale: Scale = "linear"
    step: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    of: str = ""
    several: bool = False

    @property
    def allowed(self) -> str:
        """The values that it takes, in words that follow "must be"."""
        if self.kind == "options":
            return f"among the model's {self.of}" if self.several else f"one of the model's {self.of}"
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.kind == "parts":
            return f"a row of {self.of}, each with a strength, one of them without"
        return f"between {self.low:.10g} and {self.high:.10g}"


def _as_integer(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


WHOLE: Final = BeforeValidator(_as_integer)
"""Before an integer that is strict, which takes neither text nor a truth value: 2.0 is one, as JSON has it."""


def dial(
    default: float,
    *,
    low: float,
    high: float,
    help: str,
    scale: Scale = "linear",
    step: float | None = None,
    unit: str = "",
) -> Any:
    """Declares a number (or, on an `int` field, an integer) within [low, high]; `step` is that of its slider.

    Text and truth values are no numbers.
    """
    extra: Any = {"scale": scale, "step": step, "unit": unit}
    field: Any = Field(default=default, strict=True, ge=low, le=high, description=help, json_schema_extra=extra)
    field.metadata.append(WHOLE)
    return field


def choice(default: str, *, help: str) -> Any:
    """Declares one of the values of the field's `Literal`."""
    return Field(default=default, description=help)


def options(*, of: str, help: str) -> Any:
    """Declares a choice among what the model's card lists under `of` (heads, vectors): one, or several for a tuple.

    It has no default: which heads or vectors make sense is the model's to say (`Card.suggested`).
    """
    return Field(description=help, json_schema_extra={"of": of})


def parts(default: Sequence[Mapping[str, Any]], *, of: str, help: str) -> Any:
    """Declares a row of variants of a kind, each with a strength; that of the one that is swept is none."""
    return Field(default=list(default), validate_default=True, description=help, json_schema_extra={"parts": of})


def dials_of(variant: type[Variant]) -> tuple[Dial, ...]:
    """The declared parameters of a variant, in order."""
    return tuple(dial_of(variant, name) for name in variant.model_fields)


def dial_of(declaring: type[BaseModel], name: str) -> Dial:
    """One declared parameter."""
    field = declaring.model_fields[name]
    extra: Any = field.json_schema_extra or {}
    common: dict[str, Any] = {"name": name, "help": field.description or ""}
    if "of" in extra:
        return Dial(kind="options", of=extra["of"], several=get_origin(field.annotation) is tuple, **common)
    common["default"] = field.default
    if "parts" in extra:
        return Dial(kind="parts", of=extra["parts"], **common)
    if "scale" in extra:
        limits = {key: getattr(m, key) for m in field.metadata for key in ("ge", "le") if hasattr(m, key)}
        kind = "integer" if field.annotation is int else "number"
        return Dial(kind=kind, low=limits["ge"], high=limits["le"], **extra, **common)
    choices = get_args(field.annotation)
    if not choices or not all(isinstance(value, str) for value in choices):
        raise TypeError(f"parameter '{name}' is declared by none of dial, choice, options and parts; use one of them")
    return Dial(kind="choice", choices=choices, **common)


EXPECTED: Final = {
    "tuple_type": "a list",
    "string_type": "text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
}
"""What pydantic's kinds of errors ask for, where its own words are those of a programmer."""


def explain(error: ValidationError, where: str) -> InputError:
    """The first problem that pydantic found, as one sentence about a parameter of `where`."""
    problem = error.errors(include_url=False, include_context=True)[0]
    kind, limits, got = problem["type"], problem.get("ctx", {}), shown(problem["input"])
    if isinstance(limits.get("error"), InputError):
        return limits["error"]  # a variant within an experiment: it has said all there is to say
    place = ".".join(str(part) for part in problem["loc"] if part != "function-before") or where
    if kind == "extra_forbidden":
        return _unknown(error, where)
    if kind == "missing":
        return InputError(f"{where} needs the parameter '{place}' and got none; add it.")
    if "ge" in limits or "le" in limits:
        bound = f"at least {limits['ge']:g}" if "ge" in limits else f"at most {limits['le']:g}"
        return InputError(f"{where}: '{place}' must be {bound}, got {got}; choose a value in range.")
    if isinstance(problem["input"], float) and not math.isfinite(problem["input"]):
        return InputError(f"{where}: '{place}' must be a finite number, got {got}; give a number.")
    said = problem["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
    expected = f"must be {EXPECTED[kind]}" if kind in EXPECTED else said
    return InputError(f"{where}: '{place}' {expected}, got {got}; correct it.")


def _unknown(error: ValidationError, where: str) -> InputError:
    """Of parameters that there are not, all of them."""
    found = {
        ".".join(map(str, each["loc"])): shown(each["input"])
        for each in error.errors(include_url=False)
        if each["type"] == "extra_forbidden"
    }
    names = " and ".join(shown(place) for place in found)
    if len(found) == 1:
        return InputError(
            f"{where} has no parameter {names}, got {found.popitem()[1]} for it; leave it out or correct the name."
        )
    return InputError(f"{where} has no parameters {names}; leave them out or correct the names.")


def listed(values: Sequence[str]) -> str:
    """What can be chosen, as a message lists it: the first and the last if there are many."""
    if len(values) <= 24:
        return ", ".join(values)
    return f"{', '.join(values[:8])} … {values[-1]} ({len(values):,} in all)"


def shown(value: object) -> str:
    """A value as a message shows it: on one line, and shortened if it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
