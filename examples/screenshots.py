"""Draws the pictures of the README: `python -m examples.screenshots` photographs the pages."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Page

from benchmarks.browser import RETURNING, browser, server

FOLDER = Path(__file__).parents[1] / "assets"
COLOURS = 128
PATIENCE = 300_000
"""Milliseconds."""

Scheme = Literal["light", "dark"]


class Picture(NamedTuple):
    """One file: which address, in which colours, and how wide."""

    name: str
    address: str
    scheme: Scheme = "light"
    width: int = 1440


PICTURES = (
    Picture("explore-light", "/"),
    Picture("explore-dark", "/", "dark"),
    Picture("explore-light-narrow", "/", "light", 420),
    Picture("explore-dark-narrow", "/", "dark", 420),
    Picture("compare-interventions", "/compare-interventions?items=128&shams=0"),
)


def main() -> None:
    """Writes them all."""
    with tempfile.TemporaryDirectory() as cache, server(Path(cache)) as running, browser() as chromium:
        for picture in PICTURES:
            viewport = {"width": picture.width, "height": 900}
            page = chromium.new_page(viewport=viewport, color_scheme=picture.scheme)  # type: ignore[arg-type]
            page.add_init_script(RETURNING)
            page.goto(running.address + picture.address)
            _measure(page)
            page.wait_for_timeout(1000)  # the charts' last transition
            photograph = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            # a page of few colours: a palette takes a third of the bytes
            photograph.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / f"{picture.name}.png", optimize=True)
            page.close()


def _measure(page: Page) -> None:
    """Until all that the page shows is measured, which on some pages somebody has to ask for."""
    button = page.get_by_role("button", name="Measure", exact=True)
    page.wait_for_selector(".rs-live[data-key]:not([data-key='']), [class*='st-key-measure'] button")
    if button.count():
        button.click()
    page.wait_for_selector(".rs-live[data-status=done]", timeout=PATIENCE)


if __name__ == "__main__":
    main()
