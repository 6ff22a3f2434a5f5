"""Every network with everything that fits it: found by discovery, offered with its controls, and an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import is_one_sentence
from opening import controls, drawn, opened, shown, texts
from streamlit.testing.v1 import AppTest

from app import jobs
from app.jobs import JobManager
from engine import discovery
from engine.dials import Variant, dials_of
from engine.discovery import Kind
from engine.models import base
from engine.models.base import Model
from engine.spec import Experiment

NETWORKS = [network for kind in discovery.find("models").values() for network in kind.every()]
OTHER_KINDS: tuple[Kind, ...] = ("behaviours", "degraders", "interventions")

every_network = pytest.mark.parametrize("network", [pytest.param(each, id=each.title) for each in NETWORKS])


@pytest.fixture(autouse=True)
def _installed(installed: JobManager) -> None:
    """Jobs that no worker does."""


def link_to(network: Model) -> dict[str, str]:
    """What stands in the URL of a network's page."""
    return {"model": network.name, **{f"{network.name}.{key}": value for key, value in network.model_dump().items()}}


def fitting(kind: Kind, network: Model) -> dict[str, type[Variant]]:
    """The variants of a kind that go with a network."""
    known: Any = discovery.find(kind)
    to = network if kind == "behaviours" else network.card()
    return {name: variant for name, variant in known.items() if variant.is_compatible(to)}


def keys_of(variant: type[Variant]) -> set[str]:
    return {f"{variant.name}.{each.name}" for each in dials_of(variant)}


def asked(at: AppTest) -> Experiment:
    """The experiment that the page shows."""
    job = jobs.manager().get(shown(at)["key"])
    assert job is not None
    assert isinstance(job.question, Experiment)
    return job.question


def test_no_two_variants_have_a_control_of_the_same_key() -> None:
    variants = [variant for kind in ("models", *OTHER_KINDS) for variant in discovery.find(kind).values()]
    keys = [key for variant in variants for key in keys_of(variant)]
    assert len(keys) == len(set(keys))


@every_network
def test_a_link_to_a_network_opens_an_experiment_on_it(network: Model) -> None:
    at = opened(**link_to(network))
    assert texts(at.warning) == texts(at.error) == []
    assert controls(at).keys() >= {"model", *keys_of(type(network))}
    experiment = asked(at)
    assert experiment.model == network
    handles = network.handles(network.card())
    if handles and network.name != "induction":  # which has a preset
        assert experiment.behaviour.to_json()["name"] == handles[0].behaviour["name"]
        assert experiment.intervention.to_json()["name"] == handles[0].intervention["name"]
        assert any(handles[0].told(network.card()) in caption for caption in texts(at.caption))


@every_network
def test_everything_that_fits_can_be_chosen_with_its_controls_and_nothing_else(network: Model) -> None:
    at = opened(**link_to(network))
    for kind in OTHER_KINDS:
        known, key = fitting(kind, network), kind.removesuffix("s")
        assert at.selectbox(key=key).options == list(known)
        for name, variant in known.items():
            at = drawn(at.selectbox(key=key).set_value(name).run())
            assert texts(at.error) == [], f"{key} {name}"
            offered = controls(at).keys()
            assert keys_of(variant) <= offered
            assert not any(keys_of(other) & offered for other in known.values() if other is not variant)
            assert getattr(asked(at), key).name == name


# ---- one network after another ---------------------------------------------------------------------------------------


def test_another_kind_of_network_begins_with_what_makes_sense_for_it() -> None:
    """Wherever the page was before, and whatever was set there."""
    at = opened(intervention="steering", **{"steering.coefficient": "3"}, behaviour="copying")
    at = drawn(at.selectbox(key="model").set_value("planted").run())
    fresh = opened(model="planted")
    assert shown(at)["key"] == shown(fresh)["key"]
    assert controls(at)["steering.coefficient"].value == 1.0
    at = drawn(at.selectbox(key="model").set_value("induction").run())
    assert shown(at)["key"] == Experiment.preset("becomes-clean").key
    assert texts(at.error) == []


