from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Workers, row
from sites import Site, serving

from app import live, routes
from app.jobs import Job, JobManager
from engine import documents, report
from engine.documents import Document
from engine.report import COLUMNS, HEALTH
from engine.spec import Experiment

# ---- results ---------------------------------------------------------------------------------------------------------

OPEN: dict[str, Any] = {
    "state": "unresolved",
    "loss_delta_low": -math.inf,
    "selectivity_gain_high": math.inf,
    "retention": math.nan,
    "effect": 0.0123456789,
    "effect_low": 0.0,
}


def told(job: Job, workers: Workers) -> None:
    """The job's worker tells of two strengths, one of which has bounds that are open."""
    shams = [SHAM, {**SHAM, "loss_delta": 0.0, "loss_delta_low": -0.01, "loss_delta_high": 0.01, **UNBEATEN}]
    rows = {"0": row(0, strength=0.0, state="entangled"), "1": row(1, **OPEN, shams=shams)}
    reference = {"margin": 0.05, "degraded_loss": 2.5}
    workers.latest.update(job.question.key, rows=rows, reference=reference, status="running")


SHAM: dict[str, Any] = {
    **dict.fromkeys(("loss_delta", "loss_delta_low", "loss_delta_high", "effect", "effect_low", "effect_high"), 0.25),
    "state": "entangled",
    "beaten": True,
}
UNBEATEN: dict[str, Any] = {"beaten": False, "state": "clean"}


def test_the_table_is_the_command_lines(site: Site, workers: Workers, job: Job) -> None:
    told(job, workers)
    response, body = site.get(f"/api/jobs/{job.question.key}/result.csv")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="induction-head-ablation-')
    assert "-partial" in response.headers["Content-Disposition"], "it is not done"
    original, line = csv.DictReader(io.StringIO(body.decode()))
    assert list(line) == list(COLUMNS)
    assert (original["strength"], line["strength"]) == ("0.0", "0.1")
    assert (line["loss_delta_low"], line["selectivity_gain_high"], line["retention"]) == ("-inf", "inf", "")
    assert (line["shams"], line["shams_beaten"], line["shams_clean"]) == ("2", "1", "1")
    assert float(line["effect"]) == 0.0123456789


def test_parquet_is_read_back_as_what_the_command_line_writes(
    site: Site, workers: Workers, job: Job, tmp_path: Path
) -> None:
    told(job, workers)
    _, body = site.get(f"/api/jobs/{job.question.key}/result.parquet")
    path = tmp_path / "result.parquet"
    path.write_bytes(body)
    analysis, form = report.read(path)
    assert Experiment.read(form) == job.question
    assert job.document.analysis is not None
    assert repr(analysis) == repr(job.document.analysis), "NaN and infinity included"


def test_json_is_the_whole_question_with_its_answer(site: Site, workers: Workers, job: Job) -> None:
    told(job, workers)
    response, body = site.get(f"/api/jobs/{job.question.key}/result.json")
    assert response.headers["Content-Type"] == "application/json"
    document = Document.from_json(body)
    assert document.question == job.question
    assert repr(document.analysis) == repr(job.document.analysis)


def test_where_networks_were_sampled_the_table_says_how(site: Site, workers: Workers, job: Job) -> None:
    health = {name: number for number, name in enumerate(HEALTH)} | {"flag": "Not mixed: raise the steps."}
    rows = {"0": row(0), "1": row(1, health=health)}
    workers.latest.update(job.question.key, rows=rows)
    _, body = site.get(f"/api/jobs/{job.question.key}/result.csv")
    original, sampled = csv.DictReader(io.StringIO(body.decode()))
    assert list(original) == [*COLUMNS, *HEALTH]
    assert {name: original[name] for name in HEALTH} == dict.fromkeys(HEALTH, "")
    assert {name: float(sampled[name]) for name in HEALTH if name != "flag"} == {
        name: value for name, value in health.items() if name != "flag"
    }


def test_the_table_of_a_job_without_measurements_is_its_header(site: Site, key: str) -> None:
    _, body = site.get(f"/api/jobs/{key}/result.csv")
    assert body.decode().splitlines() == [",".join(COLUMNS)]


