"""The evaluation text of a `code-lm` network, cut into windows that belong to one set each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engine.dials import InputError
from engine.models.code_lm import SNIPPETS
from engine.networks.code_text import EVALUATION, TOKENIZER
from engine.randomness import generator

if TYPE_CHECKING:
    from jaxtyping import Bool, Int

REFERENCE, EXAMPLES = 64, 128
"""At most so many windows, and no more than an eighth and a quarter of them all, are reference inputs and examples."""
UNREADABLE: Final = {" ": "␣", "\n": "⏎", "\t": "⇥"}


@dataclass(frozen=True, eq=False)
class Shard:
    """The evaluation text, its tokens, each with the characters that it begins and ends before, and how every token
    there is reads.
    """

    text: str
    tokens: Int[np.ndarray, " token"]
    starts: Int[np.ndarray, " token"]
    ends: Int[np.ndarray, " token"]
    spelled: tuple[str, ...]


class Split(NamedTuple):
    """Where the windows of each set begin, as indices of tokens."""

    reference: Int[np.ndarray, " window"]
    examples: Int[np.ndarray, " window"]
    performance: Int[np.ndarray, " window"]
    behaviour: Int[np.ndarray, " window"]


class Snippets(NamedTuple):
    """Windows in which a snippet of the text stands a second time.

    Attributes:
        inputs: the windows.
        corrupt: the same with other text of its length in place of the first copy.
        first: the tokens of the first copy, but its first one.
        copied: the same of the second copy: what followed the token before is in the text.
        sources: for each token of the second copy but its last one, where in the first copy the token stands that is to
            follow; −1 elsewhere.
    """

    inputs: Int[np.ndarray, "window pos"]
    corrupt: Int[np.ndarray, "window pos"]
    first: Bool[np.ndarray, "window pos"]
    copied: Bool[np.ndarray, "window pos"]
    sources: Int[np.ndarray, "window pos"]


def shard(folder: Path) -> Shard:
    """The evaluation text in a model's folder.

    Raises:
        InputError: it is not there.
    """
    for path in (folder / EVALUATION, folder / TOKENIZER):
        if not path.is_file():
            raise InputError(
                f"model file {path} must be there, got no file; restore it or train the model again with "
                "`regimescope train code-lm`."
            )
    return _shard(folder, (folder / EVALUATION).stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _shard(folder: Path, _: int) -> Shard:
    from tokenizers import Tokenizer

    text = (folder / EVALUATION).read_bytes().decode()
    encoding = Tokenizer.from_file(str(folder / TOKENIZER)).encode(text)
    starts, ends = np.array(encoding.offsets).T
    return Shard(text, np.array(encoding.ids), starts, ends, spellings(folder))


def split(shard: Shard, context: int) -> Split:
    """Deals out the windows of so many tokens; every second one of those that are measured is of the behaviour."""
    count = len(shard.tokens) // context
    windows = context * generator("code-lm", "windows").permutation(count)
    reference, examples = min(REFERENCE, count // 8), min(EXAMPLES, count // 4)
    measured = windows[reference + examples :]
    return Split(windows[:reference], windows[reference:][:examples], measured[::2], measured[1::2])


def windows(shard: Shard, starts: Int[np.ndarray, " window"], context: int) -> Int[np.ndarray, "window pos"]:
    """The tokens of the windows that begin at these tokens."""
    return shard.tokens[starts[:, None] + np.arange(context)]


def with_snippets(shard: Shard, starts: Int[np.ndarray, " window"], context: int) -> Snippets:
    """Writes a snippet of each window into it once more, further on; so much text falls out at the window's end, and
    takes the place of the first copy in the counterpart.
    """
    plain = windows(shard, starts, context)
    first, copied = np.zeros(plain.shape, dtype=bool), np.zeros(plain.shape, dtype=bool)
    made = Snippets(plain.copy(), plain.copy(), first, copied, sources=np.full_like(plain, -1))
    for row, start in enumerate(starts.tolist()):
        rng = generator("code-lm", "snippet", start)
        size = int(rng.integers(SNIPPETS[0], min(SNIPPETS[1], (context - SNIPPETS[0]) // 2) + 1))
        one = int(rng.integers(context - 2 * size + 1))
        two = int(rng.integers(one + size, context - size + 1))
        made.inputs[row] = np.insert(plain[row], two, plain[row, one : one + size])[:context]
        made.corrupt[row] = made.inputs[row]
        made.corrupt[row, one : one + size] = plain[row, context - size :]
        first[row, one + 1 : one + size] = copied[row, two + 1 : two + size] = True
        made.sources[row, two : two + size - 1] = np.arange(one + 1, one + size)
    return made


def repeats(tokens: Int[np.ndarray, "window pos"]) -> Bool[np.ndarray, "window pos earlier"]:
    """Whether two places hold the same token after the same token, the second one earlier: copying can predict it."""
    pairs = np.full(tokens.shape, -1)
    pairs[:, 1:] = tokens[:, :-1] * (tokens.max() + 1) + tokens[:, 1:]
    same = pairs[:, :, None] == pairs[:, None, :]
    return same & np.tri(tokens.shape[1], k=-1, dtype=bool)


def spellings(folder: Path) -> tuple[str, ...]:
    """Every token as people read it."""
    return _spellings(folder, (folder / TOKENIZER).stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _spellings(folder: Path, _: int) -> tuple[str, ...]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    spelled = []
    for token in range(tokenizer.get_vocab_size()):
        text = tokenizer.decode([token])
        for character, shown in UNREADABLE.items():
            text = text.replace(character, shown)
        # what is no character of its own is shown in the tokenizer's alphabet of bytes
        spelled.append(text if text.isprintable() and "\ufffd" not in text else tokenizer.id_to_token(token))
    return tuple(spelled)
