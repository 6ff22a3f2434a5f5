"""The Experiment: its canonical form, its key, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError, dial_of
from engine.interventions.identity import Identity
from engine.models.base import Card
from engine.spec import MOST_STRENGTHS, Experiment, presets, read_variant

Make = Callable[..., Experiment]

FULL: dict[str, Any] = {
    "model": {"name": "induction", "seed": "0"},
    "behaviour": {"name": "copying"},
    "degrader": {"name": "weight-noise", "per": "tensor"},
    "step": None,
    "intervention": {
        "name": "head-ablation",
        "heads": ["0.1", "0.3"],
        "resample_seed": 0,
        "value": "mean",
        "fit_on": "degraded",
    },
    "strengths": [0.0, 0.1, 0.3],
    "draws": 2,
    "items": 8,
    "seed": 0,
    "margin": None,
    "retention_min": 0.5,
    "alpha": 0.05,
    "doublings": 0,
    "shams": 0,
}
OTHERWISE: dict[str, Any] = {
    "step": 600,
    "degrader": {"name": "checkpoint"},
    "intervention": {"name": "identity"},
    "intervention.heads": ["0.1"],
    "intervention.resample_seed": 7,
    "intervention.value": "zero",
    "intervention.fit_on": "original",
    "strengths": [0.0, 0.1, 0.30000000000000004],
    "draws": 3,
    "doublings": 2,
    "items": 9,
    "shams": 2,
    "seed": 1,
    "margin": 0.1,
    "retention_min": 0.6,
    "alpha": 0.01,
}


def refused(form: object) -> str:
    """How an experiment is refused, read from its form and from its JSON text."""
    with pytest.raises(InputError) as error:
        Experiment.read(form)
    with pytest.raises(InputError) as as_text:
        Experiment.from_json(json.dumps(form))
    assert str(as_text.value) == str(error.value)
    return one_line(str(error.value))


def one_line(told: str) -> str:
    assert "\n" not in told
    assert len(told) < 400
    return told


# ---- the canonical form ----------------------------------------------------------------------------------------------


def test_the_canonical_form_writes_everything_out_with_sorted_keys(experiment: Make) -> None:
    text = experiment().to_json()
    assert json.loads(text) == FULL
    assert text == json.dumps(FULL, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    "changes",
    [
        {"strengths": [0.3, 0.1]},
        {"strengths": [0.1, 0, 0.3, 0.3, -0.0]},
        {"intervention": {"heads": ["0.3", "0.1", "0.3"], "name": "head-ablation"}},
        {"model": {"name": "induction"}, "draws": 2.0},
        {"margin": None, "alpha": 0.05},
    ],
)
def test_the_same_question_has_one_form_and_one_key(experiment: Make, changes: dict[str, Any]) -> None:
    assert experiment(**changes).to_json() == experiment().to_json()
    assert experiment(**changes).key == experiment().key
    assert experiment(**dict(reversed(changes.items()))) == experiment()


def test_integers_and_the_numbers_that_equal_them_are_one_question(experiment: Make) -> None:
    one, other = ({"strengths": [strength], "retention_min": strength} for strength in (1, 1.0))
    assert experiment(**one).key == experiment(**other).key
    steered = [
        experiment(intervention={"name": "steering", "vector": "optimised-after-layer-0", "coefficient": coefficient})
        for coefficient in (2, 2.0)
    ]
    assert steered[0].key == steered[1].key


def test_strengths_ascend_from_0_however_the_experiment_is_made() -> None:
    assert Experiment.model_validate(FULL | {"strengths": [0.3, 0.1, 0.3]}).sweep_strengths == (0.0, 0.1, 0.3)


def test_a_degrader_without_randomness_has_one_draw(experiment: Make) -> None:
    assert experiment(degrader="checkpoint", strengths=None, draws=8).draws == 1


def test_without_strengths_the_degrader_proposes_them(experiment: Make) -> None:
    asked = experiment(strengths=None)
    assert asked.sweep_strengths == WeightNoise().strengths(asked.card)
    assert experiment().sweep_strengths == (0.0, 0.1, 0.3)


def test_a_variant_may_be_given_as_itself(experiment: Make) -> None:
    assert experiment(degrader=WeightNoise(), intervention=Identity()).intervention == Identity()


def test_text_and_bytes_and_the_form_are_read_alike(experiment: Make) -> None:
    text = experiment().to_json()
    assert Experiment.from_json(text) == Experiment.from_json(text.encode()) == Experiment.read(json.loads(text))


# ---- the key ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameter", OTHERWISE)
def test_every_parameter_changes_the_key(experiment: Make, parameter: str) -> None:
    whole, _, part = parameter.partition(".")
    value = FULL[whole] | {part: OTHERWISE[parameter]} if part else OTHERWISE[parameter]
    changes = {whole: value} | ({"strengths": None} if parameter == "degrader" else {})
    assert experiment(**changes).key != experiment().key


def test_no_parameter_is_left_out_of_that_test() -> None:
    named = {parameter.partition(".")[0] for parameter in OTHERWISE}
    assert named == Experiment.model_fields.keys() - {"model", "behaviour"}, "of these there is one each"
    assert {f"intervention.{name}" for name in FULL["intervention"]} - {"intervention.name"} <= OTHERWISE.keys()


def test_other_weights_change_the_key(experiment: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    before = experiment().key
    card = experiment().card
    retrained = card.model_copy(update={"sha256": card.sha256 | {"weights.safetensors": "0" * 64}})
    monkeypatch.setattr("engine.models.induction.Induction.card", lambda _: retrained)
    assert experiment().key != before


def test_the_key_is_the_hash_of_weights_and_canonical_form(experiment: Make) -> None:
    asked = experiment()
    expected = hashlib.sha256(f"{asked.card.fingerprint}\n{asked.to_json()}".encode()).hexdigest()
    assert expected.startswith(asked.key)
    assert len(asked.key) == 32


def test_another_process_finds_the_same_key(experiment: Make) -> None:
    code = "import sys; from engine.spec import Experiment; print(Experiment.from_json(sys.argv[1]).key)"
    for hash_seed in ("0", "1"):
        told = subprocess.run(
            [sys.executable, "-c", code, experiment().to_json()],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == experiment().key


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["draws", "items", "seed", "retention_min", "alpha"])
def test_numbers_out_of_range_are_refused(name: str) -> None:
    dial = dial_of(Experiment, name)
    assert dial.low is not None
    assert dial.high is not None
    for bad, allowed in ((dial.low - 1, f"at least {dial.low:g}"), (dial.high + 1, f"at most {dial.high:g}")):
        told = refused(FULL | {name: bad})
        assert f"'{name}'" in told
        assert allowed in told
        assert f"{bad:g}" in told or str(bad) in told
    for bad in (math.nan, math.inf, -math.inf):
        assert refused(FULL | {name: bad}) == f"experiment: '{name}' must be a finite number, got {bad}; give a number."
    for bad in ("many", None, [1], {}):
        told = refused(FULL | {name: bad})
        assert f"'{name}'" in told
        assert repr(bad) in told


@pytest.mark.parametrize("bad", [0, -1, 101, math.nan, math.inf, "wide", [1]])
def test_a_margin_that_is_none_is_refused(bad: object) -> None:
    told = refused(FULL | {"margin": bad})
    assert "'margin'" in told
    assert str(bad) in told


@pytest.mark.parametrize(
    ("strengths", "words"),
    [
        ([0.1, math.nan], "finite"),
        ([math.inf], "finite"),
        ([3.0], "between 0.001 and 2"),
        ([-0.1], "between 0.001 and 2"),
        ([0.0001], "between 0.001 and 2"),
        (["weak"], "number"),
        ([True], "number"),
        ("weak", "strengths"),
        (0.1, "strengths"),
        ({"from": 0}, "strengths"),
        ([[0.1]], "number"),
    ],
)
def test_strengths_that_the_dial_does_not_reach_are_refused(strengths: object, words: str) -> None:
    told = refused(FULL | {"strengths": strengths})
    assert "strength" in told
    assert words in told


def test_more_strengths_than_are_allowed_are_refused(experiment: Make) -> None:
    most = [0.01 + i / 1000 for i in range(MOST_STRENGTHS + 1)]
    told = refused(FULL | {"strengths": most})
    assert f"at most {MOST_STRENGTHS}" in told
    assert f"got {MOST_STRENGTHS + 1}" in told
    # strength 0, which is added, does not count against whoever asks
    asked = experiment(strengths=most[:MOST_STRENGTHS])
    assert Experiment.from_json(asked.to_json()) == asked


def test_a_strength_between_checkpoints_is_refused_and_the_nearest_told(experiment: Make) -> None:
    told = refused(FULL | {"degrader": "checkpoint", "strengths": [0.3]})
    nearest = float(told.partition("the nearest is ")[2].partition(" ")[0])
    experiment(degrader="checkpoint", strengths=[nearest])


@pytest.mark.parametrize("heads", [["2.0"], ["0.4"], ["0.1", "7.7"], ["0"], ["0.1.0"], ["-1.0"], ["00.1"], [" 0.1"]])
def test_heads_that_the_model_does_not_have_are_refused(heads: list[str]) -> None:
    told = refused(FULL | {"intervention": {"name": "head-ablation", "heads": heads}})
    assert "'heads' must be among 0.0, 0.1" in told
    assert repr(heads[-1]) in told


@pytest.mark.parametrize("kind", ["model", "behaviour", "degrader", "intervention"])
@pytest.mark.parametrize(
    "bad", ["no-such", "", None, 3, [], {}, {"name": None}, {"name": "no-such"}, {"heads": ["0.1"]}]
)
def test_a_variant_that_there_is_not_is_refused(kind: str, bad: object) -> None:
    assert kind in refused(FULL | {kind: bad})


@pytest.mark.parametrize("kind", ["model", "behaviour", "degrader", "intervention"])
def test_a_variant_that_is_missing_is_asked_for(kind: str) -> None:
    assert f"needs the parameter '{kind}'" in refused({name: value for name, value in FULL.items() if name != kind})


def test_a_variant_of_another_kind_is_refused() -> None:
    for given in (Identity(), Identity().to_json(), "identity"):
        with pytest.raises(InputError, match="degrader must be one of"):
            Experiment.read(FULL | {"degrader": given})
    with pytest.raises(InputError, match="degrader must be one of"):
        read_variant(Identity(), "degraders")


def test_what_does_not_go_with_the_model_is_refused(monkeypatch: pytest.MonkeyPatch, experiment: Make) -> None:
    card: Card = experiment().card
    monkeypatch.setattr("engine.models.induction.Induction.card", lambda _: card.model_copy(update={"steps": (4000,)}))
    told = refused(FULL | {"degrader": "checkpoint", "strengths": None})
    assert told == "checkpoint cannot be applied to model induction; choose another."


def test_parameters_that_an_experiment_does_not_have_are_refused() -> None:
    assert "no parameter 'colour'" in refused(FULL | {"colour": "red"})
    assert "no parameter 'two\\nlines'" in refused(FULL | {"two\nlines": 1})


@pytest.mark.parametrize("form", [None, 3, "induction", [FULL], True])
def test_what_is_no_object_is_refused(form: object) -> None:
    assert "must be a JSON object" in refused(form)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "}",
        "{'model': 1}",
        '{"model": "induction",}',
        "\x00",
        b"\xff\xfe\xfd",
        "9" * 5000,
        "[" * 100_000,
        "nul",
    ],
)
def test_text_that_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(InputError, match="must be JSON") as error:
        Experiment.from_json(text)
    one_line(str(error.value))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("name", ["draws", "margin", "alpha"])
def test_numbers_that_json_does_not_have_are_refused(name: str, number: str) -> None:
    text = json.dumps(FULL | {name: "here"}).replace('"here"', number)
    with pytest.raises(InputError, match=f"'{name}' must be a finite number"):
        Experiment.from_json(text)


@pytest.mark.parametrize("bad", ["true", '"1"', '""', "[1]"])
@pytest.mark.parametrize(("name", "kind"), [("draws", "whole number"), ("step", "whole number"), ("margin", "number")])
def test_what_is_no_number_in_json_is_not_read_as_one(name: str, kind: str, bad: str) -> None:
    text = json.dumps(FULL | {name: "here"}).replace('"here"', bad)
    with pytest.raises(InputError, match=f"'{name}' must be a {kind}, got "):
        Experiment.from_json(text)


def test_the_strength_of_a_part_is_no_text_and_no_truth_value() -> None:
    for bad in (True, "0.2"):
        parts = [{"degrader": "pruning", "strength": bad}, {"degrader": "weight-noise"}]
        told = refused(FULL | {"degrader": {"name": "compose", "parts": parts}})
        assert told == f"compose: 'parts.0.strength' must be a number, got {bad!r}; correct it."


# ---- presets ---------------------------------------------------------------------------------------------------------


def test_every_preset_is_a_valid_experiment_with_a_title_and_a_story() -> None:
    assert presets()
    for name, preset in presets().items():
        assert preset.keys() == {"title", "story", "experiment"}
        assert preset["title"]
        assert preset["story"].endswith(".")
        asked = Experiment.preset(name)
        assert Experiment.from_json(asked.to_json()) == asked


@pytest.mark.parametrize("name", ["no-such", "", "../spec", "two\nlines"])
def test_a_preset_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="preset must be one of") as error:
        Experiment.preset(name)
    assert next(iter(presets())) in one_line(str(error.value))
