"""Declarations: what is read from them, and how a bad value is told."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ValidationError

from engine.dials import Dial, InputError, Variant, choice, dial, dial_of, dials_of, explain, options, shown


class Toy(Variant):
    name: ClassVar[str] = "toy"
    summary: ClassVar[str] = "A toy."

    size: float = dial(1.0, low=0.5, high=8.0, help="How large.", scale="log", unit="m")
    count: int = dial(3, low=0, high=9, help="How many.")
    colour: Literal["red", "blue"] = choice("red", help="Which colour.")
    heads: tuple[str, ...] = options(of="heads", help="Which heads.")
    vector: str = options(of="vectors", help="Which vector.")


def refused(**given: object) -> str:
    """How a toy with these parameters is refused."""
    with pytest.raises(ValidationError) as error:
        Toy.model_validate({"heads": ["0.0"], "vector": "up"} | given)
    return str(explain(error.value, "toy"))


def test_a_declaration_is_read_in_full_and_in_order() -> None:
    assert dials_of(Toy) == (
        Dial(name="size", kind="number", default=1.0, help="How large.", low=0.5, high=8.0, scale="log", unit="m"),
        Dial(name="count", kind="integer", default=3, help="How many.", low=0.0, high=9.0),
        Dial(name="colour", kind="choice", default="red", help="Which colour.", choices=("red", "blue")),
        Dial(name="heads", kind="options", help="Which heads.", of="heads", several=True),
        Dial(name="vector", kind="options", help="Which vector.", of="vectors"),
    )


def test_a_dial_goes_through_json_unchanged() -> None:
    for each in dials_of(Toy):
        assert Dial.model_validate_json(each.model_dump_json()) == each


@pytest.mark.parametrize("value", [0.5, 8.0, 1])
def test_the_ends_of_a_range_are_allowed(value: float) -> None:
    assert Toy(size=value, heads=("0.0",), vector="up").size == value


def test_the_json_form_has_the_name_and_every_parameter() -> None:
    assert Toy(size=2, heads=("0.0", "1.1"), vector="up").to_json() == {
        "name": "toy",
        "size": 2.0,
        "count": 3,
        "colour": "red",
        "heads": ["0.0", "1.1"],
        "vector": "up",
    }


def test_an_integer_and_the_number_that_equals_it_make_the_same_variant() -> None:
    one, other = (
        Toy.model_validate({"size": number, "count": number, "heads": ["0.0"], "vector": "up"}) for number in (2, 2.0)
    )
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one.to_json()) == repr(other.to_json())


def test_a_field_that_is_not_a_dial_is_a_mistake_of_the_programmer() -> None:
    class Bare(BaseModel):
        number: float = 1.0

    with pytest.raises(TypeError, match=r"'number' is declared by none of dial, choice, options and parts"):
        dial_of(Bare, "number")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"size": 0.4}, "toy: 'size' must be at least 0.5, got 0.4; choose a value in range."),
        ({"size": 9}, "toy: 'size' must be at most 8, got 9; choose a value in range."),
        ({"size": math.nan}, "toy: 'size' must be a finite number, got nan; give a number."),
        ({"size": -math.inf}, "toy: 'size' must be a finite number, got -inf; give a number."),
        ({"extra": "x"}, "toy has no parameter 'extra', got 'x' for it; leave it out or correct the name."),
        ({"two\nlines": 1}, "toy has no parameter 'two\\nlines', got 1 for it; leave it out or correct the name."),
        ({"colour": "green"}, "toy: 'colour' must be 'red' or 'blue', got 'green'; correct it."),
        ({"heads": [3]}, "toy: 'heads.0' must be text, got 3; correct it."),
        (
            {"count": 2.5},
            "toy: 'count' must be a whole number, got 2.5; correct it.",
        ),
        ({"count": True}, "toy: 'count' must be a whole number, got True; correct it."),
        ({"count": "2"}, "toy: 'count' must be a whole number, got '2'; correct it."),
        ({"count": math.nan}, "toy: 'count' must be a finite number, got nan; give a number."),
        ({"size": True}, "toy: 'size' must be a number, got True; correct it."),
        ({"size": "2"}, "toy: 'size' must be a number, got '2'; correct it."),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(given: dict[str, object], sentence: str) -> None:
    assert refused(**given) == sentence


def test_a_missing_parameter_is_asked_for() -> None:
    with pytest.raises(ValidationError) as error:
        Toy.model_validate({"heads": ["0.0"]})
    assert str(explain(error.value, "toy")) == "toy needs the parameter 'vector' and got none; add it."


def test_a_sentence_stays_short_whatever_came() -> None:
    assert len(refused(size="x" * 100_000)) < 200
    assert len(refused(size=[1] * 100_000)) < 200


def test_a_sentence_from_within_is_passed_on_as_it_is() -> None:
    def complain(value: int) -> int:
        raise InputError(f"inner is {value}, and that will not do.")

    class Outer(BaseModel):
        inner: Annotated[int, AfterValidator(complain)]

    with pytest.raises(ValidationError) as error:
        Outer(inner=1)
    assert str(explain(error.value, "outer")) == "inner is 1, and that will not do."


@pytest.mark.parametrize(
    ("value", "text"), [("a\nb", "'a\\nb'"), (1.5, "1.5"), (None, "None"), ("x" * 60, f"'{'x' * 59}…")]
)
def test_values_are_shown_on_one_line_and_shortened(value: object, text: str) -> None:
    assert shown(value) == text
