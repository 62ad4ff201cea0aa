"""Mean-field approximations against closed forms, and what sets the two divergences apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.densities import DoubleWell, GaussianMixture, Rings, gaussian
from scratchgen.errors import TrainingError
from scratchgen.inference.estimators import monte_carlo_kl
from scratchgen.inference.variational import MeanFieldGaussian, minimise_forward_kl, minimise_reverse_kl, reverse_kl
from scratchgen.ops.gaussian_divergences import kl_gaussians_forward

CORRELATED = gaussian((1.0, -1.0), ((1.0, 0.8), (0.8, 2.0)))
TWO_MODES = GaussianMixture([[-2.0, -1.0], [2.0, 1.0]], [0.4 * np.eye(2)] * 2, [0.3, 0.7])
SYMMETRIC = GaussianMixture([[-2.0, 0.0], [2.0, 0.0]], [0.3 * np.eye(2)] * 2)
FAR_APART = GaussianMixture([[-4.0, 0.0], [4.0, 0.0]], [0.4 * np.eye(2)] * 2)
NARROW = GaussianMixture([[-4.0, 0.0], [4.0, 0.0]], [1e-3 * np.eye(2)] * 2)


def exact_kl(q, p):
    """Return KL(q || p) of two Gaussians of the plane."""
    return kl_gaussians_forward(q.means, q.covariances, p.means, p.covariances)[0][0]


def integrated_kl(p, mean, log_var):
    """Return KL(q || p) by the sum of q log q/p over a fine grid of the plane."""
    density = MeanFieldGaussian(np.asarray(mean), np.exp(log_var)).as_density()
    reach = 7 * np.exp(np.asarray(log_var) / 2)
    x1, x2 = (np.linspace(m - r, m + r, 800) for m, r in zip(mean, reach, strict=True))
    x = np.stack(np.meshgrid(x1, x2), axis=-1).reshape(-1, 2)
    log_q = density.log_density(x)
    return np.exp(log_q) @ (log_q - p.log_density(x)) * (x1[1] - x1[0]) * (x2[1] - x2[0])


def integrated_gradient(p, q, step=1e-3):
    """Return central differences of `integrated_kl` by mean and log_var."""
    point, steps = np.concatenate([q.mean, np.log(q.variance)]), step * np.eye(4)
    return np.array(
        [
            (integrated_kl(p, (point + e)[:2], (point + e)[2:]) - integrated_kl(p, (point - e)[:2], (point - e)[2:]))
            / (2 * step)
            for e in steps
        ]
    )


def neighbours(q):
    """Return q moved or widened a little in each way."""
    for k in (0, 1):
        for step in (-0.05, 0.05):
            shift = step * np.eye(2)[k]
            yield MeanFieldGaussian(q.mean + shift, q.variance)
            yield MeanFieldGaussian(q.mean, q.variance * np.exp(shift))


@pytest.fixture(scope="module")
def reverse_of_correlated():
    return minimise_reverse_kl(CORRELATED)


def test_reverse_divergence_of_gaussians_is_the_closed_form():
    mean, log_var = np.array([0.3, -0.5]), np.array([-0.7, 0.4])
    q = MeanFieldGaussian(mean, np.exp(log_var)).as_density()
    assert reverse_kl(CORRELATED, mean, log_var)[0] == pytest.approx(exact_kl(q, CORRELATED), rel=1e-12)


def test_reverse_divergence_of_a_q_far_away_is_the_closed_form_though_its_rounding_errors_are_large():
    p = gaussian((0.0, 0.0), 1e-4 * np.eye(2))
    mean, log_var = np.array([3e4, -2e4]), np.zeros(2)
    q = MeanFieldGaussian(mean, np.exp(log_var)).as_density()
    assert reverse_kl(p, mean, log_var)[0] == pytest.approx(exact_kl(q, p), rel=1e-12)


def test_reverse_divergence_of_a_mixture_agrees_with_draws():
    mean, log_var = np.array([1.5, 0.5]), np.array([-0.5, -0.2])
    q = MeanFieldGaussian(mean, np.exp(log_var)).as_density()
    estimate = monte_carlo_kl(q.sample(20_000, sg.Stream(0), "float64"), q.log_density, TWO_MODES.log_density)
    assert estimate.kl == pytest.approx(reverse_kl(TWO_MODES, mean, log_var)[0], abs=4 * estimate.standard_error)


@pytest.mark.parametrize(
    ("p", "mean", "variance", "expected"),
    [
        (SYMMETRIC, (0.963, 0.0), (2.30, 0.3), 1.5530),
        (SYMMETRIC, (0.0, 0.0), (3.21, 0.3), 1.4671),
        (TWO_MODES, (0.3, 0.1), (2.5, 0.8), None),
        (FAR_APART, (1.93, 0.0), (7.73, 0.4), None),
    ],
)
def test_reverse_divergence_of_a_q_that_spans_two_modes_is_its_integral_and_so_is_the_gradient(
    p, mean, variance, expected
):
    # between the modes log p bends within a small part of the width of q, which a few nodes do not see
    divergence, dmean, dlog_var = reverse_kl(p, mean, np.log(variance))
    assert divergence == pytest.approx(integrated_kl(p, mean, np.log(variance)), abs=1e-6)
    assert expected is None or divergence == pytest.approx(expected, abs=1e-4)
    q = MeanFieldGaussian(np.array(mean), np.array(variance))
    np.testing.assert_allclose([*dmean, *dlog_var], integrated_gradient(p, q), atol=1e-5)


@pytest.mark.parametrize("p", [Rings((1.0,), 0.3), DoubleWell()], ids=["ring", "double well"])
def test_reverse_divergence_of_other_densities_is_its_integral(p):
    mean, log_var = (0.4, -0.2), (-1.0, -0.6)
    assert reverse_kl(p, mean, log_var)[0] == pytest.approx(integrated_kl(p, mean, log_var), abs=1e-5)


@pytest.mark.parametrize("p", [CORRELATED, TWO_MODES], ids=["correlated", "two modes"])
def test_gradient_of_the_reverse_divergence_is_that_of_finite_differences(p):
    point = np.array([0.7, -0.4, 0.3, -0.6])
    gradient = np.concatenate(reverse_kl(p, point[:2], point[2:])[1:])
    report = sg.gradcheck(lambda v: reverse_kl(p, v[:2], v[2:])[0], point, gradient)
    assert report.passed, str(report)


def test_forward_minimum_has_the_moments_of_the_density():
    for p in (CORRELATED, TWO_MODES):
        q = minimise_forward_kl(p)
        x = p.sample(100_000, sg.Stream(1), "float64")
        error = x.std(axis=0) / math.sqrt(len(x))
        assert (np.abs(x.mean(axis=0) - q.mean) < 4.5 * error).all()
        np.testing.assert_allclose(x.var(axis=0), q.variance, rtol=0.02)


def test_forward_minimum_is_a_minimum():
    best = minimise_forward_kl(CORRELATED)
    lowest = exact_kl(CORRELATED, best.as_density())
    assert all(exact_kl(CORRELATED, q.as_density()) > lowest for q in neighbours(best))


def test_reverse_minimum_of_a_correlated_gaussian_has_the_conditional_variances(reverse_of_correlated):
    np.testing.assert_allclose(reverse_of_correlated.mean, CORRELATED.means[0], atol=1e-6)
    precision = np.linalg.inv(CORRELATED.covariances[0])
    np.testing.assert_allclose(reverse_of_correlated.variance, 1 / precision.diagonal(), rtol=1e-6)


def test_reverse_minimum_is_a_minimum_and_narrower_than_the_forward_one(reverse_of_correlated):
    lowest = exact_kl(reverse_of_correlated.as_density(), CORRELATED)
    assert all(exact_kl(q.as_density(), CORRELATED) > lowest for q in neighbours(reverse_of_correlated))
    assert (reverse_of_correlated.variance < 0.8 * minimise_forward_kl(CORRELATED).variance).all()


@pytest.mark.parametrize(("start", "mode"), [((-1.0, 0.0), 0), ((1.0, 0.0), 1)])
def test_reverse_minimum_keeps_to_the_mode_near_its_start_and_the_forward_one_covers_both(start, mode):
    reverse = minimise_reverse_kl(TWO_MODES, start)
    np.testing.assert_allclose(reverse.mean, TWO_MODES.means[mode], atol=0.02)
    np.testing.assert_allclose(reverse.variance, 0.4, rtol=0.02)
    # one mode has all of q: it misses the other's share of p
    divergence = reverse_kl(TWO_MODES, reverse.mean, np.log(reverse.variance))[0]
    assert divergence == pytest.approx(-math.log(TWO_MODES.weights[mode]), abs=0.01)
    forward = minimise_forward_kl(TWO_MODES)
    assert (np.abs(TWO_MODES.means - forward.mean) < 2 * np.sqrt(forward.variance)).all()
    assert reverse_kl(TWO_MODES, forward.mean, np.log(forward.variance))[0] > divergence + 0.3


@pytest.mark.parametrize(
    ("p", "start"),
    [
        (SYMMETRIC, None),
        (SYMMETRIC, (0.5, 0.0)),
        (FAR_APART, None),
        (FAR_APART, (0.5, 0.0)),
        (FAR_APART, (1.0, 0.0)),
        (NARROW, (1.0, 0.0)),
        (TWO_MODES, None),
    ],
)
def test_reverse_minimum_is_one_mode_and_the_integral_is_stationary_there(p, start):
    q = minimise_reverse_kl(p, start)
    distance = np.abs(p.means - q.mean).max(axis=1)
    mode = distance.argmin()
    assert distance[mode] < 0.01
    np.testing.assert_allclose(q.variance, p.covariances[mode].diagonal(), rtol=0.02)
    assert p.weights[mode] == p.weights.max()
    np.testing.assert_allclose(integrated_gradient(p, q), 0, atol=2e-6)
    assert integrated_kl(p, q.mean, np.log(q.variance)) == pytest.approx(-math.log(p.weights[mode]), abs=0.001)


def test_reverse_minimum_between_two_modes_is_a_minimum_too_but_much_higher():
    q = minimise_reverse_kl(SYMMETRIC, (0.0, 0.0))
    np.testing.assert_allclose([*q.mean, *q.variance], [0, 0, 3.1024, 0.3], atol=1e-4)
    lowest = integrated_kl(SYMMETRIC, q.mean, np.log(q.variance))
    assert lowest == pytest.approx(1.4654, abs=1e-4)
    assert all(integrated_kl(SYMMETRIC, r.mean, np.log(r.variance)) > lowest for r in neighbours(q))


def test_descent_by_default_begins_at_the_heavier_mode_though_the_lighter_one_is_higher():
    p = GaussianMixture([[-5.0, 0.0], [5.0, 0.0]], [4 * np.eye(2), 0.01 * np.eye(2)], [0.9, 0.1])
    assert p.log_density(p.means)[1] > p.log_density(p.means)[0] + 1
    np.testing.assert_allclose(minimise_reverse_kl(p).mean, p.means[0], atol=0.05)


def test_descent_is_the_same_in_other_units():
    scale = 1e-3
    small = GaussianMixture(scale * SYMMETRIC.means, scale**2 * SYMMETRIC.covariances)
    expected, q = minimise_reverse_kl(SYMMETRIC, (0.5, 0.0)), minimise_reverse_kl(small, (0.5 * scale, 0.0))
    np.testing.assert_allclose(q.mean / scale, expected.mean, atol=1e-6)
    np.testing.assert_allclose(q.variance / scale**2, expected.variance, rtol=1e-6)


def test_density_that_is_no_mixture_is_approximated_too():
    q = minimise_reverse_kl(DoubleWell())
    assert abs(q.mean[0]) == pytest.approx(math.sqrt(0.75), abs=0.15)  # the wells are at 1 and -1
    np.testing.assert_allclose(integrated_gradient(DoubleWell(), q), 0, atol=1e-5)


def test_descent_that_has_not_arrived_is_an_error():
    with pytest.raises(TrainingError, match=r"the gradient of KL\(q \|\| p\) is still .* after 2 steps"):
        minimise_reverse_kl(CORRELATED, (5.0, 5.0), n_steps=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimise_reverse_kl(CORRELATED, start=(0.0,)), r"start must have shape \(2\)"),
        (lambda: minimise_reverse_kl(CORRELATED, n_steps=0), "n_steps must be an integer >= 1"),
        (lambda: reverse_kl(CORRELATED, [0.0, np.nan], [0.0, 0.0]), "mean must be finite"),
        (
            lambda: reverse_kl(NARROW, [0.0, 0.0], [3.0, -7.0]),
            "64 and half as many nodes a standard deviation differ by",
        ),
    ],
)
def test_bad_input_is_an_error(call, message):
    with pytest.raises(sg.InputError, match=message):
        call()
