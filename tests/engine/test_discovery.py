"""Discovery: the folders' variants, and those of packages that offer entry points, however badly made."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import engine
from engine import discovery
from engine.degraders.weight_noise import WeightNoise
from engine.dials import InputError
from engine.discovery import Kind
from engine.spec import Experiment

SOURCE = """
from __future__ import annotations
from typing import ClassVar
from engine.degraders.base import Axis, Degraded, Separate
from engine.dials import Dial, dial

class Base(Separate):
    summary: ClassVar[str] = "Does nothing, at a volume."
    volume: float = dial(1.0, low=0.0, high=2.0, help="How quiet.")

    @property
    def strength(self): return Dial(name="strength", kind="number", default=0.5, low=0, high=1, help="How much.")
    @property
    def random(self): return False
    @classmethod
    def is_compatible(cls, card): return True
    def strengths(self, card): return (0.0, 0.5, 1.0)
    def canonical(self, strength, card): return strength
    def unit(self, draw): return draw
    def degrade_one(self, network, strength, draw, seed): return Degraded(network.weights)
    def label(self, strength, card): return f"{strength:g}"
    def axis(self, card): return Axis("quiet", "quiet")

class Quiet(Base):
    name: ClassVar[str] = "quiet"

class Impostor(Base):
    name: ClassVar[str] = "weight-noise"

class Undeclared(Base):
    name: ClassVar[str] = "undeclared"
    loose: float = 1.0
"""


@pytest.fixture
def install(package: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a package that offers these degraders, given as name = "module:class", for the length of a test."""

    def install(source: str = SOURCE, **entries: str) -> None:
        lines = [f"{name} = {value}" for name, value in entries.items()]
        monkeypatch.syspath_prepend(package(source, "\n".join(["[regimescope.degraders]", *lines])))
        forget()

    yield install
    monkeypatch.undo()
    sys.modules.pop("stranger", None)
    forget()


def forget() -> None:
    """Makes discovery look again."""
    discovery.find.cache_clear()  # pyright: ignore[reportFunctionMemberAccess]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("kind", ["models", "behaviours", "degraders", "interventions"])
def test_every_final_class_of_the_folder_is_found_by_its_name(kind: Kind) -> None:
    found = discovery.find(kind)
    assert list(found) == sorted(found)
    assert all(variant.name == name for name, variant in found.items())
    folder = Path(engine.__path__[0]) / kind
    declaring = {path.stem for path in folder.glob("*.py") if "\n@final\n" in path.read_text(encoding="utf-8")}
    assert {variant.__module__ for variant in found.values()} == {f"engine.{kind}.{name}" for name in declaring}


def test_a_package_joins_by_an_entry_point(install: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    install(quiet="stranger:Quiet")
    assert "quiet" in discovery.find("degraders")
    asked = Experiment.read(
        {
            "model": "induction",
            "behaviour": "copying",
            "degrader": {"name": "quiet", "volume": 0.5},
            "intervention": "identity",
        }
    )
    assert asked.sweep_strengths == (0.0, 0.5, 1.0)
    assert Experiment.from_json(asked.to_json()) == asked
    with pytest.raises(InputError, match="'volume' must be at most 2"):
        Experiment.read(asked.model_dump(mode="json") | {"degrader": {"name": "quiet", "volume": 3}})
    assert not warnings(caplog)


@pytest.mark.parametrize(
    "entry",
    [
        "stranger:Missing",
        "no_such_module:Quiet",
        "stranger:Quiet.name",
        "stranger:dial",
        "stranger:Base",
        "stranger:Undeclared",
        "engine.degraders.base:Degrader",
        "engine.interventions.identity:Identity",
    ],
)
def test_a_broken_entry_point_is_only_logged(
    install: Callable[..., None], caplog: pytest.LogCaptureFixture, entry: str
) -> None:
    before = discovery.find("degraders")
    install(broken=entry, quiet="stranger:Quiet")
    assert discovery.find("degraders").keys() == before.keys() | {"quiet"}
    (warning,) = warnings(caplog)
    assert "broken" in warning
    assert entry in warning


def test_a_package_that_fails_on_import_is_only_logged(
    install: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    before = discovery.find("degraders")
    install("raise RuntimeError('not today')", broken="stranger:Quiet")
    assert discovery.find("degraders") == before
    assert len(warnings(caplog)) == 1


def test_a_name_that_is_taken_is_left_out_with_a_warning(
    install: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    install(impostor="stranger:Impostor")
    assert discovery.find("degraders")["weight-noise"] is WeightNoise
    (warning,) = warnings(caplog)
    assert "weight-noise" in warning
    assert "stranger" in warning


def test_the_same_class_offered_twice_is_one_variant(
    install: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    install(quiet="stranger:Quiet", again="stranger:Quiet")
    assert "quiet" in discovery.find("degraders")
    assert not warnings(caplog)


@pytest.mark.parametrize("name", ["", "Weight-Noise", "weight-noise ", None, 3, ["weight-noise"], "a\nb", "x" * 10_000])
def test_an_unknown_name_is_refused_in_one_sentence(name: object) -> None:
    with pytest.raises(InputError) as refused:
        discovery.get("degraders", name)
    told = str(refused.value)
    assert told.startswith("degrader must be one of ")
    assert "weight-noise" in told
    assert "\n" not in told
    assert len(told) < 300
