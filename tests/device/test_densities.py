"""Densities of the plane on arrays of CuPy: what the kernels' own scalar functions make of them."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgen import densities

pytestmark = pytest.mark.simulator

POINTS = np.random.default_rng(0).standard_normal((11, 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "density",
    [densities.eight_gaussians(), densities.three_rings(), densities.DoubleWell(1.0, 1.0)],
    ids=lambda density: type(density).__name__,
)
@pytest.mark.parametrize("method", ["log_density", "energy", "grad_log_density"])
def test_methods_give_what_they_give_on_arrays_of_numpy(device, density, method, dtype):
    x = POINTS.astype(dtype)
    on_device = getattr(density, method)(device.wrap(x))
    assert on_device.dtype == dtype
    np.testing.assert_array_equal(on_device.values, getattr(density, method)(x))
