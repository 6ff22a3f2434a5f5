"""The contract of every model: its files are those that its card describes, and what the card says is there."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from specimens import behaviours_of, identical_weights, is_one_sentence, loaded, models, some_data

from engine import discovery, sites
from engine.degraders.base import Degraded
from engine.dials import InputError
from engine.measure import LazyReference, measure
from engine.models.base import Card, Model, assets
from engine.networks.network import file_hash
from engine.spec import Experiment

every_model = pytest.mark.parametrize("model", models(), ids=lambda each: "-".join(each.to_json().values()))


@pytest.fixture
def moved(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the model's folder, which the model takes for its own."""
    folder = tmp_path / model.name
    shutil.copytree(model.folder, folder)
    monkeypatch.setattr(type(model), "folder", folder)
    return folder


@pytest.mark.parametrize("variant", discovery.find("models").values(), ids=lambda each: each.name)
def test_every_network_that_is_declared_is_shipped(variant: type[Model]) -> None:
    every = variant.every()
    assert every[0] == variant()
    assert [model for model in every if not model.folder.is_dir()] == []
    assert len({model.folder for model in every}) == len({model.card().fingerprint for model in every}) == len(every)


def test_all_assets_together_stay_small() -> None:
    assert sum(path.stat().st_size for path in assets().rglob("*") if path.is_file()) <= 30_000_000


@every_model
def test_the_card_describes_the_files_and_goes_through_json_unchanged(model: Model) -> None:
    card = model.card()
    assert Card.model_validate_json(card.model_dump_json()) == card
    assert {name: file_hash(model.folder / name) for name in card.sha256} == card.sha256
    assert {path.name for path in model.folder.iterdir() if path.is_file()} == {*card.sha256, "card.json"}
    assert card.licence


@every_model
def test_what_the_card_names_is_in_the_network(model: Model) -> None:
    card, network = model.card(), loaded(model)
    for of in (*card.architecture.parts, *card.parts):
        options = card.options(of)
        assert len(options) == len(set(options))
    for of, groups in card.groups.items():
        assert {part for group in groups.values() for part in group} <= set(card.options(of))
    assert network.vectors.keys() == card.vectors.keys()
    activations = LazyReference(network, Degraded(network.weights), some_data(model, 1))
    for name, site in card.vectors.items():
        assert network.vectors[name].shape == activations.activations(site, "original").shape[2:]


@every_model
def test_the_architecture_names_every_site_but_the_logits(model: Model) -> None:
    assert model.card().architecture.parts["sites"] == tuple(stage.site for stage in loaded(model).stages[:-1])
    assert loaded(model).stages[-1].site == sites.LOGITS


@every_model
def test_every_checkpoint_is_there_and_the_last_is_the_network(model: Model) -> None:
    network, steps = loaded(model), model.card().steps
    assert list(steps) == sorted(set(steps))
    assert steps[0] > 0
    shapes = {name: tensor.shape for name, tensor in network.weights.items()}
    kept = [network.checkpoint(step) for step in steps]
    for weights in kept:
        assert {name: tensor.shape for name, tensor in weights.items()} == shapes
        assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    assert identical_weights(kept[-1], network.weights)
    assert not any(identical_weights(one, other) for one, other in pairwise(kept))


@every_model
def test_it_does_what_it_was_trained_for(model: Model) -> None:
    network = loaded(model)
    for behaviour in behaviours_of(model):
        data = behaviour.data(model, 32)
        losses = measure(network, data, Degraded(network.weights), [None])[0]
        assert losses.performance.mean() < 0.8 * data.performance.chance
        if data.behaviour.metric == "loss":
            assert losses.behaviour.mean() < 0.8 * data.behaviour.chance
        else:  # an answer that an intervention is to bring about
            assert losses.behaviour.mean() < 0.2


@every_model
def test_the_metrics_on_the_card_are_those_of_the_weights(model: Model) -> None:
    card, found = model.card(), model.metrics(loaded(model))
    assert found.keys() == card.metrics.keys()
    for name, value in found.items():
        assert value == pytest.approx(card.metrics[name], rel=1e-2, abs=2e-3), name


@every_model
def test_every_handle_is_an_experiment_whose_evidence_can_be_told(model: Model) -> None:
    card = model.card()
    handles = model.handles(card)
    assert len({(handle.title, str(handle.behaviour)) for handle in handles}) == len(handles)
    for handle in handles:
        form = {"model": model.to_json(), "behaviour": handle.behaviour, "intervention": handle.intervention}
        Experiment.read({**form, "degrader": "weight-noise"})
        assert handle.told(card).endswith(".")
        assert "{" not in handle.told(card)


@every_model
def test_loading_again_gives_the_same_weights_and_no_gradients(model: Model) -> None:
    assert identical_weights(model.load().weights, loaded(model).weights)
    assert not any(tensor.requires_grad for tensor in loaded(model).weights.values())


@every_model
def test_a_file_with_one_byte_changed_is_refused(model: Model, moved: Path) -> None:
    for name in model.card().sha256:
        path = moved / name
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            damaged = bytearray(whole)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            _refused(model, name)
        path.write_bytes(whole[:-1])
        _refused(model, name)
        path.unlink()
        _refused(model, name)
        path.write_bytes(whole)
    assert identical_weights(model.load().weights, loaded(model).weights)


@every_model
@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"title": "half a card"}'])
def test_a_damaged_card_is_refused(model: Model, moved: Path, text: str) -> None:
    (moved / "card.json").write_text(text)
    _refused(model, "card.json")


@every_model
def test_a_model_that_was_not_trained_says_how_to_train_it(model: Model, moved: Path) -> None:
    (moved / "card.json").unlink()
    assert f"regimescope train {model.title}" in _refused(model, str(moved))


def _refused(model: Model, words: str) -> str:
    with pytest.raises(InputError) as refused:
        model.load()
    told = str(refused.value)
    assert words in told
    assert "train" in told, "says what to do"
    assert is_one_sentence(told.replace(words, "")), told
    return told


@every_model
def test_the_fingerprint_is_that_of_the_files_whatever_their_order(model: Model) -> None:
    card = model.card()
    backwards = card.model_copy(update={"sha256": dict(reversed(card.sha256.items()))})
    assert backwards.fingerprint == card.fingerprint
    fingerprints = {card.fingerprint}
    for name, digest in card.sha256.items():
        other = digest.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
        fingerprints.add(card.model_copy(update={"sha256": card.sha256 | {name: other}}).fingerprint)
    assert len(fingerprints) == 1 + len(card.sha256)


@every_model
def test_suggestions_are_among_the_options(model: Model) -> None:
    card = model.card()
    for of in (*card.architecture.parts, *card.parts, "vectors"):
        suggested = card.suggested(of)
        assert set(suggested) <= set(card.options(of))
        assert bool(suggested) == bool(card.options(of))


@every_model
def test_metrics_are_finite(model: Model) -> None:
    metrics = model.card().metrics
    assert metrics
    assert np.isfinite(list(metrics.values())).all()
