"""The matrix products of a convolution, over a few examples at a time.

======  ==========================================  ==================================================
symbol  shape                                       meaning
======  ==========================================  ==================================================
image   (batch, height, width, channels)            the side on which the windows overlap
maps    (batch h w, features)                       the other side: one row of numbers a window
W       (k_h k_w channels, features)                weights, a column a feature
======  ==========================================  ==================================================

With A(image) = im2col(image) W, all that the passes need is A, its adjoint A^T(maps) = col2im(maps W^T), and the
gradient of <A(image), dmaps> with respect to W, which is im2col(image)^T dmaps.

The windows of a whole batch are many times as large as the batch. On a CPU one product therefore takes as many examples
as have windows that stay in the cache; in the convolutional VAE for MNIST this saves a quarter of a training step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from scratchgen.backend import Backend, namespace
from scratchgen.geometry import Geometry
from scratchgen.kernels.im2col import col2im_, im2col
from scratchgen.kernels.matmul import matmul
from scratchgen.typing import Array

# How many numbers the windows of one product hold. On a CPU 2 MiB in float32: sizes from 0.5 to 2 MiB are equally fast,
# and fewer products suffer less from other processes, because all threads of a product wait for the last one. On CUDA
# 256 MiB: a training batch is one product, and an evaluation fits into the memory of the device.
_NUMBERS_ON_CPU = 1 << 19
_NUMBERS_ON_CUDA = 1 << 26


def windows_of(image: Array, geometry: Geometry, backend: Backend) -> Iterator[tuple[slice, Array]]:
    """Yield the windows of a few examples, (rows, k_h k_w channels), and the slice of `maps` to which they belong."""
    for examples, rows in _parts(image.shape[0], image.shape[3], geometry, backend):
        yield rows, im2col.on(backend)(image[examples, ...], geometry.kernel, geometry.stride, geometry.padding)


def apply_map(image: Array, W: Array, geometry: Geometry, backend: Backend) -> Array:
    """Return A(image) = im2col(image) W, one row for each place of the grid."""
    xp = namespace(image, W)
    maps = xp.empty((image.shape[0] * math.prod(geometry.grid), W.shape[1]), dtype=image.dtype)
    for rows, windows in windows_of(image, geometry, backend):
        matmul(windows, W, out=maps[rows, :], precision=backend.precision)
    return maps


def weights_gradient(image: Array, dmaps: Array, geometry: Geometry, backend: Backend) -> Array:
    """Return the gradient of <A(image), dmaps> with respect to W: im2col(image)^T dmaps."""
    n_rows = math.prod(geometry.kernel) * image.shape[3]
    dW = namespace(image, dmaps).zeros((n_rows, dmaps.shape[1]), dtype=dmaps.dtype)
    for rows, windows in windows_of(image, geometry, backend):
        dW += matmul(windows.T, dmaps[rows, :], precision=backend.precision)
    return dW


def apply_adjoint(maps: Array, W: Array, geometry: Geometry, backend: Backend) -> Array:
    """Return A^T(maps) = col2im(maps W^T)."""
    xp = namespace(maps, W)
    n, n_channels = maps.shape[0] // math.prod(geometry.grid), W.shape[0] // math.prod(geometry.kernel)
    image = xp.empty((n, *geometry.image, n_channels), dtype=maps.dtype)
    for examples, rows in _parts(n, n_channels, geometry, backend):
        columns = matmul(maps[rows, :], W.T, precision=backend.precision)  # (rows, k_h k_w channels)
        col2im_.on(backend)(columns, image[examples, ...], geometry.kernel, geometry.stride, geometry.padding)
    return image


def _parts(n: int, n_channels: int, geometry: Geometry, backend: Backend) -> Iterator[tuple[slice, slice]]:
    """Yield a slice of the batch, and that of the rows of `maps` that belong to it."""
    h, w = geometry.grid
    budget = _NUMBERS_ON_CUDA if backend.variant == "cuda" else _NUMBERS_ON_CPU
    step = max(1, budget // (h * w * math.prod(geometry.kernel) * n_channels))
    for start in range(0, n, step):
        stop = min(start + step, n)
        yield slice(start, stop), slice(start * h * w, stop * h * w)
