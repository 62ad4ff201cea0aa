from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits

from scratchgen import datasets
from scratchgen.datasets.dataset import Dataset


@pytest.fixture(scope="module")
def data() -> Dataset:
    return datasets.load("digits")


def test_of_each_digit_every_fifth_image_is_a_test_image(data: Dataset) -> None:
    images, labels = load_digits(return_X_y=True)
    seen: Counter[int] = Counter()
    train, test = [], []
    for image, label in zip(images, labels, strict=True):
        seen[label] += 1
        (test if seen[label] % 5 == 0 else train).append(np.append(image, label))
    for x, y, expected in ((data.x_train, data.y_train, train), (data.x_test, data.y_test, test)):
        np.testing.assert_array_equal(np.column_stack([x * 16, y]), expected)


def test_intensities_are_sixteenths_that_reach_both_ends(data: Dataset) -> None:
    for x in (data.x_train, data.x_test):
        assert x.dtype == np.float32
        assert set(np.unique(x * 16)) == set(range(17))


def test_no_image_is_lost_and_classes_keep_their_proportions(data: Dataset) -> None:
    train, test = np.bincount(data.y_train), np.bincount(data.y_test)
    assert train.sum() + test.sum() == 1_797
    assert len(train) == len(test) == len(data.classes) == 10
    np.testing.assert_array_equal(test, (train + test) // 5)


def test_the_order_depends_on_no_random_state(data: Dataset) -> None:
    np.random.seed(1)  # noqa: NPY002 - the point is that the global generator has no influence
    again = datasets.load("digits")
    for field in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(again, field), getattr(data, field), strict=True)
