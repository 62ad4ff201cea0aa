"""The networks that models hold, through the interface that they share."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgen.nn import image_networks
from scratchgen.nn.image_networks import ImageDecoder, ImageEncoder
from scratchgen.nn.mlp import mlp_forward
from scratchgen.nn.networks import DenseNetwork
from scratchgen.nn.parameters import allocate, size
from scratchgen.ops.convolution import conv2d_forward
from scratchgen.ops.transposed_convolution import conv2d_transpose_forward
from scratchgen.random import Stream

SHAPE, CHANNELS, KERNEL = (5, 6, 2), (3, 4), 3
ENCODER = ImageEncoder(SHAPE, CHANNELS, n_outputs=7, kernel=KERNEL, activation="tanh")
DECODER = ImageDecoder(3, SHAPE, CHANNELS, KERNEL, activation="tanh", output_activation="sigmoid")
DENSE = DenseNetwork((60, 5, 3), ("tanh", "linear"))
ROWS = np.random.Generator(np.random.PCG64(3)).normal(size=(6, 60))
ALL = pytest.mark.parametrize(
    ("network", "x"),
    [(DENSE, ROWS), (DenseNetwork((60,), ()), ROWS), (ENCODER, ROWS), (DECODER, ROWS[:, :3])],
    ids=["dense", "no layers", "encoder", "decoder"],
)


def drawn(network):
    theta, layers = allocate(network.layout(), np, "float64")
    theta[...] = np.random.Generator(np.random.PCG64(4)).normal(size=theta.size)
    return layers


def test_networks_of_the_keras_example_have_its_numbers_of_parameters():
    # F. Chollet, "Variational AutoEncoder", keras.io: 69,076 with two heads of 34 parameters, and 65,089
    encoder = ImageEncoder((28, 28, 1), (32, 64), n_outputs=16, kernel=3, activation="relu")
    decoder = ImageDecoder(2, (28, 28, 1), (32, 64), 3, "relu", "linear")
    assert size(encoder.layout()) + 2 * 34 == 69_076
    assert size(decoder.layout()) == 65_089
    assert str(encoder) == "28×28×1-conv 32-conv 64-16"
    assert str(decoder) == "2-7×7×64-transposed 64-transposed 32-28×28×1"


def test_encoder_is_its_convolutions_of_stride_two_and_a_dense_layer(backend):
    *convolutions, dense = layers = drawn(ENCODER)
    h = ROWS.reshape(6, *SHAPE)
    for layer, geometry, grid in zip(convolutions, ENCODER.geometries, [(3, 3), (2, 2)], strict=True):
        assert (geometry.stride, geometry.grid) == ((2, 2), grid)
        h, _ = conv2d_forward(layer, h, geometry, "tanh", backend)
    y, _ = mlp_forward((dense,), h.reshape(6, -1), ("tanh",), backend)
    np.testing.assert_array_equal(ENCODER.forward(layers, ROWS, backend)[0], y)


def test_decoder_goes_through_the_same_sizes_back_and_ends_with_stride_one(backend):
    dense, *transposed = layers = drawn(DECODER)
    z = ROWS[:, :3]
    h = mlp_forward((dense,), z, ("tanh",), backend)[0].reshape(6, 2, 2, 4)
    activations, images = ("tanh", "tanh", "sigmoid"), [(3, 3), (5, 6), (5, 6)]
    for layer, geometry, activation, image in zip(transposed, DECODER.geometries, activations, images, strict=True):
        assert geometry.image == image
        h, _ = conv2d_transpose_forward(layer, h, geometry, activation, backend)
    assert [geometry.stride for geometry in DECODER.geometries] == [(2, 2), (2, 2), (1, 1)]
    np.testing.assert_array_equal(DECODER.forward(layers, z, backend)[0], h.reshape(6, -1))


@ALL
def test_output_has_its_width_and_is_the_same_without_the_cache(network, x, backend, monkeypatch):
    layers = drawn(network)
    y, _ = network.forward(layers, x, backend)
    assert y.shape == (6, network.n_outputs)
    monkeypatch.setattr(image_networks, "_EXAMPLES", 4)  # 4 rows, then the other 2
    np.testing.assert_allclose(network.evaluate(layers, x, backend), y, rtol=1e-12)


@ALL
def test_parameter_gradients_alone_are_those_of_the_whole_backward_pass(network, x, backend):
    y, cache = network.forward(drawn(network), x, backend)
    (flat, out), (alone, out_alone) = (allocate(network.layout(), np, "float64") for _ in range(2))
    dx = network.backward_(np.ones_like(y), cache, out, backend)
    network.backward_params_(np.ones_like(y), cache, out_alone, backend)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(alone, flat)
    assert (flat != 0).all()


@ALL
def test_initial_weights_are_small_and_biases_zero(network, x):
    layers = drawn(network)
    network.initialise_(layers, Stream(0, "numpy"))
    for W, b in layers:
        assert not b.any()
        assert W.any()
        assert np.abs(W).max() < 1.5
