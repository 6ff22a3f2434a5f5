"""Comparisons of dials and of interventions: each row is what a sweep of its own says, and the ranking is by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from engine import discovery
from engine.calibrate import on_losses
from engine.cli import main
from engine.compare_commands import _print
from engine.comparison import COLUMNS, MEASURED, framed, lines_of, ranked
from engine.dial_comparison import NAMES, compare_dials, on_every_dial
from engine.dials import InputError
from engine.history import History
from engine.intervention_comparison import Contender, compare_interventions, contenders
from engine.lab import Lab
from engine.loss_curve import TOLERANCE
from engine.models.planted import Planted
from engine.questions import DialComparison, InterventionComparison
from engine.redosing import TOLERANCE as DOSE_TOLERANCE
from engine.report import write_table
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

Make = Callable[..., Experiment]

DIALS = ("pruning", "quantisation", "weight-noise")
LOSSES = (0.3, 0.2)
OUT_OF_REACH = 50.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Most of what is measured here is measured once for all tests."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def lab(store: Path) -> Iterator[Lab]:
    with Lab(Store(store), threads=1) as opened:
        yield opened


@pytest.fixture
def planted() -> Make:
    """An experiment on the smallest network."""
    form: dict[str, Any] = {
        "model": "planted",
        "behaviour": "context-steering",
        "degrader": "weight-noise",
        "intervention": {"name": "steering", "vector": "competitor"},
        "draws": 4,
        "items": 32,
    }
    return lambda **changes: Experiment.read(form | changes)


@pytest.fixture
def few_dials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the quick dials only, one of them with steps and one of them with draws."""
    find = discovery.find

    def some(kind: Any) -> Any:
        found = find(kind)
        return {name: found[name] for name in DIALS} if kind == "degraders" else found

    monkeypatch.setattr(discovery, "find", some)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many networks are measured at a time, call by call."""
    counts: list[int] = []
    original = Lab.measure

    def counted(self: Lab, network: Any, data: Any, degraded: Any, conditions: Any) -> Any:
        counts.append(len(degraded))
        return original(self, network, data, degraded, conditions)

    monkeypatch.setattr(Lab, "measure", counted)
    return counts


def same(row: Mapping[Hashable, Any], line: Mapping[str, Any]) -> bool:
    """Whether a row of a table carries a line: the numbers, and a missing value where there is nothing."""
    return all(
        row[name] == value or ((value is None or value != value) and pd.isna(row[name]))
        for name, value in line.items()
        if name != "note"
    )


# ---- dials -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("few_dials")
def test_each_dial_is_swept_at_the_strengths_that_give_the_losses(planted: Make, lab: Lab) -> None:
    frame = compare_dials(planted(), lab, LOSSES)
    assert tuple(frame.columns) == (*NAMES, *COLUMNS)
    assert list(frame["dial"]) == [name for name in DIALS for _ in LOSSES]
    assert list(frame["wanted_loss"]) == sorted(LOSSES) * len(DIALS)
    for name in DIALS:
        asked = planted(degrader=name)
        analysis = Sweep(on_losses(asked, lab, LOSSES, asked.draws).experiment, lab).run()
        rows = frame.loc[frame["dial"] == name]
        measured = rows.loc[rows["strength"].notna()].sort_values("strength")
        for found, row in zip(measured.to_dict("records"), analysis.rows[1:], strict=True):
            assert same(found, {name: getattr(row, name) for name in MEASURED})
        assert set(rows["verdict"]) == {analysis.verdict.name}


@pytest.mark.usefixtures("few_dials")
def test_losses_are_matched_or_the_note_says_that_they_are_not(planted: Make, lab: Lab) -> None:
    frame = compare_dials(planted(), lab, LOSSES)
    assert len(frame["strength"].dropna()) > 0
    noted = frame.loc[frame["note"] != ""]
    assert set(noted["dial"]) == {"quantisation"}, "the others can be turned as finely as one likes"
    assert noted["note"].str.contains("are reached only approximately|are nearest at bits").all()
    matched = frame.loc[frame["note"] == ""]
    assert np.allclose(matched["degraded_loss"], matched["wanted_loss"], rtol=0, atol=TOLERANCE)
    assert set(matched.loc[matched["dial"] == "weight-noise", "draws"]) == {4}
    assert set(matched.loc[matched["dial"] == "pruning", "draws"]) == {1}


@pytest.mark.usefixtures("few_dials")
def test_a_loss_that_is_never_reached_keeps_its_row_and_says_why(planted: Make, lab: Lab) -> None:
    frame = compare_dials(planted(), lab, [0.2, OUT_OF_REACH])
    for name in DIALS:
        reached, missed = frame.loc[frame["dial"] == name].to_dict("records")
        assert missed["note"].startswith(f"{OUT_OF_REACH:g} nats are never reached: from ")
        assert all(pd.isna(missed[name]) for name in MEASURED)
        assert missed["verdict"] == reached["verdict"]
    nowhere = compare_dials(planted(), lab, [OUT_OF_REACH])
    assert list(nowhere["dial"]) == list(DIALS)
    assert nowhere["verdict"].isna().all()
    assert nowhere["note"].str.contains("never reached").all()
    ranking = ranked(nowhere)
    assert list(ranking["dial"]) == list(DIALS)
    assert ranking["frontier"].isna().all()


def test_every_dial_has_draws_if_it_has_chance(experiment: Make) -> None:
    own = experiment(degrader="checkpoint", strengths=[0.7])
    every = {asked.degrader.name: asked for asked in on_every_dial(own)}
    assert every["checkpoint"] == own
    assert own.draws == every["pruning"].draws == 1
    assert every["weight-noise"].draws == Experiment.model_fields["draws"].default
    noise = experiment(draws=2)
    assert {asked.draws for asked in on_every_dial(noise) if asked.degrader.random} == {2}
    compatible = (name for name, dial in discovery.find("degraders").items() if dial.is_compatible(own.card))
    assert list(every) == list(compatible)


@pytest.mark.usefixtures("few_dials")
def test_a_comparison_goes_on_where_it_was_stopped(planted: Make, lab: Lab, measured: list[int]) -> None:
    asked = planted(draws=2, seed=1)  # of which nothing is known yet
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        if len(measured) >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_dials(asked, lab, LOSSES, stop)
    frame = compare_dials(asked, lab, LOSSES, lambda *each: told.append(each))
    done = [points for points, _ in told]
    assert done == sorted(done)
    assert all(points <= total for points, total in told)
    assert told[-1][0] == told[-1][1]
    measured.clear()
    pd.testing.assert_frame_equal(compare_dials(asked, lab, LOSSES), frame)
    assert measured == []


def test_dials_are_not_compared_at_nothing(planted: Make, lab: Lab) -> None:
    with pytest.raises(InputError, match="got none; give one"):
        compare_dials(planted(), lab, [])
    with pytest.raises(InputError, match="a number of nats, got nan"):
        compare_dials(planted(), lab, [math.nan])


# ---- the ranking -----------------------------------------------------------------------------------------------------


def line(dial: str, strength: float, frontier: float, gain: float, **rest: Any) -> dict[str, Any]:
    return {"dial": dial, "strength": strength, "frontier": frontier, "selectivity_gain": gain, **rest}


def test_dials_are_ranked_by_the_smallest_frontier_then_by_gain() -> None:
    frame = framed(
        [
            line("never measured", math.nan, math.nan, math.nan, note="why"),
            line("loses its effect", 0.1, math.inf, 9.0, verdict="potency lost", label="a"),
            # undegraded it would be first; where the effect is lost the gain does not count
            line("wide", 0.0, 0.01, 1.0, verdict="unmasked", label="b"),
            line("wide", 0.1, 0.3, 2.0, verdict="unmasked", label="c"),
            line("wide", 0.2, 0.2, 1.5, verdict="unmasked", label="d"),
            line("wide", 0.3, math.inf, 7.0, verdict="unmasked", label="e"),
            line("narrow", 0.1, 0.05, 3.0, verdict="becomes clean", confirmed=True, label="f", regime="f"),
            line("as wide, more gain", 0.1, 0.2, 2.5, verdict="unmasked", label="g"),
            line("as narrow, less gain", 0.1, 0.05, 1.0, verdict="becomes clean", label="h"),
        ],
        ["dial"],
    )
    table = ranked(frame)
    names = ["narrow", "as narrow, less gain", "as wide, more gain", "wide", "loses its effect", "never measured"]
    assert list(table["dial"]) == names
    assert list(table["frontier"][:5]) == [0.05, 0.05, 0.2, 0.2, math.inf]
    assert list(table["selectivity_gain"][:4]) == [3.0, 1.0, 2.5, 2.0]
    assert list(table["label"][:4]) == ["f", "h", "g", "d"]
    assert table["confirmed"][0]
    assert pd.isna(table["verdict"][5])


def test_a_verdict_that_is_not_confirmed_is_printed_so(capsys: pytest.CaptureFixture[str]) -> None:
    regime = {"label": "noise 0.1", "regime": "noise 0.1", "regime_loss_low": 0.2, "regime_loss_high": 0.25}
    rest = {"verdict": "becomes clean", **regime}
    rows = [line(str(said), 0.1, 0.05, 2.0, confirmed=said, **rest) for said in (False, True, None)]
    _print(ranked(framed(rows, ["dial"])))
    told = " 0.050 at noise 0.1  2.00  noise 0.1 (degraded loss 0.200 to 0.250)"
    printed = [" ".join(row.split()) for row in capsys.readouterr().out.splitlines()[1:]]
    verdicts = ["False becomes clean, not confirmed", "True becomes clean", "None becomes clean"]
    assert printed == [" ".join(f"{verdict}{told}".split()) for verdict in verdicts]


@pytest.mark.usefixtures("few_dials")
@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_a_table_that_was_written_is_ranked_alike(planted: Make, lab: Lab, tmp_path: Path, name: str) -> None:
    frame = compare_dials(planted(intervention={"name": "steering", "vector": "planted"}), lab, [0.2, OUT_OF_REACH])
    write_table(tmp_path / name, frame, {"about": "it"})
    if name.endswith("csv"):
        read = pd.read_csv(tmp_path / name)
    else:
        read = pd.read_parquet(tmp_path / name)
        pd.testing.assert_frame_equal(read, frame)
    pd.testing.assert_frame_equal(ranked(read), ranked(frame), check_dtype=False)
    row = ranked(frame).to_dict("records")[0]
    assert row["regime_loss_low"] <= row["regime_loss_high"]
    assert row["regime"].startswith(("noise 0 to noise ", "pruned 0 to pruned ", "bits"))


# ---- interventions ---------------------------------------------------------------------------------------------------


def test_each_intervention_is_swept_as_alone(planted: Make, lab: Lab) -> None:
    own = planted(strengths=[0.1, 0.3])
    frame = compare_interventions(contenders(own), lab)
    handles = {handle.title: handle for handle in Planted().handles(own.card)}
    assert set(frame["intervention"]) == set(handles)
    assert frame["intervention"][0] == "competitor in the other units"
    for title, handle in handles.items():
        rows = frame.loc[frame["intervention"] == title]
        sweep = Sweep(planted(strengths=[0.1, 0.3], intervention=handle.intervention), lab)
        sweep.run()
        assert list(rows["strength"]) == [0.0, 0.1, 0.3]
        assert all(
            same(row, told)
            for row, told in zip(
                rows.to_dict("records"), lines_of(sweep.experiment, sweep.analysis()).values(), strict=True
            )
        )
        assert set(rows["standing"]) == {handle.standing}
        assert set(rows["coefficient"]) == {1.0}
    assert (frame["note"] == "").all()


def test_an_intervention_that_is_no_handle_is_open_and_comes_first(experiment: Make) -> None:
    own = experiment(intervention={"name": "identity"})
    first, *rest = contenders(own)
    assert first == Contender(own.intervention.describe(), "open", own)
    assert [each.title for each in rest] == [handle.title for handle in own.model.handles(own.card)]
    assert all(each.experiment.sweep_strengths == own.sweep_strengths for each in rest)
    assert contenders(rest[1].experiment)[0] == rest[1]
    assert len(contenders(rest[1].experiment)) == len(rest)


def test_re_dosed_all_that_have_a_dose_begin_at_one_effect(experiment: Make, lab: Lab) -> None:
    """The first is an ablation, which has none: the others are brought to its effect."""
    own = experiment(strengths=[0.1], items=16)
    frame = compare_interventions(contenders(own), lab, redosed=True).loc[lambda rows: rows["strength"] == 0]
    target = frame["effect"].iloc[0]
    rows = {row["intervention"]: row for row in frame.to_dict("records")}
    fitted, ablated = rows["optimised-after-layer-0"], rows["two strongest induction heads, mean"]
    assert fitted["effect"] == pytest.approx(target, rel=DOSE_TOLERANCE)
    assert fitted["coefficient"] != 1
    assert fitted["note"] == ""
    assert math.isnan(ablated["coefficient"])
    assert "no coefficient" in ablated["note"]
    assert frame["note"].iloc[0] == ""
    form = own.model_dump(mode="json") | {
        "intervention": {
            "name": "steering",
            "vector": "optimised-after-layer-0",
            "coefficient": float(fitted["coefficient"]),
        }
    }
    alone = Sweep(Experiment.read(form), lab).run().rows[0]
    assert alone.effect == fitted["effect"]


def test_what_reaches_the_effect_with_no_dose_is_compared_as_it_is(planted: Make, lab: Lab) -> None:
    own = planted(strengths=[0.2])
    plain = compare_interventions(contenders(own), lab)
    frame = compare_interventions(contenders(own), lab, redosed=True)
    sham = frame["intervention"] == "random direction"
    assert frame.loc[sham, "note"].str.contains("No coefficient has an effect of").all()
    pd.testing.assert_frame_equal(frame.loc[sham].drop(columns="note"), plain.loc[sham].drop(columns="note"))
    pd.testing.assert_frame_equal(frame.iloc[:2], plain.iloc[:2])  # the first is what it is compared with


def test_what_cannot_be_compared_is_refused(planted: Make, experiment: Make, lab: Lab) -> None:
    own = planted(strengths=[0.2])
    first, second, *_ = contenders(own)
    with pytest.raises(InputError, match="got none; give some"):
        compare_interventions([], lab)
    with pytest.raises(InputError, match=f"differ in their titles, got '{first.title}' twice"):
        compare_interventions([first, first], lab)
    other = second._replace(experiment=second.experiment.model_copy(update={"items": 16}))
    with pytest.raises(InputError, match=f"alike in all else, got another experiment for '{second.title}'"):
        compare_interventions([first, other], lab)
    nothing = experiment(intervention={"name": "identity"}, strengths=[0.1])
    with pytest.raises(InputError, match="identity must have an effect"):
        compare_interventions(contenders(nothing), lab, redosed=True)


# ---- on the command line ---------------------------------------------------------------------------------------------

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(planted: Make, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Compares in this process: exit code, what was printed, and errors."""

    def run_here(*options: object) -> tuple[int, str, str]:
        (tmp_path / "spec.json").write_text(planted(strengths=[0.1, 0.3]).to_json())
        common = ["compare", str(tmp_path / "spec.json"), "--cache", str(store)]
        code, said = main([*common, *map(str, options)]), capsys.readouterr()
        return code, said.out, said.err

    return run_here


