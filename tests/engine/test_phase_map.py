"""The phase map: each of its sweeps is the composition that it says, and all begin at one network."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from engine.cli import main
from engine.degraders.base import Degraded, Setting
from engine.degraders.pruning import Pruning
from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError
from engine.documents import Document, Form
from engine.history import History
from engine.lab import Lab
from engine.measure import measure
from engine.phase_map import Map, phase_map, sweeps_of
from engine.questions import PhaseMap
from engine.report import COLUMNS, HEALTH, OUTER, table
from engine.runners.work import work_of
from engine.spec import Experiment
from engine.store import Store
from engine.sweep import Sweep

Make = Callable[..., Experiment]

OUTER_STRENGTHS = (0.0, 0.2, 0.5)
INNER_STRENGTHS = (0.1, 0.3)


def composed(*parts: tuple[str, float | None]) -> dict[str, Any]:
    return {"name": "compose", "parts": [{"degrader": name, "strength": strength} for name, strength in parts]}


PRUNED_AND_NOISED = composed(("pruning", 0.3), ("weight-noise", None))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(Store(tmp_path / "store"), threads=1) as opened:
        yield opened


@pytest.fixture
def mapped(experiment: Make) -> Experiment:
    """Noise on pruned weights, three points a strength of pruning at most."""
    return experiment(degrader=PRUNED_AND_NOISED, strengths=list(INNER_STRENGTHS), draws=2)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Degraded]:
    """The networks that are measured, one by one."""
    networks: list[Degraded] = []
    original = Lab.measure

    def counted(self: Lab, network: Any, data: Any, degraded: Sequence[Degraded], conditions: Any) -> Any:
        networks.extend(degraded)
        return original(self, network, data, degraded, conditions)

    monkeypatch.setattr(Lab, "measure", counted)
    return networks


def test_every_row_is_the_sweep_of_its_composition(mapped: Experiment, lab: Lab, experiment: Make) -> None:
    frame = phase_map(mapped, lab, 0, [0.5, 0.2])
    assert tuple(frame.columns) == (*OUTER, *COLUMNS[1:])
    assert list(frame["outer_strength"]) == [0.2] * 3 + [0.5] * 3
    assert list(frame["inner_strength"]) == [0.0, *INNER_STRENGTHS] * 2
    for strength in (0.2, 0.5):
        parts = composed(("pruning", strength), ("weight-noise", None))
        analysis = Sweep(experiment(degrader=parts, strengths=list(INNER_STRENGTHS), draws=2), lab).run()
        row = frame.loc[frame["outer_strength"] == strength].reset_index(drop=True)
        pd.testing.assert_frame_equal(row.loc[:, COLUMNS[1:]], table(analysis).loc[:, COLUMNS[1:]])
        assert set(row["verdict"]) == {analysis.verdict.name}
        assert set(row["outer_label"]) == {f"{strength:g}"}
        assert list(row["inner_label"]) == ["undegraded", "0.1", "0.3"]


def test_losses_are_those_of_networks_made_by_hand(experiment: Make, lab: Lab) -> None:
    asked = experiment(degrader=composed(("pruning", 0.3), ("interpolation", None)), strengths=list(INNER_STRENGTHS))
    frame = phase_map(asked, lab, 0, OUTER_STRENGTHS).set_index(["outer_strength", "inner_strength"])
    network, data = lab.network(asked), lab.data(asked)
    initial = network.training.initial()
    for share in OUTER_STRENGTHS:
        for way in INNER_STRENGTHS:
            weights = {}
            for name, tensor in network.weights.items():
                flat = tensor.flatten().clone()
                if tensor.ndim > 1:
                    flat[torch.argsort(flat.abs(), stable=True)[: round(share * flat.numel())]] = 0
                weights[name] = (1 - way) * flat.view_as(tensor) + way * initial[name]
            plain, under = measure(network, data, Degraded(weights), [None, asked.intervention])
            row = frame.loc[(share, way)]
            assert row["degraded_loss"] == pytest.approx(plain.performance.mean(), abs=1e-5)
            assert row["loss_delta"] == pytest.approx((under.performance - plain.performance).mean(), abs=1e-5)


def test_at_outer_strength_0_the_row_is_the_inner_dial_alone(mapped: Experiment, lab: Lab, experiment: Make) -> None:
    alone = experiment(degrader="weight-noise", strengths=list(INNER_STRENGTHS), draws=2)
    asked = sweeps_of(mapped, 0, [0.0, 0.2])
    assert asked[0.0] == alone
    network = lab.network(mapped)
    whole = next(iter(Pruning().degrade(network, [Setting(0.0, 0)], 0)))
    assert whole is not None
    assert all(torch.equal(whole.weights[name], tensor) for name, tensor in network.weights.items())
    frame = phase_map(mapped, lab, 0, [0.0])
    pd.testing.assert_frame_equal(frame.loc[:, COLUMNS[1:]], table(Sweep(alone, lab).run()).loc[:, COLUMNS[1:]])
    assert list(frame["inner_label"]) == ["undegraded", "0.1", "0.3"], "as in every other row: one network"


def test_the_inner_axis_says_that_at_its_beginning_nothing_is_degraded(mapped: Experiment, lab: Lab) -> None:
    inner = Map(mapped, lab, 0, [0.0, 0.2]).axes()["inner"]
    assert inner["ticks"] == ["undegraded", "0.1", "0.3"]
    assert inner["title"] == WeightNoise().axis(mapped.card).title


def test_a_dial_without_chance_has_one_draw_where_the_random_one_is_left_out(experiment: Make) -> None:
    asked = experiment(degrader=composed(("weight-noise", 0.1), ("pruning", None)), strengths=[0.2], draws=4)
    assert [each.draws for each in sweeps_of(asked, 0, [0.0, 0.1]).values()] == [1, 4]


def test_of_three_parts_the_other_two_stay(experiment: Make) -> None:
    parts = composed(("checkpoint", 0.4875), ("pruning", 0.2), ("weight-noise", None))
    left_out, changed = sweeps_of(experiment(degrader=parts), 1, [0.0, 0.4]).values()
    names = ["checkpoint", "weight-noise"], ["checkpoint", "pruning", "weight-noise"]
    for each, expected in zip((left_out, changed), names, strict=True):
        assert [part["degrader"]["name"] for part in each.degrader.to_json()["parts"]] == expected
    assert changed.degrader.to_json()["parts"][1]["strength"] == 0.4


def test_all_rows_share_their_origin(mapped: Experiment, lab: Lab, measured: list[Degraded]) -> None:
    frame = phase_map(mapped, lab, 0, OUTER_STRENGTHS)
    assert len(measured) == 1 + len(OUTER_STRENGTHS) * len(INNER_STRENGTHS) * 2
    network = lab.network(mapped)
    whole = [all(torch.equal(each.weights[name], w) for name, w in network.weights.items()) for each in measured]
    assert whole == [True] + [False] * (len(measured) - 1)
    origins = frame.loc[frame["inner_strength"] == 0, ["degraded_loss", "loss_delta", "effect"]]
    assert len(origins) == len(OUTER_STRENGTHS)
    assert len(origins.drop_duplicates()) == 1


def test_a_map_goes_on_where_it_was_stopped(
    mapped: Experiment, lab: Lab, measured: list[Degraded], tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        assert total == len(OUTER_STRENGTHS) * (1 + len(INNER_STRENGTHS) * 2)
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        phase_map(mapped, lab, 0, OUTER_STRENGTHS, stop)
    before = len(measured)
    assert 0 < before < 13
    told: list[tuple[int, int]] = []
    frame = phase_map(mapped, lab, 0, OUTER_STRENGTHS, lambda *each: told.append(each))
    assert len(measured) == 13
    assert told == sorted(told)
    assert told[-1] == (15, 15)
    with Lab(Store(tmp_path / "another"), threads=1) as another:
        pd.testing.assert_frame_equal(frame, phase_map(mapped, another, 0, OUTER_STRENGTHS))


@pytest.mark.parametrize(
    ("changes", "part", "strengths", "told"),
    [
        ({"degrader": "weight-noise"}, 0, [0.1], "needs the degrader compose.*got weight-noise"),
        ({}, 1, [0.1], r"one whose strength is given, 0 \(pruning\), got 1"),
        ({}, 2, [0.1], "got 2"),
        ({}, -1, [0.1], "got -1"),
        ({}, 0, [], "got none"),
        ({}, 0, [0.1, 3.0], "strength of pruning must be"),
    ],
)
def test_what_is_no_map_is_refused(
    experiment: Make, changes: dict[str, Any], part: int, strengths: list[float], told: str
) -> None:
    asked = experiment(**({"degrader": PRUNED_AND_NOISED} | changes))
    with pytest.raises(InputError, match=told):
        sweeps_of(asked, part, strengths)


# ---- as a question ---------------------------------------------------------------------------------------------------


def test_one_map_has_one_key_however_its_strengths_are_written(mapped: Experiment) -> None:
    asked = PhaseMap(experiment=mapped, part=0, strengths=(0.0, 0.2, 0.5))
    other = PhaseMap.read({"experiment": mapped.model_dump(mode="json"), "part": 0, "strengths": [0.5, 0, 0.2, 0.5]})
    assert other == asked
    assert other.key == asked.key


def test_its_strengths_are_those_that_the_outer_dial_names(experiment: Make) -> None:
    asked = experiment(degrader=composed(("quantisation", 0.125), ("weight-noise", None)))
    assert PhaseMap(experiment=asked, part=0, strengths=(0.25001, 0.0)).strengths == (0.0, 0.25)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"part": 1}, r"one whose strength is given, 0 \(pruning\), got 1"),
        ({"strengths": [0.1, 3.0]}, "strength of pruning must be"),
        ({"strengths": []}, "must be 1 to 12 strengths of the outer dial, got 0"),
        ({"strengths": [0.01 * place for place in range(13)]}, "must be 1 to 12 strengths of the outer dial, got 13"),
        ({"experiment": {}}, "experiment needs the parameter 'model'"),
    ],
)
def test_a_question_that_is_no_map_is_refused(mapped: Experiment, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        PhaseMap.read({"experiment": mapped, "part": 0, "strengths": [0.1], **changes})


@pytest.mark.parametrize("inner", ["weight-noise", {"name": "sgld", "steps": 10, "batch": 2}], ids=["noise", "sgld"])
def test_an_exported_map_is_the_one_that_the_command_line_writes(experiment: Make, lab: Lab, inner: Any) -> None:
    parts = [{"degrader": "pruning", "strength": 0.2}, {"degrader": inner}]
    asked = experiment(degrader={"name": "compose", "parts": parts}, strengths=list(INNER_STRENGTHS), draws=2, shams=1)
    question = PhaseMap(experiment=asked, part=0, strengths=(0.0, 0.3))
    work = work_of(question, lab)
    fields: dict[str, Any] = work.opening()
    rows: dict[str, dict[str, Any]] = {}
    while not work.finished:
        news = work.step()
        rows |= news.pop("rows")
        fields |= news
    document = Document.of(question, fields, [rows[index] for index in sorted(rows, key=int)])
    frame = phase_map(asked, lab, 0, question.strengths)
    assert set(HEALTH).issubset(frame) == (inner != "weight-noise")
    for each in (document, Document.from_json(document.to_json())):
        pd.testing.assert_frame_equal(each.table(), frame)
        assert each.file(Form.csv).decode() == frame.to_csv(index=False)
        assert list(pd.read_parquet(io.BytesIO(each.file(Form.parquet)))) == list(frame)


# ---- on the command line ---------------------------------------------------------------------------------------------


def test_the_command_writes_parquet_or_csv(
    mapped: Experiment, lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.json").write_text(mapped.to_json())
    common = ["map", str(tmp_path / "spec.json"), "--part", "0", "--strengths", "0,0.5", "--cache", str(tmp_path / "c")]
    frame = phase_map(mapped, lab, 0, [0.0, 0.5])
    for name in ("map.parquet", "map.csv"):
        assert main([*common, "--out", str(tmp_path / name)]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        head, *rows, where = said.out.splitlines()
        assert head == "verdict of noise, by strength of part 0"
        verdicts = zip(frame["outer_label"], frame["verdict"], strict=True)
        assert rows == list(dict.fromkeys(f"  {label:<9} {verdict}" for label, verdict in verdicts))
        assert where.startswith("Measured on ")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "map.parquet"), frame)
    read = pd.read_csv(tmp_path / "map.csv")
    assert np.allclose(read["loss_delta"], frame["loss_delta"])
    metadata = pq.read_schema(tmp_path / "map.parquet").metadata
    assert Experiment.read(json.loads(metadata[b"experiment"])) == mapped
    assert metadata[b"part"] == b"0"
    assert main(["verdict", str(tmp_path / "map.parquet")]) == 2
    kept = History(tmp_path / "c").find(PhaseMap(experiment=mapped, part=0, strengths=(0.0, 0.5)))
    assert kept is not None
    assert list(kept.table()["state"]) == list(frame["state"])


def test_the_command_tells_of_strengths_that_are_given_twice(
    mapped: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.json").write_text(mapped.to_json())
    command = ["map", str(tmp_path / "spec.json"), "--part", "0", "--strengths", "0.5,0.50,0"]
    assert main([*command, "--cache", str(tmp_path / "c"), "--out", str(tmp_path / "map.csv")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Given more than once and measured once: pruning 0.5.\n")
    assert pd.read_csv(tmp_path / "map.csv")["outer_strength"].nunique() == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--part", "1", "--strengths", "0.1"], "the part must be one"),
        (["--part", "0", "--strengths", "0.1,much"], "--strengths must be numbers"),
        (["--part", "0", "--strengths", ""], "--strengths must be numbers"),
        (["--part", "0", "--strengths", "nan"], "strength of pruning must be"),
        (["--part", "0", "--strengths", "0.1", "--out", "."], "--out must be a file, got ., which is a folder"),
    ],
)
def test_the_command_refuses_in_one_sentence(
    mapped: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    (tmp_path / "spec.json").write_text(mapped.to_json())
    command = ["map", str(tmp_path / "spec.json"), "--out", str(tmp_path / "map.parquet"), *options]
    assert main(command) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("regimescope: ")
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "map.parquet").exists()
