"""Transposed convolution: the adjoint of the convolution of the same geometry, with a bias and an activation.

It maps grids to images, so that a stride enlarges instead of reducing.

======  ===========================  ===================================================================
symbol  shape                        meaning
======  ===========================  ===================================================================
x       (batch, h, w, m)             the grid of the geometry with m features
W       (k_h, k_w, c, m)             the weights of the convolution from image to grid: inputs come last
b       (c,)                         bias
y       (batch, height, width, c)    the image of the geometry with c channels
======  ===========================  ===================================================================

References
----------
V. Dumoulin, F. Visin: "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, chapter 4.
"""

from __future__ import annotations

from scratchgen.backend import Backend, namespace
from scratchgen.geometry import Geometry
from scratchgen.kernels.bias_activation import bias_activation_forward_
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.convolution import (
    ConvCache,
    ConvParams,
    as_matrix,
    as_params,
    check_operands,
    pre_activation_gradient_,
)
from scratchgen.ops.linear import REFERENCE
from scratchgen.ops.windows import apply_adjoint, windows_of
from scratchgen.typing import Array, Float


def conv2d_transpose_forward(
    params: ConvParams,
    x: Float[Array, "batch rows columns features"],
    geometry: Geometry,
    activation: str = "linear",
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch height width channels"], ConvCache]:
    """Return ``y = f(A^T x + b)``, where A is the linear map of `conv2d_forward` with the same W and geometry.

    Each place of the grid puts a window into the image, its features times W^T; where windows overlap they add up:
    A^T x = col2im(x W^T).

    Gradient
    --------
    The adjoint of col2im is im2col, so that backward to the input is a convolution. With dX = im2col(da),

        da = dy * f'(a),   db = sum over examples and pixels of da,   dx = dX W,   dW = dX^T x.

    Raises
    ------
    InputError
        The shapes of W, b, x and the geometry do not fit together, or W, b and x are not of one floating type.
    """
    W, b = params
    check_operands(params, x, geometry, (*geometry.grid, W.shape[-1]), W.shape[-2])
    xp = namespace(W, x)
    image = apply_adjoint(xp.reshape(x, (-1, W.shape[-1])), as_matrix(W), geometry, backend)
    y, saved = bias_activation_forward_.on(backend)(xp.reshape(image, (-1, W.shape[-2])), b, activation)
    return xp.reshape(y, image.shape), ConvCache(W, x, saved, activation, geometry)


def conv2d_transpose_backward_(
    dy: Float[Array, "batch height width channels"],
    cache: ConvCache,
    out: ConvParams | None = None,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch rows columns features"], ConvParams]:
    """Return ``(dx, dparams)``, the latter in `out` if it is given. The storage of `dy` is used up."""
    xp = namespace(dy, cache.x)
    W = as_matrix(cache.W)
    da, db = pre_activation_gradient_(dy, cache, out, backend)
    x = xp.reshape(cache.x, (-1, W.shape[1]))  # one row for each place of the grid
    dx, dW = xp.empty_like(x), xp.zeros_like(W)
    for rows, windows in windows_of(xp.reshape(da, dy.shape), cache.geometry, backend):
        matmul(windows, W, out=dx[rows, :], precision=backend.precision)
        dW += matmul(windows.T, x[rows, :], precision=backend.precision)
    return xp.reshape(dx, cache.x.shape), as_params(dW, db, cache, out)
