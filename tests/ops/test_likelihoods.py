from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.backend import get_backend
from scratchgen.ops.likelihoods import (
    bernoulli_nll_and_dlogits,
    bernoulli_nll_backward,
    bernoulli_nll_forward,
    gaussian_nll_backward,
    gaussian_nll_forward,
)

TARGETS = np.array([[0.1, 0.8, 0.7, 0.23, 0.5]])
PREDICTIONS = np.array([[0.08, 0.83, 0.58, 0.21, 0.42]])
GENERATOR = np.random.Generator(np.random.PCG64(2))

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def logit(p):
    return np.log(p / (1 - p))


# ---- Bernoulli ----


def test_cross_entropy_of_known_predictions(backend):
    nll, _ = bernoulli_nll_forward(logit(PREDICTIONS), TARGETS, backend)
    assert nll == pytest.approx(2.719200, abs=5e-7)


def test_least_cross_entropy_is_the_entropy_of_the_targets_and_its_gradient_vanishes(backend):
    nll, dlogits = bernoulli_nll_and_dlogits(logit(TARGETS), TARGETS, 1.0, backend)
    assert nll == pytest.approx(2.668773, abs=5e-7)
    np.testing.assert_allclose(dlogits, 0, atol=1e-15)


@given(logits=st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=5), x=st.floats(0, 1))
def test_no_logits_are_better_than_the_entropy_and_no_slope_exceeds_one(logits, x):
    entropy = -sum(p * math.log(p) for p in (x, 1 - x) if p > 0)
    rows = np.array([logits]).T
    for name in ("numpy", "cpu"):
        nll, dlogits = bernoulli_nll_and_dlogits(rows, np.full((1, 1), x), 1.0, get_backend(name))
        assert (nll >= entropy - 1e-11).all()
        assert (np.abs(dlogits) <= 1).all()


@DTYPES
def test_huge_logits_give_the_limits(dtype, backend):
    logits = np.array([[1e4, -1e4, 1e4, -1e4, 1e4, -1e4]], dtype=dtype)
    x = np.array([[1, 0, 0, 1, 0.5, 0.5]], dtype=dtype)
    for i, expected in enumerate([0, 0, 1e4, 1e4, 5e3, 5e3]):
        column = slice(i, i + 1)
        nll, dlogits = bernoulli_nll_and_dlogits(logits[:, column], x[:, column], 1.0, backend)
        assert nll[0] == expected
        assert dlogits[0, 0] == (logits[0, i] > 0) - x[0, i]
    _, cache = bernoulli_nll_forward(logits, x, backend)
    dlogits, dx = bernoulli_nll_backward(np.ones(1, dtype=dtype), cache)
    np.testing.assert_array_equal(dlogits, (logits > 0) - x)
    np.testing.assert_array_equal(dx, -logits)


def test_fused_gradient_is_that_of_the_pair_with_equal_weights(backend):
    logits, x = GENERATOR.normal(size=(6, 4)), GENERATOR.uniform(size=(3, 4))
    nll, cache = bernoulli_nll_forward(logits, x, backend)
    dlogits, _ = bernoulli_nll_backward(np.full(6, 0.3), cache)
    fused_nll, fused_dlogits = bernoulli_nll_and_dlogits(logits, x, 0.3, backend)
    np.testing.assert_allclose(fused_nll, nll, rtol=1e-14)
    np.testing.assert_allclose(fused_dlogits, dlogits, rtol=1e-13)


# ---- Gaussian ----


def test_gaussian_nll_is_minus_the_sum_of_log_densities():
    mean, x, sigma = GENERATOR.normal(size=(2, 3)), GENERATOR.normal(size=(2, 3)), 0.7
    nll, _ = gaussian_nll_forward(mean, x, np.log([sigma]))
    for i in range(2):
        densities = [NormalDist(mean[i, j], sigma).pdf(x[i, j]) for j in range(3)]
        assert nll[i] == pytest.approx(-sum(math.log(p) for p in densities), rel=1e-13)


def test_sigma_that_minimises_the_gaussian_nll_is_the_root_mean_squared_error():
    mean, x = GENERATOR.normal(size=(8, 5)), GENERATOR.normal(size=(8, 5))
    rmse = np.sqrt(np.mean((x - mean) ** 2))

    def slope(sigma):
        _, cache = gaussian_nll_forward(mean, x, np.log([sigma]))
        return gaussian_nll_backward(np.ones(8), cache)[2][0]

    assert slope(rmse) == pytest.approx(0, abs=1e-12)
    assert slope(0.9 * rmse) < 0 < slope(1.1 * rmse)


@DTYPES
@pytest.mark.parametrize("log_variance", [-80, 80])
def test_gaussian_nll_of_extreme_variances_has_the_right_limit(dtype, log_variance):
    mean, x = np.zeros((1, 2), dtype=dtype), np.array([[1, -0.5]], dtype=dtype)
    nll, cache = gaussian_nll_forward(mean, x, np.array([log_variance / 2], dtype=dtype))
    dmean, dx, dlog_sigma = gaussian_nll_backward(np.ones(1, dtype=dtype), cache)
    precision = math.exp(-log_variance)
    assert nll[0] == pytest.approx(1.25 * precision / 2 + log_variance + math.log(2 * math.pi), rel=1e-5)
    np.testing.assert_allclose(dx, x * precision, rtol=1e-5)
    np.testing.assert_array_equal(dmean, -dx)
    assert dlog_sigma[0] == pytest.approx(2 - 1.25 * precision, rel=1e-5)
    assert nll.dtype == dx.dtype == dlog_sigma.dtype == dtype


# ---- several samples an example ----


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_several_samples_share_one_copy_of_the_data(likelihood, backend):
    n_samples, n, n_features = 3, 4, 5
    rows, x = GENERATOR.normal(size=(n_samples * n, n_features)), GENERATOR.uniform(size=(n, n_features))
    dnll = GENERATOR.normal(size=n_samples * n)

    def nll_and_gradients(data):
        if likelihood == "bernoulli":
            nll, cache = bernoulli_nll_forward(rows, data, backend)
            return nll, *bernoulli_nll_backward(dnll, cache)
        nll, cache = gaussian_nll_forward(rows, data, np.array([0.3]))
        return nll, *gaussian_nll_backward(dnll, cache)

    nll, doutput, dx, *dlog_sigma = nll_and_gradients(x)
    copied_nll, copied_doutput, dcopies, *copied_dlog_sigma = nll_and_gradients(np.tile(x, (n_samples, 1)))
    np.testing.assert_allclose(nll, copied_nll, rtol=1e-14)
    np.testing.assert_allclose(doutput, copied_doutput, rtol=1e-14)
    np.testing.assert_allclose(dx, dcopies.reshape(n_samples, n, n_features).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(dlog_sigma, copied_dlog_sigma, rtol=1e-13)