@pytest.mark.parametrize(
    "path", ["/api/jobs/unknown/result.csv", "/api/history/unknown/result.json", "/api/history/..%2Fx/result.csv"]
)
def test_a_result_that_is_unknown_does_not_exist(site: Site, path: str) -> None:
    response, body = site.get(path)
    assert response.status == 404
    assert b"/" not in body


def test_a_result_is_had_in_no_other_form(site: Site, key: str) -> None:
    response, _ = site.get(f"/api/jobs/{key}/result.pickle")
    assert response.status == 404


def test_what_was_measured_before_is_had_as_well(site: Site, workers: Workers, job: Job, manager: JobManager) -> None:
    told(job, workers)
    manager.history.keep(job.document)
    manager.forget(job.question.key)
    response, body = site.get(f"/api/history/{job.question.key}/result.json")
    assert response.status == 200
    assert Document.from_json(body).question == job.question


def test_a_recalled_result_keeps_the_time_at_which_it_was_measured(
    site: Site, workers: Workers, job: Job, manager: JobManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = job.question.key
    for minute in range(2):
        monkeypatch.setattr(documents, "_now", lambda minute=minute: f"2030-01-01T00:0{minute}:00+00:00")
        found = manager.open(job.question)
        told(found, workers)
        assert found.snapshot.get("measured_at") is None, "it is not done"
        workers.latest.update(key, status="done")
        assert found.snapshot.get("measured_at") == "2030-01-01T00:00:00+00:00"
        _, body = site.get(f"/api/jobs/{key}/result.json")
        assert Document.from_json(body).at == "2030-01-01T00:00:00+00:00"
        manager.forget(key)  # as another server does that begins anew


# ---- the live component's files --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The live component's own files."""
    with serving(JobManager(Workers().start, tmp_path_factory.mktemp("store"))) as served:
        yield served


@pytest.mark.parametrize("path", sorted(path.name for path in live.FOLDER.glob("*.js")))
def test_scripts_are_served_and_asked_for_again_at_every_load(files: Site, path: str) -> None:
    response, body = files.get(f"/live/{path}?v=123")
    assert (response.status, body) == (200, (live.FOLDER / path).read_bytes())
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert response.headers["Cache-Control"] == "no-cache"
    again, _ = files.get(f"/live/{path}?v=123", {"If-None-Match": response.headers["ETag"]})
    assert again.status == 304


def test_styles_are_served(files: Site) -> None:
    response, body = files.get("/live/explore.css")
    assert (response.status, body) == (200, (live.FOLDER / "explore.css").read_bytes())
    assert response.headers["Content-Type"].startswith("text/css")


def test_plotly_is_kept_where_its_address_names_the_version(files: Site) -> None:
    path = "/live/vendor/plotly-basic.min.js"
    response, body = files.get(f"{path}?v=123")
    assert (response.status, body) == (200, (live.FOLDER / "vendor" / "plotly-basic.min.js").read_bytes())
    assert "immutable" in response.headers["Cache-Control"]
    response, _ = files.get(path)
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.fixture(scope="module")
def fort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose files say "shown", in a folder with the same names, beside files that say "secret"."""
    around = tmp_path_factory.mktemp("app")
    folder = around / "live"
    for original in live.FOLDER.rglob("*.*"):
        copy = folder / original.relative_to(live.FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text("shown")
    for name in ("secret.js", "secret.css", "routes.py"):
        (around / name).write_text("secret")
    (folder / "link.js").symlink_to(around / "secret.js")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "FOLDER", folder)
        with serving(JobManager(Workers().start, around)) as served:
            yield served


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/vendor",
        "/vendor/",
        "/__init__.py",
        "/explore.html",
        "/vendor/renew.py",
        "/vendor/plotly.json",
        "/vendor/LICENSE-plotly.txt",
        "/no-such-file.js",
        "/no-such-folder/file.js",
        "/%00.js",
        "/" + "long" * 200 + ".js",
        "/../routes.py",
        "/../secret.js",
        "/..%2fsecret.js",
        "/%2e%2e/secret.js",
        "/vendor/../../secret.js",
        "/vendor/..%2f..%2fsecret.css",
        "//secret.js",
        "/link.js",
    ],
)
def test_nothing_else_is_served(fort: Site, path: str) -> None:
    assert fort.get("/live/explore.js")[1] == b"shown"
    response, body = fort.get(f"/live{path}")
    assert response.status in (307, 404)
    assert body not in (b"secret", b"shown")
