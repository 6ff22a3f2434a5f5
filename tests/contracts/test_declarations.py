"""The contract of every variant of every kind: what its declaration promises holds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from specimens import EVERY, IDS, experiment_form, home, is_one_sentence, variations

from engine import discovery
from engine.dials import Dial, InputError, Variant, dials_of
from engine.discovery import Kind
from engine.models.base import Card
from engine.spec import Experiment

every_variant = pytest.mark.parametrize(("kind", "variant"), EVERY, ids=IDS)


@every_variant
def test_every_parameter_is_declared_in_full(kind: Kind, variant: type[Variant]) -> None:
    for dial in dials_of(variant):
        assert dial.help.endswith("."), f"{dial.name} has no help"
        if dial.kind in ("number", "integer"):
            assert dial.low is not None
            assert dial.high is not None
            assert dial.low <= dial.default <= dial.high
            assert dial.scale == "linear" or dial.low > 0
        elif dial.kind == "choice":
            assert dial.default in dial.choices


@every_variant
def test_the_variant_is_described_in_one_sentence_and_found_by_its_name(kind: Kind, variant: type[Variant]) -> None:
    assert is_one_sentence(variant.summary)
    assert discovery.get(kind, variant.name) is variant


@every_variant
def test_defaults_make_a_valid_experiment_that_goes_through_json_unchanged(kind: Kind, variant: type[Variant]) -> None:
    model = home(kind, variant)
    keys = set()
    for specimen in variations(variant, model.card()):
        asked = Experiment.read(experiment_form(kind, specimen, model))
        again = Experiment.from_json(asked.to_json())
        assert getattr(asked, kind.removesuffix("s")) == specimen
        assert again == asked
        assert again.to_json() == asked.to_json()
        assert again.key == asked.key
        keys.add((specimen, asked.key))
    # another value is another question; parameters are hashable, so equal variants fall together in the set
    assert len({key for _, key in keys}) == len({specimen for specimen, _ in keys})


@every_variant
def test_parameters_cannot_be_changed_afterwards(kind: Kind, variant: type[Variant]) -> None:
    specimen = home(kind, variant).card().usual(variant)
    for dial in dials_of(variant):
        with pytest.raises(ValueError, match="frozen"):
            setattr(specimen, dial.name, dial.default)


@every_variant
def test_a_parameter_that_is_not_declared_is_refused(kind: Kind, variant: type[Variant]) -> None:
    told = _refusal(kind, variant, {"no_such_parameter": "anything"})
    assert "no_such_parameter" in told
    assert "anything" in told
    assert variant.name in told


@every_variant
def test_an_unknown_name_is_refused(kind: Kind, variant: type[Variant]) -> None:
    told = _refusal(kind, variant, {"name": "no-such-name"})
    assert kind.removesuffix("s") in told
    assert "'no-such-name'" in told
    assert variant.name in told, "says what is allowed"


def _bad_values(dial: Dial, card: Card) -> Sequence[tuple[object, str]]:
    """Values that a parameter must refuse, each with words of what is allowed."""
    if dial.kind == "choice":
        return [(bad, each) for bad in ("no-such-choice", 3, None, ["a"]) for each in dial.choices]
    if dial.kind == "options":
        allowed = card.options(dial.of)[0]
        bad: list[tuple[object, str]] = [("no-such-option", allowed), ("two\nlines", allowed), ("x" * 5000, allowed)]
        if dial.several:
            return [([value], words) for value, words in bad] + [([], "at least one"), ("text", ""), ([3], "text")]
        return [*bad, (3, "text"), (None, "text"), ([allowed], "text")]
    if dial.kind == "parts":
        return [("text", "a list"), (3, "a list"), (None, "a list"), (["text"], "dictionary"), ([3], "dictionary")]
    assert dial.low is not None
    assert dial.high is not None
    return [
        *((value, f"{dial.low:g}") for value in (dial.low - 1, -1e300 if dial.kind == "number" else -(10**30))),
        *((value, f"{dial.high:g}") for value in (dial.high + 1, 1e300 if dial.kind == "number" else 10**30)),
        *((value, "finite") for value in (math.nan, math.inf, -math.inf)),
        *((value, "number" if dial.kind == "number" else "whole number") for value in ("many", None, [1])),
        *([(dial.default + 0.5, "whole number")] if dial.kind == "integer" else []),
    ]


def _all_bad_values() -> list[Any]:
    return [
        pytest.param(
            kind, variant, dial.name, bad, allowed, id=f"{variant.name}-{dial.name}-{str(bad)[:16]!a}-{allowed}"
        )
        for kind, variant in EVERY
        for dial in dials_of(variant)
        for bad, allowed in _bad_values(dial, home(kind, variant).card())
    ]


@pytest.mark.parametrize(("kind", "variant", "parameter", "bad", "allowed"), _all_bad_values())
def test_a_value_that_is_not_allowed_is_refused_in_one_sentence(
    kind: Kind, variant: type[Variant], parameter: str, bad: object, allowed: str
) -> None:
    told = _refusal(kind, variant, {parameter: bad})
    assert variant.name in told
    assert parameter in told
    assert allowed in told, "says what is allowed"
    while isinstance(bad, list) and bad:
        bad = bad[0]
    came = repr(bad) if isinstance(bad, str) else str(bad)
    assert came[:20] in told or f"{bad:g}" in told, "says what came"


def _refusal(kind: Kind, variant: type[Variant], changes: dict[str, object]) -> str:
    """How an experiment with these changes to a variant's JSON form is refused."""
    model = home(kind, variant)
    form = experiment_form(kind, model.card().usual(variant), model)
    form[kind.removesuffix("s")] |= changes
    with pytest.raises(InputError) as refused:
        Experiment.read(form)
    told = str(refused.value)
    assert is_one_sentence(told), told
    with pytest.raises(InputError) as as_text:  # json.dumps writes NaN and Infinity, and json.loads reads them
        Experiment.from_json(json.dumps(form))
    assert str(as_text.value) == told
    return told
