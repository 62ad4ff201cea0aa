"""log p(x) on a grid, against a model whose p(x) is known and against importance sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.latent import integrated_log_likelihood


def linear_gaussian(W, b, sigma):
    """Return -log p(x|z) of x = z W + b + sigma * noise, and log p(x) = log N(x; b, W'W + sigma^2 I)."""

    def nll(z, x):
        residual = (x - z @ W - b) / sigma
        return 0.5 * (residual**2).sum(axis=-1) + x.shape[1] * math.log(sigma * math.sqrt(2 * math.pi))

    def log_p(x):
        covariance = W.T @ W + sigma**2 * np.eye(len(b))
        squares = np.einsum("ni,ij,nj->n", x - b, np.linalg.inv(covariance), x - b)
        return -0.5 * (squares + np.linalg.slogdet(2 * math.pi * covariance).logabsdet)

    return nll, log_p


RNG = np.random.default_rng(4)
W, B, X = RNG.normal(size=(2, 3)), RNG.normal(size=3), RNG.normal(size=(5, 3))


def test_the_integral_of_a_linear_gaussian_model_is_its_exact_log_likelihood():
    nll, log_p = linear_gaussian(W, B, 0.5)
    found = integrated_log_likelihood(X, nll, n_per_axis=101, limit=7.0)
    np.testing.assert_allclose(found.log_likelihood, log_p(X), atol=1e-9)
    assert found.difference.max() < 1e-4


def test_the_result_is_the_sum_over_all_points_and_the_difference_that_to_the_sum_over_every_second():
    nll, _ = linear_gaussian(W, B, 0.3)

    def log_sum(n_per_axis):
        side = np.linspace(-2, 2, n_per_axis)
        z = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 1, 2)
        p = np.exp(-nll(np.repeat(z, len(X), axis=1), X) - 0.5 * (z**2).sum(axis=-1))
        return np.log((p / (2 * math.pi)).sum(axis=0) * (4 / (n_per_axis - 1)) ** 2)

    found = integrated_log_likelihood(X, nll, n_per_axis=9, limit=2.0)  # too few and too near for the integral
    np.testing.assert_allclose(found.log_likelihood, log_sum(9), rtol=1e-12)
    np.testing.assert_allclose(found.difference, np.abs(log_sum(9) - log_sum(5)), rtol=1e-10)
    assert found.difference.min() > 1e-3


def test_the_difference_tells_that_a_grid_is_too_coarse_for_the_posterior():
    nll, log_p = linear_gaussian(W, B, 0.02)
    x = X @ np.linalg.pinv(W) @ W + B - B @ np.linalg.pinv(W) @ W  # on the plane of the model: only the width is small
    found = integrated_log_likelihood(x, nll, n_per_axis=21, limit=5.0)
    assert np.abs(found.log_likelihood - log_p(x)).max() > 1
    assert found.difference.max() > 1


def test_the_number_of_points_at_a_time_changes_nothing(monkeypatch):
    nll, _ = linear_gaussian(W, B, 0.5)
    whole = integrated_log_likelihood(X, nll, n_per_axis=21)
    monkeypatch.setattr("scratchgen.latent.integration._ELEMENTS", 7 * X.size)
    parts = integrated_log_likelihood(X, nll, n_per_axis=21)
    np.testing.assert_allclose(parts.log_likelihood, whole.log_likelihood, rtol=1e-13)
    np.testing.assert_allclose(parts.difference, whole.difference, atol=1e-12)


def test_the_integral_of_a_trained_vae_agrees_with_importance_sampling_and_lies_above_the_elbo(backend):
    data = sg.datasets.load("digits")
    vae = sg.VAE(64, (32,), 2, seed=0, backend=backend)
    vae.fit(data.x_train, epochs=10, batch_size=64, progress=False)
    x = data.x_test[:8]
    truth = integrated_log_likelihood(x, vae.nll, n_per_axis=81)
    assert truth.difference.max() < 1e-3
    sampled = np.array([vae.log_likelihood(x, 1000) for _ in range(10)])
    standard_error = sampled.std(axis=0, ddof=1) / math.sqrt(10)
    assert standard_error.max() < 0.02
    np.testing.assert_array_less(np.abs(sampled.mean(axis=0) - truth.log_likelihood), 4 * standard_error + 1e-3)
    assert vae.elbo(x, 5000).mean() < truth.log_likelihood.mean() - 0.02


def _no_nll(z, x):
    return np.zeros(z.shape[0] * z.shape[1])


BAD_INPUT = {
    "vector": (lambda: integrated_log_likelihood(X[0], _no_nll), r"\(n, n_visible\).*got \(3,\)"),
    "NaN": (lambda: integrated_log_likelihood(X * np.nan, _no_nll), "x has NaN"),
    "even": (lambda: integrated_log_likelihood(X, _no_nll, n_per_axis=10), "odd, got 10"),
    "few": (lambda: integrated_log_likelihood(X, _no_nll, n_per_axis=3), "n_per_axis.*>= 5"),
    "limit": (lambda: integrated_log_likelihood(X, _no_nll, limit=0), "limit must be.*got 0"),
    "nll": (lambda: integrated_log_likelihood(X, _no_nll, n_per_axis=5), r"\(9, 5\) for 9 points and 5 examples"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, message):
    with pytest.raises(InputError, match=message):
        call()
