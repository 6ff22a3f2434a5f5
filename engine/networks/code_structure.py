"""What there is in source code that a model can know how to go on with: names, and brackets and quotes that open."""

from __future__ import annotations

import keyword
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Int

    from engine.networks.code_windows import Shard

CLOSERS: Final = {"(": ")", "[": "]", "{": "}", "'": "'", '"': '"'}
"""Opening and closing delimiters."""

LEXEMES: Final = re.compile(
    r"""(?P<skipped> \#[^\n]* | '{3}(?:\\.|[^\\])*?'{3} | "{3}(?:\\.|[^\\])*?"{3} )
    | (?P<string> '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" )
    | (?P<bracket> [()\[\]{}] )""",
    re.DOTALL | re.VERBOSE,
)
WORD: Final = re.compile(r"\b[^\W\d]\w*")


class Name(NamedTuple):
    """A name where it occurs: its first token, and the token after its last."""

    text: str
    first: int
    end: int


def delimited(text: str) -> Iterator[tuple[int, int]]:
    """Where brackets and quotes open and close, as indices of characters, by where they close.

    Brackets in comments and strings do not count, nor do strings in triple quotes and strings that hold another quote:
    the quotes of the others are the only ones between their beginning and their end.
    """
    open_brackets: list[int] = []
    for lexeme in LEXEMES.finditer(text):
        first, last = lexeme.start(), lexeme.end() - 1
        if lexeme["string"]:
            if not set("'\"") & set(text[first + 1 : last]):
                yield first, last
        elif lexeme["bracket"] in CLOSERS:
            open_brackets.append(first)
        elif lexeme["bracket"]:
            opened = open_brackets.pop() if open_brackets else -1
            if opened >= 0 and CLOSERS[text[opened]] == lexeme["bracket"]:
                yield opened, first
            else:
                open_brackets.clear()  # not Python: begin anew


@lru_cache(maxsize=2)
def delimiters(shard: Shard) -> Int[np.ndarray, " token"]:
    """For each token that closes a bracket or string the token that opened it; −1 for all others."""
    opened = np.full(len(shard.tokens), -1)
    pairs = np.array(list(delimited(shard.text)), dtype=np.int64).reshape(-1, 2)
    opened[token_at(shard, pairs[:, 1])] = token_at(shard, pairs[:, 0])
    return opened


def openers(shard: Shard, starts: Int[np.ndarray, " window"], context: int) -> Int[np.ndarray, "window pos"]:
    """For each token of these windows that closes something the place where it was opened in the window, or else −1."""
    opened = delimiters(shard)[starts[:, None] + np.arange(context)] - starts[:, None]
    return np.where(opened >= 0, opened, -1)


@lru_cache(maxsize=2)
def names(shard: Shard) -> tuple[Name, ...]:
    """The names in a text. Keywords are none; words in comments and strings are."""
    matches = [match for match in WORD.finditer(shard.text) if not keyword.iskeyword(match[0])]
    firsts = token_at(shard, np.array([match.start() for match in matches], dtype=np.int64))
    lasts = token_at(shard, np.array([match.end() - 1 for match in matches], dtype=np.int64))
    ends = lasts + (shard.ends[lasts] == [match.end() for match in matches])  # a token that goes on is not of the name
    return tuple(map(Name, (match[0] for match in matches), firsts.tolist(), ends.tolist()))


def names_within(shard: Shard, start: int, length: int) -> list[Name]:
    """The names that are wholly within a window, their places counted from its beginning."""
    every = names(shard)
    begin = bisect_left(every, start, key=lambda name: name.first)
    row = takewhile(lambda name: name.first < start + length, every[begin:])
    return [Name(text, first - start, end - start) for text, first, end in row if end <= start + length]


def token_at(shard: Shard, characters: Int[np.ndarray, " place"]) -> Int[np.ndarray, " place"]:
    """The token that each of these characters is in."""
    return np.searchsorted(shard.starts, characters, side="right") - 1
