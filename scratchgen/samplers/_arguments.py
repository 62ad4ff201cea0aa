"""What the samplers ask of their arguments, and of the functions of the state that they call.

Symbols: n chains, d dimensions. Shapes are looked at in every step, which is free. Values are looked at once, when
chains start, and afterwards as `scratchgen.samplers.divergence` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.errors import InputError
from scratchgen.typing import Array
from scratchgen.validation import check_dtype, check_numbers

LogDensity = Callable[[Array], Array]  # (n, d) -> (n,)
Gradient = Callable[[Array], Array]  # (n, d) -> (n, d)


def check_start(x: Any) -> Array:
    """Return `x` if chains can start there: finite numbers, float32 or float64, shape (n, d) with n, d >= 1."""
    x = check_numbers("x", x)
    if x.ndim != 2 or min(x.shape) < 1:
        advice = "; reshape one chain with x.reshape(1, -1)" if x.ndim == 1 else ""
        raise InputError(f"x must have shape (chains, dimensions), got {tuple(x.shape)}{advice}")
    check_dtype(x.dtype)
    _check_finite("x", x)
    return x


def log_density_at_start(log_density: LogDensity, x: Array) -> Array:
    """Return log p at `x`, which has to be finite there: no ratio can be formed with p = 0."""
    values = log_density_at(log_density, x)
    _check_finite("log_density(x) at the start", values[:, None])
    return values


def gradient_at_start(grad_log_density: Gradient, x: Array) -> Array:
    """Return the gradient of log p at `x`, which has to be finite there."""
    gradient = gradient_at(grad_log_density, x)
    _check_finite("grad_log_density(x) at the start", gradient)
    return gradient


def log_density_at(log_density: LogDensity, x: Array) -> Array:
    """Return log p at `x`, one number a chain."""
    return _check_shape("log_density(x)", log_density(x), x, x.shape[:1])


def gradient_at(grad_log_density: Gradient, x: Array) -> Array:
    """Return the gradient of log p at `x`, in the shape and type of `x`."""
    return check_gradient("grad_log_density(x)", grad_log_density(x), x)


def check_gradient(name: str, gradient: Any, x: Array) -> Array:
    """Return `gradient`, in the type of `x`, if it has the shape of `x`: another one could be broadcast unnoticed."""
    return _check_shape(name, gradient, x, x.shape).astype(x.dtype, copy=False)


def _check_shape(name: str, values: Any, x: Array, shape: tuple[int, ...]) -> Array:
    namespace(x, values)  # raises where they are arrays of two libraries
    found = getattr(values, "shape", ())  # a number of Python's has none
    if found != shape:
        raise InputError(f"{name} must have shape {shape} for x of shape {x.shape}, got {tuple(found)}")
    return values


def _check_finite(name: str, values: Array) -> None:
    chains = np.flatnonzero(~np.isfinite(to_numpy(values)).all(axis=1))
    if chains.size:
        raise InputError(f"{name} is NaN or infinite in {chains.size} chain(s), the first of them chain {chains[0]}")