@pytest.mark.usefixtures("few_dials")
@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_the_command_writes_the_table_and_prints_the_ranking(
    run: Run, planted: Make, lab: Lab, tmp_path: Path, name: str
) -> None:
    code, out, err = run("--dials", "--loss", 0.2, "--loss", OUT_OF_REACH, "--out", tmp_path / name)
    assert (code, err) == (0, "")
    head, *rows, where = out.splitlines()
    assert head.split() == ["dial", "verdict", "smallest", "ε,", "nats", "gain", "clean"]
    assert where.startswith("Measured on ")
    asked = planted(strengths=[0.1, 0.3])
    frame = compare_dials(asked, lab, [0.2, OUT_OF_REACH])
    table = ranked(frame)
    for row, expected in zip(rows[: len(DIALS)], table.to_dict("records"), strict=True):
        assert row.startswith(f"{expected['dial']} ")
        assert expected["verdict"] in row
    assert rows[len(DIALS) :] == [f"{row['dial']}: {row['note']}" for row in frame.to_dict("records") if row["note"]]
    if name.endswith("csv"):
        read = pd.read_csv(tmp_path / name)
        assert np.allclose(read["loss_delta"], frame["loss_delta"], equal_nan=True)
    else:
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), frame)
        assert Experiment.from_json(pq.read_schema(tmp_path / name).metadata[b"experiment"]) == asked


