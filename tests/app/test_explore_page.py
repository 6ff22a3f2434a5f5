from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from fakes import Workers, is_one_sentence, row
from opening import controls, drawn, opened, page, shown, texts
from streamlit.testing.v1 import AppTest

from app import jobs, serve
from app.jobs import JobManager
from app.views import following
from engine import discovery
from engine.dials import Dial, Variant, dial_of, dials_of
from engine.models.base import Card
from engine.models.induction import Induction
from engine.spec import Experiment, presets

CARD = Induction().card()
DEFAULT = presets()["becomes-clean"]["experiment"]

degraders = {name: kind for name, kind in discovery.find("degraders").items() if kind.is_compatible(CARD)}
interventions = {name: kind for name, kind in discovery.find("interventions").items() if kind.is_compatible(CARD)}


class Visit(Protocol):
    def __call__(self, **query: str | list[str]) -> AppTest: ...


@pytest.fixture
def visit(installed: JobManager) -> Visit:
    """Opens the page with what stands in the URL."""
    return opened


def with_default(**changes: Any) -> Experiment:
    return Experiment.read(DEFAULT | changes)


def default_of(variant: type[Variant], card: Card) -> dict[str, Any]:
    """A variant's JSON form as the page begins with it."""
    form: dict[str, Any] = {"name": variant.name}
    for each in dials_of(variant):
        if each.kind == "options":
            suggested = card.suggested(each.of)
            form[each.name] = list(suggested) if each.several else suggested[0]
        else:
            form[each.name] = each.default
    return form | (DEFAULT["intervention"] if variant.name == DEFAULT["intervention"]["name"] else {})


def another(declared: Dial) -> Any:
    """A value of a parameter that is not its default."""
    if declared.kind == "options":
        last = CARD.options(declared.of)[-1]
        return [last] if declared.several else last
    if declared.kind == "choice":
        return next(value for value in declared.choices if value != declared.default)
    return int(declared.high or 0) if declared.kind == "integer" else declared.high


# ---- the default -----------------------------------------------------------------------------------------------------


def test_the_page_opens_with_the_default_experiment_under_way(visit: Visit, workers: Workers) -> None:
    asked = Experiment.preset("becomes-clean")
    data = shown(visit())
    assert data["key"] == data["snapshot"]["key"] == asked.key
    assert data["socket"] == f"/api/jobs/{asked.key}"
    assert data["files"]["CSV"] == f"/api/jobs/{asked.key}/result.csv"
    assert data["snapshot"]["status"] == "queued"
    assert len(data["snapshot"]["rows"]) == len(asked.sweep_strengths)
    assert workers.latest.did("start") == [asked.key]


@pytest.mark.usefixtures("installed")
def test_the_program_opens_with_this_page() -> None:
    at = drawn(AppTest.from_file(str(serve.HERE / "main.py"), default_timeout=30).run())
    assert shown(at)["key"] == with_default().key


def test_nothing_is_wrong_with_the_default(visit: Visit) -> None:
    at = visit()
    assert texts(at.warning) == texts(at.error) == []


def test_drawing_the_page_again_goes_on_with_the_same_job(visit: Visit, workers: Workers) -> None:
    at = visit()
    key = shown(at)["key"]
    workers.latest.update(key, status="running", rows={"0": row(0)})
    at = drawn(at.run())
    assert shown(at)["snapshot"]["status"] == "running"
    assert shown(at)["snapshot"]["rows"][0] == row(0)
    assert workers.latest.did("start") == [key]


def test_a_cancelled_job_stays_cancelled_when_the_page_is_drawn_again(visit: Visit, workers: Workers) -> None:
    at = visit()
    jobs.manager().cancel(shown(at)["key"], None)
    assert shown(drawn(at.run()))["snapshot"]["status"] == "cancelled"
    assert len(workers.latest.did("start")) == 1


def test_two_visitors_share_a_job(visit: Visit, workers: Workers) -> None:
    assert shown(visit())["key"] == shown(visit())["key"]
    assert len(workers.latest.did("start")) == 1


# ---- controls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", degraders)
def test_choosing_a_degrader_shows_its_controls(visit: Visit, name: str) -> None:
    at = visit()
    at = drawn(at.selectbox(key="degrader").set_value(name).run())
    expected = {f"{name}.{each.name}" for each in dials_of(degraders[name])}
    others = {f"{other}.{each.name}" for other in degraders if other != name for each in dials_of(degraders[other])}
    assert expected <= controls(at).keys()
    assert not others & controls(at).keys()
    assert ("draws" in controls(at)) is CARD.usual(degraders[name]).random
    assert shown(at)["key"] == with_default(degrader=default_of(degraders[name], CARD)).key


