"""Two-dimensional convolution (the cross-correlation of signal processing) with a bias and an activation.

======  ===========================  ==========================================================
symbol  shape                        meaning
======  ===========================  ==========================================================
x       (batch, height, width, c)    images with c channels; flat rows of data are in this order
W       (k_h, k_w, c, m)             weights of m features, as Keras has them
b       (m,)                         bias
y       (batch, h, w, m)             the grid of the geometry with m features
======  ===========================  ==========================================================

References
----------
V. Dumoulin, F. Visin: "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import Backend, namespace
from scratchgen.errors import InputError
from scratchgen.geometry import Geometry
from scratchgen.kernels.bias_activation import bias_activation_backward_, bias_activation_forward_
from scratchgen.ops.linear import REFERENCE, check_gradient
from scratchgen.ops.windows import apply_adjoint, apply_map, weights_gradient
from scratchgen.typing import Array, Float


class ConvParams(NamedTuple):
    """Weights W (k_h, k_w, channels of the image, features of the grid) and a bias b; also the type of their gradients.

    The bias is that of the output: of the grid in a convolution, of the image in a transposed one.
    """

    W: Array
    b: Array


class ConvCache(NamedTuple):
    """What a backward pass needs of the forward pass.

    `saved` is the output or the pre-activation, as a matrix with one row for each place of the output.
    """

    W: Array
    x: Array
    saved: Array
    activation: str
    geometry: Geometry


def conv2d_forward(
    params: ConvParams,
    x: Float[Array, "batch height width channels"],
    geometry: Geometry,
    activation: str = "linear",
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch rows columns features"], ConvCache]:
    """Return ``y = f(A x + b)``, where A x is the product of the windows of x with W.

    With X = im2col(x), a row of which is the window at one place of the grid,

        a_rj = sum_k X_rk W_kj + b_j,   y_rj = f(a_rj).

    Gradient
    --------
    The activation comes first, as in `dense_forward`; W and b are shared by all places r of all examples; and a pixel
    adds up what all windows that hold it pass back, which is col2im, the adjoint of im2col:

        da = dy * f'(a),   db = sum_r da_r,   dW = X^T da,   dx = col2im(da W^T).

    Raises
    ------
    InputError
        The shapes of W, b, x and the geometry do not fit together, or W, b and x are not of one floating type.
    """
    check_operands(params, x, geometry, (*geometry.image, params.W.shape[-2]), params.W.shape[-1])
    xp = namespace(params.W, x)
    product = apply_map(x, as_matrix(params.W), geometry, backend)
    y, saved = bias_activation_forward_.on(backend)(product, params.b, activation)
    return xp.reshape(y, (x.shape[0], *geometry.grid, y.shape[1])), ConvCache(params.W, x, saved, activation, geometry)


def conv2d_backward_(
    dy: Float[Array, "batch rows columns features"],
    cache: ConvCache,
    out: ConvParams | None = None,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch height width channels"], ConvParams]:
    """Return ``(dx, dparams)``, the latter in `out` if it is given. The storage of `dy` is used up."""
    da, dparams = _activation_and_params(dy, cache, out, backend)
    return apply_adjoint(da, as_matrix(cache.W), cache.geometry, backend), dparams


def conv2d_backward_params_(
    dy: Float[Array, "batch rows columns features"],
    cache: ConvCache,
    out: ConvParams | None = None,
    backend: Backend = REFERENCE,
) -> ConvParams:
    """Return the parameter gradients alone, as for a first layer. The storage of `dy` is used up."""
    return _activation_and_params(dy, cache, out, backend)[1]


def _activation_and_params(
    dy: Array, cache: ConvCache, out: ConvParams | None, backend: Backend
) -> tuple[Array, ConvParams]:
    da, db = pre_activation_gradient_(dy, cache, out, backend)
    return da, as_params(weights_gradient(cache.x, da, cache.geometry, backend), db, cache, out)


# ------------------------------------------------------------------------------- shared with the transposed convolution


def check_operands(params: ConvParams, x: Array, geometry: Geometry, shape: tuple[int, ...], n_outputs: int) -> None:
    """Raise where the types, the kernel of W, the shape of an example or the length of the bias do not fit together."""
    W, b = params
    xp = namespace(W, b, x)
    if W.dtype not in (xp.float32, xp.float64) or W.dtype != b.dtype or W.dtype != x.dtype:
        got = f"{W.dtype}, {b.dtype} and {x.dtype}"
        raise InputError(f"W, b and x must have one type, float32 or float64, got {got}: convert them by astype")
    if tuple(W.shape[:-2]) != geometry.kernel:
        expected = "({}, {}, channels, features)".format(*geometry.kernel)
        raise InputError(f"W must have shape {expected} for the kernel of this geometry, got {tuple(W.shape)}")
    if tuple(b.shape) != (n_outputs,):
        raise InputError(f"b must have shape ({n_outputs},) for W of shape {tuple(W.shape)}, got {tuple(b.shape)}")
    if tuple(x.shape[1:]) != shape:
        expected = f"(n, {', '.join(map(str, shape))})"
        raise InputError(
            f"x must have shape {expected} for W of shape {tuple(W.shape)} and this geometry, got {tuple(x.shape)}"
        )


def as_matrix(W: Array) -> Array:
    """Return the weights as (k_h k_w channels, features)."""
    return namespace(W).reshape(W, (-1, W.shape[-1]))


def pre_activation_gradient_(
    dy: Array, cache: ConvCache, out: ConvParams | None, backend: Backend
) -> tuple[Array, Array]:
    """Return ``(da, db)``; da has one row for each place of the output. The storage of `dy` is used up."""
    xp = namespace(dy, cache.x)
    check_gradient(dy, cache.x, "x")
    db = xp.empty(dy.shape[-1:], dtype=dy.dtype) if out is None else out.b
    rows = xp.reshape(dy, (-1, dy.shape[-1]))
    return bias_activation_backward_.on(backend)(rows, cache.saved, db, cache.activation), db


def as_params(dW: Array, db: Array, cache: ConvCache, out: ConvParams | None) -> ConvParams:
    """Return the gradients in the shapes of the parameters, in `out` if it is given (which holds db already)."""
    dW = namespace(dW).reshape(dW, cache.W.shape)
    if out is None:
        return ConvParams(dW, db)
    out.W[...] = dW
    return out
