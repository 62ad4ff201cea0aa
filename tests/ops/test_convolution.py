"""Both convolutions against loops over all indices, and against each other: one is the adjoint of the other."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.backend import get_backend
from scratchgen.errors import InputError
from scratchgen.geometry import Geometry, same_geometry
from scratchgen.ops import windows
from scratchgen.ops.activations import activation_backward, activation_forward
from scratchgen.ops.convolution import ConvParams, conv2d_backward_, conv2d_backward_params_, conv2d_forward
from scratchgen.ops.transposed_convolution import conv2d_transpose_backward_, conv2d_transpose_forward

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "softplus", "swish")
OBLIQUE = Geometry(image=(5, 4), kernel=(3, 2), stride=(2, 1), padding=(1, 0, 0, 2))


@st.composite
def geometries(draw):
    image, kernel, stride = (tuple(draw(st.lists(st.integers(1, most), min_size=2, max_size=2))) for most in (7, 4, 3))
    padding = draw(st.lists(st.integers(0, 4), min_size=4, max_size=4))
    for axis in (0, 1):
        padding[2 * axis] += max(0, kernel[axis] - image[axis] - sum(padding[2 * axis : 2 * axis + 2]))
    return Geometry(image, kernel, stride, tuple(padding))


def case(geometry, n=2, n_channels=2, n_features=3, seed=0):
    """Return (W, x, y): weights, a batch of images and a batch of grids."""
    generator = np.random.Generator(np.random.PCG64(seed))
    shapes = (
        (*geometry.kernel, n_channels, n_features),
        (n, *geometry.image, n_channels),
        (n, *geometry.grid, n_features),
    )
    return tuple(generator.normal(size=shape) for shape in shapes)


def naive_convolution(W, x, geometry):
    (top, _, left, _), (height, width), (h, w) = geometry.padding, geometry.image, geometry.grid
    y = np.zeros((len(x), h, w, W.shape[3]))
    for p, q, u, v in itertools.product(range(h), range(w), *map(range, geometry.kernel)):
        row, column = p * geometry.stride[0] + u - top, q * geometry.stride[1] + v - left
        if 0 <= row < height and 0 <= column < width:
            y[:, p, q] += x[:, row, column] @ W[u, v]
    return y


def naive_transposed_convolution(W, y, geometry):
    (top, bottom, left, right), (height, width), (h, w) = geometry.padding, geometry.image, geometry.grid
    framed = np.zeros((len(y), top + height + bottom, left + width + right, W.shape[2]))
    for p, q, u, v in itertools.product(range(h), range(w), *map(range, geometry.kernel)):
        framed[:, p * geometry.stride[0] + u, q * geometry.stride[1] + v] += y[:, p, q] @ W[u, v].T
    return framed[:, top : top + height, left : left + width]


def no_bias(W, axis):
    return ConvParams(W, np.zeros(W.shape[axis]))


# ---- what they compute ----


@pytest.mark.parametrize("name", ["numpy", "cpu"])
@given(geometry=geometries(), n=st.integers(0, 3), n_channels=st.integers(1, 3), n_features=st.integers(1, 3))
def test_both_are_the_loops_over_windows(name, geometry, n, n_channels, n_features):
    backend = get_backend(name)
    W, x, y = case(geometry, n, n_channels, n_features)
    found, _ = conv2d_forward(no_bias(W, 3), x, geometry, backend=backend)
    np.testing.assert_allclose(found, naive_convolution(W, x, geometry), rtol=1e-12, atol=1e-13)
    found, _ = conv2d_transpose_forward(no_bias(W, 2), y, geometry, backend=backend)
    np.testing.assert_allclose(found, naive_transposed_convolution(W, y, geometry), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["numpy", "cpu"])
@given(geometry=geometries(), n_channels=st.integers(1, 3))
def test_transposed_convolution_is_the_adjoint_of_the_convolution(name, geometry, n_channels):
    backend = get_backend(name)
    W, x, y = case(geometry, n_channels=n_channels)
    Ax, cache = conv2d_forward(no_bias(W, 3), x, geometry, backend=backend)
    Aty, transposed_cache = conv2d_transpose_forward(no_bias(W, 2), y, geometry, backend=backend)
    size = np.sum(np.abs(Ax * y))
    assert np.sum(Ax * y) == pytest.approx(np.sum(x * Aty), rel=1e-12, abs=1e-12 * size)

    dx, dparams = conv2d_backward_(y.copy(), cache, backend=backend)  # to the input: the other's forward
    np.testing.assert_allclose(dx, Aty, rtol=1e-12, atol=1e-13)
    dy, transposed_dparams = conv2d_transpose_backward_(x.copy(), transposed_cache, backend=backend)
    np.testing.assert_allclose(dy, Ax, rtol=1e-12, atol=1e-13)
    # <A x, y> is linear in W: both gradients are that of the one bilinear form
    np.testing.assert_allclose(dparams.W, transposed_dparams.W, rtol=1e-12, atol=1e-13)
    assert np.sum(dparams.W * W) == pytest.approx(np.sum(Ax * y), rel=1e-12, abs=1e-12 * size)


def test_same_convolution_of_stride_two_looks_right_and_down():
    # TensorFlow's "same": the first window begins at the first pixel, the last one takes zeros after the last
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    ones = ConvParams(np.ones((3, 3, 1, 1)), np.zeros(1))
    y, _ = conv2d_forward(ones, x, same_geometry((4, 4), kernel=3, stride=2))
    np.testing.assert_array_equal(y[0, :, :, 0], [[45, 39], [66, 50]])


def test_same_transposed_convolution_of_stride_two_doubles_the_size():
    ramp = ConvParams(np.arange(1.0, 10).reshape(3, 3, 1, 1), np.zeros(1))
    x = np.zeros((1, 2, 2, 1))
    x[0, 0, 1], x[0, 1, 1] = 1, 10
    y, _ = conv2d_transpose_forward(ramp, x, same_geometry((4, 4), kernel=3, stride=2))
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 0, 1, 2], [0, 0, 4, 5], [0, 0, 17, 28], [0, 0, 40, 50]])


def test_convolution_with_the_window_of_the_whole_image_is_a_dense_layer():
    W, x, _ = case(geometry := Geometry((3, 4), (3, 4)))
    y, _ = conv2d_forward(no_bias(W, 3), x, geometry)
    np.testing.assert_allclose(y[:, 0, 0], x.reshape(2, -1) @ W.reshape(-1, 3), rtol=1e-13)


# ---- bias, activation, and where gradients go ----

PAIRS = pytest.mark.parametrize(
    ("forward", "backward", "is_transposed"),
    [(conv2d_forward, conv2d_backward_, False), (conv2d_transpose_forward, conv2d_transpose_backward_, True)],
    ids=["convolution", "transposed"],
)


def operands(is_transposed):
    """Return (params, x, dy) for the geometry OBLIQUE."""
    W, image, grid = case(OBLIQUE)
    x, dy = (grid, image) if is_transposed else (image, grid)
    return ConvParams(W, np.linspace(-1, 1, dy.shape[3])), x, dy


@PAIRS
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_bias_and_activation_follow_the_linear_map(forward, backward, is_transposed, activation, backend):
    params, x, dy = operands(is_transposed)
    linear, linear_cache = forward(params._replace(b=np.zeros_like(params.b)), x, OBLIQUE)
    y, activation_cache = activation_forward(linear + params.b, activation)
    da = activation_backward(dy, activation_cache)
    dx, dparams = backward(da.copy(), linear_cache)

    fused_y, cache = forward(params, x, OBLIQUE, activation, backend)
    fused_dx, fused = backward(dy.copy(), cache, backend=backend)
    expected = (y, dx, dparams.W, da.sum(axis=(0, 1, 2)))
    for got, right in zip((fused_y, fused_dx, fused.W, fused.b), expected, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-13)


@pytest.mark.simulator
@PAIRS
def test_cuda_gives_the_numbers_of_the_reference(forward, backward, is_transposed):
    params, x, dy = operands(is_transposed)

    def computed(name):
        y, cache = forward(params, x, OBLIQUE, "tanh", get_backend(name))
        dx, dparams = backward(dy.copy(), cache, backend=get_backend(name))
        return y, dx, *dparams

    for got, right in zip(computed("cuda"), computed("numpy"), strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-13)


@PAIRS
def test_out_receives_the_parameter_gradients_and_is_returned(forward, backward, is_transposed, backend):
    params, x, dy = operands(is_transposed)
    _, cache = forward(params, x, OBLIQUE, "tanh", backend)
    _, fresh = backward(dy.copy(), cache, backend=backend)
    out = ConvParams(*(np.full_like(array, np.nan) for array in params))
    assert backward(dy.copy(), cache, out, backend)[1] is out
    np.testing.assert_equal(out, fresh)


def test_parameter_gradients_alone_are_those_of_the_whole_backward_pass(backend):
    params, x, dy = operands(is_transposed=False)
    _, cache = conv2d_forward(params, x, OBLIQUE, "tanh", backend)
    alone = conv2d_backward_params_(dy.copy(), cache, None, backend)
    np.testing.assert_equal(alone, conv2d_backward_(dy.copy(), cache, None, backend)[1])


@PAIRS
@pytest.mark.parametrize("numbers", [1, 150, 10**6], ids=["one example", "some examples", "all examples"])
def test_result_does_not_depend_on_how_many_examples_go_into_a_product(
    forward, backward, is_transposed, numbers, backend, monkeypatch
):
    params, x, dy = operands(is_transposed)
    x, dy = (np.concatenate([3 * array, array, -array]) for array in (x, dy))

    def computed():
        y, cache = forward(params, x, OBLIQUE, "swish", backend)
        dx, dparams = backward(dy.copy(), cache, backend=backend)
        return y, dx, *dparams

    expected = computed()
    monkeypatch.setattr(windows, "_NUMBERS_ON_CPU", numbers)
    for got, right in zip(computed(), expected, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-12)


# ---- wrong input ----


@PAIRS
def test_shapes_that_do_not_fit_are_errors(forward, backward, is_transposed):
    params, x, _ = operands(is_transposed)
    with pytest.raises(InputError, match=r"x must have shape \(n, \d, \d, \d\) for W of shape .*, got \(2, .*, 1\)"):
        forward(params, x[..., :1], OBLIQUE)
    with pytest.raises(InputError, match=r"x must have shape .* this geometry, got \(2, 1, "):
        forward(params, x[:, :1], OBLIQUE)
    with pytest.raises(InputError, match=r"W must have shape \(3, 2, channels, features\) for .*, got \(2, 2, 2, 3\)"):
        forward(params._replace(W=params.W[1:]), x, OBLIQUE)
    with pytest.raises(InputError, match=r"b must have shape \(\d,\) for W of shape \(3, 2, 2, 3\), got \(1,\)"):
        forward(params._replace(b=params.b[:1]), x, OBLIQUE)


@PAIRS
@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "float16"])
def test_arrays_of_another_type_than_the_weights_are_errors(forward, backward, is_transposed, dtype, backend):
    # written into an array of integers, products would lose what stands behind the decimal point
    forward, backward = map(inspect.unwrap, (forward, backward))  # as users call them, annotations unchecked
    params, x, dy = operands(is_transposed)
    one_type = "must have one type, float32 or float64, got "
    with pytest.raises(InputError, match=f"W, b and x {one_type}float64, float64 and {dtype}"):
        forward(params, np.ones_like(x, dtype=dtype), OBLIQUE, "linear", backend)
    with pytest.raises(InputError, match=f"W, b and x {one_type}float64, {dtype} and float64"):
        forward(params._replace(b=np.ones_like(params.b, dtype=dtype)), x, OBLIQUE, "linear", backend)
    _, cache = forward(params, x, OBLIQUE, "tanh", backend)
    with pytest.raises(InputError, match=f"dy must have the type of x, float64, got {dtype}"):
        backward(np.ones_like(dy, dtype=dtype), cache, None, backend)


@PAIRS
@pytest.mark.parametrize("dtype", ["int64", "float16"])
def test_types_without_kernels_are_errors(forward, backward, is_transposed, dtype, backend):
    forward, (params, x, _) = inspect.unwrap(forward), operands(is_transposed)
    of_type = ConvParams(*(np.ones_like(array, dtype=dtype) for array in params))
    with pytest.raises(InputError, match=f"one type, float32 or float64, got {dtype}, {dtype} and {dtype}"):
        forward(of_type, np.ones_like(x, dtype=dtype), OBLIQUE, "linear", backend)
