"""Importance-sampled log p(x) against linear-Gaussian models, whose p(x) = N(b, W^T W + sigma^2 I) is known."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import importance_sampling
from scratchgen.importance_sampling import log_likelihood

N_VISIBLE, N_LATENT, SIGMA = 5, 2, 0.6
GENERATOR = np.random.Generator(np.random.PCG64(9))
X = GENERATOR.normal(size=(6, N_VISIBLE))


def linear_gaussian_vae(backend):
    """Return a VAE whose q(z|x) is the posterior: W has orthogonal rows, so that its covariance is diagonal."""
    vae = sg.VAE(N_VISIBLE, (), N_LATENT, likelihood="gaussian", sigma=SIGMA, dtype="float64", backend=backend)
    rotation, _ = np.linalg.qr(np.random.Generator(np.random.PCG64(10)).normal(size=(N_VISIBLE, N_VISIBLE)))
    W, b = rotation[:N_LATENT] * [[1.5], [0.7]], np.linspace(-1, 1, N_VISIBLE)
    variance = 1 / (1 + (W**2).sum(axis=1) / SIGMA**2)
    params = vae.params
    params.decoder[0].W[...], params.decoder[0].b[...] = W, b
    params.heads.mean.W[...] = W.T * variance / SIGMA**2
    params.heads.mean.b[...] = -b @ params.heads.mean.W
    params.heads.log_var.W[...], params.heads.log_var.b[...] = 0, np.log(variance)
    return vae


def exact_log_likelihood(vae, x):
    W, b = vae.params.decoder[0]
    covariance = W.T @ W + SIGMA**2 * np.eye(N_VISIBLE)
    residual = x - b
    squares = np.einsum("ni,ij,nj->n", residual, np.linalg.inv(covariance), residual)
    return -0.5 * (squares + np.linalg.slogdet(covariance).logabsdet + N_VISIBLE * math.log(2 * math.pi))


def widened(vae):
    """Return `vae` with a q(z|x) that is off, and wider than the posterior, so that its weights have a variance."""
    vae.params.heads.mean.b[...] += 0.3
    vae.params.heads.log_var.b[...] += 0.8
    return vae


@pytest.mark.parametrize("n_samples", [1, 7])
def test_any_number_of_samples_is_exact_where_q_is_the_posterior(n_samples, backend):
    vae = linear_gaussian_vae(backend)
    estimate = vae.log_likelihood(X, n_samples)
    np.testing.assert_allclose(estimate, exact_log_likelihood(vae, X), rtol=1e-12)


def test_bound_rises_with_the_number_of_samples_from_the_elbo_to_the_exact_value(backend):
    vae = widened(linear_gaussian_vae(backend))
    x = np.repeat(X[:1], 2000, axis=0)
    bounds = [vae.log_likelihood(x, k) for k in (1, 4, 16)]
    means = [bound.mean() for bound in bounds]
    standard_errors = [bound.std() / math.sqrt(bound.size) for bound in bounds]
    exact = exact_log_likelihood(vae, X[:1])[0]
    assert means[0] == pytest.approx(vae.elbo(x, n_samples=100).mean(), abs=4 * standard_errors[0])
    assert means[0] < means[1] - 4 * standard_errors[0]
    assert means[1] < means[2] - 4 * standard_errors[1]
    assert exact - 0.05 < means[2] < exact - 4 * standard_errors[2]


def test_estimate_agrees_with_the_exact_value_within_its_standard_error(backend):
    vae = widened(linear_gaussian_vae(backend))
    repeats = 40
    estimates = vae.log_likelihood(np.repeat(X, repeats, axis=0), 2000).reshape(len(X), repeats)
    standard_errors = estimates.std(axis=1) / math.sqrt(repeats)
    assert standard_errors.max() < 6e-3
    np.testing.assert_array_less(np.abs(estimates.mean(axis=1) - exact_log_likelihood(vae, X)), 4 * standard_errors)


class PreparedNoise:
    """Stands in for a stream: hands out parts of one array, however many are asked for at a time."""

    def __init__(self, noise):
        self.noise = noise

    def normal(self, shape, dtype):
        part, self.noise = self.noise[: shape[0]], self.noise[shape[0] :]
        assert part.shape == shape
        return part.astype(dtype)


@pytest.mark.parametrize("elements", [1, 60, 61, 2**23], ids=lambda n: f"{n} elements at a time")
@pytest.mark.parametrize("offset", [0.0, 1e5, -1e5])
def test_samples_taken_in_parts_add_up_without_overflow(elements, offset, monkeypatch):
    n, n_samples = 1, 23
    mean, log_var = GENERATOR.normal(size=(2, n, N_LATENT))
    noise = GENERATOR.normal(size=(n_samples, n, N_LATENT))
    x = X[:n]

    def nll(z, x):
        return offset + 300 * (z**2).sum(axis=-1)  # weights that differ by hundreds of orders

    monkeypatch.setattr(importance_sampling, "_ELEMENTS", elements)
    estimate = log_likelihood(x, mean, log_var, nll, n_samples, PreparedNoise(noise))
    z = mean + np.exp(log_var / 2) * noise
    log_weights = 0.5 * (noise**2 - z**2 + log_var).sum(axis=-1) - nll(z, x)
    largest = log_weights.max(axis=0)
    np.testing.assert_allclose(estimate, largest + np.log(np.exp(log_weights - largest).mean(axis=0)), rtol=1e-13)


def test_rows_taken_in_parts_keep_their_order(backend, monkeypatch):
    vae = linear_gaussian_vae(backend)
    monkeypatch.setattr(importance_sampling, "_ELEMENTS", 3 * N_VISIBLE * 2)
    np.testing.assert_allclose(vae.log_likelihood(X, 2), exact_log_likelihood(vae, X), rtol=1e-12)


def peak_memory(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_samples():
    vae = sg.VAE(784, (), 2, seed=0)
    x = np.random.Generator(np.random.PCG64(0)).uniform(size=(60, 784)).astype("float32")
    vae.log_likelihood(x, 2)  # compiles the kernels
    few, many = (peak_memory(lambda n=n: vae.log_likelihood(x, n)) for n in (500, 5000))
    assert many < 1.05 * few
