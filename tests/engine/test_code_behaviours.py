"""What the behaviours of the code model score: copies of what stands before, and ends of what was opened."""

from __future__ import annotations

import io
import itertools
import keyword
import re
import sys
import tokenize
from collections.abc import Iterator

import numpy as np
import pytest

from engine.behaviours.base import Dataset
from engine.behaviours.closing import OTHER, Closing
from engine.behaviours.code_copying import CodeCopying
from engine.items import Items
from engine.models.code_lm import SHAPE, CodeLm
from engine.networks import code_structure, code_windows
from engine.networks.code_structure import CLOSERS
from engine.networks.code_windows import Shard, Snippets, Split

ITEMS = 80
CONTEXT = SHAPE.context


@pytest.fixture(scope="module")
def shard() -> Shard:
    return code_windows.shard(CodeLm().folder)


@pytest.fixture(scope="module")
def split(shard: Shard) -> Split:
    return code_windows.split(shard, CONTEXT)


@pytest.fixture(scope="module")
def snippets(shard: Shard, split: Split) -> Snippets:
    return code_windows.with_snippets(shard, split.behaviour[:ITEMS], CONTEXT)


def scored(items: Items) -> Iterator[tuple[int, int]]:
    """Each item and place whose token is scored: one after where it is read."""
    for item, (read, targets, counted) in enumerate(zip(items.read, items.targets, items.scored, strict=True)):
        for place, target in zip(read[counted] + 1, targets[counted], strict=True):
            assert items.inputs[item, place] == target
            yield item, int(place)


def pair_stands_before(tokens: np.ndarray, place: int) -> bool:
    return any(tuple(tokens[i - 1 : i + 1]) == tuple(tokens[place - 1 : place + 1]) for i in range(1, place))


def spelled(shard: Shard, tokens: np.ndarray) -> str:
    return "".join(shard.spelled[token] for token in tokens).replace("␣", " ").replace("⏎", "\n").replace("⇥", "\t")


# ---- windows ---------------------------------------------------------------------------------------------------------


def test_windows_share_no_token_between_sets(shard: Shard, split: Split) -> None:
    starts = np.concatenate(list(split))
    assert len(set(starts.tolist())) == len(starts) == len(shard.tokens) // CONTEXT
    assert (starts % CONTEXT == 0).all()


def test_tokens_are_where_they_say_in_the_text(shard: Shard) -> None:
    for token in range(0, 5000, 7):
        text = shard.text[shard.starts[token] : shard.ends[token]]
        assert spelled(shard, shard.tokens[token : token + 1]) == text or not text.isascii()


def test_a_snippet_stands_twice_and_in_the_counterpart_once(snippets: Snippets) -> None:
    for row in range(ITEMS):
        tokens, corrupt = snippets.inputs[row], snippets.corrupt[row]
        one, two = np.flatnonzero(snippets.first[row]), np.flatnonzero(snippets.copied[row])
        assert len(one) == len(two) >= 15
        assert two[0] > one[-1] + 1, "the second copy begins when the first has ended"
        first, second = (slice(each[0] - 1, each[-1] + 1) for each in (one, two))
        np.testing.assert_array_equal(tokens[first], tokens[second])
        assert (corrupt[first] != tokens[first]).any()
        elsewhere = np.ones(CONTEXT, dtype=bool)
        elsewhere[first] = False
        np.testing.assert_array_equal(corrupt[elsewhere], tokens[elsewhere])


def test_a_copying_head_looks_for_the_token_that_is_to_follow(snippets: Snippets) -> None:
    for row, place in np.argwhere(snippets.sources >= 0):
        source = snippets.sources[row, place]
        assert source < place
        assert snippets.inputs[row, source - 1] == snippets.inputs[row, place], "it has come after the same token"
        assert snippets.inputs[row, source] == snippets.inputs[row, place + 1], "and is what comes next"
        assert snippets.copied[row, place + 1]


# ---- copying ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["snippets", "identifiers"])
def copying(request: pytest.FixtureRequest) -> Dataset:
    return CodeCopying(text=request.param).data(CodeLm(), ITEMS)


def test_what_is_copied_stands_before_and_in_the_counterpart_less_often(copying: Dataset) -> None:
    left = []
    for items in (copying.behaviour, copying.examples):
        for item, place in scored(items):
            assert pair_stands_before(items.inputs[item], place)
            left.append(pair_stands_before(items.corrupt[item], place))
    assert np.mean(left) < 0.4, "code says many things twice: some stand in the rest of the window, too"


