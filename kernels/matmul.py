"""The one place where matrices are multiplied: on NumPy arrays by NumPy, on CuPy arrays by cuBLAS.

With u the unit roundoff of a precision, an element of the product is off by at most about

    2 u sum_k |a_ik| |b_kj|,

to which float32 adds the rounding of its sums. Everything is added up in float32 whatever the precision.

=========  ======  =======================================================================================
precision  u       the factors are
=========  ======  =======================================================================================
float32    0       taken as they are
tf32       2^-10   cut to 10 bits after the leading one; the range is that of float32
float16    2^-11   rounded to float16: infinite from 65,520 on, and off by up to 2^-25 below 2^-14, where
                   float16 has fewer bits; what is below 2^-25 vanishes
=========  ======  =======================================================================================

A precision is for products of float32 arrays on a GPU; those of float64 arrays stay what they are. Under the simulator
the factors are rounded by NumPy, so that the error of a model can be looked at on any machine.

References
----------
NVIDIA: "CUDA C++ programming guide", "Alternate floating point" (TF32), and "cuBLAS library", `cublasGemmEx`.
N. J. Higham: "Accuracy and stability of numerical algorithms", 2nd edition, SIAM 2002, section 3.5.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scratchgen.backend import Precision, namespace
from scratchgen.kernels import cublas
from scratchgen.typing import Array


def matmul(a: Array, b: Array, out: Array | None = None, precision: Precision = "float32") -> Array:
    """Return the matrix product of `a` and `b`, in `out` if it is given.

    Transposed views cost no copy. `out` must not share memory with a factor.

    Parameters
    ----------
    a, b : array
        Matrices, or a matrix and a vector; of one type.
    out : array, optional
        May be a view.
    precision : {"float32", "tf32", "float16"}
        What the factors are rounded to: see the table above.
    """
    if precision == "float32" and type(a) is type(b) is np.ndarray:  # nearly every call on a CPU
        return np.matmul(a, b, out)
    xp = namespace(a, b)
    if xp.__name__ == "cupy":
        return cublas.multiply(a, b, out, precision)
    if precision != "float32" and a.dtype == np.float32:
        a, b = _ROUNDED[precision](a), _ROUNDED[precision](b)
    product = xp.matmul(a, b)
    if out is None:
        return product
    out[...] = product  # the array API has no `out`
    return out


def sum_of_squares(x: Array) -> Array:
    """Return the squared norm of all elements of `x`, which is contiguous."""
    flat = namespace(x).reshape(x, (-1,))
    return matmul(flat, flat)


def mean(x: Array) -> Array:
    """Return the mean of all elements of `x`, which is contiguous: on a CPU its product with a vector of 1 / n.

    In the middle of a training step, when a core has the code of products in its caches and that of reductions far
    away, two such means of 128 elements take 8 µs, and two of NumPy's 27.
    """
    if type(x) is not np.ndarray:
        return namespace(x).mean(x)
    flat = x.reshape(-1)
    return np.matmul(flat, np.full(flat.shape, 1.0 / flat.size, dtype=flat.dtype))


def _cut_to_tf32(x: np.ndarray) -> np.ndarray:
    """Return x without its last 13 bits: tensor cores may round instead, which is off by half as much."""
    return (np.ascontiguousarray(x).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


@np.errstate(over="ignore")
def _round_to_float16(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float16).astype(np.float32)


_ROUNDED: dict[str, Callable[[np.ndarray], np.ndarray]] = {"tf32": _cut_to_tf32, "float16": _round_to_float16}
