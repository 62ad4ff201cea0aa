"""What every data set looks like once it is loaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set: images as rows of intensities, and labels where there are any.

    Attributes
    ----------
    name : str
        The name it is loaded by.
    x_train, x_test : ndarray of float32, shape (n, features)
        Intensities in [0, 1]; features = height * width, row by row from the top left.
    y_train, y_test : ndarray of int64, shape (n,), or None
        Class labels 0, 1, ...; None where the data have none.
    image_shape : tuple of int
        (height, width): ``x_train[i].reshape(image_shape)`` is an image.
    classes : tuple of str
        What each label stands for; empty where the data have no labels.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    image_shape: tuple[int, int]
    classes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}: x_train {self.x_train.shape}, x_test {self.x_test.shape}, "
            f"image_shape {self.image_shape}, {len(self.classes) or 'no'} classes)"
        )
