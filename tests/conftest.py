"""What any test may ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.behaviours.copying import Copying
from engine.models.induction import Induction
from engine.spec import Experiment

if TYPE_CHECKING:
    from engine.behaviours.base import Dataset
    from engine.networks.network import Network

os.environ["OMP_NUM_THREADS"] = "1"  # the networks here are small: threads within one would only wait for each other
os.environ.setdefault("REGIMESCOPE_DEVICE", "cpu")  # what a GPU does is tested apart

SMALL: dict[str, Any] = {
    "model": "induction",
    "behaviour": "copying",
    "degrader": "weight-noise",
    "intervention": {"name": "head-ablation", "heads": ["0.1", "0.3"]},
    "strengths": [0.1, 0.3],
    "draws": 2,
    "items": 8,
    "shams": 0,
}
"""An experiment of five points that takes a fraction of a second."""


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's own results."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGIMESCOPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def experiment() -> Callable[..., Experiment]:
    """Makes a small experiment; what it is given replaces parameters of `SMALL`."""
    return lambda **changes: Experiment.read(SMALL | changes)


@pytest.fixture(scope="session")
def network() -> Network:
    """The shipped induction network."""
    return Induction().load()


@pytest.fixture(scope="session")
def data() -> Dataset:
    """Sixteen items of each set for it."""
    return Copying().data(Induction(), 16)


@pytest.fixture
def package(tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes a folder that holds an installed package `stranger`: its source, and its entry points as in a wheel."""

    def make(source: str, entry_points: str) -> Path:
        folder = tmp_path / "site"
        info = folder / "stranger-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / "stranger.py").write_text(source)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        return folder

    return make
