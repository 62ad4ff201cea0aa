"""What every data set looks like once it is loaded, and how bytes become intensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.errors import InputError

if TYPE_CHECKING:
    from scratchgen.densities import Density


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A data set: images as rows of intensities, or points of the plane; and labels where there are any.

    Attributes
    ----------
    name : str
        The name it is loaded by.
    x_train, x_test : ndarray of float32, shape (n, features)
        Intensities in [0, 1]; features = height * width, row by row from the top left, and of colour images
        height * width * 3: red, green and blue of one pixel after the other. Points are (n, 2), in no fixed range.
    y_train, y_test : ndarray of int64, shape (n,), or None
        Class labels 0, 1, ...; None where the data have none.
    image_shape : tuple of int, or None
        (height, width), of colour images (height, width, 3): ``x_train[i].reshape(image_shape)`` is an image. None of
        points.
    classes : tuple of str
        What each label stands for; empty where the data have no labels.
    x_validation : ndarray of float32, or None
        A third part, where the authors of the data set one apart; else None.
    density : Density, or None
        The density that points are drawn from.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    image_shape: tuple[int, ...] | None
    classes: tuple[str, ...] = ()
    x_validation: np.ndarray | None = None
    density: Density | None = None

    @property
    def example(self) -> str:
        """What a row is, in a word: "image" or "point"."""
        return "point" if self.image_shape is None else "image"

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}: x_train {self.x_train.shape}, x_test {self.x_test.shape}, "
            f"image_shape {self.image_shape}, {len(self.classes) or 'no'} classes)"
        )


def image_shape_of(data: Dataset) -> tuple[int, ...]:
    """Return the shape of an image of `data`.

    Raises
    ------
    InputError
        They are points.
    """
    if data.image_shape is None:
        raise InputError(f"{data.name} holds points of the plane, not images: choose a data set of images")
    return data.image_shape


def intensities(images: np.ndarray) -> np.ndarray:
    """Return images of bytes as rows of float32, x = byte / 255."""
    # one pass, without a float32 copy of the bytes in between
    return np.divide(images.reshape(len(images), -1), np.float32(255), dtype=np.float32)  # (n, features)
