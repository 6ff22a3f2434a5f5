"""The page on the method names what there is, and nothing else."""

from __future__ import annotations

import re
from typing import get_args

from opening import drawn
from streamlit.testing.v1 import AppTest

from app.views import method
from engine import discovery
from engine.chains import LARGEST_DRIFT, LARGEST_GAP, LARGEST_HEAT, LARGEST_R_HAT, LOWEST_ACCEPTANCE
from engine.discovery import Kind
from engine.loss_curve import TOLERANCE
from engine.regime import VerdictName
from engine.strength import State


def page() -> None:
    from app.views import method

    method.page()


def test_every_variant_is_there_with_what_it_says_of_itself() -> None:
    at = drawn(AppTest.from_function(page, default_timeout=30).run())
    text = "\n".join(each.value for each in at.markdown)
    for kind in get_args(Kind):
        for name, variant in discovery.find(kind).items():
            assert f"### {name}\n{variant.summary}" in text


def test_every_state_and_verdict_is_explained_once() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \|", method.TEXT.read_text(), flags=re.MULTILINE)
    for name in (*get_args(State), *get_args(VerdictName)):
        assert name == "pending" or name in rows, name


def test_the_thresholds_are_those_of_the_code() -> None:
    text = " ".join(method.TEXT.read_text().split())
    assert f"a Metropolis test (at least {LOWEST_ACCEPTANCE})" in text
    assert LARGEST_HEAT == 1
    assert "adds (at most the temperature itself)" in text
    assert f"ends at the same loss (within {LARGEST_GAP:.0%}".replace("%", " %") in text
    assert f"still moves (by {LARGEST_DRIFT:.0%} at most".replace("%", " %") in text
    assert f"between chains (at most {LARGEST_R_HAT};" in text
    assert f"within {TOLERANCE} nats" in text


def test_links_of_the_contents_lead_to_headings() -> None:
    at = drawn(AppTest.from_function(page, default_timeout=30).run())
    contents = at.markdown[0].value
    anchors = {each.proto.anchor for each in at.header}
    assert set(re.findall(r"\(#([a-z-]+)\)", contents)) == anchors


def test_no_two_headings_have_one_anchor() -> None:
    at = drawn(AppTest.from_function(page, default_timeout=30).run())
    anchors = [each.proto.anchor for each in at.header]
    anchors += [
        title.replace(" ", "-")
        for each in at.markdown
        for title in re.findall(r"^### (.+)$", each.value, flags=re.MULTILINE)
    ]
    assert len(set(anchors)) == len(anchors)


def test_what_a_variant_says_of_itself_is_shown_letter_for_letter() -> None:
    class Tricky:
        """a*b*c with `x_1` and [y](z), $5: <b>."""

    escaped = method._described(Tricky)  # pyright: ignore[reportArgumentType]
    assert "`x_1`" in escaped
    assert re.sub(r"\\(.)", r"\1", escaped) == Tricky.__doc__
    assert not re.search(r"(?<!\\)[*<$\[]", escaped)
