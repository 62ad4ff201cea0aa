from __future__ import annotations

import math

import numpy as np
import pytest

from scratchgen.errors import InputError
from scratchgen.kernels.bias_activation import ACTIVATIONS
from scratchgen.ops.activations import activation_backward, activation_forward, check_activation
from scratchgen.ops.linear import LinearParams, dense_backward_, dense_forward

SIGMOID_1 = 1 / (1 + math.exp(-1))
LOG_2 = math.log(2)
TANH_1 = (math.e**2 - 1) / (math.e**2 + 1)

# name: f(-1), f(0), f(1), f'(-1), f'(0), f'(1)
KNOWN = {
    "linear": (-1, 0, 1, 1, 1, 1),
    "relu": (0, 0, 1, 0, 0, 1),
    "tanh": (-TANH_1, 0, TANH_1, 1 - TANH_1**2, 1, 1 - TANH_1**2),
    "sigmoid": (1 - SIGMOID_1, 0.5, SIGMOID_1, SIGMOID_1 * (1 - SIGMOID_1), 0.25, SIGMOID_1 * (1 - SIGMOID_1)),
    "softplus": (math.log1p(math.exp(-1)), LOG_2, math.log1p(math.e), 1 - SIGMOID_1, 0.5, SIGMOID_1),
    "swish": (
        SIGMOID_1 - 1,
        0,
        SIGMOID_1,
        1 - SIGMOID_1 - SIGMOID_1 * (1 - SIGMOID_1),
        0.5,
        SIGMOID_1 + SIGMOID_1 * (1 - SIGMOID_1),
    ),
}

# name: f(-1e4), f(1e4), f'(-1e4), f'(1e4)
LIMITS = {
    "linear": (-1e4, 1e4, 1, 1),
    "relu": (0, 1e4, 0, 1),
    "tanh": (-1, 1, 0, 0),
    "sigmoid": (0, 1, 0, 0),
    "softplus": (0, 1e4, 0, 1),
    "swish": (0, 1e4, 0, 1),
}


def value_and_slope(a, activation, backend):
    """Return f(a) and f'(a) twice: from the activation alone, and fused with an affine map that is the identity."""
    row = a[None, :]
    y, cache = activation_forward(row, activation)
    identity = LinearParams(np.eye(a.size, dtype=a.dtype), np.zeros(a.size, dtype=a.dtype))
    fused_y, fused_cache = dense_forward(identity, row, activation, backend)
    fused_slope, _ = dense_backward_(np.ones_like(row), fused_cache, backend=backend)
    return [(y[0], activation_backward(np.ones_like(row), cache)[0]), (fused_y[0], fused_slope[0])]


def test_every_activation_has_known_values():
    assert set(ACTIVATIONS) == set(KNOWN) == set(LIMITS)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_and_slopes_are_those_of_the_formula(activation, backend):
    for y, slope in value_and_slope(np.array([-1.0, 0.0, 1.0]), activation, backend):
        np.testing.assert_allclose([*y, *slope], KNOWN[activation], rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_huge_arguments_give_the_limits(activation, dtype, backend):
    for y, slope in value_and_slope(np.array([-1e4, 1e4], dtype=dtype), activation, backend):
        np.testing.assert_array_equal([*y, *slope], LIMITS[activation])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_stays_nan(activation, backend):
    for y, slope in value_and_slope(np.array([np.nan]), activation, backend):
        assert np.isnan(y).all()
        assert np.isnan(slope).all() or activation == "linear"


def test_unknown_activation_is_named_with_the_choices():
    with pytest.raises(InputError, match=r"unknown activation 'gelu': choose one of linear, relu, tanh"):
        check_activation("gelu")
    with pytest.raises(InputError, match="gelu"):
        activation_forward(np.zeros((1, 1)), "gelu")
