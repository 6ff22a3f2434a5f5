"""The command line: what each command prints, and that every bad input ends in one sentence and exit code 2."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from engine import discovery
from engine.cli import main
from engine.dials import Dial, dials_of
from engine.documents import Document
from engine.models.architectures import Transformer
from engine.models.base import Card
from engine.models.induction import Induction
from engine.networks import induction_training, planted_training
from engine.report import COLUMNS, read
from engine.spec import Experiment, presets
from engine.sweep import Sweep
from engine.words import answer

Make = Callable[..., Experiment]


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run_here(*arguments: object) -> Done:
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run_here


@pytest.fixture
def spec(tmp_path: Path, experiment: Make) -> Path:
    """A file with a small experiment."""
    path = tmp_path / "spec.json"
    path.write_text(experiment().to_json())
    return path


@pytest.fixture
def result(tmp_path: Path, run: Run, spec: Path) -> Path:
    """The result of the small experiment."""
    out = tmp_path / "result.parquet"
    assert run("sweep", spec, "--out", out, "--cache", tmp_path / "cache").code == 0
    return out


# ---- sweep and verdict -----------------------------------------------------------------------------------------------


def test_sweep_writes_what_it_says(run: Run, spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.parquet"
    done = run("sweep", spec, "--out", out, "--cache", tmp_path / "cache")
    analysis, form = read(out)
    assert done.code == 0
    verdict, device = done.out.splitlines()
    said = answer(Experiment.read(form), analysis, finished=True)
    assert verdict == f"{analysis.verdict.name}: {said.headline} {said.detail}".strip()
    assert device.startswith("Measured on CPU · ")
    assert done.err == ""
    assert list(pd.read_parquet(out).columns) == list(COLUMNS)
    assert Experiment.read(form) == Experiment.from_json(spec.read_bytes())
    assert not list(tmp_path.glob("*.items.parquet"))
    assert (tmp_path / "cache" / "cache.db").is_file()


def test_sweep_of_a_preset_is_that_experiment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {name: preset | {"experiment": preset["experiment"] | {"items": 4}} for name, preset in presets().items()}
    monkeypatch.setattr("engine.spec.presets", lambda: small)
    for name in small:
        assert run("sweep", "--preset", name, "--out", tmp_path / "result.parquet").code == 0
        _, form = read(tmp_path / "result.parquet")
        assert Experiment.read(form) == Experiment.preset(name)


def test_single_items_are_written_beside_the_result_or_where_they_are_wanted(
    run: Run, spec: Path, tmp_path: Path
) -> None:
    common = ["sweep", spec, "--out", tmp_path / "result.parquet", "--cache", tmp_path / "cache", "--items"]
    assert run(*common).code == 0
    assert run(*common, tmp_path / "mine.parquet").code == 0
    beside, chosen = (pd.read_parquet(tmp_path / name) for name in ("result.items.parquet", "mine.parquet"))
    pd.testing.assert_frame_equal(beside, chosen)
    assert len(beside) == (1 + 2 + 2) * 2 * 8


def test_the_ending_of_its_name_says_what_is_written(run: Run, spec: Path, tmp_path: Path) -> None:
    def swept(name: str, *options: object) -> Path:
        assert run("sweep", spec, "--out", tmp_path / name, "--cache", tmp_path / "cache", *options).code == 0
        return tmp_path / name

    analysis, _ = read(swept("result.PARQUET"))
    table = pd.read_csv(swept("result.csv", "--items", tmp_path / "items.csv"))
    assert list(table["state"]) == [row.state for row in analysis.rows]
    assert set(pd.read_csv(tmp_path / "items.csv")["set"]) == {"performance", "behaviour"}
    document = Document.from_json(swept("result.json").read_bytes())
    assert repr(document.analysis) == repr(analysis)
    for name in ("result.csv", "result.json"):
        said = one_sentence(run("verdict", tmp_path / name))
        assert "must be a Parquet file" in said
        assert "--out result.parquet" in said


@pytest.mark.parametrize(
    ("command", "endings"),
    [
        (["sweep", "{spec}", "--out", "{out}"], ".parquet or .csv or .json"),
        (["sweep", "{spec}", "--out", "{folder}/r.csv", "--items", "{out}"], ".parquet or .csv"),
        (["compare", "{spec}", "--dials", "--out", "{out}"], ".parquet or .csv"),
        (["map", "{spec}", "--part", "0", "--strengths", "0", "--out", "{out}"], ".parquet or .csv"),
        (["study", "--models", "planted", "--out", "{out}"], ".parquet"),
    ],
)
@pytest.mark.parametrize("name", ["x.txt", "x", "x.parquet.gz"])
def test_another_ending_is_refused_before_anything_is_measured(
    run: Run, spec: Path, tmp_path: Path, command: list[str], endings: str, name: str
) -> None:
    said = one_sentence(run(*(each.format(spec=spec, folder=tmp_path, out=tmp_path / name) for each in command)))
    assert f"must end in {endings}, which says what is written, got {name}; rename it." in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spec.json"]


def test_a_sweep_that_was_stopped_goes_on(
    run: Run, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["sweep", spec, "--out", tmp_path / "result.parquet", "--cache", tmp_path / "cache"]
    step, left = Sweep.step, [2]

    def interrupted(self: Sweep) -> set[int]:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Sweep, "step", interrupted)
        done = run(*command)
    assert done.code == 130
    assert done.err.strip() == "regimescope: stopped; what was measured is kept, the same command goes on from there."
    assert not (tmp_path / "result.parquet").exists()
    recalled: list[int] = []
    recall = Sweep.recall
    monkeypatch.setattr(Sweep, "recall", lambda self: (recall(self), recalled.append(self.done))[0])
    assert run(*command).code == 0
    assert recalled == [1]


def test_verdict_tells_every_strength(run: Run, result: Path) -> None:
    done = run("verdict", result)
    analysis, form = read(result)
    experiment, lines = Experiment.read(form), done.out.splitlines()
    assert done.code == 0
    assert lines[0].startswith(f"{analysis.verdict.name}: {answer(experiment, analysis, finished=True).headline}")
    assert len(lines) == 1 + len(analysis.rows)
    for line, row in zip(lines[1:], analysis.rows, strict=True):
        assert line.split()[0] == experiment.degrader.label(row.strength, experiment.card)
        assert row.state in line
        assert line.endswith(row.reason)


def test_verdict_as_json(run: Run, result: Path) -> None:
    said = strict_json(run("verdict", result, "--json").out)
    analysis, form = read(result)
    assert said["verdict"] == analysis.verdict.name
    assert said["sentence"].startswith(answer(Experiment.read(form), analysis, finished=True).headline)
    assert said["margin"] == analysis.margin
    assert said["clean_at_zero"] == analysis.verdict.clean_at_zero
    assert said["states"] == [{"strength": r.strength, "state": r.state, "reason": r.reason} for r in analysis.rows]
    assert said["experiment"] == form
    assert (said["regime"] is None) == (analysis.verdict.regime is None)


def test_a_verdict_without_a_number_is_json_all_the_same(run: Run, tmp_path: Path, experiment: Make) -> None:
    (tmp_path / "spec.json").write_text(experiment(intervention="identity", strengths=[2.0], draws=1).to_json())
    assert run("sweep", tmp_path / "spec.json", "--out", tmp_path / "r.parquet").code == 0
    assert strict_json(run("verdict", tmp_path / "r.parquet", "--json").out)["regime"] is None


def strict_json(text: str) -> Any:
    """JSON without the NaN and Infinity that Python alone reads."""
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


# ---- list and train --------------------------------------------------------------------------------------------------


def test_the_list_as_json_has_every_declaration(run: Run) -> None:
    listed = strict_json(run("list", "--json").out)
    assert list(listed) == ["models", "behaviours", "degraders", "interventions", "presets"]
    for kind in ("models", "behaviours", "degraders", "interventions"):
        variants = discovery.find(kind)
        assert [entry["name"] for entry in listed[kind]] == list(variants)
        for entry, variant in zip(listed[kind], variants.values(), strict=True):
            assert entry["help"] == variant.summary
            assert tuple(map(Dial.model_validate, entry["parameters"])) == dials_of(variant)
    card = Experiment.preset("becomes-clean").card
    for entry, variant in zip(listed["degraders"], discovery.find("degraders").values(), strict=True):
        degrader = card.usual(variant)
        assert Dial.model_validate(entry["strength"]) == degrader.strength
        assert entry["random"] is degrader.random
    assert [entry["name"] for entry in listed["presets"]] == list(presets())
    for entry in listed["presets"]:
        assert Experiment.read(entry["experiment"]) == Experiment.preset(entry["name"])


def test_the_list_names_everything(run: Run) -> None:
    lines = run("list").out.splitlines()
    for kind in ("models", "behaviours", "degraders", "interventions"):
        assert kind in lines
        for name, variant in discovery.find(kind).items():
            assert any(line.split()[:1] == [name] and line.endswith(variant.summary) for line in lines)
            for dial in dials_of(variant):
                assert any(line.split()[:1] == [dial.name] and line.endswith(dial.help) for line in lines)
    for name in presets():
        assert any(line.split()[:1] == [name] for line in lines)


def test_train_writes_a_model_where_it_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Transformer(layers=2, heads=2, d_model=8, vocab=48, context=64)
    for name in ("BATCH", "VECTOR_STEPS", "PROBE_ITEMS"):
        monkeypatch.setattr(induction_training, name, 3)
    monkeypatch.setattr(induction_training, "train", partial(induction_training.train, steps=2, shape=shape))
    folder = tmp_path / "deep" / "model"
    done = run("train", "induction", "--seed", "0", "--out", folder)
    card = Card.model_validate_json((folder / "card.json").read_bytes())
    assert done.code == 0
    assert done.out == f"{card.title}: weights, 1 checkpoints and card in {folder}\n"
    assert card.steps == (2,)


def test_all_networks_of_a_model_are_trained_each_from_its_seed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planted_training, "VECTOR_STEPS", 3)
    monkeypatch.setattr(planted_training, "train", partial(planted_training.train, steps=2))
    assert run("train", "planted", "--out", tmp_path).code == 0
    folders = (tmp_path, tmp_path / "1", tmp_path / "2")
    cards = [Card.model_validate_json((folder / "card.json").read_bytes()) for folder in folders]
    assert [card.seed for card in cards] == [0, 1, 2]
    assert len({card.sha256["weights.safetensors"] for card in cards}) == len({card.title for card in cards}) == 3
    assert len({card.recipe for card in cards}) == 1, "trained in one way"


def test_a_card_is_made_again_from_the_weights(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "induction"
    shutil.copytree(Induction().folder, folder)
    before = (folder / "card.json").read_text()
    (folder / "card.json").write_text(before.replace('"loss on chain tokens": 2.', '"loss on chain tokens": 9.'))
    monkeypatch.setattr(Induction, "folder", folder)
    done = run("card", "induction")
    assert done.code == 0
    assert "loss on copied tokens" in done.out
    assert Card.model_validate_json((folder / "card.json").read_bytes()) == Card.model_validate_json(before)


def test_the_handles_of_a_model_are_a_table(run: Run) -> None:
    done = run("handles", "induction", "--seed", "0", "--items", "8")
    title, _, head, rule, *rows = done.out.strip().splitlines()
    assert title == f"## {Induction().card().title}"
    assert len({line.count("|") for line in (head, rule, *rows)}) == 1
    assert len(rows) == len(Induction().handles(Induction().card()))


def test_a_single_item_has_no_bounds_and_the_table_says_so(run: Run) -> None:
    *_, row = run("handles", "induction", "--seed", "0", "--items", "1").out.strip().splitlines()
    assert row.count("(no bounds: too few data)") == 2
    assert "inf" not in row


# ---- bad input -------------------------------------------------------------------------------------------------------


def one_sentence(done: Done) -> str:
    """What a command said that was refused."""
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("regimescope: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith("\n")
    assert "Traceback" not in done.err
    return done.err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "no-such"}, "model must be one of"),
        ({"behaviour": "no-such"}, "behaviour must be one of"),
        ({"degrader": "no-such"}, "degrader must be one of"),
        ({"intervention": "no-such"}, "intervention must be one of"),
        ({"strengths": [5.0]}, "between 0.001 and 2, got 5"),
        ({"strengths": [float("nan")]}, "finite number, got nan"),
        ({"intervention": {"name": "head-ablation", "heads": ["9.9"]}}, "'heads' must be among 0.0, 0.1"),
        ({"intervention": {"name": "steering", "vector": "no-such"}}, "'vector' must be among"),
        ({"items": 0}, "'items' must be at least 1, got 0"),
        ({"no-such": 1}, "no parameter 'no-such'"),
    ],
)
def test_a_bad_experiment_is_refused(run: Run, spec: Path, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    spec.write_text(json.dumps(json.loads(spec.read_text()) | changes))
    assert words in one_sentence(run("sweep", spec, "--out", tmp_path / "result.parquet"))
    assert not (tmp_path / "result.parquet").exists()


@pytest.mark.parametrize("given", [None, b"", b"{}", b"\xff\xfe"])
def test_a_standard_input_without_an_experiment_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bytes | None
) -> None:
    stdin = None if given is None else io.TextIOWrapper(io.BytesIO(given))  # none: it was closed
    monkeypatch.setattr(sys, "stdin", stdin)
    one_sentence(run("sweep", "-", "--out", tmp_path / "result.parquet"))


@pytest.mark.parametrize("text", ["", "not JSON", "[]", "{}", "\x00\x01", "9" * 5000])
def test_a_file_that_is_no_experiment_is_refused(run: Run, spec: Path, tmp_path: Path, text: str) -> None:
    spec.write_text(text)
    one_sentence(run("sweep", spec, "--out", tmp_path / "result.parquet"))


def test_files_that_are_not_there_are_refused(run: Run, spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.parquet"
    for missing in (tmp_path / "missing.json", tmp_path):
        said = one_sentence(run("sweep", missing, "--out", out))
        assert str(missing) in said
        assert "--preset" in said
        assert str(missing) in one_sentence(run("verdict", missing))


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (".", "must be a file, got {}, which is a folder; add the file's name."),
        ("missing/new.parquet", "must be in a folder that exists, got {}; make the folder {.parent} first."),
        ("spec.json/new.parquet", "must be in a folder, got {}, but {.parent} is a file; name a folder."),
        ("x" * 300, "must be a file that can be written, got {} (File name too long)."),
    ],
)
@pytest.mark.parametrize(
    ("option", "command"),
    [
        ("--out", ["sweep", "{spec}"]),
        ("--items", ["sweep", "{spec}", "--out", "{out}"]),
        ("--out", ["calibrate", "{spec}", "--count", "1"]),
        ("--out", ["compare", "{spec}", "--dials"]),
        ("--out", ["map", "{spec}", "--part", "0", "--strengths", "0"]),
        ("--out", ["study", "--models", "planted"]),
    ],
)
def test_a_file_that_cannot_be_where_it_is_to_go_is_refused_before_anything_is_measured(
    run: Run, spec: Path, tmp_path: Path, option: str, command: list[str], where: str, why: str
) -> None:
    path = tmp_path / where
    asked = [each.format(spec=spec, out=tmp_path / "result.parquet") for each in command]
    said = one_sentence(run(*asked, option, path))
    assert said == f"regimescope: {option} {why.format(path, path)}\n"
    assert not list(tmp_path.glob("*.parquet"))


def test_a_file_that_is_no_result_is_refused(run: Run, spec: Path) -> None:
    assert "must be a Parquet file" in one_sentence(run("verdict", spec))


@pytest.mark.parametrize("name", ["no-such", "", "../spec"])
def test_a_preset_that_there_is_not_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    assert "preset must be one of" in one_sentence(run("sweep", "--preset", name, "--out", tmp_path / "result.parquet"))


@pytest.mark.parametrize("command", ["train", "card", "handles"])
def test_a_model_that_there_is_not_is_told_with_those_that_there_are(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "no-such"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "no-such" in told
    assert all(name in told for name in discovery.find("models"))


def test_a_model_is_not_trained_for_a_folder_that_cannot_be_made(
    run: Run, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(induction_training, "train", lambda *_, **__: pytest.fail("the training began"))
    assert str(spec) in one_sentence(run("train", "induction", "--out", spec))


@pytest.mark.parametrize("arguments", [[], ["no-such"], ["sweep"], ["sweep", "spec.json"], ["verdict"], ["train"]])
def test_a_command_that_is_not_complete_says_how_it_goes(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: regimescope")


# ---- as a program ----------------------------------------------------------------------------------------------------


def program(*arguments: object) -> Done:
    """Runs a command in a process of its own."""
    command = [sys.executable, "-m", "engine.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_cache_that_cannot_be_written_costs_a_warning_and_no_result(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = program("sweep", spec, "--out", tmp_path / "result.parquet", "--cache", tmp_path / "file")
    assert done.code == 0
    assert done.err.startswith("WARNING: Results are not kept: ")
    assert done.err.count("\n") == 1
    analysis, _ = read(tmp_path / "result.parquet")
    assert done.out.startswith(analysis.verdict.name)


def test_a_bad_input_ends_the_program_with_2_and_one_line(spec: Path, tmp_path: Path) -> None:
    one_sentence(program("sweep", tmp_path / "missing.json", "--out", tmp_path / "result.parquet"))