@pytest.mark.parametrize("name", interventions)
def test_choosing_an_intervention_shows_its_controls(visit: Visit, name: str) -> None:
    at = visit()
    at = drawn(at.selectbox(key="intervention").set_value(name).run())
    expected = {f"{name}.{each.name}" for each in dials_of(interventions[name])}
    others = {
        f"{other}.{each.name}" for other in interventions if other != name for each in dials_of(interventions[other])
    }
    assert expected <= controls(at).keys()
    assert not others & controls(at).keys()
    assert shown(at)["key"] == with_default(intervention=default_of(interventions[name], CARD)).key
    assert texts(at.warning) == texts(at.error) == []


def test_everything_that_fits_the_model_can_be_chosen_and_nothing_else(visit: Visit) -> None:
    at = visit()
    assert at.selectbox(key="model").options == list(discovery.find("models"))
    assert at.selectbox(key="degrader").options == list(degraders)
    assert at.selectbox(key="intervention").options == list(interventions)


COMMON = ("model", "behaviour", "degrader", "intervention", "items", "seed", "margin", "retention_min", "alpha")


def places(block: Any, path: tuple[int, ...] = ()) -> dict[str, tuple[int, ...]]:
    """Where each control stands: the numbers of its block within the block around it, and so on."""
    found: dict[str, tuple[int, ...]] = {}
    for number, child in block.children.items():
        here = (*path, number)
        found |= places(child, here) if hasattr(child, "children") else {getattr(child, "key", None) or "": here}
    return found


def test_controls_that_every_experiment_has_never_move(visit: Visit) -> None:
    """Streamlit loses a control's tie to the URL if it is drawn in a second place before it is gone from the first."""
    at = visit()
    first = {key: places(at.sidebar)[key] for key in COMMON}
    for kind, known in (("degrader", degraders), ("intervention", interventions)):
        for name in known:
            at = drawn(at.selectbox(key=kind).set_value(name).run())
            assert {key: places(at.sidebar)[key] for key in COMMON} == first, f"with {name}"


def test_a_setting_comes_back_with_its_variant(visit: Visit) -> None:
    """What was set for one intervention is neither taken over by another nor mixed up with it."""
    at = visit()
    before = shown(at)["key"]
    at = drawn(at.selectbox(key="intervention").set_value("identity").run())
    assert shown(at)["key"] == with_default(intervention="identity").key
    assert shown(drawn(at.selectbox(key="intervention").set_value("head-ablation").run()))["key"] == before


def test_without_heads_an_error_says_so_and_the_controls_stay(visit: Visit) -> None:
    at = visit(**{"head-ablation.heads": ""})
    (error,) = texts(at.error)
    assert is_one_sentence(error)
    assert "head" in error
    assert not at.get("bidi_component")
    at = drawn(at.multiselect(key="head-ablation.heads").set_value(["0.1", "0.3"]).run())
    assert texts(at.error) == []
    assert shown(at)["key"] == with_default().key


def test_where_a_setting_cannot_be_used_what_was_shown_stays(visit: Visit, workers: Workers) -> None:
    at = visit()
    before = shown(at)["key"]
    at = drawn(at.multiselect(key="head-ablation.heads").set_value([]).run())
    (error,) = texts(at.error)
    assert is_one_sentence(error)
    assert shown(at)["key"] == before
    assert len(texts(at.warning)) == 1, "says that what is shown is not what is set"
    assert workers.latest.did("start") == [before]


# ---- the URL ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ({"degrader": "weight-noise", "draws": "3"}, {"degrader": "weight-noise", "draws": 3}),
        ({"items": "33", "seed": "7"}, {"items": 33, "seed": 7}),
        ({"margin": "0.123456"}, {"margin": 0.123456}),
        ({"retention_min": "0.613", "alpha": "0.013"}, {"retention_min": 0.613, "alpha": 0.013}),
        (
            {"head-ablation.heads": ["1.2", "0.1"], "head-ablation.value": "zero"},
            {"intervention": {"name": "head-ablation", "heads": ["0.1", "1.2"], "value": "zero"}},
        ),
    ],
)
def test_the_url_is_the_experiment(
    visit: Visit, workers: Workers, query: dict[str, str | list[str]], changes: dict[str, Any]
) -> None:
    at = visit(**query)
    asked = with_default(**changes)
    assert texts(at.warning) == texts(at.error) == []
    assert shown(at)["key"] == asked.key
    assert Experiment.read(workers.latest.sent[0]["question"]) == asked


