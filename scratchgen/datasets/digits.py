"""The 1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn: real data without a download."""

from __future__ import annotations

import numpy as np

from scratchgen.datasets.dataset import Dataset

_MAXIMUM = 16  # a pixel counts the set points of a 4 x 4 block
_TEST_EVERY = 5


def read_digits() -> Dataset:
    """Return the digits, intensities x = count / 16.

    The split depends on no random number: of each digit's images, in the order in which they ship, every fifth is a
    test image. That leaves 1,442 images to train and 355 to test, each digit in its proportion.
    """
    from sklearn.datasets import load_digits  # takes 0.8 s to import

    bunch = load_digits()
    x = (bunch.data / _MAXIMUM).astype(np.float32)  # (1797, 64)
    y = bunch.target.astype(np.int64)
    test = _every_nth_of_each_class(y, _TEST_EVERY)
    return Dataset(
        name="digits",
        x_train=x[~test],
        y_train=y[~test],
        x_test=x[test],
        y_test=y[test],
        image_shape=(8, 8),
        classes=tuple("0123456789"),
    )


def _every_nth_of_each_class(y: np.ndarray, n: int) -> np.ndarray:
    chosen = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        chosen[np.flatnonzero(y == label)[n - 1 :: n]] = True
    return chosen
