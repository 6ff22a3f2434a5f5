"""The history without a browser: cards, the comparison of two, and what was imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fakes import row
from opening import drawn, texts
from streamlit.testing.v1 import AppTest

from app.jobs import JobManager
from app.views.two_curves import differences
from engine.documents import Document
from engine.questions import DialComparison, PhaseMap
from engine.spec import Experiment

Make = Callable[..., Experiment]

COMPOSED = {
    "name": "compose",
    "parts": [{"degrader": "pruning", "strength": 0.2}, {"degrader": "weight-noise"}],
}


def page() -> None:
    from app.views import history

    history.page()


def opened() -> AppTest:
    return drawn(AppTest.from_function(page, default_timeout=30).run())


def document(asked: Experiment, state: str = "unresolved", **fields: Any) -> Document:
    """Of a sweep that is finished."""
    rows = [{**row(0), "strength": strength, "state": state} for strength in asked.sweep_strengths]
    told = {"status": "done", "reference": {"margin": 0.05}, "progress": {"done": 3, "total": 3}, **fields}
    return Document.of(asked, told, rows)


def folded(at: AppTest, name: str) -> None:
    """Unfolds the figures of a record."""
    at.session_state[f"figures-{name}"] = True
    drawn(at.run())


def test_two_that_are_ticked_are_compared_above_the_cards(installed: JobManager, experiment: Make) -> None:
    for seed in (1, 2, 3):
        installed.history.keep(document(experiment(seed=seed)))
    at = opened()
    assert [box.disabled for box in at.checkbox] == [False] * 3
    drawn(at.checkbox[0].check().run())
    assert [toast.value for toast in at.toast] == ["Choose one more sweep to compare the two."]
    drawn(at.checkbox[1].check().run())
    assert [box.disabled for box in at.checkbox] == [False, False, True], "two at a time"
    assert "#### Two sweeps" in texts(at.markdown)
    (numbers,) = at.dataframe
    assert list(numbers.value["sweep"].unique()) == ["first", "second"]
    assert set(numbers.value["state"]) == {"unresolved"}
    assert set(numbers.value["loss delta (nats)"]) == {"+0.500 (+0.500 to +0.500)"}
    (settings,) = at.table
    assert list(settings.value.index) == ["seed"]
    drawn(at.button(key="close-comparison").click().run())
    assert not any(box.value for box in at.checkbox)


def test_settings_that_differ_are_told_in_words(experiment: Make) -> None:
    composed = experiment(degrader=COMPOSED)
    told = {name: (first, second) for name, first, second in differences(experiment(), composed)}
    assert told["degrader"] == ("weight-noise", "compose")
    assert told["degrader · part 1 · degrader"] == ("–", "pruning")
    assert told["degrader · part 1 · strength"] == ("–", "0.2")
    assert not any(mark in text for pair in told.values() for text in pair for mark in ("{", "[", "None"))


def test_an_imported_result_says_what_open_does_and_shows_its_own_figures(
    installed: JobManager, experiment: Make
) -> None:
    brought = document(experiment(), "entangled", device="a machine elsewhere")
    name = installed.history.bring(brought)
    at = opened()
    assert any("measures it here" in text for text in texts(at.caption))
    assert any("a machine elsewhere" in text for text in texts(at.caption))
    assert not at.dataframe
    folded(at, name)
    assert set(at.dataframe[0].value["state"]) == {"entangled"}

    installed.history.keep(document(experiment()))
    at = opened()
    assert any("shows what was measured here" in text for text in texts(at.caption))
    folded(at, name)
    found = at.dataframe[0].value
    assert {line["sweep"]: line["state"] for line in found.to_dict("records")} == {
        "imported": "entangled",
        "measured here": "unresolved",
    }
    assert "Their settings are the same, their numbers are not." in texts(at.caption)


def test_an_imported_comparison_is_shown_as_a_table(installed: JobManager, experiment: Make) -> None:
    asked = DialComparison.read({"experiment": experiment(), "count": 2})
    row = {"dial": "weight-noise", "state": "clean", "label": "noise 0.1", "loss_delta": 0.01, "degraded_loss": 2.5}
    bounds = {"loss_delta_low": -0.01, "loss_delta_high": 0.03, "retention": "much"}
    brought = Document.of(asked, {"status": "done", "curves": []}, [row | bounds])
    name = installed.history.bring(replace(brought, where="elsewhere"))
    at = opened()
    folded(at, name)
    assert at.dataframe[0].value.to_dict("records") == [
        {
            "dial": "weight-noise",
            "at": "noise 0.1",
            "state": "clean",
            "degraded loss": "2.500",
            "loss delta (nats)": "+0.010 (−0.010 to +0.030)",
            "effect retained": "unknown",
        }
    ]
    installed.history.keep(Document.of(asked, {"status": "done", "curves": []}, [row]))
    at = opened()
    folded(at, name)
    assert "What was measured here has other numbers." in texts(at.caption)


def test_the_card_of_a_map_counts_cells_as_its_page_does(installed: JobManager, experiment: Make) -> None:
    asked = PhaseMap.read({"experiment": experiment(degrader=COMPOSED), "part": 0, "strengths": [0.0, 0.2]})
    states = ("entangled", "clean", "unresolved")
    lines = [
        {"state": state, "strength": place / 10, "index": 3 * curve + place, "curve": curve, "place": place}
        for curve in range(2)
        for place, state in enumerate(states)
    ]
    curves = [{"name": name, "state": "done", "confirmed": name == "0", "tone": "clean"} for name in ("0", "0.2")]
    found = Document.of(asked, {"status": "done", "curves": curves}, lines)
    assert found.said[:2] == ("2 of 4 clean", "clean")
    assert found.said.headline == "Ablating heads 0.1, 0.3 (mean) is clean in 2 of 4 degraded cells."
    open_ones = [{**line, "state": "unresolved"} for line in lines]
    none = Document.of(asked, {"status": "done", "curves": curves}, open_ones)
    assert none.said.headline.endswith("is shown to be clean in none of 4 degraded cells."), "that is no proof"
    installed.history.keep(found)
    at = opened()
    assert any(":small[" in text and "2 of 4 clean" in text for text in texts(at.markdown))
