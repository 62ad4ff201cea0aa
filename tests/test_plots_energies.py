from __future__ import annotations

import io

import numpy as np
import pytest

from scratchgen import plots
from scratchgen.errors import InputError

BOUNDS = ((-4.0, 4.0), (-3.0, 5.0))


def energy(x):
    """N((0, 1), diag(1, 1/4)), with a constant that no picture should depend on."""
    return (x[:, 0] ** 2 + 4 * (x[:, 1] - 1) ** 2) / 2 + 1000


def test_energies_are_shown_as_minus_log_densities_in_one_scale():
    true, learnt, bar = plots.energy_landscapes(energy, lambda x: energy(x) - 2000, BOUNDS, n_grid=161).axes
    (first,), (second,) = true.images, learnt.images
    np.testing.assert_allclose(first.get_array(), second.get_array(), atol=1e-9)
    assert first.get_clim() == second.get_clim()
    lowest = np.log(2 * np.pi * 0.5)  # minus the log density at the mode
    assert first.get_clim() == (pytest.approx(lowest, abs=0.02), pytest.approx(lowest + 12, abs=0.02))
    assert first.get_array()[80, 80] == first.get_array().min()  # (0, 1): x_2 along the rows, the lowest first
    assert (true.get_title(), learnt.get_title()) == ("true", "learnt")
    assert (true.get_xlim(), true.get_ylim()) == BOUNDS
    assert bar.get_ylabel() == "$-\\log p$ (nats)"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: x, r"the learnt energy must return shape \(100,\)"),
        (lambda x: np.full(len(x), np.nan), "the learnt energy must be above minus infinity"),
        (lambda x: np.full(len(x), np.inf), "the learnt energy must be above minus infinity"),
    ],
)
def test_a_function_that_is_no_energy_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        plots.energy_landscapes(energy, wrong, BOUNDS, n_grid=10)


def test_an_energy_may_be_infinite_somewhere():
    figure = plots.energy_landscapes(energy, lambda x: np.where(x[:, 0] < 0, np.inf, 0.0), BOUNDS, n_grid=10)
    figure.savefig(io.BytesIO())
