"""The text of the `code-lm` model: the source of Python's standard library, split into files, then into tokens.

Everything in here is a function of that source alone: files come in sorted order, a hash of a file's path says whether
it is trained on or evaluated on, and the tokenizer is trained on what is trained on.
"""

from __future__ import annotations

import hashlib
import re
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Int
    from tokenizers import Tokenizer

TOKENIZER, EVALUATION, NOTICE = "tokenizer.json", "evaluation.txt", "LICENSE.txt"
LEFT_OUT: Final = ("site-packages", "test", "tests", "idle_test", "encodings", "pydoc_data", "ensurepip", "config-")
"""Folders: tests, tables of characters, generated text, and what is not Python's own."""
EVALUATED: Final = 0.06
"""Share of the files that nothing is trained on."""
DELIMITERS: Final = "()[]{}\"'"
"""Each of these is a token of its own wherever it stands."""


class Source(NamedTuple):
    """Files of source text by their path within the library, what identifies them all, and the licence they have."""

    training: dict[str, str]
    evaluation: dict[str, str]
    sha256: str
    notice: str


def standard_library(folder: Path | None = None) -> Source:
    """The source of the running Python's standard library, or of the Python files in a folder."""
    root = folder or Path(sysconfig.get_path("stdlib"))
    digest = hashlib.sha256()
    parts: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        if name.startswith("_sysconfigdata") or any(part.startswith(LEFT_OUT) for part in name.split("/")[:-1]):
            continue
        text = path.read_bytes().decode(errors="replace").replace("\r\n", "\n")
        digest.update(f"{name}\0{text}\0".encode())
        parts[_is_evaluated(name)][name] = text
    notice = root / NOTICE
    return Source(*parts, digest.hexdigest(), notice.read_text(encoding="utf-8") if notice.is_file() else "")


def _is_evaluated(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) < EVALUATED * 2**32


def train_tokenizer(texts: dict[str, str], vocab: int) -> Tokenizer:
    """A byte-pair encoding of bytes in which brackets and quotes are never part of a longer token."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    delimiter = Regex(f"[{re.escape(DELIMITERS)}]")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(delimiter, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts.values(), trainer)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: dict[str, str]) -> Int[np.ndarray, " token"]:
    """The tokens of all texts, one after the other."""
    return np.concatenate([np.array(tokenizer.encode(text).ids, dtype=np.int64) for text in texts.values()])


def write_texts(folder: Path, source: Source, tokenizer: Tokenizer) -> tuple[str, ...]:
    """Writes what stands beside the weights of a network, and returns the names of the files."""
    texts = {EVALUATION: "".join(source.evaluation.values()), NOTICE: source.notice, TOKENIZER: tokenizer.to_str()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return tuple(texts)
