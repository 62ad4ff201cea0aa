"""Add a bias and apply an activation in one pass over a matrix product; and the way back, with the bias gradient.

    a = z + b,   y = f(a);        backward:  dz = dy * f'(a),   db = sum over rows of dz.

==========  =======================  ===========================  ==========================
name        f(a)                     f'(a)                        computed from (``saved``)
==========  =======================  ===========================  ==========================
linear      a                        1                            y
relu        max(a, 0)                1 where a > 0, else 0        y
tanh        tanh a                   1 - y^2                      y
sigmoid     1 / (1 + exp(-a))        y (1 - y)                    y
softplus    log(1 + exp a)           sigmoid a                    a
swish       a sigmoid a              s + y (1 - s), s = sigmoid   a
==========  =======================  ===========================  ==========================

The derivative of ReLU at 0 is taken as 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float64

from scratchgen.backend import namespace
from scratchgen.kernels import Operation, array_math
from scratchgen.kernels._cuda import MAX_THREADS, cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.elementary import sigmoid, softplus, tanh
from scratchgen.kernels.elementary_constants import constants
from scratchgen.kernels.scalar import mul, scalar, select
from scratchgen.typing import Array

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "softplus", "swish")
_LINEAR, _RELU, _TANH, _SIGMOID, _SOFTPLUS, _SWISH = range(6)
_ROWS_OF_ONE_PART = 512  # that are added up by themselves on a CPU, however many threads there are
_THREADS_A_COLUMN = 8
_ROWS_OF_ONE_BLOCK = 512  # that a CUDA block adds up: a second launch is no gain for a batch of rows


def _saves_output(activation: str) -> bool:
    return activation in ("linear", "relu", "tanh", "sigmoid")


# ----------------------------------------------------------------------------------------------------- reference


def _forward_reference(z: Array, b: Array, activation: str) -> tuple[Array, Array]:
    """Return (y, saved): the output, and what the backward pass needs. The storage of `z` may be used for them."""
    xp = namespace(z, b)
    a = z + b
    if activation == "linear":
        y = a
    elif activation == "relu":
        y = xp.maximum(a, xp.zeros((), dtype=a.dtype))
    elif activation == "tanh":
        y = xp.tanh(a)
    elif activation == "sigmoid":
        y = array_math.sigmoid(a)
    elif activation == "softplus":
        y = array_math.softplus(a)
    else:
        y = a * array_math.sigmoid(a)
    return y, (y if _saves_output(activation) else a)


def _backward_reference(dy: Array, saved: Array, db: Array, activation: str) -> Array:
    """Return dz and write its column sums to `db`. The storage of `dy` may be used for dz."""
    xp = namespace(dy, saved, db)
    if activation == "linear":
        dz = dy
    elif activation == "relu":
        dz = xp.where(saved > 0, dy, dy * saved)  # elsewhere saved is 0, or a NaN that stays one
    elif activation == "tanh":
        dz = dy * (1 - saved * saved)
    elif activation == "sigmoid":
        dz = dy * saved * (1 - saved)
    elif activation == "softplus":
        dz = dy * array_math.sigmoid(saved)
    else:
        s = array_math.sigmoid(saved)
        dz = dy * (s + saved * s * (1 - s))
    db[...] = xp.sum(dz, axis=0)
    return dz


# ----------------------------------------------------------------------------------------- scalars, cpu and cuda


@scalar
def _relu(a: Any) -> Any:
    zero = constants(a).zero
    return select(a < zero, zero, a)  # a NaN stays a NaN


@scalar
def _swish(a: Any) -> Any:
    return a * sigmoid(a)


@scalar
def _relu_slope(y: Any, dy: Any) -> Any:
    return select(y > constants(y).zero, dy, mul(dy, y))  # elsewhere y is 0, or a NaN that stays one


@scalar
def _tanh_slope(y: Any, dy: Any) -> Any:
    return mul(dy, constants(y).one - mul(y, y))


@scalar
def _sigmoid_slope(y: Any, dy: Any) -> Any:
    return mul(mul(dy, y), constants(y).one - y)


@scalar
def _softplus_slope(a: Any, dy: Any) -> Any:
    return dy * sigmoid(a)


@scalar
def _swish_slope(a: Any, dy: Any) -> Any:
    s = sigmoid(a)
    return dy * (s + mul(mul(a, s), constants(a).one - s))


@cpu_kernel()
def _forward_loop(first: Any, end: Any, z: Any, b: Any, y: Any, code: Any) -> None:
    # One inner loop for each activation: LLVM does not lift a choice among polynomials out of a loop. Where y is z it
    # is called z: LLVM does not vectorise a loop that knows one array by two names.
    n_columns = z.shape[1]
    for i in range(first, end):
        if code == _LINEAR:
            for j in range(n_columns):
                z[i, j] = z[i, j] + b[j]
        elif code == _RELU:
            for j in range(n_columns):
                z[i, j] = _relu(z[i, j] + b[j])
        elif code == _TANH:
            for j in range(n_columns):
                z[i, j] = tanh(z[i, j] + b[j])
        elif code == _SIGMOID:
            for j in range(n_columns):
                z[i, j] = sigmoid(z[i, j] + b[j])
        elif code == _SOFTPLUS:
            for j in range(n_columns):
                z[i, j] += b[j]
                y[i, j] = softplus(z[i, j])
        else:
            for j in range(n_columns):
                z[i, j] += b[j]
                y[i, j] = _swish(z[i, j])


@cpu_kernel()
def _backward_loop(first: Any, end: Any, dy: Any, saved: Any, sums: Any, code: Any) -> None:
    """Write dz over dy, and to sums[part] the sums of `_ROWS_OF_ONE_PART` rows of it."""
    n_columns = dy.shape[1]
    for part in range(first, end):
        for j in range(n_columns):
            sums[part, j] = 0
        for i in range(part * _ROWS_OF_ONE_PART, min((part + 1) * _ROWS_OF_ONE_PART, dy.shape[0])):
            if code == _RELU:
                for j in range(n_columns):
                    dy[i, j] = _relu_slope(saved[i, j], dy[i, j])
            elif code == _TANH:
                for j in range(n_columns):
                    dy[i, j] = _tanh_slope(saved[i, j], dy[i, j])
            elif code == _SIGMOID:
                for j in range(n_columns):
                    dy[i, j] = _sigmoid_slope(saved[i, j], dy[i, j])
            elif code == _SOFTPLUS:
                for j in range(n_columns):
                    dy[i, j] = _softplus_slope(saved[i, j], dy[i, j])
            elif code == _SWISH:
                for j in range(n_columns):
                    dy[i, j] = _swish_slope(saved[i, j], dy[i, j])
            for j in range(n_columns):  # they are still in the cache
                sums[part, j] += dy[i, j]


def _forward_cpu(z: Array, b: Array, activation: str) -> tuple[Array, Array]:
    y = z if _saves_output(activation) else namespace(z).empty_like(z)
    _forward_loop.share(*z.shape, z, b, y, ACTIVATIONS.index(activation))
    return y, (y if _saves_output(activation) else z)


def _backward_cpu(dy: Array, saved: Array, db: Array, activation: str) -> Array:
    n_rows, n_columns = dy.shape
    n_parts = max(1, -(-n_rows // _ROWS_OF_ONE_PART))
    sums = db[None, :] if n_parts == 1 else namespace(dy).empty((n_parts, n_columns), dtype=dy.dtype)
    _backward_loop.share(n_parts, dy.size // n_parts, dy, saved, sums, ACTIVATIONS.index(activation))
    if n_parts > 1:
        db[...] = sums.sum(axis=0)
    return dy


# ---------------------------------------------------------------------------------------------------------- cuda


@scalar
def _activate(a: Any, code: Any) -> Any:
    if code == _LINEAR:
        return a
    if code == _RELU:
        return _relu(a)
    if code == _TANH:
        return tanh(a)
    if code == _SIGMOID:
        return sigmoid(a)
    if code == _SOFTPLUS:
        return softplus(a)
    return _swish(a)


@scalar
def _slope(saved: Any, dy: Any, code: Any) -> Any:
    if code == _LINEAR:
        return dy
    if code == _RELU:
        return _relu_slope(saved, dy)
    if code == _TANH:
        return _tanh_slope(saved, dy)
    if code == _SIGMOID:
        return _sigmoid_slope(saved, dy)
    if code == _SOFTPLUS:
        return _softplus_slope(saved, dy)
    return _swish_slope(saved, dy)


@cuda_kernel
def _forward_kernel(z: Any, b: Any, y: Any, code: Any) -> None:
    for i in range(cuda.blockIdx.x, z.shape[0], cuda.gridDim.x):  # a block takes a row: no division by the width
        for j in range(cuda.threadIdx.x, z.shape[1], cuda.blockDim.x):
            a = z[i, j] + b[j]
            z[i, j] = a
            y[i, j] = _activate(a, code)


@cuda_kernel
def _backward_kernel(dy: Any, saved: Any, sums: Any, code: Any, n_together: Any) -> None:
    """Write dz over dy, and to sums[part] the sums of `n_together` rows of it.

    A block takes neighbouring columns, 32 of them with 256 threads: eight threads share a column, each with every
    eighth row, and their sums are added up in the order of the threads.
    """
    shared = cuda.shared.array(MAX_THREADS, dtype=float64)
    n_rows, n_columns = dy.shape
    n_sharing = min(_THREADS_A_COLUMN, cuda.blockDim.x)
    n_lanes = cuda.blockDim.x // n_sharing
    first = cuda.threadIdx.x // n_lanes
    lane = cuda.threadIdx.x - first * n_lanes  # neighbouring threads read neighbouring columns
    n_tiles = (n_columns + n_lanes - 1) // n_lanes
    for item in range(cuda.blockIdx.x, sums.shape[0] * n_tiles, cuda.gridDim.x):
        part = item // n_tiles
        j = (item - part * n_tiles) * n_lanes + lane
        total = 0.0
        if j < n_columns:
            for i in range(part * n_together + first, min((part + 1) * n_together, n_rows), n_sharing):
                dz = _slope(saved[i, j], dy[i, j], code)
                dy[i, j] = dz
                total += dz
        cuda.syncthreads()  # nobody may still be reading the sums of the columns before
        shared[cuda.threadIdx.x] = total
        cuda.syncthreads()
        if first == 0 and j < n_columns:
            for other in range(1, n_sharing):
                total += shared[other * n_lanes + lane]
            sums[part, j] = total


def _forward_cuda(z: Array, b: Array, activation: str) -> tuple[Array, Array]:
    y = z if _saves_output(activation) else namespace(z).empty_like(z)
    _forward_kernel.launch_blocks(z.shape[0], z, b, y, ACTIVATIONS.index(activation))
    return y, (y if _saves_output(activation) else z)


def _backward_cuda(dy: Array, saved: Array, db: Array, activation: str) -> Array:
    code, n_rows = ACTIVATIONS.index(activation), dy.shape[0]
    if n_rows <= _ROWS_OF_ONE_BLOCK:
        _sum_rows(dy, saved, db[None, :], code, n_rows)
        return dy
    # A convolution has a row for each pixel: about sqrt(n) sums of sqrt(n) rows, and then the sum of those.
    n_together = math.isqrt(n_rows - 1) + 1
    sums = namespace(dy).empty((-(-n_rows // n_together), db.size), dtype=np.float64)
    _sum_rows(dy, saved, sums, code, n_together)
    _sum_rows(sums, sums, db[None, :], _LINEAR, sums.shape[0])
    return dy


def _sum_rows(dy: Array, saved: Array, sums: Array, code: int, n_together: int) -> None:
    n_tiles = -(-dy.shape[1] * _THREADS_A_COLUMN // MAX_THREADS)
    _backward_kernel.launch_blocks(sums.shape[0] * n_tiles, dy, saved, sums, code, n_together)


bias_activation_forward_ = Operation(_forward_reference, _forward_cpu, _forward_cuda)
bias_activation_backward_ = Operation(_backward_reference, _backward_cpu, _backward_cuda)
