from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.backend import get_backend
from scratchgen.ops.divergences import kl_standard_normal_backward, kl_standard_normal_forward
from scratchgen.ops.gaussian import (
    join_heads,
    reparameterise_backward,
    reparameterise_forward,
    reparameterise_kl_backward,
    reparameterise_kl_forward,
    split_heads,
)

GENERATOR = np.random.Generator(np.random.PCG64(3))
MEAN, LOG_VAR = GENERATOR.normal(size=(4, 3)), GENERATOR.normal(size=(4, 3))

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def row(*values, dtype="float64"):
    return np.array([values], dtype=dtype)


def test_log_var_of_two_is_a_standard_deviation_of_e(backend):
    z, _, _ = reparameterise_kl_forward(row(0.0, 2.0), row(1.0), backend)
    assert z.item() == pytest.approx(2.7183, abs=5e-5)
    assert reparameterise_forward(row(0.0), row(2.0), row(1.0))[0].item() == pytest.approx(math.e, rel=1e-15)


def test_kl_is_the_expectation_of_the_log_ratio_of_densities():
    # under q the log ratio is a polynomial of degree 2, for which Gauss-Hermite quadrature is exact
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    kl, _ = kl_standard_normal_forward(MEAN, LOG_VAR)
    for i in range(4):
        expected = 0.0
        for mean, log_var in zip(MEAN[i], LOG_VAR[i], strict=True):
            z = mean + math.exp(log_var / 2) * nodes
            log_q_over_p = -0.5 * nodes**2 - 0.5 * log_var + 0.5 * z**2
            expected += np.sum(weights * log_q_over_p) / math.sqrt(2 * math.pi)
        assert kl[i] == pytest.approx(expected, rel=1e-12)


@given(mean=st.floats(-1e3, 1e3), log_var=st.floats(-80, 80))
def test_kl_is_never_negative_and_pulls_towards_the_prior(mean, log_var):
    zero = row(0.0)
    for name in ("numpy", "cpu"):
        _, kl, cache = reparameterise_kl_forward(row(mean, log_var), zero, get_backend(name))
        dmean, dlog_var = split_heads(reparameterise_kl_backward(zero, 1.0, cache, get_backend(name)))
        assert kl[0] >= -1e-13
        assert dmean[0, 0] == mean
        assert dlog_var[0, 0] * log_var >= 0


def test_kl_of_the_prior_is_zero_and_stationary(backend):
    zero = np.zeros((2, 3))
    kl, cache = kl_standard_normal_forward(zero, zero)
    _, fused_kl, fused_cache = reparameterise_kl_forward(np.zeros((2, 6)), zero, backend)
    gradients = kl_standard_normal_backward(np.ones(2), cache)
    fused_gradient = reparameterise_kl_backward(zero, 1.0, fused_cache, backend)
    for array in (kl, fused_kl, *gradients, fused_gradient):
        np.testing.assert_array_equal(array, 0)


@DTYPES
def test_extreme_log_variances_have_the_right_limit(dtype, backend):
    mean, log_var, noise = row(0.5, 0.5, dtype=dtype), row(-80, 80, dtype=dtype), row(1, -1, dtype=dtype)
    dz, weight = row(2, 2, dtype=dtype), 0.5
    z, kl, cache = reparameterise_kl_forward(join_heads(mean, log_var), noise, backend)
    dmean, dlog_var = split_heads(reparameterise_kl_backward(dz, weight, cache, backend))
    alone_kl, kl_cache = kl_standard_normal_forward(mean, log_var)
    dmean_of_kl, dlog_var_of_kl = kl_standard_normal_backward(np.full(1, weight, dtype=dtype), kl_cache)

    np.testing.assert_allclose(z, row(0.5, -math.exp(40)), rtol=1e-5)
    np.testing.assert_allclose([kl, alone_kl], 0.5 * (math.exp(80) + 0.5 - 2), rtol=1e-5)
    np.testing.assert_allclose(dmean, dz + weight * mean, rtol=1e-6)
    np.testing.assert_allclose(dmean_of_kl, weight * mean, rtol=1e-6)
    np.testing.assert_allclose([dlog_var[0], dlog_var_of_kl[0]], [[-0.25, math.exp(80) / 4]] * 2, rtol=1e-5)
    # one narrow direction alone: the divergence grows as -log_var / 2
    narrow, _ = kl_standard_normal_forward(mean[:, :1], log_var[:, :1])
    assert narrow[0] == pytest.approx(0.5 * (80 + 0.25 - 1), rel=1e-6)


@pytest.mark.parametrize("samples", [(), (3,)], ids=["one sample", "three samples"])
def test_fused_pass_is_reparameterisation_and_kl(samples, backend):
    noise, dz, weight = GENERATOR.normal(size=(*samples, 4, 3)), GENERATOR.normal(size=(*samples, 4, 3)), 0.3
    z, sample_cache = reparameterise_forward(MEAN, LOG_VAR, noise)
    kl, kl_cache = kl_standard_normal_forward(MEAN, LOG_VAR)
    through_z = reparameterise_backward(dz, sample_cache)
    through_kl = kl_standard_normal_backward(np.full(4, weight), kl_cache)

    fused_z, fused_kl, cache = reparameterise_kl_forward(join_heads(MEAN, LOG_VAR), noise, backend)
    fused = split_heads(reparameterise_kl_backward(dz, weight, cache, backend))
    np.testing.assert_allclose(fused_z, z, rtol=1e-14)
    np.testing.assert_allclose(fused_kl, kl, rtol=1e-14)
    for k in (0, 1):
        np.testing.assert_allclose(fused[k], through_z[k] + through_kl[k], rtol=1e-12)


def test_samples_of_an_example_share_its_mean_and_log_var(backend):
    noise, dz = GENERATOR.normal(size=(2, 5, 4, 3))
    z, _, cache = reparameterise_kl_forward(join_heads(MEAN, LOG_VAR), noise, backend)
    dmean, dlog_var = split_heads(reparameterise_kl_backward(dz, 0.0, cache, backend))
    singles = [reparameterise_forward(MEAN, LOG_VAR, e) for e in noise]
    gradients = [reparameterise_backward(d, single[1]) for d, single in zip(dz, singles, strict=True)]
    np.testing.assert_allclose(z, [single[0] for single in singles], rtol=1e-14)
    np.testing.assert_allclose(dmean, sum(g[0] for g in gradients), rtol=1e-12)
    np.testing.assert_allclose(dlog_var, sum(g[1] for g in gradients), rtol=1e-12)
