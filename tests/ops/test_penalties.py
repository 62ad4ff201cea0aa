"""Penalties and slopes where they are known by hand; gradients are the matter of `tests/check`."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from scratchgen.ops.activation_slope import activation_slope_backward, activation_slope_forward
from scratchgen.ops.activations import activation_forward
from scratchgen.ops.contraction import layer_contraction_forward, network_contraction_forward
from scratchgen.ops.penalties import l1_backward, l1_forward, sparsity_forward

GENERATOR = np.random.Generator(np.random.PCG64(0))


@pytest.mark.parametrize(("mean", "kl"), [(0.866, 1.136304), (0.096, 0.049020), (0.11, 0.034280), (0.5, 0.192745)])
def test_worked_example_of_the_sparsity_divergence(mean, kl):
    p = np.array([[mean - 0.05], [mean + 0.05]])
    assert sparsity_forward(p, 0.2)[0] == pytest.approx(kl, abs=1e-6)


def test_l1_is_a_mean_over_rows_and_its_gradient_is_zero_at_the_kink():
    penalty, cache = l1_forward(np.array([[1.0, -2.0, 0.0], [0.0, 0.5, -0.5]]))
    assert penalty == 2.0
    np.testing.assert_array_equal(l1_backward(3.0, cache), [[1.5, -1.5, 0.0], [0.0, 1.5, -1.5]])


@pytest.mark.parametrize(
    ("activation", "at_zero"),
    [("linear", 1.0), ("relu", 0.0), ("tanh", 1.0), ("sigmoid", 0.25), ("softplus", 0.5), ("swish", 0.5)],
)
def test_slope_at_zero(activation, at_zero):
    _, cache = activation_forward(np.zeros((1, 1)), activation)
    assert activation_slope_forward(cache)[0] == at_zero


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_slopes_that_are_constant_have_no_gradient(activation):
    _, cache = activation_forward(GENERATOR.normal(size=(3, 4)), activation)
    assert not activation_slope_backward(np.ones((3, 4)), activation_slope_forward(cache)[1]).any()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus", "swish"])
def test_slopes_and_their_gradients_are_finite_far_from_zero(activation):
    _, cache = activation_forward(np.array([[-1e4, 1e4]]), activation)
    slope, cache = activation_slope_forward(cache)
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(activation_slope_backward(np.ones((1, 2)), cache), 0, atol=1e-12)


@pytest.mark.parametrize("widths", [(6, 3), (6, 5, 3), (6, 5, 4, 3), (3, 5, 2, 7)])
def test_contraction_is_the_squared_norm_of_the_product_of_the_layers(widths):
    weights = tuple(GENERATOR.normal(size=shape) for shape in itertools.pairwise(widths))
    slopes = tuple(GENERATOR.normal(size=(7, width)) for width in widths[1:])
    squares = []
    for i in range(7):
        jacobian = np.eye(widths[0])
        for W, slope in zip(weights, slopes, strict=True):
            jacobian = jacobian @ W * slope[i]
        squares.append((jacobian**2).sum())
    contraction = (
        layer_contraction_forward(*weights, *slopes)
        if len(weights) == 1
        else network_contraction_forward(weights, slopes)
    )
    assert contraction[0] == pytest.approx(np.mean(squares), rel=1e-12)
