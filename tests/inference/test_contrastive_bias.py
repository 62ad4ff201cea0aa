"""The expected CD-k gradient against a transition matrix made by loops, and its way to maximum likelihood."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.inference import contrastive_bias
from scratchgen.inference.contrastive_bias import contrastive_divergence_gradient
from scratchgen.inference.exact import log_likelihood_gradient


def flatten(gradient):
    return np.concatenate([gradient.W.ravel(), gradient.b, gradient.c])


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("chunk_pairs", [2**20, 40], ids=["one chunk", "many chunks"])
def test_gradient_is_that_of_the_transition_matrix(k, chunk_pairs, size, machine, truth, monkeypatch):
    monkeypatch.setattr(contrastive_bias, "_CHUNK_PAIRS", chunk_pairs)
    W, b, c = machine(*size)
    x = np.random.default_rng(2).random((3, len(b)))  # between 0 and 1 too
    v, h, _ = joint = truth(W, b, c)

    def p_hidden(rows):
        return 1 / (1 + np.exp(-(rows @ W + c)))

    def table(p, units):
        return np.prod(np.where(units == 1, p[:, None], 1 - p[:, None]), axis=-1)

    h_given_v = joint.p / joint.p.sum(axis=1, keepdims=True)
    v_given_h = (joint.p / joint.p.sum(axis=0)).T
    q = table(p_hidden(x), h).mean(axis=0) @ v_given_h
    for _ in range(k - 1):
        q = q @ h_given_v @ v_given_h
    dW = x.T @ p_hidden(x) / len(x) - (q[:, None] * v).T @ p_hidden(v)
    db, dc = x.mean(axis=0) - q @ v, p_hidden(x).mean(axis=0) - q @ p_hidden(v)
    expected = np.concatenate([dW.ravel(), db, dc])
    np.testing.assert_allclose(flatten(contrastive_divergence_gradient(x, W, b, c, k)), expected, atol=1e-13)


def test_bias_falls_with_k_and_tends_to_zero(machine):
    W, b, c = machine(4, 3)
    x = (np.random.default_rng(0).random((5, 4)) < 0.5).astype(float)
    exact = flatten(log_likelihood_gradient(x, W, b, c))
    bias = [
        np.linalg.norm(flatten(contrastive_divergence_gradient(x, W, b, c, k)) - exact) for k in (1, 2, 4, 8, 16, 200)
    ]
    assert bias[0] > 0.01
    assert all(later < 0.9 * earlier for earlier, later in itertools.pairwise(bias))
    assert bias[-1] < 1e-12


def test_gradient_is_zero_where_the_data_have_the_law_of_the_model():
    # p(v) of these parameters is 2, 3, 4 and 7 sixteenths: the data can have it exactly
    W, b, c = np.log([[2.0], [3.0]]), np.zeros(2), np.zeros(1)
    x = np.repeat([[0.0, 0], [1, 0], [0, 1], [1, 1]], [2, 3, 4, 7], axis=0)
    for k in (1, 2, 10):
        np.testing.assert_allclose(flatten(contrastive_divergence_gradient(x, W, b, c, k)), 0, atol=1e-15)
    assert np.abs(flatten(contrastive_divergence_gradient(x[:-1], W, b, c))).max() > 0.005


def test_gradient_has_the_types_of_the_parameters_and_is_computed_in_float64(machine):
    W, b, c = machine(4, 3, dtype=np.float32)
    x = np.ones((2, 4), dtype=np.float32)
    gradient = contrastive_divergence_gradient(x, W, b, c)
    assert (gradient.W.dtype, gradient.b.dtype, gradient.c.dtype, gradient.log_sigma) == (*[np.float32] * 3, ())
    in_float64 = contrastive_divergence_gradient(x, *(p.astype(np.float64) for p in (W, b, c)))
    np.testing.assert_allclose(flatten(gradient), flatten(in_float64), rtol=1e-6)


def test_memory_does_not_grow_with_the_number_of_pairs(machine, peak_memory):
    W, b, c = machine(11, 11)
    x = np.ones((2, 11))
    assert peak_memory(lambda: contrastive_divergence_gradient(x, W, b, c)) < 6 * 8 * 2**20  # all pairs: 32 MiB each


def test_bad_input_is_rejected(machine):
    W, b, c = machine(4, 3)
    x = np.ones((2, 4))
    with pytest.raises(sg.InputError, match="k must be an integer >= 1, got 0"):
        contrastive_divergence_gradient(x, W, b, c, 0)
    with pytest.raises(sg.InputError, match=r"x must have shape \(n, 4\)"):
        contrastive_divergence_gradient(x[:, :3], W, b, c)
    with pytest.raises(sg.InputError, match="x must lie in"):
        contrastive_divergence_gradient(2 * x, W, b, c)
    with pytest.raises(sg.InputError, match="b must have shape"):
        contrastive_divergence_gradient(x, W, c, b)
    large = np.zeros((13, 12)), np.zeros(13), np.zeros(12)
    with pytest.raises(sg.InputError, match=r"at most 24 units .* 13 visible and 12 hidden units: average"):
        contrastive_divergence_gradient(np.ones((2, 13)), *large)
