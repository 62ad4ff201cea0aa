from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from scratchgen import datasets
from scratchgen.errors import InputError

SIZES = range(1, 6)


@pytest.mark.parametrize(("size", "count"), [(1, 2), (2, 6), (3, 14), (4, 30), (5, 62)])
def test_each_distinct_pattern_occurs_once(size: int, count: int) -> None:
    x = datasets.load("bars-and-stripes", size=size).x_train
    assert x.shape == (count, size**2)
    assert len(np.unique(x, axis=0)) == count


@pytest.mark.parametrize("size", SIZES[:4])
def test_the_patterns_are_all_images_with_equal_rows_or_equal_columns(size: int) -> None:
    expected = set()
    for pixels in itertools.product((0.0, 1.0), repeat=size**2):
        rows = [pixels[size * row : size * (row + 1)] for row in range(size)]
        columns = list(zip(*rows, strict=True))
        if len(set(rows)) == 1 or len(set(columns)) == 1:
            expected.add(pixels)
    data = datasets.load("bars-and-stripes", size=size)
    assert {tuple(pattern) for pattern in data.x_train.tolist()} == expected


def test_stripes_are_horizontal_and_come_first() -> None:
    data = datasets.load("bars-and-stripes", size=3)
    images = data.x_train.reshape(-1, 3, 3)
    np.testing.assert_array_equal(images[1], [[1, 1, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(images[8], [[1, 0, 0], [1, 0, 0], [1, 0, 0]])


@pytest.mark.parametrize(("size", "nats"), [(2, -10.751), (3, -36.947), (4, -102.036)])
def test_the_best_summed_log_likelihood_is_the_published_one(size: int, nats: float) -> None:
    n = len(datasets.load("bars-and-stripes", size=size).x_train)
    assert -n * math.log(n) == pytest.approx(nats, abs=5e-4)


def test_the_default_is_4_by_4_without_labels_and_the_halves_are_equal_but_not_shared() -> None:
    data = datasets.load("bars-and-stripes")
    assert (data.image_shape, data.y_train, data.y_test, data.classes) == ((4, 4), None, None, ())
    assert data.x_train.dtype == np.float32
    np.testing.assert_array_equal(data.x_train, data.x_test, strict=True)
    assert not np.shares_memory(data.x_train, data.x_test)


@pytest.mark.parametrize("size", [0, -1, 17, 2.0, "4", None, [3]])
def test_a_size_that_is_no_integer_from_1_to_16_is_refused(size: Any) -> None:
    with pytest.raises(InputError, match="size of bars-and-stripes"):
        datasets.load("bars-and-stripes", size=size)


def test_a_numpy_integer_is_a_size() -> None:
    assert datasets.load("bars-and-stripes", size=np.int64(2)).image_shape == (2, 2)