def test_another_network_of_the_same_kind_keeps_the_settings_but_not_the_parts() -> None:
    """Another network's unit 0.17 is another unit."""
    at = opened(
        model="digits",
        intervention="neuron-ablation",
        **{"neuron-ablation.neurons": ["1.3", "0.7"], "neuron-ablation.value": "zero"},
    )
    assert controls(at)["neuron-ablation.neurons"].value == ["1.3", "0.7"]
    at = drawn(controls(at)["digits.network"].set_value("cnn").run())
    assert texts(at.error) == []
    drawn_now = controls(at)
    assert at.selectbox(key="intervention").value == "neuron-ablation"
    assert drawn_now["neuron-ablation.value"].value == "zero"
    assert drawn_now["neuron-ablation.neurons"].value == ["0.0"]


def test_parts_that_were_out_of_sight_are_those_of_the_network_too() -> None:
    at = opened(model="digits")
    at = drawn(at.selectbox(key="intervention").set_value("neuron-ablation").run())
    at = drawn(controls(at)["neuron-ablation.neurons"].set_value(["1.3"]).run())
    at = drawn(at.selectbox(key="model").set_value("planted").run())
    assert "neuron-ablation.neurons" not in controls(at)
    at = drawn(at.selectbox(key="intervention").set_value("neuron-ablation").run())
    assert controls(at)["neuron-ablation.neurons"].value == list(asked(at).card.suggested("neurons"))


def test_a_behaviour_that_another_network_does_not_have_is_put_away() -> None:
    at = opened(model="digits", behaviour="exceptions", **{"digits.exceptions": "memorised"})
    assert at.selectbox(key="behaviour").value == "exceptions"
    at = drawn(controls(at)["digits.exceptions"].set_value("none").run())
    assert texts(at.error) == texts(at.warning) == []
    assert "exceptions" not in at.selectbox(key="behaviour").options
    assert at.selectbox(key="behaviour").value == "digit-steering"


# ---- what is not there -----------------------------------------------------------------------------------------------


@pytest.fixture
def only_induction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout in which no other network was trained."""
    (tmp_path / "induction").symlink_to(base.assets() / "induction")
    monkeypatch.setattr(base, "assets", lambda: tmp_path)


@pytest.mark.usefixtures("only_induction")
def test_a_network_that_was_not_trained_is_told_and_the_rest_of_the_page_stays() -> None:
    at = opened()
    before = shown(at)["key"]
    at = drawn(at.selectbox(key="model").set_value("digits").run())
    (error,) = texts(at.error)
    assert is_one_sentence(error)
    assert "regimescope train digits" in error
    assert shown(at)["key"] == before
    assert {"model", "digits.network"} <= controls(at).keys()
    at = drawn(at.selectbox(key="model").set_value("induction").run())
    assert texts(at.error) == []
    assert shown(at)["key"] == before


@pytest.mark.usefixtures("only_induction")
def test_a_link_to_a_network_that_was_not_trained_says_so() -> None:
    at = opened(model="digits")
    assert len(texts(at.error)) == 1
    assert not at.get("bidi_component")
    assert shown(drawn(at.selectbox(key="model").set_value("induction").run()))["key"]


def test_a_network_that_nothing_can_be_measured_on_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for behaviour in discovery.find("behaviours").values():
        monkeypatch.setattr(behaviour, "is_compatible", classmethod(lambda cls, model: False))
    (error,) = texts(opened().error)
    assert is_one_sentence(error)
    assert error.startswith("behaviour must be")


def test_where_there_are_fewer_items_than_asked_for_that_is_said() -> None:
    at = opened(model="planted", items="1024")
    assert asked(at).items < 1024
    assert f"All {asked(at).items} items there are." in texts(at.caption)
    assert not any(text.startswith("All ") for text in texts(opened(model="planted", items="8").caption))
