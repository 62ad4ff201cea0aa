"""The densities of the plane against their formulas, written out; normalised; refusing what makes no sense."""

from __future__ import annotations

import math

import array_api_strict
import numpy as np
import pytest
from scipy import special, stats

from scratchgen import Stream, densities
from scratchgen.backend import Backend
from scratchgen.errors import BackendError, InputError

COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])
ALL = {
    "gaussian": densities.gaussian((1, -2), COVARIANCE),
    "mixture": densities.GaussianMixture([(0, 0), (2, 1)], [COVARIANCE, np.eye(2)], (3, 1)),
    "eight gaussians": densities.eight_gaussians(),
    "three rings": densities.three_rings(),
    "widest ring": densities.Rings([1.0], 1.0),
    "unequal rings": densities.Rings((0.5, 2.0), 0.2, (0.9, 0.1)),
    "double well": densities.DoubleWell(),
    "flat well": densities.DoubleWell(0.01, 0.1),
    "steep wells": densities.DoubleWell(100.0, 3.0),
}
every_density = pytest.mark.parametrize("density", ALL.values(), ids=ALL)
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def grid(bounds, n=601, factor=1.8):
    """Points of a rectangle, `factor` times as wide as the bounds, and the area that each stands for."""
    axes = []
    for low, high in bounds:
        middle, half = (low + high) / 2, (high - low) / 2
        axes.append(np.linspace(middle - factor * half, middle + factor * half, n))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return points, np.prod([axis[1] - axis[0] for axis in axes])


# --------------------------------------------------------------------------------------------------------- log density


@every_density
def test_density_is_normalised(density):
    points, area = grid(density.bounds)
    assert np.exp(density.log_density(points)).sum() * area == pytest.approx(1, abs=1e-6)


@every_density
def test_bounds_hold_all_but_a_thousandth_of_the_mass(density):
    points, area = grid(density.bounds, factor=1.0)
    assert 0.999 < np.exp(density.log_density(points)).sum() * area < 1 + 1e-6


@every_density
def test_energy_is_minus_the_log_density_and_its_slope_minus_the_gradient(density):
    x = np.random.default_rng(0).standard_normal((40, 2))
    np.testing.assert_array_equal(density.energy(x), -density.log_density(x))
    h = 1e-5
    for axis, shift in enumerate(h * np.eye(2)):
        slope = (density.log_density(x + shift) - density.log_density(x - shift)) / (2 * h)
        np.testing.assert_allclose(density.grad_log_density(x)[:, axis], slope, rtol=1e-6, atol=1e-6)


def test_mixture_is_the_weighted_sum_of_normal_densities():
    x = np.random.default_rng(1).standard_normal((20, 2))
    normal = stats.multivariate_normal
    expected = 0.75 * normal([0, 0], COVARIANCE).pdf(x) + 0.25 * normal([2, 1], np.eye(2)).pdf(x)
    np.testing.assert_allclose(np.exp(ALL["mixture"].log_density(x)), expected, rtol=1e-12)
    np.testing.assert_allclose(ALL["gaussian"].log_density(x), normal([1, -2], COVARIANCE).logpdf(x), rtol=1e-12)


def test_eight_gaussians_lie_on_a_circle_and_have_one_peak_each():
    angle = np.arange(8) * math.pi / 4
    peaks = 3.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    density = densities.eight_gaussians(radius=3.0, standard_deviation=0.1)
    np.testing.assert_allclose(density.log_density(peaks), math.log(1 / 8 / (2 * math.pi * 0.01)), rtol=1e-12)


def test_weights_of_rings_are_their_masses():
    points, area = grid(ALL["unequal rings"].bounds)
    inner = np.linalg.norm(points, axis=1) < 1.2
    assert np.exp(ALL["unequal rings"].log_density(points[inner])).sum() * area == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("barrier", [1e-3, 0.5, 8.0, 1e6])
def test_integral_of_the_double_well_is_that_of_bessel_functions(barrier):
    along_x = math.pi / 2 * (special.ive(-0.25, barrier / 2) + special.ive(0.25, barrier / 2))
    z = along_x * math.sqrt(2 * math.pi / 0.7)
    at_bottom = densities.DoubleWell(barrier, 0.7).log_density([(1.0, 0.0), (-1.0, 0.0), (0.0, 0.0)])
    np.testing.assert_allclose(at_bottom, [-math.log(z), -math.log(z), -math.log(z) - barrier], rtol=1e-12)


@every_density
def test_float32_stays_float32_and_agrees_with_float64(density):
    x = density.sample(50, Stream(2), "float64")
    for method in (density.log_density, density.energy, density.grad_log_density):
        single, double = method(x.astype(np.float32)), method(x)
        assert (single.dtype, double.dtype) == (np.float32, np.float64)
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-3)