def test_performance_never_scores_what_could_be_copied(copying: Dataset) -> None:
    items = copying.performance
    assert not any(pair_stands_before(items.inputs[item], place) for item, place in scored(items))


def test_identifiers_are_names_that_have_been_there_and_do_not_come_again(shard: Shard) -> None:
    items = CodeCopying(text="identifiers").data(CodeLm(), ITEMS).behaviour
    names = 0
    for item, places in itertools.groupby(scored(items), key=lambda each: each[0]):
        tokens = items.inputs[item]
        for _, place in places:
            before = spelled(shard, tokens[:place])
            begun = re.search(r"\w+$", before)
            assert begun, "not the first token of a name"
            name = begun[0] + re.findall(r"^\w*", spelled(shard, tokens[place:]))[0]
            words = re.findall(r"\w+", spelled(shard, tokens))
            assert words.count(name) >= 2, name
            assert not keyword.iskeyword(name)
            assert not re.search(rf"\b{name}\b", spelled(shard, tokens[place:])), "it is the last"
            names += 1
    assert names > ITEMS


def test_the_counterpart_of_identifiers_leaves_what_is_scored_as_it_is() -> None:
    items = CodeCopying(text="identifiers").data(CodeLm(), ITEMS).behaviour
    for item, place in scored(items):
        here = slice(place - 1, place + 1)
        np.testing.assert_array_equal(items.corrupt[item, here], items.inputs[item, here])


# ---- closing ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def closing() -> Dataset:
    return Closing().data(CodeLm(), ITEMS)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there tokenize takes f-strings apart")
def test_delimiters_are_those_that_python_finds(shard: Shard) -> None:
    text = shard.text[:60_000]
    text = text[: text.rindex("\n\ndef ") + 1]
    assert set(code_structure.delimited(text)) == set(_delimiters_by_tokenize(text))


def _delimiters_by_tokenize(text: str) -> Iterator[tuple[int, int]]:
    lines = np.cumsum([0, *map(len, text.splitlines(keepends=True))])
    stack = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        start, end = (int(lines[row - 1]) + column for row, column in (token.start, token.end))
        if token.type == tokenize.STRING:
            quoted = re.fullmatch(r"(?s)(\w*)(['\"])([^'\"]*)(['\"])", token.string)
            if quoted:
                yield start + len(quoted[1]), end - 1
        elif token.type == tokenize.OP and token.string in "([{":
            stack.append(start)
        elif token.type == tokenize.OP and token.string in ")]}":
            yield stack.pop(), start


def test_what_closes_was_opened_in_the_window(shard: Shard, closing: Dataset) -> None:
    for items in (closing.behaviour, closing.examples):
        assert items.among is not None
        assert {shard.spelled[token] for token in items.among} == set(CLOSERS.values())
        kinds = set()
        for item, place in scored(items):
            closer = shard.spelled[items.inputs[item, place]]
            opener = next(opener for opener, end in CLOSERS.items() if end == closer)
            assert opener in [shard.spelled[token] for token in items.inputs[item, :place]]
            kinds.add(closer)
        assert kinds == set(CLOSERS.values())


def test_performance_scores_no_bracket_or_quote_that_can_close(shard: Shard, closing: Dataset) -> None:
    for item, place in scored(closing.performance):
        assert shard.spelled[closing.performance.inputs[item, place]] not in CLOSERS.values()


def test_in_the_counterpart_every_pair_is_another_pair(shard: Shard, closing: Dataset) -> None:
    items = closing.behaviour
    for item, place in scored(items):
        before, after = (shard.spelled[row[item, place]] for row in (items.inputs, items.corrupt))
        opener = next(opener for opener, end in CLOSERS.items() if end == before)
        assert after == CLOSERS[OTHER[opener]]
    changed = items.inputs != items.corrupt
    assert {shard.spelled[token] for token in items.inputs[changed]} <= {*CLOSERS, *CLOSERS.values()}
    opened = [shard.spelled[token] for token in items.inputs[changed]].count("(")
    assert opened > 0


def test_tokens_are_shown_as_people_read_them() -> None:
    for behaviour in (CodeCopying(), Closing()):
        shown = [behaviour.show(CodeLm(), token) for token in range(SHAPE.vocab)]
        assert all(text and text.isprintable() for text in shown)
        assert {"(", "␣self", "def"} <= set(shown)
        assert any(text.startswith("⏎␣") for text in shown)
