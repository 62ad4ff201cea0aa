"""Scalar mathematics written once for every target: NumPy arrays, Numba on the CPU, Numba on CUDA, CUDA's simulator.

Each function is plain Python on NumPy scalars *or arrays*; `scratchgen.kernels._jit` and `scratchgen.kernels._cuda`
register the same text for their compilers. All targets then perform the same IEEE operations in the same order, so
their results are equal in bits. Three rules make that true:

- every literal is a typed module constant (in Numba ``float32 * 2.0`` is float64, ``uint32 + uint32`` is uint64);
- a product that feeds an addition goes through `mul`, which no compiler may contract into a fused multiply-add;
- there are no branches, only `select`, so that LLVM vectorises the loops that call these functions.

The primitives (`mul`, `select`, `sqrt`, `as_uint32`, `float_bits`, `bits_float`) are the only functions that a target
implements in its own way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

SCALAR_FUNCTIONS: list[Callable[..., Any]] = []  # compiled as written, in the order of their definition
BY_PRECISION: dict[Callable[..., Any], tuple[Callable[..., Any], Callable[..., Any]]] = {}  # public: (float32, float64)


def scalar(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark `function` as scalar mathematics to be registered with the compilers."""
    SCALAR_FUNCTIONS.append(function)
    return function


# ---------------------------------------------------------------------------------------------------- primitives


def mul(a: Any, b: Any) -> Any:
    """Return ``a * b``, rounded before anything else happens to it (never contracted into a fused multiply-add)."""
    return a * b


def select(condition: Any, a: Any, b: Any) -> Any:
    """Return `a` where `condition` holds and `b` elsewhere; both are evaluated."""
    return np.where(condition, a, b)[()]


def sqrt(x: Any) -> Any:
    """Return the correctly rounded square root."""
    return np.sqrt(x)


def as_uint32(w: Any) -> Any:
    """Return the low 32 bits of an integer, or of an array of them (the constructor ``np.uint32`` refuses CuPy's)."""
    return w.astype(np.uint32)


def float_bits(x: Any) -> Any:
    """Return the bits of a float32 (float64) as uint32 (uint64)."""
    return x.view(np.uint32 if x.dtype == np.float32 else np.uint64)


def bits_float(w: Any) -> Any:
    """Return the float32 (float64) whose bits are the uint32 (uint64) `w`."""
    return w.view(np.float32 if w.dtype == np.uint32 else np.float64)


PRIMITIVES = (mul, select, sqrt, as_uint32, float_bits, bits_float)
