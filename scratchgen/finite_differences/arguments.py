"""What the checks take, and what they refuse: points, gradients and functions in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError

Vector = NDArray[np.float64]
Gradient = ArrayLike | Callable[[Vector], ArrayLike]


def checked_point(x: ArrayLike) -> Vector:
    """Return `x` as an array if differences can be taken there: float64, finite, not empty."""
    point = np.asarray(x)
    if point.dtype in (np.float16, np.float32):
        raise InputError(
            f"x is {point.dtype}: a central difference there has no more than three digits, which cannot tell a "
            "gradient that is 0.1 % off from a right one; pass x.astype(np.float64) and compute f in float64"
        )
    if point.dtype != np.float64:
        raise InputError(f"x must be a float64 array, got {point.dtype}: pass x.astype(np.float64)")
    if point.size == 0:
        raise InputError(f"x has shape {point.shape}, no coordinate to differentiate by: pass at least one")
    if not np.isfinite(point).all():
        raise InputError(f"x must be finite, but {np.count_nonzero(~np.isfinite(point))} of its values are not")
    return point


def checked_gradient(gradient: Gradient, x: Vector, parts: Mapping[str, Any] | None = None) -> Vector:
    """Return the claimed gradient at `x`, flattened, if it has x's shape and is finite in each of its named parts."""
    computed = gradient(x.copy()) if callable(gradient) else gradient
    if isinstance(computed, tuple | Mapping):
        raise InputError("gradient must be one array of x's shape, got several: flatten x and gradient, name `blocks`")
    claimed = to_numpy(computed)
    if claimed.shape != x.shape:
        raise InputError(f"gradient must have x's shape {x.shape}, got {claimed.shape}")
    if claimed.dtype.kind not in "fi":
        raise InputError(f"gradient must be real, got {claimed.dtype}")
    flat = claimed.ravel().astype(np.float64)
    for name, part in (parts or {"x": slice(None)}).items():
        n_bad = np.count_nonzero(~np.isfinite(flat[part]))
        if n_bad:
            raise InputError(f"gradient must be finite, but {n_bad} of its values in {name} are NaN or infinite")
    return flat


def checked_function(f: Callable[[Vector], float], x: Vector) -> Callable[[Vector], float]:
    """Return `f` as a function of the flat point that gives a float: NaN where `f` is not finite, as off its domain.

    Each call hands a new array to `f`, so that an `f` that overwrites its argument does no harm here.
    """
    for_x = to_numpy(f(x.copy()))
    if for_x.shape != () or for_x.dtype.kind not in "fi" or for_x.dtype.itemsize < 8 or not np.isfinite(for_x):
        raise InputError(
            f"f must return a finite float64 scalar, got {for_x!r} of {for_x.dtype} and shape {for_x.shape}"
        )

    def value(point: Vector) -> float:
        with np.errstate(all="ignore"):  # a step may leave the domain of f, as that of log x near 0
            result = float(f(point.reshape(x.shape)))
        return result if math.isfinite(result) else math.nan

    if not math.isclose(float(for_x), value(x.flatten()), rel_tol=1e-9):
        raise InputError(
            "f gave two values for the same x: differences need a deterministic function, so draw the noise once and "
            "pass it in"
        )
    return value
