"""Draws the pictures of the README: `python -m examples.screenshots` photographs the default experiment."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image

from benchmarks.browser import RETURNING, browser, server

FOLDER = Path(__file__).parents[1] / "assets"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLOURS = 128
WIDTHS = {"": 1440, "-narrow": 420}


def main() -> None:
    """Writes `explore-light.png`, `explore-dark.png` and their narrow versions."""
    with tempfile.TemporaryDirectory() as cache, server(Path(cache)) as running, browser() as chromium:
        for scheme in SCHEMES:
            for suffix, width in WIDTHS.items():
                page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page.add_init_script(RETURNING)
                page.goto(running.address)
                page.wait_for_selector(".rs-explore[data-status=done]", timeout=120_000)
                page.wait_for_timeout(1000)  # the charts' last transition
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                # a page of few colours: a palette takes a third of the bytes
                picture.quantize(COLOURS, dither=Image.Dither.NONE).save(
                    FOLDER / f"explore-{scheme}{suffix}.png", optimize=True
                )
                page.close()


if __name__ == "__main__":
    main()
