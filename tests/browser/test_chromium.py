from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.browser import find_chromium

pytestmark = pytest.mark.browser


def test_the_browser_that_is_named_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "chromium"
    named.touch()
    monkeypatch.setenv("REGIMESCOPE_CHROMIUM", str(named))
    assert find_chromium() == str(named)


@pytest.mark.parametrize("named", ["", "no/such/file"])
def test_without_a_browser_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str) -> None:
    """The tests in a browser then fail with these words; none is skipped."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("REGIMESCOPE_CHROMIUM", named)
    with pytest.raises(RuntimeError, match=r"apt install chromium.*REGIMESCOPE_CHROMIUM"):
        find_chromium()
