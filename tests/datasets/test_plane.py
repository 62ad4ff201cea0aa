from __future__ import annotations

import numpy as np
import pytest

from scratchgen import datasets, densities
from scratchgen.datasets.dataset import image_shape_of
from scratchgen.errors import InputError

NAMES = ("rings", "eight-gaussians", "double-well")


@pytest.mark.parametrize("name", NAMES)
def test_points_are_samples_of_the_density_that_comes_with_them(name: str) -> None:
    data = datasets.load(name)
    assert data.density is not None
    # the mean of -log p over samples is the entropy, which the integral of -p log p over a grid is too
    (left, right), (bottom, top) = ((2 * low, 2 * high) for low, high in data.density.bounds)
    x, y = np.linspace(left, right, 600), np.linspace(bottom, top, 600)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    log_p = data.density.log_density(points)
    entropy = -(np.exp(log_p) * log_p).sum() * (x[1] - x[0]) * (y[1] - y[0])
    for part in (data.x_train, data.x_test):
        energies = data.density.energy(part.astype(np.float64))
        assert energies.mean() == pytest.approx(entropy, abs=4.5 * energies.std() / np.sqrt(len(part)))


def test_each_name_is_the_density_of_that_name() -> None:
    kinds = [type(datasets.load(name).density) for name in NAMES]
    assert kinds == [densities.Rings, densities.GaussianMixture, densities.DoubleWell]


def test_the_halves_are_different_and_the_same_at_every_call() -> None:
    first, second = datasets.load("rings"), datasets.load("rings")
    np.testing.assert_array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.x_test, second.x_test)
    assert not (first.x_train[:4000] == first.x_test).any()


def test_what_asks_for_the_shape_of_an_image_is_told_that_there_is_none() -> None:
    data = datasets.load("rings")
    assert (data.example, data.image_shape, data.y_train) == ("point", None, None)
    with pytest.raises(InputError, match="rings holds points of the plane, not images: choose a data set of images"):
        image_shape_of(data)
    images = datasets.load("bars-and-stripes")
    assert (images.example, image_shape_of(images), images.density) == ("image", (4, 4), None)
