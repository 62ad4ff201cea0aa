from __future__ import annotations

import inspect

import numpy as np
import pytest

from scratchgen.errors import BackendError, InputError
from scratchgen.ops.activations import activation_backward, activation_forward
from scratchgen.ops.linear import (
    LinearParams,
    dense_backward_,
    dense_backward_params_,
    dense_forward,
    linear_backward,
    linear_backward_params,
    linear_forward,
)

GENERATOR = np.random.Generator(np.random.PCG64(1))
X, DY = GENERATOR.normal(size=(4, 3)), GENERATOR.normal(size=(4, 2))
PARAMS = LinearParams(GENERATOR.normal(size=(3, 2)), GENERATOR.normal(size=2))


def empty_grads():
    return LinearParams(np.full((3, 2), np.nan), np.full(2, np.nan))


def test_linear_is_the_sum_over_inputs_plus_the_bias():
    y, _ = linear_forward(PARAMS, X)
    for i, j in np.ndindex(4, 2):
        assert y[i, j] == pytest.approx(sum(X[i, k] * PARAMS.W[k, j] for k in range(3)) + PARAMS.b[j])


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid", "softplus", "swish"])
def test_dense_is_linear_followed_by_the_activation(activation, backend):
    a, linear_cache = linear_forward(PARAMS, X)
    y, activation_cache = activation_forward(a, activation)
    dx, dparams = linear_backward(activation_backward(DY, activation_cache), linear_cache)

    fused_y, cache = dense_forward(PARAMS, X, activation, backend)
    fused_dx, fused_dparams = dense_backward_(DY.copy(), cache, backend=backend)
    for fused, composed in zip((fused_y, fused_dx, *fused_dparams), (y, dx, *dparams), strict=True):
        np.testing.assert_allclose(fused, composed, rtol=1e-13, atol=1e-15)


def test_out_receives_the_parameter_gradients_and_is_returned(backend):
    out, dense_out = empty_grads(), empty_grads()
    _, cache = linear_forward(PARAMS, X)
    _, dense_cache = dense_forward(PARAMS, X, "tanh", backend)
    assert linear_backward(DY, cache, out)[1] is out
    assert dense_backward_(DY.copy(), dense_cache, dense_out, backend)[1] is dense_out
    for filled, fresh in [
        (out, linear_backward(DY, cache)[1]),
        (dense_out, dense_backward_(DY.copy(), dense_cache, backend=backend)[1]),
    ]:
        np.testing.assert_array_equal(filled.W, fresh.W)
        np.testing.assert_array_equal(filled.b, fresh.b)


def test_parameter_gradients_alone_are_those_of_the_whole_backward_pass(backend):
    _, cache = linear_forward(PARAMS, X)
    _, dense_cache = dense_forward(PARAMS, X, "softplus", backend)
    alone = linear_backward_params(DY, cache), dense_backward_params_(DY.copy(), dense_cache, None, backend)
    whole = linear_backward(DY, cache)[1], dense_backward_(DY.copy(), dense_cache, None, backend)[1]
    np.testing.assert_equal(alone, whole)


def test_arrays_of_two_libraries_are_not_mixed():
    strict = pytest.importorskip("array_api_strict")
    _, cache = linear_forward(PARAMS, X)
    with pytest.raises(BackendError, match=r"mixed \(array_api_strict, numpy\).*move one"):
        linear_backward_params(strict.asarray(DY), cache)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32"])
def test_gradients_of_another_type_are_refused(backend, dtype):
    # written over, integers would lose what stands behind the decimal point
    for backward in map(inspect.unwrap, (dense_backward_, dense_backward_params_)):  # annotations unchecked
        _, cache = dense_forward(PARAMS, X, "tanh", backend)
        with pytest.raises(InputError, match=f"dy must have the type of y, float64, got {dtype}"):
            backward(np.ones_like(DY, dtype=dtype), cache, None, backend)
