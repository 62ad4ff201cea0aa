"""Divergences against sums, integrals and each other; that gradients are right is the matter of `tests/check`."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.errors import InputError
from scratchgen.ops.divergences import (
    kl_bernoulli_backward,
    kl_bernoulli_forward,
    kl_categorical_backward,
    kl_categorical_forward,
    kl_standard_normal_forward,
)
from scratchgen.ops.gaussian_divergences import (
    kl_diagonal_gaussians_backward,
    kl_diagonal_gaussians_forward,
    kl_gaussians_backward,
    kl_gaussians_forward,
)

GENERATOR = np.random.Generator(np.random.PCG64(17))
N, D = 4, 3
MEAN_Q, LOG_VAR_Q, MEAN_P, LOG_VAR_P = GENERATOR.normal(size=(4, N, D))


def random_covariances(n=N, d=D):
    root = GENERATOR.normal(size=(n, d, d))
    return root @ root.swapaxes(-1, -2) + 0.3 * np.eye(d)


def diagonal_matrices(log_var):
    return np.exp(log_var)[:, :, None] * np.eye(log_var.shape[1])


# ---- categorical ----


def test_divergence_of_classes_by_hand():
    kl, _ = kl_categorical_forward(np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.25, 0.5]]))
    assert kl[0] == pytest.approx(0.5 * math.log(2) - 0.25 * math.log(2), rel=1e-15)


@given(st.floats(0, 1), st.floats(1e-9, 1 - 1e-9))  # at q = 0 and 1 each stops at another number short of infinity
def test_two_classes_are_a_bernoulli_variable(p, q):
    p_rows, q_rows = (np.array([[value, 1 - value]]) for value in (p, q))
    kl, _ = kl_categorical_forward(p_rows, q_rows)
    expected, _ = kl_bernoulli_forward(np.array([[p]]), np.array([[q]]))
    assert kl[0] == pytest.approx(expected[0], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_classes_of_probability_zero_leave_value_and_gradient_finite(dtype):
    one_hot = np.eye(3, dtype=dtype)
    kl, cache = kl_categorical_forward(one_hot, one_hot[::-1].copy())
    assert np.isfinite(kl).all()
    assert kl[1] == pytest.approx(0, abs=1e-6)
    assert kl[0] > 80  # -log of the smallest number
    with np.errstate(over="raise"):
        assert np.isfinite(kl_categorical_backward(np.ones(3, dtype), cache)[0]).all()


# ---- Bernoulli ----


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probabilities_of_zero_and_one_leave_value_and_gradient_finite(dtype):
    p, q = np.array([[0.0], [0.0], [1.0], [1.0]], dtype), np.array([[0.0], [1.0], [0.0], [1.0]], dtype)
    with np.errstate(all="raise"):
        kl, cache = kl_bernoulli_forward(p, q)
        dp, dq = kl_bernoulli_backward(np.ones(4, dtype), cache)
    for array in (kl, dp, dq):
        assert array.dtype == dtype
        assert np.isfinite(array).all()
    np.testing.assert_allclose(kl[[0, 3]], 0, atol=1e-6)
    assert (kl[[1, 2]] > 15).all()  # -log of the distance to the next number
    assert (np.sign(dp[:, 0]) == [0, -1, 1, 0]).all()
    assert (np.sign(dq[:, 0]) == [0, 1, -1, 0]).all()


# ---- Gaussian ----


def test_divergence_to_the_standard_normal_is_the_special_case():
    zero = np.zeros((N, D))
    expected, _ = kl_standard_normal_forward(MEAN_Q, LOG_VAR_Q)
    diagonal, _ = kl_diagonal_gaussians_forward(MEAN_Q, LOG_VAR_Q, zero, zero)
    full, _ = kl_gaussians_forward(MEAN_Q, diagonal_matrices(LOG_VAR_Q), zero, diagonal_matrices(zero))
    np.testing.assert_allclose(diagonal, expected, rtol=1e-13)
    np.testing.assert_allclose(full, expected, rtol=1e-12)


def test_diagonal_matrices_have_the_divergence_and_the_gradient_of_diagonal_gaussians():
    diagonal, cache = kl_diagonal_gaussians_forward(MEAN_Q, LOG_VAR_Q, MEAN_P, LOG_VAR_P)
    full, full_cache = kl_gaussians_forward(MEAN_Q, diagonal_matrices(LOG_VAR_Q), MEAN_P, diagonal_matrices(LOG_VAR_P))
    np.testing.assert_allclose(full, diagonal, rtol=1e-12)
    dmean_q, dlog_var_q, dmean_p, dlog_var_p = kl_diagonal_gaussians_backward(np.ones(N), cache)
    dmean_q_full, dq, dmean_p_full, dp = kl_gaussians_backward(np.ones(N), full_cache)
    np.testing.assert_allclose(dmean_q_full, dmean_q, rtol=1e-12)
    np.testing.assert_allclose(dmean_p_full, dmean_p, rtol=1e-12)
    np.testing.assert_allclose(np.diagonal(dq, 0, 1, 2) * np.exp(LOG_VAR_Q), dlog_var_q, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(np.diagonal(dp, 0, 1, 2) * np.exp(LOG_VAR_P), dlog_var_p, rtol=1e-11, atol=1e-13)


def test_full_divergence_is_the_expectation_of_the_log_ratio():
    # the log ratio is a polynomial of degree 2, for which Gauss-Hermite quadrature is exact
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    epsilon = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.outer(weights, weights).ravel() / (2 * math.pi)
    (q,), (p,), mean_q, mean_p = random_covariances(1, 2), random_covariances(1, 2), MEAN_Q[0, :2], MEAN_P[0, :2]
    x = mean_q + epsilon @ np.linalg.cholesky(q).T

    def log_density(x, mean, covariance):
        squares = np.einsum("ni,ij,nj->n", x - mean, np.linalg.inv(covariance), x - mean)
        return -0.5 * (squares + np.log(np.linalg.det(2 * math.pi * covariance)))

    kl, _ = kl_gaussians_forward(mean_q[None], q[None], mean_p[None], p[None])
    assert kl[0] == pytest.approx(weight @ (log_density(x, mean_q, q) - log_density(x, mean_p, p)), rel=1e-12)


def test_divergence_does_not_change_under_an_affine_map_and_is_not_symmetric():
    q, p, A = random_covariances(), random_covariances(), GENERATOR.normal(size=(D, D))
    kl, _ = kl_gaussians_forward(MEAN_Q, q, MEAN_P, p)
    mapped, _ = kl_gaussians_forward(MEAN_Q @ A.T + 1, A @ q @ A.T, MEAN_P @ A.T + 1, A @ p @ A.T)
    swapped, _ = kl_gaussians_forward(MEAN_P, p, MEAN_Q, q)
    np.testing.assert_allclose(mapped, kl, rtol=1e-9)
    assert (kl > 0).all()
    assert (np.abs(kl - swapped) > 1e-3).all()


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_log_determinant_of_many_dimensions_neither_vanishes_nor_overflows(scale):
    # the determinant is scale^100
    mean, one = np.zeros((1, 100)), np.eye(100)[None]
    kl, _ = kl_gaussians_forward(mean, one, mean, scale * one)
    assert kl[0] == pytest.approx(0.5 * 100 * (1 / scale - 1 + math.log(scale)), rel=1e-12)


def test_equal_gaussians_have_no_divergence_and_no_gradient():
    covariance = random_covariances()
    full = kl_gaussians_forward(MEAN_Q, covariance, MEAN_Q, covariance)
    diagonal = kl_diagonal_gaussians_forward(MEAN_Q, LOG_VAR_Q, MEAN_Q, LOG_VAR_Q)
    for (kl, cache), backward in ((full, kl_gaussians_backward), (diagonal, kl_diagonal_gaussians_backward)):
        for array in (kl, *backward(np.ones(N), cache)):
            np.testing.assert_allclose(array, 0, atol=1e-11)


@pytest.mark.parametrize(("dtype", "bits"), [("float32", 8), ("float64", 23)])
def test_divergence_of_nearly_singular_gaussians_keeps_its_digits(dtype, bits):
    # x = T z with exact numbers: the divergence is that of z, N((1, -2), diag(4, 1)) to N(0, I), whatever T is
    T = np.array([[3, 0], [5, 2.0**-bits]])
    p, q = (np.array(T @ np.diag(variances) @ T.T, dtype)[None] for variances in ([1, 1], [4, 1]))
    mean_q, zero = np.array(T @ [1, -2], dtype)[None], np.zeros((1, 2), dtype)
    assert np.linalg.cond(p[0].astype("float64")) > 4**bits
    kl, cache = kl_gaussians_forward(mean_q, q, zero, p)
    assert kl[0] == pytest.approx(0.5 * (3 - math.log(4) + 5), rel=1e-6 if dtype == "float32" else 1e-14)
    dmean_q, dq, _, _ = kl_gaussians_backward(np.ones(1, dtype), cache)
    inverse = np.linalg.inv(T)
    np.testing.assert_allclose(dmean_q[0], inverse.T @ [1, -2], rtol=1e-6)
    np.testing.assert_allclose(dq[0], inverse.T @ np.diag([0.375, 0]) @ inverse, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_gaussians_have_no_divergence_at_any_condition(dtype):
    rotation = np.linalg.qr(GENERATOR.normal(size=(10, 10)))[0]
    covariance = (rotation * np.logspace(-6, 0, 10) @ rotation.T)[None].astype(dtype)
    mean = GENERATOR.normal(size=(1, 10)).astype(dtype)
    kl, cache = kl_gaussians_forward(mean, covariance, mean, covariance)
    assert kl[0] == 0
    assert not any(gradient.any() for gradient in kl_gaussians_backward(np.ones(1, dtype), cache))
    nearly = covariance * (1 + 4 * np.finfo(dtype).eps * GENERATOR.normal(size=(50, 1, 1))).astype(dtype)
    means = np.repeat(mean, 50, axis=0)
    assert (kl_gaussians_forward(means, nearly, means, np.repeat(covariance, 50, axis=0))[0] >= 0).all()


@pytest.mark.parametrize("place", [1, 3], ids=["covariance_q", "covariance_p"])
@pytest.mark.parametrize("shape", [(N, D + 1, D + 1), (N, D, D - 1), (1, D, D), (D, D)])
def test_covariance_of_another_shape_is_an_error_that_names_it(place, shape):
    arguments = [MEAN_Q, random_covariances(), MEAN_P, random_covariances()]
    arguments[place] = np.ones(shape)
    name = {1: "covariance_q", 3: "covariance_p"}[place]
    without_annotations = inspect.unwrap(kl_gaussians_forward)  # which only tests check
    with pytest.raises(InputError, match=rf"{name} must have shape .* = \(4, 3, 3\) for means of shape \(4, 3\), got"):
        without_annotations(*arguments)


@pytest.mark.parametrize("place", [1, 3], ids=["covariance_q", "covariance_p"])
@pytest.mark.parametrize("bad", [np.diag([1.0, 0.0, 1.0]), np.diag([1.0, -1.0, 1.0]), np.full((3, 3), 2.0) - np.eye(3)])
def test_matrix_that_is_not_positive_definite_is_an_error_that_names_it(place, bad):
    arguments = [MEAN_Q, random_covariances(), MEAN_P, random_covariances()]
    arguments[place][2] = bad
    name = {1: "covariance_q", 3: "covariance_p"}[place]
    with pytest.raises(InputError, match=f"{name} must be positive definite"):
        kl_gaussians_forward(*arguments)
