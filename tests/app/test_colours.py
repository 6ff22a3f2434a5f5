"""The colours of the dashboard, by calculation: readable as text, and told apart by the colour-blind."""

from __future__ import annotations

import re
import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from app.views.does_it_work import FALSE, MISSED
from app.views.two_curves import LOOKS

ROOT = Path(__file__).parents[2]
STYLES = (ROOT / "app/live/explore.css").read_text(encoding="utf-8")
THEMES = tomllib.loads((ROOT / ".streamlit/config.toml").read_text(encoding="utf-8"))["theme"]
BLOCKS = {"light": r"^\.rs-live \{(.*?)^\}", "dark": r'^\.rs-live\[data-theme="dark"\] \{(.*?)^\}'}

LEAST_CONTRAST = 4.5
"""What WCAG 2.2 asks of text, level AA."""
LEAST_GRAPHIC_CONTRAST = 3.0
"""What it asks of marks that carry a meaning."""
LEAST_DIFFERENCE = 10.0
"""In Lab, by CIE76."""

TONES = ("muted", "loss-delta", "effect", "degraded-loss", "clean", "alert")
"""Colours of series, of their titles, and of chips."""

SEVERE = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
"""Of linear RGB. G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE TVCG 15 (2009) 1291, severity 1."""

TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]

# ---- colours ---------------------------------------------------------------------------------------------------------


def linear(colour: str) -> np.ndarray:
    """Linear RGB of "#rrggbb"."""
    coded = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def mixed(colour: str, share: float, other: str) -> str:
    """CSS's color-mix(in srgb, …)."""
    ends = [[int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in (colour, other)]
    return "#" + "".join(f"{round(share * one + (1 - share) * two):02x}" for one, two in zip(*ends, strict=True))


def contrast(one: str, other: str) -> float:
    """By WCAG 2.2."""
    dark, light = sorted(float(np.dot(TO_XYZ[1], linear(each))) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB, white D65."""
    xyz = TO_XYZ @ np.clip(rgb, 0, 1) / np.sum(TO_XYZ, axis=1)
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def difference(one: str, other: str, blindness: str) -> float:
    """How far apart two colours look."""
    seen = [lab(np.array(SEVERE[blindness]) @ linear(each)) for each in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def palette(theme: str) -> dict[str, str]:
    """The component's colours; two come from Streamlit's theme."""
    blocks = [re.search(BLOCKS[name], STYLES, re.MULTILINE | re.DOTALL) for name in ("light", theme)]
    found = {name: colour for block in blocks if block for name, colour in variables(block[1])}
    return found | {"text": THEMES[theme]["textColor"], "surface": THEMES[theme]["backgroundColor"]}


def variables(block: str) -> list[tuple[str, str]]:
    return re.findall(r"--rs-([a-z-]+): (#[0-9a-f]{6});", block)


@pytest.fixture(params=["light", "dark"])
def colours(request: pytest.FixtureRequest) -> dict[str, str]:
    return palette(request.param)


# ---- tests -----------------------------------------------------------------------------------------------------------


def test_the_calculation_agrees_with_published_values() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # WebAIM's example of just too little
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert palette("dark")["clean"] != palette("light")["clean"]
    # red and green of the same lightness are one colour to who has no green cones, and blue is another
    assert (
        difference("#a06a00", "#6f7a00", "deuteranopia")
        < LEAST_DIFFERENCE
        < difference("#a06a00", "#0050ff", "deuteranopia")
    )


def test_text_is_readable(colours: dict[str, str]) -> None:
    surface, text = colours["surface"], colours["text"]
    pairs = {f"{name} on the page": (colours[name], surface) for name in ("text", *TONES)}
    pairs |= {f"a chip's text on {name}": (colours["on-tone"], colours[name]) for name in TONES}
    pairs |= {f"the verdict on {name}": (text, mixed(colours[name], 0.08, surface)) for name in TONES}
    pairs["a menu's entry under the pointer"] = (text, colours["grid"])
    pairs["a token with the greatest loss"] = (text, colours["heat"])
    faint = {what: round(contrast(*pair), 2) for what, pair in pairs.items()}
    assert {what: ratio for what, ratio in faint.items() if ratio < LEAST_CONTRAST} == {}


@pytest.mark.parametrize("blindness", SEVERE)
def test_what_shares_a_chart_is_told_apart_by_the_colour_blind(colours: dict[str, str], blindness: str) -> None:
    close = {
        pair: round(difference(colours[pair[0]], colours[pair[1]], blindness), 1) for pair in combinations(TONES, 2)
    }
    assert {pair: apart for pair, apart in close.items() if apart < LEAST_DIFFERENCE} == {}


@pytest.mark.parametrize("pair", [(MISSED, FALSE), (LOOKS[0][0], LOOKS[1][0])], ids=["study", "history"])
def test_streamlits_charts_are_legible_on_both_themes(pair: tuple[str, str]) -> None:
    surfaces = [THEMES[theme]["backgroundColor"] for theme in BLOCKS]
    assert min(contrast(colour, surface) for colour in pair for surface in surfaces) >= LEAST_GRAPHIC_CONTRAST
    assert min(difference(*pair, blindness) for blindness in SEVERE) >= LEAST_DIFFERENCE
