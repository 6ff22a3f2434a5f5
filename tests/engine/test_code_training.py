"""Training the code model: a tiny run from end to end on a small text, and what the shipped one says of itself."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.models import code_lm
from engine.models.architectures import Transformer
from engine.models.base import Card
from engine.models.code_lm import SHAPE, CodeLm
from engine.networks import attention_scores, code_text, code_training, code_windows, transformer
from engine.networks.code_text import DELIMITERS, Source
from engine.networks.network import Network, load

SMALL = Transformer(layers=2, heads=2, d_model=16, vocab=300, context=32, d_mlp=24)
STEPS = 30


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Python files, some of which are not to be read."""
    root = tmp_path_factory.mktemp("library")
    sources = sorted(Path(code_text.__file__).parents[1].glob("*.py"))
    for number, path in enumerate(sources):
        for folder in ("", "package", "tests"):
            (root / folder).mkdir(exist_ok=True)
            (root / folder / f"m{number}.py").write_text(path.read_text() if folder != "tests" else "§ untouched")
    (root / "LICENSE.txt").write_text("Do what you like.\n")
    return root


@pytest.fixture(scope="module")
def source(library: Path) -> Source:
    return code_text.standard_library(library)


def train(folder: Path, source: Source, steps: int = STEPS) -> Card:
    """A run that takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"WARM_UP": 5, "DECAY": 10, "CHECKPOINT_STEPS": (10, 20, 500)}.items():
            patch.setattr(code_training, name, value)
        patch.setattr(code_windows, "SNIPPETS", (4, 12))
        patch.setattr(code_lm, "SNIPPETS", (4, 12))
        return code_training.train(folder, lambda done, total: None, source, steps, SMALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, source: Source) -> Path:
    made = tmp_path_factory.mktemp("models") / "small"
    train(made, source)
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Network:
    return load(
        folder,
        Card.model_validate_json((folder / "card.json").read_bytes()),
        transformer.stages(SMALL),
        code_training.training(folder, SMALL),
    )


@pytest.fixture(scope="module")
def shipped() -> Network:
    return CodeLm().load()


def test_files_are_split_by_their_path_and_tests_are_left_out(library: Path, source: Source) -> None:
    every = {path.relative_to(library).as_posix() for path in library.rglob("*.py") if path.parent.name != "tests"}
    assert every == source.training.keys() | source.evaluation.keys()
    assert not source.training.keys() & source.evaluation.keys()
    assert 0.005 < len(source.evaluation) / len(every) < 0.2
    assert list(source.training) == sorted(source.training)
    assert code_text.standard_library(library) == source


def test_the_hash_of_a_text_changes_with_any_character(library: Path, source: Source) -> None:
    path = library / "m0.py"
    text = path.read_text()
    path.write_text(text + "#")
    assert code_text.standard_library(library).sha256 != source.sha256
    path.write_text(text.replace("\n", "\r\n"))
    assert code_text.standard_library(library).sha256 == source.sha256, "how lines end is the system's business"
    path.write_text(text)


def test_tokens_spell_the_text_and_delimiters_stand_alone(source: Source) -> None:
    tokenizer = code_text.train_tokenizer(source.training, SMALL.vocab)
    assert tokenizer.get_vocab_size() == SMALL.vocab
    assert tokenizer.to_str() == code_text.train_tokenizer(source.training, SMALL.vocab).to_str()
    text = "def f(x):\n\treturn {'é': [x, \"''\"]}\n"
    tokens = tokenizer.encode(text).ids
    assert tokenizer.decode(tokens) == text
    assert [tokenizer.decode([token]) for token in tokens if set(tokenizer.decode([token])) & set(DELIMITERS)] == [
        each for each in text if each in DELIMITERS
    ]


def test_half_of_a_batch_repeats_a_snippet() -> None:
    text = np.arange(100_000)  # no pair of tokens comes twice by chance
    rows = code_lm.training_tokens(text, np.random.default_rng(0), SHAPE.context)
    assert rows.shape == (sum(code_lm.MIXTURE.values()), SHAPE.context + 1)
    repeated = code_windows.repeats(rows).any(axis=2).sum(axis=1)
    assert (repeated[: code_lm.MIXTURE["plain"]] == 0).all()
    assert (repeated[code_lm.MIXTURE["plain"] :] >= 15).all(), "a snippet of 16 tokens is 15 pairs"
    real = rows[code_lm.MIXTURE["plain"] :][: code_lm.MIXTURE["repeated"]]
    scrambled = rows[code_lm.MIXTURE["plain"] + code_lm.MIXTURE["repeated"] :]
    follows = [(np.diff(each, axis=1) == 1).mean() for each in (real, scrambled)]
    assert follows[0] > 0.9 > follows[1], "a real snippet goes on as the text does"


def test_the_folder_holds_what_the_card_says_and_nothing_else(folder: Path, trained: Network, source: Source) -> None:
    card = trained.card
    assert {path.name for path in folder.iterdir()} == {"card.json", *card.sha256}
    assert {"evaluation.txt", "tokenizer.json", "LICENSE.txt"} < card.sha256.keys()
    assert (folder / "evaluation.txt").read_text() == "".join(source.evaluation.values())
    assert source.sha256 in card.data
    assert card.architecture == SMALL
    assert card.steps == (10, 20, STEPS)
    assert card.metrics["parameters"] == sum(tensor.numel() for tensor in trained.weights.values())
    assert card.metrics["loss on evaluation text"] < np.log(SMALL.vocab) - 0.1, "it has learnt something"


def test_the_same_seed_gives_the_same_files_whatever_the_threads(folder: Path, tmp_path: Path, source: Source) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        torch.rand(1)
        train(tmp_path / "again", source)
    finally:
        torch.set_num_threads(threads)
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_another_text_than_the_shipped_one_is_told_in_one_sentence(
    tmp_path: Path, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    train(tmp_path / "other", source, steps=2)
    assert len(caplog.messages) == 1
    assert "another text" in caplog.messages[0]
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        train(tmp_path / "same", source._replace(sha256=code_lm.TEXT_SHA256), steps=2)
    assert caplog.messages == []


def test_a_head_that_looks_at_one_place_is_found_by_its_score() -> None:
    """Layer 0 of a network made by hand: queries of head 0.0 know their position, its keys the one that comes next."""
    shape = Transformer(layers=1, heads=2, d_model=16, vocab=4, context=8)
    weights = transformer.initial_weights(shape, torch.Generator().manual_seed(0), norms=False, biases=False)
    weights["embed.W_E"] = torch.zeros(4, 16)
    weights["pos_embed.W_pos"] = torch.eye(8, 16)
    weights["blocks.0.attn.W_Q"], weights["blocks.0.attn.W_K"] = torch.zeros(16, 16), torch.zeros(16, 16)
    weights["blocks.0.attn.W_Q"][:8, :8] = 100 * torch.eye(8)
    weights["blocks.0.attn.W_K"][:7, 1:8] = torch.eye(7)
    inputs = np.zeros((3, 8), dtype=int)
    sources = np.full((3, 8), -1)
    sources[0, 5], sources[1, 6] = 4, 2  # nothing counts in the third item
    scores = attention_scores.head_scores(
        shape, weights, inputs, {"previous-token": attention_scores.previous(inputs), "some": sources}
    )
    assert scores["previous-token"]["0.0"] == pytest.approx(1)
    assert scores["some"]["0.0"] == pytest.approx(0.5)
    even = np.mean([1 / (query + 1) for query in range(1, 8)])
    assert scores["previous-token"]["0.1"] == pytest.approx(even), "head 0.1 looks everywhere alike"
    assert scores["some"]["0.1"] == pytest.approx((1 / 6 + 1 / 7) / 2)
    assert attention_scores.head_groups(scores) == {"previous-token": ("0.0",), "some": ("0.0",)}


def test_the_shipped_heads_copy(shipped: Network) -> None:
    measured, groups = shipped.card.metrics, shipped.card.groups["heads"]
    assert {"previous-token", "induction"} <= groups.keys()
    assert measured["loss on copied tokens"] < measured["loss on first copies"] - 1
    for kind in ("previous-token", "induction"):
        assert all(measured[f"{kind} score of head {head}"] >= attention_scores.HEAD_SCORE for head in groups[kind])
        lost = measured[f"nats lost on copied tokens without {kind} heads"]
        assert lost > measured[f"nats lost on first copies without {kind} heads"] + 0.5
        assert lost > 4 * measured["nats lost on copied tokens without 3 other heads"]


def test_the_shipped_files_keep_their_budget(shipped: Network) -> None:
    assert sum(path.stat().st_size for path in shipped.folder.iterdir()) <= 15_000_000
    assert 1_000_000 <= shipped.card.metrics["parameters"] <= 1_050_000
    assert len(shipped.card.steps) >= 7
    assert (shipped.folder / "evaluation.txt").stat().st_size <= 450_000
