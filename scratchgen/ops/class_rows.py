r"""Rows for a sum over classes: a dense layer that sees an example together with its class.

An example whose class is known makes one row; one whose class is unknown makes a row for each class. Labelled examples
come first, then the unlabelled ones once for class 0, once for class 1, and so on:

======  ====================  =========================================================================
symbol  shape                 meaning
======  ====================  =========================================================================
x       (n, features)         examples, `n_labelled` of them first
rows    (rows, features)      rows = n_labelled + classes (n - n_labelled)
target  (rows, classes)       1 in the column of the class of each row, else 0
======  ====================  =========================================================================
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import Backend, namespace
from scratchgen.kernels.bias_activation import bias_activation_backward_, bias_activation_forward_
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.linear import REFERENCE
from scratchgen.typing import Array, Float


class ClassRowsCache(NamedTuple):
    """What `class_rows_backward` needs of the forward pass."""

    n_labelled: int
    n_classes: int


class ClassDenseParams(NamedTuple):
    """Weights W (inputs, outputs) of an example, V (classes, outputs) of its class, and bias b (outputs,)."""

    W: Array
    V: Array
    b: Array


class ClassDenseCache(NamedTuple):
    """What `class_dense_backward_` needs of the forward pass; `saved` is the output or the pre-activation."""

    W: Array
    x: Array
    target: Array
    rows: ClassRowsCache
    saved: Array
    activation: str


def class_rows_forward(
    x: Float[Array, "n features"], n_labelled: int, n_classes: int
) -> tuple[Float[Array, "rows features"], ClassRowsCache]:
    """Return each labelled example once, then the unlabelled ones `n_classes` times over.

    Gradient
    --------
    An example goes into all its rows:  dx_i = sum over the rows r of example i of drows_r.
    """
    cache = ClassRowsCache(n_labelled, n_classes)
    if n_labelled == x.shape[0]:
        return x, cache
    xp, (n, n_features) = namespace(x), x.shape
    rows = xp.empty((n_labelled + n_classes * (n - n_labelled), n_features), dtype=x.dtype)
    rows[:n_labelled, :] = x[:n_labelled, :]
    repeated = xp.broadcast_to(x[n_labelled:, :], (n_classes, n - n_labelled, n_features))
    rows[n_labelled:, :] = xp.reshape(repeated, (-1, n_features))
    return rows, cache


def class_rows_backward(drows: Float[Array, "rows features"], cache: ClassRowsCache) -> Float[Array, "n features"]:
    """Return dx."""
    xp, (n_labelled, n_classes) = namespace(drows), cache
    if n_labelled == drows.shape[0]:
        return drows
    by_class = xp.reshape(drows[n_labelled:, :], (n_classes, -1, drows.shape[1]))
    dx = xp.empty((n_labelled + by_class.shape[1], drows.shape[1]), dtype=drows.dtype)
    dx[:n_labelled, :] = drows[:n_labelled, :]
    dx[n_labelled:, :] = xp.sum(by_class, axis=0)
    return dx


def class_dense_forward(
    params: ClassDenseParams,
    x: Float[Array, "n inputs"],
    target: Float[Array, "rows classes"],
    n_labelled: int,
    activation: str,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "rows outputs"], ClassDenseCache]:
    """Return ``y_r = f(x_i W + V_c + b)`` for row r of example i and class c.

    It is a dense layer of x and target side by side. The product x W, as large as the rest of a network, is the same
    for all rows of an example and made once.

    Gradient
    --------
    With a the argument of f and i(r), c(r) the example and the class of row r:

        da = dy * f'(a),   db = sum_r da_r,   dV_c = sum over the rows of class c of da_r,
        dp_i = sum over the rows of example i of da_r,   dW = x^T dp,   dx = dp W^T.
    """
    product, rows = class_rows_forward(
        matmul(x, params.W, precision=backend.precision), n_labelled, params.V.shape[0]
    )  # (rows, outputs)
    y, saved = bias_activation_forward_.on(backend)(product + matmul(target, params.V), params.b, activation)
    return y, ClassDenseCache(params.W, x, target, rows, saved, activation)


def class_dense_backward_(
    dy: Float[Array, "rows outputs"],
    cache: ClassDenseCache,
    out: ClassDenseParams | None = None,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "n inputs"], ClassDenseParams]:
    """Return ``(dx, dparams)``. The storage of `dy` is used up."""
    dproduct, dparams = _product_and_params(dy, cache, out, backend)
    return matmul(dproduct, cache.W.T, precision=backend.precision), dparams


def class_dense_backward_params_(
    dy: Float[Array, "rows outputs"],
    cache: ClassDenseCache,
    out: ClassDenseParams | None = None,
    backend: Backend = REFERENCE,
) -> ClassDenseParams:
    """Return the parameter gradients alone. The storage of `dy` is used up."""
    return _product_and_params(dy, cache, out, backend)[1]


def _product_and_params(
    dy: Array, cache: ClassDenseCache, out: ClassDenseParams | None, backend: Backend
) -> tuple[Array, ClassDenseParams]:
    xp = namespace(dy, cache.x)
    db = xp.empty(dy.shape[1:], dtype=dy.dtype) if out is None else out.b
    da = bias_activation_backward_.on(backend)(dy, cache.saved, db, cache.activation)
    dproduct = class_rows_backward(da, cache.rows)
    if out is None:
        dW = matmul(cache.x.T, dproduct, precision=backend.precision)
        return dproduct, ClassDenseParams(dW, matmul(cache.target.T, da), db)
    matmul(cache.x.T, dproduct, out.W, backend.precision)
    matmul(cache.target.T, da, out.V)
    return dproduct, out
