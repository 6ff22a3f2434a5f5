"""Handwritten digits, 8×8 pixels, as scikit-learn brings them along, with one fixed split for every model.

They are the test part of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998, UCI Machine Learning
Repository, doi 10.24432/C50P49).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engine.randomness import generator

if TYPE_CHECKING:
    from jaxtyping import Float, Int

SIDE: Final = 8
PIXELS: Final = SIDE**2
DIGITS: Final = 10
TRAINING: Final = 898
"""Images to train on; the other half is only ever measured on."""

DATA: Final = (
    "1,797 handwritten digits, 8×8: the test part of Optical Recognition of Handwritten Digits (E. Alpaydin and "
    f"C. Kaynak, UCI 1998, doi 10.24432/C50P49) as bundled in scikit-learn; {TRAINING} to train on, the rest held out"
)
LICENCE: Final = "CC BY 4.0"


class Images(NamedTuple):
    """Images with brightness from 0 to 1, and the digits that they show."""

    pixels: Float[np.ndarray, "image pixel"]
    digits: Int[np.ndarray, " image"]

    def where(self, chosen: np.ndarray) -> Images:
        """The images at these indices, or where a mask holds."""
        return Images(self.pixels[chosen], self.digits[chosen])


@cache
def training() -> Images:
    """The images to train on, in a fixed random order."""
    return _shuffled().where(np.arange(TRAINING))


@cache
def held_out() -> Images:
    """The images to measure on, in a fixed random order."""
    everything = _shuffled()
    return everything.where(np.arange(TRAINING, len(everything.digits)))


def _shuffled() -> Images:
    from sklearn.datasets import load_digits  # slow to import, and not needed to declare a model

    brightness, digits = map(np.asarray, load_digits(return_X_y=True))
    order = generator("handwriting", "split").permutation(len(digits))
    return Images((brightness / 16).astype(np.float32), digits.astype(np.int64)).where(order)
