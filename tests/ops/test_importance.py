"""Importance weights and the mean of them, on a logarithmic scale."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.ops.importance import log_mean_exp_backward, log_mean_exp_forward, reparameterise_ratio_forward

GENERATOR = np.random.Generator(np.random.PCG64(13))


@given(st.lists(st.floats(-700, 700), min_size=2, max_size=7))
def test_mean_over_all_k_subsets_never_falls_with_k(log_weights):
    log_weight, n = np.array(log_weights)[:, None], len(log_weights)
    means = [
        np.mean([log_mean_exp_forward(log_weight[list(subset)])[0] for subset in combinations(range(n), k)])
        for k in range(1, n + 1)
    ]
    rounding = 1e-14 * (1 + np.abs(log_weight).max())
    assert (np.diff(means) >= -rounding).all()


@pytest.mark.parametrize("offset", [0.0, 1e5, -1e5])
def test_weights_of_any_size_neither_overflow_nor_vanish(offset):
    log_weight = GENERATOR.normal(size=(8, 3))
    value, cache = log_mean_exp_forward(offset + log_weight)
    np.testing.assert_allclose(value, offset + np.log(np.exp(log_weight).mean(axis=0)), rtol=1e-13)
    dlog_weight = log_mean_exp_backward(np.ones(3), cache)
    np.testing.assert_allclose(dlog_weight.sum(axis=0), 1, rtol=1e-13)
    np.testing.assert_allclose(dlog_weight, np.exp(log_weight) / np.exp(log_weight).sum(axis=0), rtol=1e-9)


def test_a_weight_that_outweighs_all_others_has_the_whole_gradient():
    value, cache = log_mean_exp_forward(np.array([[0.0], [2000.0], [-2000.0]]))
    assert value[0] == pytest.approx(2000 - np.log(3), rel=1e-15)
    np.testing.assert_array_equal(log_mean_exp_backward(np.ones(1), cache), [[0], [1], [0]])


def test_ratio_is_that_of_the_two_gaussian_densities():
    def log_density(z, mean, sigma):
        return -0.5 * ((z - mean) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))

    mean, log_var = GENERATOR.normal(size=(2, 4, 3))
    noise = GENERATOR.normal(size=(5, 4, 3))
    (z, ratio), _ = reparameterise_ratio_forward(mean, log_var, noise)
    sigma = np.exp(log_var / 2)
    np.testing.assert_allclose(z, mean + sigma * noise, rtol=1e-15)
    expected = (log_density(z, 0, 1) - log_density(z, mean, sigma)).sum(axis=-1)
    np.testing.assert_allclose(ratio, expected, rtol=1e-10, atol=1e-12)
