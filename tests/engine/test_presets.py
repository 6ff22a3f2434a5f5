"""The presets tell the stories that they claim to tell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.lab import Lab
from engine.spec import Experiment, presets
from engine.store import Store
from engine.sweep import Sweep

STORIES = {
    "becomes-clean": "becomes clean",
    "low-rank-grokking": "becomes clean",
    "unmasked": "unmasked",
    "honest-negative": "never clean",
    "dial-matters": "unresolved",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(Store(tmp_path_factory.mktemp("presets"))) as one:
        yield one


def test_every_preset_has_a_story() -> None:
    assert presets().keys() == STORIES.keys()
    for each in presets().values():
        assert each["title"]
        assert each["story"].endswith(".")


@pytest.mark.parametrize("name", ["low-rank-grokking", "unmasked", "honest-negative"])
def test_the_curve_says_what_the_story_says(lab: Lab, name: str) -> None:
    assert Sweep(Experiment.preset(name), lab).run().verdict.name == STORIES[name]


def test_the_same_heads_become_clean_on_one_dial_and_not_on_another(lab: Lab) -> None:
    """`becomes-clean` itself is what the README claims, and tested there."""
    clean, other = (Experiment.preset(name) for name in ("becomes-clean", "dial-matters"))
    assert other.intervention == clean.intervention
    assert other.degrader != clean.degrader
    strengths = tuple(other.sweep_strengths[at] for at in (0, 2, 6, 8, 10, 12))
    found = Sweep(other.model_copy(update={"shams": 0, "strengths": strengths}), lab).run()
    assert "clean" not in [each.state for each in found.rows]
