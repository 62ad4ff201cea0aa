"""The linear maps inside layers: adjoint to each other, and equal to what the layers themselves compute."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgen.geometry import Geometry
from scratchgen.nn.linear_maps import linear_map, linear_map_adjoint, linear_map_weights_gradient, params_like
from scratchgen.ops.convolution import ConvParams, conv2d_backward_, conv2d_forward
from scratchgen.ops.linear import LinearParams, dense_backward_, dense_forward

GENERATOR = np.random.Generator(np.random.PCG64(7))
GEOMETRY = Geometry(image=(5, 4), kernel=(3, 2), stride=(2, 1), padding=(1, 0, 0, 2))


def dense(backend):
    params = LinearParams(GENERATOR.normal(size=(5, 3)), GENERATOR.normal(size=3))
    x = GENERATOR.normal(size=(4, 5))
    return params, *dense_forward(params, x, "linear", backend), dense_backward_


def convolution(backend):
    params = ConvParams(GENERATOR.normal(size=(3, 2, 2, 3)), GENERATOR.normal(size=3))
    x = GENERATOR.normal(size=(4, 5, 4, 2))
    return params, *conv2d_forward(params, x, GEOMETRY, "linear", backend), conv2d_backward_


@pytest.fixture(params=[dense, convolution], ids=["dense", "convolution"])
def layer(request, backend):
    return request.param(backend)


def test_layer_without_its_bias_is_the_map(layer, backend):
    params, y, cache, _ = layer
    found = linear_map(cache.x.reshape(len(y), -1), cache, backend)  # flat rows will do
    np.testing.assert_allclose(found, y.reshape(found.shape) - params.b, rtol=1e-12, atol=1e-13)


def test_adjoint_and_gradients_are_those_of_the_layers_backward_pass(layer, backend):
    _, y, cache, backward_ = layer
    da = GENERATOR.normal(size=y.shape)
    dx, dparams = backward_(da.copy(), cache, backend=backend)
    np.testing.assert_allclose(linear_map_adjoint(da, cache, backend), dx, rtol=1e-12, atol=1e-13)
    found = params_like(linear_map_weights_gradient(cache.x, da, cache, backend), da, cache)
    assert type(found) is type(dparams)
    np.testing.assert_allclose(found.W, dparams.W, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.b, dparams.b, rtol=1e-12, atol=1e-13)


def test_map_and_adjoint_have_the_same_scalar_products(layer, backend):
    _, y, cache, _ = layer
    x, da = GENERATOR.normal(size=cache.x.shape), GENERATOR.normal(size=y.shape)
    forward = np.vdot(linear_map(x, cache, backend), da)
    assert forward == pytest.approx(np.vdot(x, linear_map_adjoint(da, cache, backend)), rel=1e-12)
    assert forward == pytest.approx(np.vdot(cache.W, linear_map_weights_gradient(x, da, cache, backend)), rel=1e-12)
