from __future__ import annotations

import numpy as np
import pytest

from scratchgen.geometry import same_geometries
from scratchgen.nn.convolutional import (
    convolutions_backward_,
    convolutions_backward_params_,
    convolutions_forward,
    convolutions_initialise_,
    convolutions_layout,
    transposed_convolutions_backward_,
    transposed_convolutions_forward,
    transposed_convolutions_layout,
)
from scratchgen.nn.init import glorot_uniform_
from scratchgen.nn.mlp import mlp_layout
from scratchgen.nn.parameters import allocate, size
from scratchgen.ops.convolution import conv2d_backward_, conv2d_forward
from scratchgen.ops.transposed_convolution import conv2d_transpose_backward_, conv2d_transpose_forward
from scratchgen.random import Stream

GEOMETRIES = same_geometries((7, 5), 3, (2, 1, 2))  # grids (4, 3), (4, 3), (2, 2)
CHANNELS, ACTIVATIONS = (2, 4, 3, 5), ("tanh", "softplus", "linear")
GENERATOR = np.random.Generator(np.random.PCG64(6))
IMAGES, GRIDS = GENERATOR.normal(size=(3, 7, 5, 2)), GENERATOR.normal(size=(3, 2, 2, 5))
CONVOLUTIONS = (
    convolutions_layout(GEOMETRIES, CHANNELS),
    (convolutions_forward, convolutions_backward_),
    (conv2d_forward, conv2d_backward_),
    (GEOMETRIES, IMAGES, GRIDS),
)
TRANSPOSED = (
    transposed_convolutions_layout(GEOMETRIES[::-1], CHANNELS[::-1]),
    (transposed_convolutions_forward, transposed_convolutions_backward_),
    (conv2d_transpose_forward, conv2d_transpose_backward_),
    (GEOMETRIES[::-1], GRIDS, IMAGES),
)
BOTH = pytest.mark.parametrize(
    ("layout", "stack", "layer", "data"), [CONVOLUTIONS, TRANSPOSED], ids=["convolutions", "transposed"]
)


def drawn(layout):
    theta, layers = allocate(layout, np, "float64")
    theta[...] = np.random.Generator(np.random.PCG64(5)).normal(size=theta.size)
    return layers


def test_vae_of_the_keras_example_has_its_number_of_parameters():
    # F. Chollet, "Variational AutoEncoder", keras.io: its model summaries print 69,076 and 65,089
    down = same_geometries((28, 28), kernel=3, strides=(2, 2))
    up = same_geometries((28, 28), kernel=3, strides=(1, 2, 2))[::-1]
    n_grid = 7 * 7 * 64
    assert down[-1].grid == up[0].grid == (7, 7)
    encoder = convolutions_layout(down, (1, 32, 64)), mlp_layout((n_grid, 16)), mlp_layout((16, 2)), mlp_layout((16, 2))
    decoder = mlp_layout((2, n_grid)), transposed_convolutions_layout(up, (64, 64, 32, 1))
    assert [size(part) for part in encoder] == [320 + 18_496, 50_192, 34, 34]
    assert (size(encoder), size(decoder)) == (69_076, 65_089)


def test_layers_join_the_channels():
    assert [layer.W for layer in CONVOLUTIONS[0]] == [(3, 3, 2, 4), (3, 3, 4, 3), (3, 3, 3, 5)]
    assert [layer.b for layer in CONVOLUTIONS[0]] == [(4,), (3,), (5,)]
    assert [layer.W for layer in TRANSPOSED[0]] == [(3, 3, 3, 5), (3, 3, 4, 3), (3, 3, 2, 4)]
    assert [layer.b for layer in TRANSPOSED[0]] == [(3,), (4,), (2,)]
    with pytest.raises(ValueError, match="zip"):
        convolutions_layout(GEOMETRIES, CHANNELS[1:])


@BOTH
def test_stack_is_its_layers_one_after_the_other(layout, stack, layer, data, backend):
    layers, (geometries, x, dy) = drawn(layout), data
    h, caches = x, []
    for params, geometry, activation in zip(layers, geometries, ACTIVATIONS, strict=True):
        h, cache = layer[0](params, h, geometry, activation, backend)
        caches.append(cache)
    dh, gradients = dy.copy(), []
    for cache in reversed(caches):
        dh, gradient = layer[1](dh, cache, backend=backend)
        gradients.insert(0, gradient)

    y, stack_caches = stack[0](layers, x, geometries, ACTIVATIONS, backend)
    dx, dlayers = stack[1](dy.copy(), stack_caches, backend=backend)
    assert y.shape == dy.shape
    assert dx.shape == x.shape
    np.testing.assert_equal((y, dx, dlayers), (h, dh, tuple(gradients)))


@BOTH
def test_out_receives_the_gradients(layout, stack, layer, data, backend):
    geometries, x, dy = data
    _, caches = stack[0](drawn(layout), x, geometries, ACTIVATIONS, backend)
    _, fresh = stack[1](dy.copy(), caches, backend=backend)
    flat, out = allocate(layout, np, "float64")
    flat[...] = np.nan
    stack[1](dy.copy(), caches, out, backend)
    np.testing.assert_equal(out, fresh)


def test_parameter_gradients_alone_are_those_of_the_whole_backward_pass(backend):
    _, caches = convolutions_forward(drawn(CONVOLUTIONS[0]), IMAGES, GEOMETRIES, ACTIVATIONS, backend)
    _, whole = convolutions_backward_(GRIDS.copy(), caches, backend=backend)
    np.testing.assert_equal(convolutions_backward_params_(GRIDS.copy(), caches, backend=backend), whole)
    flat, out = allocate(CONVOLUTIONS[0], np, "float64")
    flat[...] = np.nan
    convolutions_backward_params_(GRIDS.copy(), caches, out, backend)
    np.testing.assert_equal(out, whole)


def test_glorot_counts_the_places_of_the_kernel(backend):
    W = np.empty((3, 5, 30, 70))
    glorot_uniform_(W, Stream(0, backend))
    assert np.abs(W).max() <= np.sqrt(6 / (15 * 100))
    # the variance of a sample variance of n uniforms is 4/5 var^2 / n: four standard errors
    assert np.var(W) == pytest.approx(2 / (15 * 100), rel=4 * np.sqrt(0.8 / W.size))


@BOTH
def test_initial_weights_differ_between_layers_and_biases_are_zero(layout, stack, layer, data):
    theta, layers = allocate(layout, np, "float32")
    theta[...] = np.nan
    convolutions_initialise_(layers, Stream(0, "numpy"))
    assert np.isfinite(theta).all()
    assert not any(b.any() for _, b in layers)
    assert len({float(W[0, 0, 0, 0]) / float(np.max(W)) for W, _ in layers}) == 3
