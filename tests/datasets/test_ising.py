from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scratchgen import datasets
from scratchgen.errors import InputError
from scratchgen.samplers import ising


def log_partition(side: int, beta: float, field: float = 0.0) -> float:
    """Return log Z of the periodic side x side lattice, by its transfer matrix from row to row."""
    rows = 1.0 - 2 * (np.arange(2**side)[:, None] >> np.arange(side) & 1)
    within = (rows * np.roll(rows, 1, axis=1)).sum(axis=1) + field * rows.sum(axis=1)
    T = np.exp(beta * (rows @ rows.T + (within[:, None] + within) / 2))
    return float(np.log(np.trace(np.linalg.matrix_power(T / T.max(), side))) + side * np.log(T.max()))


def spins(data: datasets.Dataset) -> np.ndarray:
    return 2 * np.concatenate([data.x_train, data.x_test]).reshape(-1, *data.image_shape) - 1


def assert_mean(values: np.ndarray, expected: float) -> None:
    assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(len(values))


@pytest.mark.parametrize(("size", "temperature"), [(8, None), (8, 1.5), (4, 4.0)])
def test_energy_and_magnetisation_are_those_of_the_transfer_matrix(size: int, temperature: float | None) -> None:
    options = {} if temperature is None else {"temperature": temperature}
    data = datasets.load("ising", size=size, **options)
    beta, n, step = 1 / (temperature or ising.CRITICAL_TEMPERATURE), size**2, 1e-3
    mean_energy = -(log_partition(size, beta + step) - log_partition(size, beta - step)) / (2 * step)
    curvature = 2 * (log_partition(size, beta, step) - log_partition(size, beta)) / step**2  # even in the field
    assert_mean(ising.energy_per_spin(spins(data)), mean_energy / n)
    assert_mean(ising.magnetisation(spins(data)) ** 2, curvature / (beta * n) ** 2)
    assert_mean(ising.magnetisation(spins(data)), 0.0)


def test_configurations_that_follow_one_another_are_not_correlated() -> None:
    x = spins(datasets.load("ising"))
    m, energy = ising.magnetisation(x), ising.energy_per_spin(x)
    for lag in (1, 2, 5000):
        assert_mean(m[lag:] * m[:-lag], 0.0)
        assert_mean((energy - energy.mean())[lag:] * (energy - energy.mean())[:-lag], 0.0)


def test_pixels_are_zero_or_one_without_labels_and_equal_at_every_call() -> None:
    data, again = datasets.load("ising", size=4), datasets.load("ising", size=np.int64(4), temperature=2.0)
    assert set(np.unique(data.x_train)) == {0, 1}
    assert (data.image_shape, data.y_train, data.y_test, data.classes) == ((4, 4), None, None, ())
    np.testing.assert_array_equal(data.x_test, datasets.load("ising", size=4).x_test, strict=True)
    assert (again.x_test != data.x_test).any()


@pytest.mark.parametrize("size", [0, 7, 34, -2, 4.0, "8", None])
def test_a_size_that_is_no_even_integer_from_2_to_32_is_refused(size: Any) -> None:
    with pytest.raises(InputError, match="size of ising: expected an"):
        datasets.load("ising", size=size)


@pytest.mark.parametrize("temperature", [0, -1.0, 0.05, float("nan"), float("inf"), "2", True])
def test_a_temperature_that_is_no_finite_number_of_at_least_a_tenth_is_refused(temperature: Any) -> None:
    with pytest.raises(InputError, match="temperature of ising: expected a finite number"):
        datasets.load("ising", temperature=temperature)
