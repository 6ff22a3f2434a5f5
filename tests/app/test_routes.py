from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from fakes import Workers
from sites import Site, serving

from app import live, routes
from app.jobs import Job, JobManager
from engine.report import COLUMNS, HEALTH

# ---- the table -------------------------------------------------------------------------------------------------------


def test_the_table_has_the_columns_of_a_report_and_a_line_for_each_measured_strength(
    site: Site, workers: Workers, job: Job
) -> None:
    numbers = (0.1, 2.5, 0.0123456789, None, 1e-9, *[0.5] * 7, "clean", 2, 8, *[1.5] * 4, 2, 1, 1)
    values = dict(zip(COLUMNS, numbers, strict=True))
    shams = [{"beaten": True, "state": "entangled"}, {"beaten": False, "state": "clean"}]
    worker_row = {
        **values,
        "shams": shams,
        "index": 1,
        "label": "noise 0.1",
        "reason": "It is, you see.",
        "examples": [{}],
    }
    workers.latest.update(job.question.key, rows={"1": worker_row})
    response, body = site.get(f"/api/jobs/{job.question.key}/result.csv")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="induction-head-ablation-')
    (line,) = csv.DictReader(io.StringIO(body.decode()))
    assert list(line) == list(COLUMNS)
    assert line == {name: "" if value is None else str(value) for name, value in values.items()}
    assert [float(line[name]) for name in ("loss_delta", "loss_delta_high")] == [0.0123456789, 1e-9]


def test_where_networks_were_sampled_the_table_says_how(site: Site, workers: Workers, job: Job) -> None:
    health = {name: number for number, name in enumerate(HEALTH)} | {"flag": "Not mixed: raise the steps."}
    rows = {"0": {"strength": 0.0, "health": None}, "1": {"strength": 0.1, "health": health}}
    workers.latest.update(job.question.key, rows=rows)
    _, body = site.get(f"/api/jobs/{job.question.key}/result.csv")
    original, sampled = csv.DictReader(io.StringIO(body.decode()))
    assert list(original) == [*COLUMNS, *HEALTH]
    assert {name: original[name] for name in HEALTH} == dict.fromkeys(HEALTH, "")
    assert {name: sampled[name] for name in HEALTH} == {name: str(value) for name, value in health.items()}


def test_the_table_of_a_job_without_measurements_is_its_header(site: Site, key: str) -> None:
    _, body = site.get(f"/api/jobs/{key}/result.csv")
    assert body.decode().splitlines() == [",".join(COLUMNS)]


def test_the_table_of_an_unknown_job_does_not_exist(site: Site) -> None:
    response, body = site.get("/api/jobs/unknown/result.csv")
    assert response.status == 404
    assert b"reload" in body


# ---- the live component's files --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files() -> Iterator[Site]:
    """The live component's own files."""
    with serving(JobManager(Workers().start)) as served:
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
        with serving(JobManager(Workers().start)) as served:
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
