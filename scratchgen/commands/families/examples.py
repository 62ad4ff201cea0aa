"""The held-out images that pictures show, and whether there are any."""

from __future__ import annotations

import numpy as np

from scratchgen.datasets import Dataset
from scratchgen.models.model import Model

N_ROWS, N_COLUMNS = 3, 10


def examples(data: Dataset) -> np.ndarray:
    """Return test images: the first few of each class, a row of all classes at a time; without labels the first."""
    if data.y_test is None:
        return data.x_test[: N_ROWS * N_COLUMNS]
    by_class = [np.flatnonzero(data.y_test == label)[:N_ROWS] for label in range(len(data.classes))]
    return data.x_test[[indices[row] for row in range(N_ROWS) for indices in by_class if row < len(indices)]]


def of_images(model: Model, data: Dataset) -> bool:
    """Say whether `data` are images: what a picture of images needs to suit them."""
    return data.image_shape is not None
