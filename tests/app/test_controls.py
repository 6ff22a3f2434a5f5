from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar, Literal, final

import pytest
from fakes import is_one_sentence
from streamlit.testing.v1 import AppTest

from app.controls import log_steps
from engine.dials import Dial, Variant, choice, dial, dials_of, options
from engine.models.architectures import Perceptron
from engine.models.induction import Induction

CARD = Induction().card()

WIDE = CARD.model_copy(
    update={
        "architecture": Perceptron(inputs=4, hidden=(2000, 200), outputs=2),
        "groups": {"neurons": {"first": tuple(f"0.{unit}" for unit in range(100)), "last": ("1.198", "1.199")}},
        "parts": {"frequencies": ("3", "17")},
        "vectors": {},
    }
)
"""A network with 2,200 neurons, and with neither heads nor vectors."""


@final
class Everything(Variant):
    """A parameter of every kind that can be declared."""

    name: ClassVar[str] = "everything"
    summary: ClassVar[str] = "Has a parameter of every kind."

    linear: float = dial(0.25, low=-1.0, high=1.0, help="A number.", unit="nats")
    log: float = dial(0.02, low=0.001, high=10.0, help="A number of any size.", scale="log")
    whole: int = dial(3, low=1, high=9, help="An integer.")
    which: Literal["one", "other"] = choice("one", help="One of two.")
    heads: tuple[str, ...] = options(of="heads", help="Several heads.")
    vector: str = options(of="vectors", help="One vector.")


@final
class Parts(Variant):
    """Points at parts of a network."""

    name: ClassVar[str] = "parts"
    summary: ClassVar[str] = "Points at parts of a network."

    neurons: tuple[str, ...] = options(of="neurons", help="Several neurons.")
    neuron: str = options(of="neurons", help="One neuron.")
    frequency: str = options(of="frequencies", help="One frequency.")
    heads: tuple[str, ...] = options(of="heads", help="Several heads.")
    vector: str = options(of="vectors", help="One vector.")


USUAL = {
    "name": "everything",
    "linear": 0.25,
    "log": 0.02,
    "whole": 3,
    "which": "one",
    "heads": list(CARD.suggested("heads")),
    "vector": CARD.suggested("vectors")[0],
}


def page() -> None:
    import streamlit as st
    from test_controls import CARD, Everything

    from app.controls import Panel

    panel = Panel({name: st.query_params.get_all(name) for name in st.query_params})
    st.session_state.chosen = panel.variant(Everything, CARD, st.session_state.get("begin", {}))
    st.session_state.optional = panel.optional_number("Margin", "margin", 0.5, 10.0, None, "none", "A margin.")
    panel.finish()
    st.session_state.notices = panel.notices


def page_of_parts() -> None:
    import streamlit as st
    from test_controls import WIDE, Parts

    from app.controls import Panel

    panel = Panel({name: st.query_params.get_all(name) for name in st.query_params})
    st.session_state.chosen = panel.variant(Parts, WIDE, {})
    st.session_state.notices = panel.notices


def visit_parts(**query: str | list[str]) -> AppTest:
    at = AppTest.from_function(page_of_parts, default_timeout=30)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert [error.value for error in at.exception] == []
    return at


def visit(**query: str | list[str]) -> AppTest:
    at = AppTest.from_function(page, default_timeout=30)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert [error.value for error in at.exception] == []
    return at


def controls(at: AppTest) -> dict[str, Any]:
    kinds = ("slider", "select_slider", "number_input", "button_group", "multiselect", "selectbox")
    return {element.key: element for kind in kinds for element in at.get(kind)}  # type: ignore[attr-defined]


def test_every_declared_parameter_has_a_control_that_says_what_was_declared() -> None:
    drawn = controls(visit())
    declared = {f"everything.{each.name}": each for each in dials_of(Everything)}
    assert drawn.keys() == {*declared, "margin"}
    for key, each in declared.items():
        assert drawn[key].help == each.help
        assert drawn[key].label.lower().startswith(each.name)
    assert drawn["everything.linear"].label == "Linear (nats)"


def test_the_controls_begin_with_the_defaults_and_what_the_card_suggests() -> None:
    at = visit()
    assert at.session_state["chosen"] == USUAL
    assert Everything.model_validate({k: v for k, v in USUAL.items() if k != "name"})
    assert at.session_state["optional"] is None
    assert at.session_state["notices"] == []


def test_other_values_to_begin_with() -> None:
    at = AppTest.from_function(page, default_timeout=30)
    begin = {
        "linear": -0.5,
        "log": 0.7,
        "whole": 7,
        "which": "other",
        "heads": ["1.1"],
        "vector": CARD.options("vectors")[1],
    }
    at.session_state["begin"] = begin
    at.run()
    assert at.session_state["chosen"] == {"name": "everything", **begin}