@pytest.mark.usefixtures("few_dials")
def test_the_command_spaces_losses_by_itself(run: Run, tmp_path: Path) -> None:
    for options, count in (((), 6), (("--count", 2), 2)):
        code, _, _ = run("--dials", "--out", tmp_path / "table.parquet", *options)
        assert code == 0
        assert pd.read_parquet(tmp_path / "table.parquet")["wanted_loss"].nunique() == count


@pytest.mark.usefixtures("few_dials")
def test_the_command_puts_what_the_dashboard_can_ask_into_the_history(
    run: Run, planted: Make, store: Path, tmp_path: Path
) -> None:
    asked, history, out = planted(strengths=[0.1, 0.3]), History(store), ("--out", tmp_path / "table.csv")
    for options, question in (
        (("--dials", "--count", 2), DialComparison(experiment=asked, count=2)),
        (("--interventions", "--redosed"), InterventionComparison(experiment=asked, redosed=True)),
    ):
        assert run(*options, *out)[0] == 0
        kept = history.find(question)
        assert kept is not None
        assert kept.status == "done"
        assert 0 < kept.done <= kept.total
        assert len(kept.table()) == len(pd.read_csv(tmp_path / "table.csv"))
    before = history.state
    assert run("--dials", "--loss", 0.2, *out)[0] == 0
    assert run("--dials", "--count", 13, *out)[0] == 0
    assert history.state == before