@every_density
@both_types
def test_what_overflows_is_infinite_or_nan_without_a_warning(density, dtype):
    x = np.full((3, 2), np.finfo(dtype).max / 2)
    assert not np.isfinite(density.log_density(x)).any()
    assert not np.isfinite(density.grad_log_density(x)).all()
    density.langevin(Stream(0, "numpy"), x, 2, 0.1, 0.1)


# ----------------------------------------------------------------------------------------------------------- bad input


@every_density
def test_a_point_that_is_not_finite_has_no_density_and_leaves_the_others_theirs(density):
    x = np.array([[0.3, 0.2], [np.nan, 0.0], [1.0, np.inf]])
    for method in (density.log_density, density.grad_log_density):
        np.testing.assert_allclose(method(x)[0], method(x[:1])[0], rtol=1e-14)
        assert np.isnan(method(x)[1]).any()
        assert not np.isfinite(method(x)[2]).all()


@every_density
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(2), r"x must have shape \(n, 2\), got \(2,\)"),
        (np.zeros((4, 3)), r"x must have shape \(n, 2\), got \(4, 3\)"),
        (np.array([["a", "b"]]), "x must hold real numbers"),
    ],
)
def test_points_that_are_none_are_refused(density, x, message):
    stream = Stream(0)
    for method in (density.log_density, density.grad_log_density, lambda x: density.langevin(stream, x, 1, 0.1, 0.1)):
        with pytest.raises(InputError, match=message):
            method(x)
    assert stream.state() == Stream(0).state()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_steps": 0}, "n_steps must be an integer >= 1, got 0"),
        ({"n_steps": 1.5}, "n_steps must be an integer"),
        ({"drift_scale": -0.1}, "drift_scale must be a finite number >= 0, got -0.1"),
        ({"noise_scale": np.nan}, "noise_scale must be a finite number >= 0, got nan"),
    ],
)
def test_steps_that_make_no_sense_are_refused(changed, message):
    arguments = {"n_steps": 1, "drift_scale": 0.1, "noise_scale": 0.1} | changed
    with pytest.raises(InputError, match=message):
        densities.gaussian().langevin(Stream(0), np.zeros((3, 2)), **arguments)


def test_chains_of_another_library_than_the_stream_are_refused():
    stream = Stream(0)
    stream.backend = Backend("elsewhere", array_api_strict, "cpu")
    with pytest.raises(BackendError, match="x is not an array of backend 'elsewhere'"):
        densities.gaussian().langevin(stream, np.zeros((3, 2)), 1, 0.1, 0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: densities.gaussian((0, 0, 0)), r"mean must have shape \(2\), got \(3,\)"),
        (lambda: densities.gaussian((0, np.inf)), "mean must be finite"),
        (lambda: densities.gaussian(covariance=((1, 2), (2, 1))), "symmetric and positive definite"),
        (lambda: densities.gaussian(covariance=((1, 0.2), (0.3, 1))), "symmetric and positive definite"),
        (lambda: densities.GaussianMixture([(0, 0)], np.ones((2, 2, 2))), r"covariances must have shape \(1, 2, 2\)"),
        (lambda: densities.GaussianMixture(np.zeros((0, 2)), np.zeros((0, 2, 2))), r"means must have shape \(any, 2\)"),
        (lambda: densities.GaussianMixture([(0, 0)], [np.eye(2)], (1, 2)), r"weights must have shape \(1\)"),
        (lambda: densities.GaussianMixture([(0, 0)], [np.eye(2)], (0,)), "weights must be positive"),
        (lambda: densities.eight_gaussians(radius=0), "radius must be a finite number > 0, got 0"),
        (lambda: densities.eight_gaussians(standard_deviation="a"), "standard_deviation must be a finite number > 0"),
        (lambda: densities.Rings((1.0, 0.1), 0.2), "at most the smallest of the radii .*, got 0.2"),
        (lambda: densities.Rings((1.0,), 0.0), "standard_deviation must be a finite number > 0"),
        (lambda: densities.Rings((), 0.1), r"radii must have shape \(any\)"),
        (lambda: densities.Rings((1.0, 2.0), 0.1, (1, -1)), "weights must be positive"),
        (lambda: densities.DoubleWell(0), "barrier must be from 0.001 to 1e[+]06, got 0"),
        (lambda: densities.DoubleWell(np.nan), "barrier must be from"),
        (lambda: densities.DoubleWell(1.0, -1.0), "stiffness must be a finite number > 0, got -1.0"),
    ],
)
def test_densities_that_are_none_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_parameters_are_copied_and_cannot_be_written():
    means = np.zeros((1, 2))
    density = densities.GaussianMixture(means, [np.eye(2)])
    means[...] = 5
    np.testing.assert_array_equal(density.means, 0)
    for array in (density.means, density.covariances, density.weights, densities.three_rings().radii):
        assert not array.flags.writeable
