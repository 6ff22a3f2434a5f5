"""What behaviours of classifiers of images share: counterparts among other images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from engine.models.handwriting import Images


def other_of(
    images: Images, digits: Int[np.ndarray, " item"], after: Int[np.ndarray, " item"]
) -> Float[np.ndarray, "item pixel"]:
    """For each item the next image of the given digit after an index, from the start again where there is none."""
    found = np.empty(len(digits), dtype=np.int64)
    for item, (digit, index) in enumerate(zip(digits, after, strict=True)):
        of_digit = np.flatnonzero(images.digits == digit)
        found[item] = of_digit[np.searchsorted(of_digit, index, side="right") % len(of_digit)]
    return images.pixels[found]