@pytest.mark.parametrize(
    ("kind", "variant"),
    [
        pytest.param(kind, variant, id=variant.name)
        for kind, known in (("degrader", degraders), ("intervention", interventions))
        for variant in known.values()
        if variant.name != "compose"  # see test_parts.py
    ],
)
def test_every_parameter_of_every_variant_can_be_set_by_the_url(
    visit: Visit, kind: str, variant: type[Variant]
) -> None:
    values = {each.name: another(each) for each in dials_of(variant)}
    asked = {
        f"{variant.name}.{name}": [str(each) for each in value] if isinstance(value, list) else str(value)
        for name, value in values.items()
    }
    at = visit(**{kind: variant.name, **asked})
    assert texts(at.warning) == texts(at.error) == []
    assert shown(at)["key"] == with_default(**{kind: {"name": variant.name, **values}}).key


@pytest.mark.parametrize("name", ["draws", "items", "seed", "retention_min", "alpha"])
@pytest.mark.parametrize("end", ["low", "high"])
def test_the_ends_of_every_range_can_be_asked_for(visit: Visit, name: str, end: str) -> None:
    declared = dial_of(Experiment, name)
    value = getattr(declared, end)
    value = int(value) if declared.kind == "integer" else value
    at = visit(degrader="weight-noise", **{name: str(value)})
    assert texts(at.warning) == texts(at.error) == []
    assert shown(at)["key"] == with_default(degrader="weight-noise", **{name: value}).key


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", "nowhere"),
        ("behaviour", "nothing"),
        ("degrader", "hammer"),
        ("intervention", "prayer"),
        ("no-such-setting", "1"),
        ("draws", "3"),  # the default dial is not random
        ("weight-noise.something", "1"),
        ("steering.coefficient", "2"),  # another intervention than the default
        ("head-ablation.heads", ["7.7", "nan"]),
        ("head-ablation.value", "median"),
        ("items", "0"),
        ("items", "1025"),
        ("items", "many"),
        ("seed", "-1"),
        ("seed", "2147483648"),
        ("margin", "nan"),
        ("margin", "0"),
        ("margin", "-0.1"),
        ("margin", "1e9"),
        ("retention_min", "nan"),
        ("retention_min", "1.1"),
        ("alpha", "inf"),
        ("alpha", "0"),
        ("alpha", "'; DROP TABLE"),
    ],
)
def test_what_the_url_asks_in_vain_is_told_and_the_default_is_used(
    visit: Visit, name: str, value: str | list[str]
) -> None:
    at = visit(**{name: value})
    (warning,) = texts(at.warning)
    assert is_one_sentence(warning)
    assert name in warning
    assert texts(at.error) == []
    assert shown(at)["key"] == with_default().key


def test_a_warning_stays_until_a_setting_is_changed(visit: Visit) -> None:
    at = drawn(visit(alpha="nan").run())
    assert len(texts(at.warning)) == 1
    at = drawn(at.selectbox(key="degrader").set_value("weight-noise").run())
    assert texts(at.warning) == []
    assert texts(drawn(at.selectbox(key="degrader").set_value("checkpoint").run()).warning) == []


def test_settings_that_the_page_itself_puts_away_are_not_complained_of(visit: Visit) -> None:
    at = visit(degrader="weight-noise", draws="3")
    at = drawn(at.selectbox(key="degrader").set_value("checkpoint").run())
    assert texts(at.warning) == []


# ---- without a server ------------------------------------------------------------------------------------------------


def test_without_the_server_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_installed", [])
    at = opened()
    (error,) = texts(at.error)
    assert is_one_sentence(error)
    assert "regimescope app" in error
    assert not at.get("bidi_component")


# ---- the component ---------------------------------------------------------------------------------------------------


def test_a_browser_without_websockets_is_obeyed_through_streamlit(
    visit: Visit, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the browser polls, what it asks for arrives as the component's `command`."""
    result = SimpleNamespace(transport="poll", command=None)
    monkeypatch.setattr(following.live, "show", lambda view, data, key: result)
    at = AppTest.from_function(page, default_timeout=30)
    at.session_state["explore"] = {"transport": "poll"}
    drawn(at.run())
    result.command = {"type": "cancel"}
    drawn(at.run())
    assert workers.latest.did("cancel") == [with_default().key]
