"""What behaviours of classifiers share: items that are read once, and counterparts among other images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.items import Items, Metric

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from engine.models.handwriting import Images


def classified(
    inputs: Float[np.ndarray, "item feature"],
    targets: Int[np.ndarray, " item"],
    corrupt: Float[np.ndarray, "item feature"],
    *,
    among: tuple[int, ...] | None = None,
    metric: Metric = "loss",
) -> Items:
    """Items with one answer each, read at position 0."""
    read = np.zeros((len(inputs), 1), dtype=np.int64)
    return Items(inputs, read, targets[:, None], read == 0, corrupt, among=among, metric=metric)


def other_of(
    images: Images, digits: Int[np.ndarray, " item"], after: Int[np.ndarray, " item"]
) -> Float[np.ndarray, "item pixel"]:
    """For each item the next image of the given digit after an index, from the start again where there is none."""
    found = np.empty(len(digits), dtype=np.int64)
    for item, (digit, index) in enumerate(zip(digits, after, strict=True)):
        of_digit = np.flatnonzero(images.digits == digit)
        found[item] = of_digit[np.searchsorted(of_digit, index, side="right") % len(of_digit)]
    return images.pixels[found]
