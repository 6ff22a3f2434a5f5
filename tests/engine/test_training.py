"""Training the induction model: a tiny run from end to end, and what the shipped one says of itself."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.behaviours.base import Dataset
from engine.behaviours.copying import Copying
from engine.degraders.base import Degraded
from engine.degraders.checkpoint import Checkpoint
from engine.interventions.head_ablation import HeadAblation
from engine.interventions.steering import Steering
from engine.measure import measure
from engine.models.architectures import Transformer
from engine.models.base import Card
from engine.models.induction import SHAPE, Induction
from engine.networks import induction_training, transformer
from engine.networks.network import Network, load

SMALL = Transformer(layers=2, heads=2, d_model=16, vocab=SHAPE.vocab, context=SHAPE.context)
STEPS = 120


def train(folder: Path, steps: int, seen: list[tuple[int, int]] | None = None) -> Card:
    """A run that takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "BATCH": 12,
            "LEARNING_RATE": 0.02,
            "WARM_UP": 10,
            "VECTOR_STEPS": 5,
            "PROBE_ITEMS": 8,
        }.items():
            patch.setattr(induction_training, name, value)
        return induction_training.train(folder, lambda *done: (seen or []).append(done), steps, SMALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network trained for `STEPS` steps."""
    made = tmp_path_factory.mktemp("models") / "small"
    train(made, STEPS)
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Network:
    card = Card.model_validate_json((folder / "card.json").read_bytes())
    return load(folder, card, transformer.stages(SMALL), induction_training.training(SMALL))


def test_the_folder_loads_and_measures(trained: Network, data: Dataset) -> None:
    ablation = HeadAblation(heads=("0.0", "1.1"))
    without, under = measure(trained, data, Degraded(trained.weights), [None, ablation])
    assert without.performance.mean() < data.performance.chance - 0.05, "it has learnt something"
    assert np.isfinite(under.performance).all()
    assert not np.array_equal(under.performance, without.performance)
    for vector in trained.card.vectors:
        assert np.isfinite(
            measure(trained, data, Degraded(trained.weights), [Steering(vector=vector)])[0].behaviour
        ).all()


def test_the_folder_holds_what_the_card_says_and_nothing_else(folder: Path, trained: Network) -> None:
    assert {path.name for path in folder.iterdir()} == {"card.json", *trained.card.sha256}
    assert trained.card.architecture == SMALL
    assert trained.card.metrics["parameters"] == sum(w.numel() for w in trained.weights.values())


def test_checkpoints_are_kept_as_far_as_the_run_goes(trained: Network, data: Dataset) -> None:
    assert trained.card.steps == (100, 120)
    degrader = Checkpoint()
    assert degrader.strengths(trained.card) == (0.0, pytest.approx(1 / 6))
    losses = [
        measure(trained, data, degrader.degrade_one(trained, strength, 0, 0), [None])[0].performance.mean()
        for strength in degrader.strengths(trained.card)
    ]
    assert losses[0] < losses[1]


def test_the_same_seed_gives_the_same_files_whatever_the_threads_and_the_global_state(tmp_path: Path) -> None:
    first = train(tmp_path / "first", 12)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        torch.rand(1)
        assert train(tmp_path / "second", 12) == first
        assert torch.get_num_threads() == 3, "as it was found"
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "first" / "card.json").read_bytes() == (tmp_path / "second" / "card.json").read_bytes()
    assert train(tmp_path / "third", 13).sha256 != first.sha256


def test_progress_is_told_step_by_step_and_no_global_generator_is_touched(tmp_path: Path) -> None:
    def states() -> tuple[object, ...]:
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()

    before, seen = states(), [(0, 0)]
    train(tmp_path / "model", 4, seen)
    assert seen[1:] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert states()[1:] == before[1:]


def test_heads_are_grouped_by_what_they_score_best_first() -> None:
    scores = {"copies": {"0.0": 0.2, "0.1": 0.4, "1.0": 0.9}, "looks back": {"0.0": 0.1, "0.1": 0.29, "1.0": 0.0}}
    assert induction_training.head_groups(scores) == {"copies": ("1.0", "0.1")}


def test_the_scores_on_the_card_are_those_of_the_shipped_heads(network: Network) -> None:
    with torch.no_grad():
        scores = induction_training.head_scores(SHAPE, network.weights)
    assert induction_training.head_groups(scores) == network.card.groups["heads"]
    for kind, by_head in scores.items():
        for head, score in by_head.items():
            assert score == pytest.approx(network.card.metrics[f"{kind} score of head {head}"], abs=2e-3)


def test_the_shipped_vectors_have_the_effect_that_they_were_fitted_to(network: Network) -> None:
    data = Copying().data(Induction(), 128)
    for vector in network.card.vectors:
        without, under = measure(network, data, Degraded(network.weights), [None, Steering(vector=vector)])
        effect = (under.behaviour - without.behaviour).mean()
        assert effect == pytest.approx(induction_training.VECTOR_EFFECT, rel=0.15)
