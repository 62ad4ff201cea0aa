"""The affine map y = x W + b, alone and fused with an activation.

======  ====================  =========================
symbol  shape                 meaning
======  ====================  =========================
x       (batch, inputs)       input
W       (inputs, outputs)     weights
b       (outputs,)            bias
======  ====================  =========================
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import Backend, Precision, get_backend, namespace
from scratchgen.errors import InputError
from scratchgen.kernels.bias_activation import bias_activation_backward_, bias_activation_forward_
from scratchgen.kernels.matmul import matmul
from scratchgen.typing import Array, Float

REFERENCE = get_backend("numpy")


class LinearParams(NamedTuple):
    """Weights W (inputs, outputs) and bias b (outputs,) of an affine map; also the type of their gradients."""

    W: Array
    b: Array


class LinearCache(NamedTuple):
    """What `linear_backward` needs of the forward pass."""

    W: Array
    x: Array
    precision: Precision = "float32"


class DenseCache(NamedTuple):
    """What `dense_backward` needs of the forward pass; `saved` is the output or the pre-activation."""

    W: Array
    x: Array
    saved: Array
    activation: str


def linear_forward(
    params: LinearParams, x: Float[Array, "batch inputs"], precision: Precision = "float32"
) -> tuple[Float[Array, "batch outputs"], LinearCache]:
    """Return ``y = x W + b``; `precision` is that of the product, and of those of the backward pass.

    Gradient
    --------
    With dy the gradient with respect to y, row i of y depends on row i of x, and W and b are shared by all rows:

        dW = x^T dy,   db = sum_i dy_i,   dx = dy W^T.
    """
    product = matmul(x, params.W, precision=precision)  # (batch, outputs)
    return product + params.b, LinearCache(params.W, x, precision)


def linear_backward(
    dy: Float[Array, "batch outputs"], cache: LinearCache, out: LinearParams | None = None
) -> tuple[Float[Array, "batch inputs"], LinearParams]:
    """Return ``(dx, dparams)``; `out` receives the parameter gradients where it is given."""
    return matmul(dy, cache.W.T, precision=cache.precision), linear_backward_params(dy, cache, out)


def linear_backward_params(
    dy: Float[Array, "batch outputs"], cache: LinearCache, out: LinearParams | None = None
) -> LinearParams:
    """Return the parameter gradients alone: the first layer of a network needs no dx, a product as large as dW."""
    xp = namespace(dy, cache.x)
    if out is None:
        return LinearParams(matmul(cache.x.T, dy, precision=cache.precision), xp.sum(dy, axis=0))
    matmul(cache.x.T, dy, out=out.W, precision=cache.precision)
    xp.sum(dy, axis=0, out=out.b)
    return out


def dense_forward(
    params: LinearParams, x: Float[Array, "batch inputs"], activation: str, backend: Backend = REFERENCE
) -> tuple[Float[Array, "batch outputs"], DenseCache]:
    """Return ``y = f(x W + b)``; the bias and the activation f are one pass over the product.

    Gradient
    --------
    With a = x W + b, the chain rule puts f'(a) before the affine map's own rule:

        da = dy * f'(a),   dW = x^T da,   db = sum_i da_i,   dx = da W^T.
    """
    product = matmul(x, params.W, precision=backend.precision)  # (batch, outputs)
    y, saved = bias_activation_forward_.on(backend)(product, params.b, activation)
    return y, DenseCache(params.W, x, saved, activation)


def dense_backward_(
    dy: Float[Array, "batch outputs"],
    cache: DenseCache,
    out: LinearParams | None = None,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch inputs"], LinearParams]:
    """Return ``(dx, dparams)``. The storage of `dy` is used up."""
    da, dparams = _activation_and_params(dy, cache, out, backend)
    return matmul(da, cache.W.T, precision=backend.precision), dparams


def dense_backward_params_(
    dy: Float[Array, "batch outputs"],
    cache: DenseCache,
    out: LinearParams | None = None,
    backend: Backend = REFERENCE,
) -> LinearParams:
    """Return the parameter gradients alone. The storage of `dy` is used up."""
    return _activation_and_params(dy, cache, out, backend)[1]


def check_gradient(dy: Array, other: Array, name: str) -> None:
    """Raise unless dy has the type of what is called `name`: it is overwritten, and integers would lose decimals."""
    if dy.dtype != other.dtype:
        raise InputError(f"dy must have the type of {name}, {other.dtype}, got {dy.dtype}: convert it by astype")


def _activation_and_params(
    dy: Array, cache: DenseCache, out: LinearParams | None, backend: Backend
) -> tuple[Array, LinearParams]:
    xp = namespace(dy, cache.x)
    check_gradient(dy, cache.saved, "y")
    db = xp.empty(dy.shape[1:], dtype=dy.dtype) if out is None else out.b
    da = bias_activation_backward_.on(backend)(dy, cache.saved, db, cache.activation)
    if out is None:
        return da, LinearParams(matmul(cache.x.T, da, precision=backend.precision), db)
    matmul(cache.x.T, da, out=out.W, precision=backend.precision)
    return da, out