@pytest.mark.parametrize(
    ("name", "asked", "value"),
    [
        ("linear", "-0.123456", -0.123456),
        ("linear", "1", 1.0),
        ("log", "0.001", 0.001),
        ("log", "10.0", 10.0),
        ("whole", "9", 9),
        ("which", "other", "other"),
        ("heads", ["1.2", "0.0"], ["1.2", "0.0"]),
        ("heads", "0.2", ["0.2"]),
        ("vector", CARD.options("vectors")[1], CARD.options("vectors")[1]),
    ],
)
def test_the_url_sets_a_control(name: str, asked: str | list[str], value: object) -> None:
    at = visit(**{f"everything.{name}": asked})
    assert at.session_state["chosen"] == {**USUAL, name: value}
    assert at.session_state["notices"] == []


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("linear", "1.01"),
        ("linear", "nan"),
        ("linear", "inf"),
        ("linear", "much"),
        ("linear", ""),
        ("log", "0"),
        ("log", "11"),
        ("log", "1.2345"),  # no step of the slider
        ("log", "nan"),
        ("whole", "0"),
        ("whole", "10"),
        ("whole", "nan"),
        ("which", "neither"),
        ("heads", "7.7"),
        ("heads", ["7.7", "8.8"]),
        ("vector", "nowhere"),
    ],
)
def test_what_the_url_asks_in_vain_is_told_in_a_sentence(name: str, asked: str | list[str]) -> None:
    at = visit(**{f"everything.{name}": asked})
    assert at.session_state["chosen"] == USUAL
    (notice,) = at.session_state["notices"]
    assert is_one_sentence(notice)
    assert f"everything.{name}" in notice
    assert all(each in notice for each in ([asked] if isinstance(asked, str) else asked))


def test_a_value_that_is_used_only_in_part_is_told() -> None:
    some = visit(**{"everything.heads": ["0.1", "7.7"]})
    assert some.session_state["chosen"]["heads"] == ["0.1"]
    rounded = visit(**{"everything.whole": "3.5"})
    assert rounded.session_state["chosen"]["whole"] == 3
    for at in (some, rounded):
        (notice,) = at.session_state["notices"]
        assert is_one_sentence(notice)


@pytest.mark.parametrize(("asked", "value"), [("0.5", 0.5), ("0.7654321", 0.7654321), ("10", 10.0)])
def test_an_optional_number_can_be_set(asked: str, value: float) -> None:
    at = visit(margin=asked)
    assert (at.session_state["optional"], at.session_state["notices"]) == (value, [])


@pytest.mark.parametrize("asked", ["0", "0.4", "-1", "10.1", "nan", "inf", "little"])
def test_an_optional_number_out_of_range_is_told_and_left_empty(asked: str) -> None:
    at = visit(margin=asked)
    assert at.session_state["optional"] is None
    (notice,) = at.session_state["notices"]
    assert is_one_sentence(notice)
    assert "between 0.5 and 10" in notice


def test_settings_that_nothing_goes_by_are_told_one_by_one() -> None:
    at = visit(**{"other.thing": "1", "something": ["2", "3"]})
    assert at.session_state["chosen"] == USUAL
    notices = at.session_state["notices"]
    assert all(is_one_sentence(notice) for notice in notices)
    assert [name in notice for name, notice in zip(("other.thing", "something"), notices, strict=True)] == [True, True]


@pytest.mark.parametrize(
    "text",
    [
        "![](http://example.com/x.png)",
        "[here](http://example.com)",
        "`a` [b](c)",
        "a\n\n# b",
        ":red[a] $x$",
        "a" * 5000,
    ],
)
def test_a_link_cannot_put_its_own_words_on_the_page(text: str) -> None:
    """Notices are Markdown: what a link brings along stands in one code span, and is short."""
    for at in (visit(**{"everything.which": text}), visit(**{text: "1"})):
        (notice,) = at.session_state["notices"]
        assert len(notice) < 300
        parts = notice.split("`")
        assert len(parts) % 2 == 1
        outside = "".join(parts[::2])
        assert not set("[]!$#\n") & set(outside)
        assert "aaa" not in outside


# ---- parts of a network ----------------------------------------------------------------------------------------------


def test_parts_begin_with_what_the_card_suggests_and_with_nothing_where_there_is_none() -> None:
    assert visit_parts().session_state["chosen"] == {
        "name": "parts",
        "neurons": [f"0.{unit}" for unit in range(100)],
        "neuron": "0.0",
        "frequency": "3",
        "heads": [],
        "vector": None,
    }


def test_one_of_thousands_can_be_set_by_the_url_and_is_not_listed_among_all_of_them() -> None:
    at = visit_parts(**{"parts.neuron": "1.7", "parts.neurons": ["1.7", "0.1999"]})
    assert at.session_state["chosen"]["neuron"] == "1.7"
    assert at.session_state["chosen"]["neurons"] == ["1.7", "0.1999"]
    (notice,) = visit_parts(**{"parts.neuron": "2.0"}).session_state["notices"]
    assert is_one_sentence(notice.replace(", … (", ", ("))
    assert "2,200 in all" in notice
    assert len(notice) < 250


def test_a_group_of_parts_can_be_taken_at_once() -> None:
    at = visit_parts()
    assert [button.label for button in at.button] == ["first (100)", "last (2)"]
    assert len(at.button[0].help) < 100, "it does not list a hundred"
    at = at.button[1].click().run()
    assert at.session_state["chosen"]["neurons"] == ["1.198", "1.199"]
    assert at.multiselect(key="parts.neurons").value == ["1.198", "1.199"]


@pytest.mark.parametrize("start", [0.001, 0.02, 0.0123456789, 10.0])
def test_steps_of_a_logarithmic_dial(start: float) -> None:
    declared = Dial(name="log", kind="number", help="", low=0.001, high=10.0, scale="log")
    steps = log_steps(declared, start)
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0.001, 10.0)
    assert start in steps
    ratios = [high / low for low, high in pairwise(steps)]
    assert max(ratios) < 1.3, "no part of the range is left out"
