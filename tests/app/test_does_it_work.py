"""The page "Does it work?": it says what the shipped study says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app.views import does_it_work
from engine.dials import InputError
from engine.study_result import Study, shipped
from engine.study_statistics import area_of_cost, area_of_gain, area_of_verdict, errors


def page() -> None:
    from app.views import does_it_work

    does_it_work.page()


def opened() -> AppTest:
    at = AppTest.from_function(page, default_timeout=30).run()
    assert [error.value for error in at.exception] == []
    return at


def said(at: AppTest) -> str:
    return "\n".join(each.value for each in at.markdown)


def test_the_answer_is_that_of_the_shipped_study() -> None:
    found = errors(shipped().curves, "regime")
    at = opened()
    assert [each.value for each in at.title] == ["Does it work?"]
    assert f"{found.missed.count} of {found.missed.curves} (" in said(at)
    assert f"{found.false.count} of {found.false.curves} (" in said(at)
    for area in (area_of_verdict, area_of_gain, area_of_cost):
        assert f"{area(shipped().curves).mean:.2f} (" in said(at)
    assert "What it cannot say" in said(at)


def test_every_dial_has_its_rates_with_intervals() -> None:
    study = shipped()
    figure = does_it_work._by_dial(study).to_plotly_json()
    missed, false = figure["data"]
    dials = list(dict.fromkeys(curve.dial for curve in study.curves))
    assert list(missed["y"]) == list(false["y"]) == dials
    for trace in (missed, false):
        errors_of = trace["error_x"]
        for share, above, below in zip(trace["x"], errors_of["array"], errors_of["arrayminus"], strict=True):
            assert 0 <= share - below <= share <= share + above <= 1


def test_another_study_has_another_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    study = shipped()
    clean = tuple(replace(curve, clean_regime=True) for curve in study.curves)
    monkeypatch.setattr(does_it_work, "shipped", lambda: Study(study.size, clean))
    spurious = sum(curve.standing == "spurious" for curve in study.curves)
    assert f"{spurious} of {spurious} (100 %" in said(opened())


def test_without_a_study_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Study:
        raise InputError("A study must be a file that `regimescope study` wrote, got none; choose another file.")

    monkeypatch.setattr(does_it_work, "shipped", missing)
    at = opened()
    assert [each.value for each in at.error] == [
        "A study must be a file that `regimescope study` wrote, got none; choose another file."
    ]
