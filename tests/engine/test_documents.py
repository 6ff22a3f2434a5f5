"""A document is read back as it was written, and what is none is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.dials import InputError
from engine.documents import MOST_BYTES, Document
from engine.history import IMPORTED, History
from engine.lab import Lab
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

Make = Callable[..., Experiment]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(Store(tmp_path_factory.mktemp("store")), threads=1) as opened:
        yield opened


@pytest.fixture
def document(experiment: Make, lab: Lab) -> Document:
    """Of a sweep whose single draws leave infinite bounds, and with shams."""
    asked = experiment(draws=1, shams=2)
    sweep = Sweep(asked, lab)
    return Document.of_sweep(asked, sweep.run(), sweep.done, "here")


def test_a_document_is_read_back_exactly(document: Document) -> None:
    text = document.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not strict JSON"))
    assert "inf" in text, "there are bounds that JSON has no number for"
    assert repr(Document.from_json(text)) == repr(document)


def changed(document: Document, *path: Any, to: Any) -> str:
    form = json.loads(document.to_json())
    place = form
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(form)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("regimescope",), 2),
        (("kind",), "hammer"),
        (("question",), []),
        (("question", "items"), -1),
        (("status",), "excellent"),
        (("result",), {}),
        (("result", "rows"), "many"),
        (("result", "rows", 0, "loss_delta"), "much"),
        (("result", "rows", 0, "state"), "splendid"),
        (("result", "rows"), [{}] * 70),
        (("result", "rows"), []),
        (("result", "margin"), []),
        (("result", "band"), [1]),
        (("result", "band"), [[-1, 1]]),
        (("result", "confirmation"), {"index": 70, "row": None}),
        (("result", "rows", 1, "strength"), 1e9),
        (("measured",), None),
        (("measured", "at"), "yesterday"),
        (("measured", "version"), "![](http://elsewhere)"),
        (("progress", "done"), "all"),
    ],
)
def test_what_was_changed_by_hand_is_refused_in_one_sentence(
    document: Document, path: tuple[Any, ...], to: Any
) -> None:
    with pytest.raises(InputError) as refusal:
        Document.from_json(changed(document, *path, to=to))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "NaN", "[" * 10_000, "null", " " * (MOST_BYTES + 1), b"\xff\xfe\x00"])
def test_what_is_no_document_is_refused_in_one_sentence(text: str | bytes) -> None:
    with pytest.raises(InputError) as refusal:
        Document.from_json(text)
    assert "\n" not in str(refusal.value)


def test_what_it_says_follows_from_its_numbers(document: Document) -> None:
    forged = changed(document, "said", to={"name": "clean", "tone": "clean", "headline": "All is well.", "detail": ""})
    assert Document.from_json(forged).said == document.said


def refusal_of(text: str) -> str:
    with pytest.raises(InputError) as refusal:
        Document.from_json(text)
    return str(refusal.value)


def test_where_it_was_changed_is_told_as_people_count(document: Document) -> None:
    said = refusal_of(changed(document, "result", "rows", 1, "loss_delta", to="much"))
    assert said == (
        "A result must be whole, got one that was changed by hand at 'result', 'rows', number 2, 'loss_delta'; export "
        "it again."
    )


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"regimescope": 1}', '{"regimescope": 1, "kind": null}'])
def test_what_is_missing_is_told_without_a_none_of_pythons(text: str) -> None:
    assert "None" not in refusal_of(text)


EDGES: dict[str, Any] = {
    "clean": {"loss_delta": 0.0, "loss_delta_low": -0.01, "loss_delta_high": 0.01, "retention": 1, "retention_low": 0.9}
    | {"retention_high": 1.1},
    "entangled": {"loss_delta": 9.0, "loss_delta_low": 8.0, "loss_delta_high": 10.0},
    "effect lost": {"retention": 0.1, "retention_low": 0.0, "retention_high": 0.2},
}
"""Of each state numbers that it follows from."""


def with_row(document: Document, state: str, **numbers: Any) -> str:
    """The document as JSON, with such a row in place of its last one."""
    form = json.loads(document.to_json())
    form["result"]["rows"][-1] |= {"state": state, "shams": [], **EDGES[state], **numbers}
    return json.dumps(form)


@pytest.mark.parametrize("state", EDGES)
def test_a_state_that_follows_from_its_numbers_is_believed(document: Document, state: str) -> None:
    analysis = Document.from_json(with_row(document, state)).analysis
    assert analysis is not None
    assert analysis.rows[-1].state == state


SHAM = dict.fromkeys(("loss_delta", "loss_delta_low", "loss_delta_high", "effect", "effect_low", "effect_high"), 9.0)


@pytest.mark.parametrize(
    ("state", "numbers", "why"),
    [
        ("clean", EDGES["entangled"], "not shown to be within the margin"),
        ("clean", {"loss_delta_high": 5.0}, "not shown to be within the margin"),
        ("clean", {"retention_low": 0.1}, "keeps too little"),
        ("clean", {"shams": [{**SHAM, "state": "entangled", "beaten": False}]}, "no more than a sham"),
        ("clean", {"shams": [{**SHAM, "state": "clean", "beaten": True}]}, "a sham that is called clean"),
        ("entangled", EDGES["clean"], "not shown to be outside"),
        ("effect lost", {"retention_high": 0.9}, "may keep enough"),
        ("entangled", {"loss_delta": 0.0}, "outside of its own interval"),
    ],
)
def test_a_state_that_contradicts_its_numbers_is_refused(
    document: Document, state: str, numbers: dict[str, Any], why: str
) -> None:
    said = refusal_of(with_row(document, state, **numbers))
    assert why in said
    assert "at strength 0.3, " in said


def test_rows_that_were_judged_by_another_margin_are_refused(document: Document) -> None:
    assert "the margin" in refusal_of(changed(document, "question", "margin", to=0.0123))


# ---- the history -----------------------------------------------------------------------------------------------------


def test_the_history_keeps_documents_beside_the_store(document: Document, tmp_path: Path) -> None:
    History(tmp_path).keep(document)
    (record,) = History(tmp_path).records()  # as another program has it
    assert repr(record.document) == repr(document)
    assert record.name == document.question.key


def test_a_finished_answer_is_not_replaced_by_a_beginning(document: Document, experiment: Make, tmp_path: Path) -> None:
    history = History(tmp_path)
    history.keep(document)
    fields = {"status": "running", "progress": {"done": 1, "total": 5}, "reference": {}}
    history.keep(Document.of(document.question, fields, []))
    found = history.find(document.question)
    assert found is not None
    assert found.status == "done"


def test_an_answer_keeps_its_time_until_its_numbers_change(document: Document, tmp_path: Path) -> None:
    history = History(tmp_path)
    first = replace(document, at="2026-01-01T00:00:00+00:00")
    history.keep(first)
    history.keep(document)
    assert repr(history.find(document.question)) == repr(first)
    assert document.analysis is not None
    other = replace(document, analysis=replace(document.analysis, margin=0.999 * document.analysis.margin))
    history.keep(other)
    found = history.find(document.question)
    assert found is not None
    assert found.at == other.at


def test_what_is_imported_stands_beside_what_was_measured(document: Document, tmp_path: Path) -> None:
    history = History(tmp_path)
    history.keep(document)
    assert history.bring(document) == document.question.key + IMPORTED
    assert sorted(record.imported for record in history.records()) == [False, True]


def test_what_is_damaged_is_left_out(document: Document, tmp_path: Path) -> None:
    history = History(tmp_path)
    history.keep(document)
    (path,) = (tmp_path / "history").glob("*.json")
    path.write_text(path.read_text()[:100])
    (tmp_path / "history" / "notes.json").write_text("{}")
    (tmp_path / "history" / "x.part").write_text("half")  # of a program that was killed while it wrote
    assert history.records() == []


def test_the_state_changes_with_every_document(document: Document, tmp_path: Path) -> None:
    history = History(tmp_path)
    states = {history.state}
    history.keep(document)
    states.add(history.state)
    history.remove(document.question.key)
    assert history.state in states
    assert len(states) == 2


def test_a_folder_that_cannot_be_written_keeps_nothing_and_says_so(document: Document, tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file is in the way")
    History(tmp_path).keep(document)
    with pytest.raises(InputError):
        History(tmp_path).bring(document)


# ---- what belongs to a question --------------------------------------------------------------------------------------


def test_deleting_frees_what_was_first_measured_for_it(experiment: Make, tmp_path: Path) -> None:
    first, second = experiment(), experiment(intervention={"name": "head-ablation", "heads": ["0.2"]})
    with Lab(Store(tmp_path), threads=1) as lab:
        for asked in (first, second):
            with lab.store.owned_by(asked.key):
                expected = Sweep(asked, lab).run()
        removed = lab.store.forget(second.key)
        assert removed == 5, "the second's own points; it shares the networks without an intervention"
        assert measured(first, lab) == 0
        assert measured(second, lab) == 5
        assert repr(Sweep(second, lab).run()) == repr(expected)
        lab.store.forget(first.key)
        assert repr(Sweep(second, lab).run()) == repr(expected), "what it shared is measured again"


def measured(experiment: Experiment, lab: Lab) -> int:
    """How many points the store lacks."""
    sweep = Sweep(experiment, lab)
    sweep.recall()
    return sweep.total - sweep.done
