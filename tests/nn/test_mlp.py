from __future__ import annotations

import numpy as np
import pytest

from scratchgen.backend import get_backend
from scratchgen.nn.init import glorot_uniform_
from scratchgen.nn.mlp import mlp_backward_, mlp_backward_params_, mlp_forward, mlp_initialise_, mlp_layout
from scratchgen.nn.parameters import allocate
from scratchgen.ops.linear import dense_backward_, dense_forward
from scratchgen.random import Stream

WIDTHS, ACTIVATIONS = (4, 6, 5, 3), ("tanh", "softplus", "linear")
GENERATOR = np.random.Generator(np.random.PCG64(4))
X, DY = GENERATOR.normal(size=(7, 4)), GENERATOR.normal(size=(7, 3))


@pytest.fixture
def layers():
    theta, layers = allocate(mlp_layout(WIDTHS), np, "float64")
    theta[...] = np.random.Generator(np.random.PCG64(5)).normal(size=theta.size)
    return layers


def test_layers_join_the_widths():
    layout = mlp_layout(WIDTHS)
    assert [layer.W for layer in layout] == [(4, 6), (6, 5), (5, 3)]
    assert [layer.b for layer in layout] == [(6,), (5,), (3,)]
    assert mlp_layout((4,)) == ()


def test_mlp_is_its_dense_layers_one_after_the_other(layers, backend):
    h, caches = X, []
    for layer, activation in zip(layers, ACTIVATIONS, strict=True):
        h, cache = dense_forward(layer, h, activation, backend)
        caches.append(cache)
    dh, gradients = DY.copy(), []
    for cache in reversed(caches):
        dh, gradient = dense_backward_(dh, cache, backend=backend)
        gradients.insert(0, gradient)

    y, mlp_caches = mlp_forward(layers, X, ACTIVATIONS, backend)
    dx, dlayers = mlp_backward_(DY.copy(), mlp_caches, backend=backend)
    np.testing.assert_equal((y, dx, dlayers), (h, dh, tuple(gradients)))


def test_parameter_gradients_alone_are_those_of_the_whole_backward_pass(layers, backend):
    _, caches = mlp_forward(layers, X, ACTIVATIONS, backend)
    _, whole = mlp_backward_(DY.copy(), caches, backend=backend)
    assert_layers_equal(mlp_backward_params_(DY.copy(), caches, backend=backend), whole)


def test_out_receives_the_gradients(layers, backend):
    _, caches = mlp_forward(layers, X, ACTIVATIONS, backend)
    _, fresh = mlp_backward_(DY.copy(), caches, backend=backend)
    for backward in (mlp_backward_, mlp_backward_params_):
        flat, out = allocate(mlp_layout(WIDTHS), np, "float64")
        flat[...] = np.nan
        backward(DY.copy(), caches, out, backend)
        assert_layers_equal(out, fresh)


def test_network_without_layers_is_the_identity(backend):
    y, caches = mlp_forward((), X, (), backend)
    assert y is X
    assert mlp_backward_(DY, caches, (), backend) == (DY, ())


def test_one_activation_a_layer_is_demanded(layers):
    with pytest.raises(ValueError, match="zip"):
        mlp_forward(layers, X, ("tanh",))


def test_glorot_weights_are_uniform_with_variance_two_over_inputs_and_outputs(backend):
    W = np.empty((300, 100))
    glorot_uniform_(W, Stream(0, backend))
    assert np.abs(W).max() <= np.sqrt(6 / 400)
    # the variance of a sample variance of n uniforms is 4/5 var^2 / n: four standard errors
    assert np.var(W) == pytest.approx(2 / 400, rel=4 * np.sqrt(0.8 / W.size))
    assert np.mean(W) == pytest.approx(0, abs=4 * np.sqrt(2 / 400 / W.size))


def test_initial_weights_differ_between_layers_and_biases_are_zero():
    def initialised(seed):
        theta, layers = allocate(mlp_layout((5, 5, 5)), np, "float32")
        theta[...] = np.nan
        mlp_initialise_(layers, Stream(seed, get_backend("numpy")))
        return theta, layers

    theta, (first, second) = initialised(0)
    assert not first.b.any()
    assert not second.b.any()
    assert (first.W != second.W).all()
    np.testing.assert_array_equal(theta, initialised(0)[0])
    assert (initialised(1)[1][0].W != first.W).all()


def assert_layers_equal(found, expected):
    for layer, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(layer.W, right.W)
        np.testing.assert_array_equal(layer.b, right.b)