def test_the_command_compares_interventions_at_the_strengths_given_or_at_losses(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    code, out, err = run("--interventions", "--redosed", "--out", path)
    assert (code, err) == (0, "")
    head, *rows, note, _ = out.splitlines()
    assert head.split()[:2] == ["intervention", "standing"]
    assert rows[0].startswith("planted units  "), "the genuine handle is the cleanest"
    assert note.startswith("random direction: No coefficient")
    assert set(pd.read_parquet(path)["strength"]) == {0.0, 0.1, 0.3}
    code, out, _ = run("--interventions", "--loss", 0.2, "--loss", OUT_OF_REACH, "--out", path)
    assert code == 0
    assert out.startswith(f"left out: {OUT_OF_REACH:g} nats are never reached")
    degraded = pd.read_parquet(path).loc[lambda rows: rows["strength"] > 0, "degraded_loss"]
    assert np.allclose(degraded, 0.2, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--dials", "--out", "."], "--out must be a file, got ., which is a folder"),
        (["--dials", "--redosed"], "--redosed must go with --interventions, got --dials"),
        (["--dials", "--count", "0"], "the count of losses must be at least 1, got 0"),
        (["--dials", "--loss", "nan"], "must be a number of nats, got nan"),
        (["--interventions", "--count", "0"], "the count of losses must be at least 1, got 0"),
        (["--interventions", "--loss", "50"], "within reach of weight-noise: 50 nats are never reached"),
    ],
)
def test_the_command_refuses_in_one_sentence(run: Run, tmp_path: Path, options: list[str], told: str) -> None:
    code, out, err = run("--out", tmp_path / "table.parquet", *options)
    assert (code, out) == (2, "")
    assert err.startswith("regimescope: ")
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "table.parquet").exists()
