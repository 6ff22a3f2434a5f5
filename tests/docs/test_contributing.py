"""The degrader that CONTRIBUTING.md has people write works as it stands, with nothing else touched."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, blocks, section

NAME = "weight-dropout"

BEGIN = "import sys; import engine.degraders; engine.degraders.__path__.append(sys.argv.pop(1)); "
"""The folder given is to be one more place of degraders, before anybody looks for them."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds the degrader, under the file name that the text gives it."""
    saved_as = re.search(r"`engine/degraders/(\w+\.py)`", section("CONTRIBUTING.md", "Add a degrader in one file"))
    assert saved_as is not None
    (code,) = blocks("CONTRIBUTING.md", "python")
    (tmp_path / saved_as[1]).write_text(code, encoding="utf-8")
    return tmp_path


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BEGIN + program, str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_passes_every_contract_and_has_its_controls_in_the_dashboard(folder: Path) -> None:
    tested = ["tests/contracts", "tests/app/test_explore_page.py", "-k", NAME, "-q", "-p", "no:cacheprovider"]
    ended = run(folder, "import pytest; sys.exit(pytest.main())", *tested)
    assert ended.returncode == 0, ended.stdout
    passed = re.search(r"(\d+) passed", ended.stdout)
    assert passed is not None
    assert int(passed[1]) > 10
    assert not re.search(r"skipped|xfailed|warning", ended.stdout)


def test_it_is_listed(folder: Path) -> None:
    ended = run(folder, "from engine.cli import main; sys.exit(main())", "list", "--json")
    assert ended.returncode == 0, ended.stderr
    (entry,) = [each for each in json.loads(ended.stdout)["degraders"] if each["name"] == NAME]
    assert [parameter["name"] for parameter in entry["parameters"]] == ["rescale"]
    assert entry["random"] is True


def test_without_the_file_there_is_no_trace_of_it(tmp_path: Path) -> None:
    ended = run(tmp_path, "from engine.cli import main; sys.exit(main())", "list", "--json")
    assert NAME not in ended.stdout
