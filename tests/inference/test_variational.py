"""Mean-field approximations against closed forms, and what sets the two divergences apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.densities import GaussianMixture, gaussian
from scratchgen.errors import TrainingError
from scratchgen.inference.estimators import monte_carlo_kl
from scratchgen.inference.variational import MeanFieldGaussian, minimise_forward_kl, minimise_reverse_kl, reverse_kl
from scratchgen.ops.gaussian_divergences import kl_gaussians_forward

CORRELATED = gaussian((1.0, -1.0), ((1.0, 0.8), (0.8, 2.0)))
TWO_MODES = GaussianMixture([[-2.0, -1.0], [2.0, 1.0]], [0.4 * np.eye(2)] * 2, [0.3, 0.7])


def exact_kl(q, p):
    """Return KL(q || p) of two Gaussians of the plane."""
    return kl_gaussians_forward(q.means, q.covariances, p.means, p.covariances)[0][0]


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


def test_reverse_divergence_of_a_mixture_agrees_with_draws():
    mean, log_var = np.array([1.5, 0.5]), np.array([-0.5, -0.2])
    q = MeanFieldGaussian(mean, np.exp(log_var)).as_density()
    estimate = monte_carlo_kl(q.sample(20_000, sg.Stream(0), "float64"), q.log_density, TWO_MODES.log_density)
    assert estimate.kl == pytest.approx(reverse_kl(TWO_MODES, mean, log_var)[0], abs=4 * estimate.standard_error)


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
    reverse = minimise_reverse_kl(TWO_MODES, start, n_steps=600)
    np.testing.assert_allclose(reverse.mean, TWO_MODES.means[mode], atol=0.02)
    np.testing.assert_allclose(reverse.variance, 0.4, rtol=0.02)
    # one mode has all of q: it misses the other's share of p
    divergence = reverse_kl(TWO_MODES, reverse.mean, np.log(reverse.variance))[0]
    assert divergence == pytest.approx(-math.log(TWO_MODES.weights[mode]), abs=0.01)
    forward = minimise_forward_kl(TWO_MODES)
    assert (np.abs(TWO_MODES.means - forward.mean) < 2 * np.sqrt(forward.variance)).all()
    assert reverse_kl(TWO_MODES, forward.mean, np.log(forward.variance))[0] > divergence + 0.3


def test_descent_that_has_not_arrived_is_an_error():
    with pytest.raises(TrainingError, match=r"the gradient of KL\(q \|\| p\) is still .* after 5 steps"):
        minimise_reverse_kl(CORRELATED, n_steps=5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: minimise_reverse_kl(CORRELATED, start=(0.0,)), r"start must have shape \(2\)"),
        (lambda: minimise_reverse_kl(CORRELATED, n_steps=0), "n_steps must be an integer >= 1"),
        (lambda: reverse_kl(CORRELATED, [0.0, np.nan], [0.0, 0.0]), "mean must be finite"),
    ],
)
def test_bad_input_is_an_error(call, message):
    with pytest.raises(sg.InputError, match=message):
        call()
