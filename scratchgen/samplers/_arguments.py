"""What the samplers ask of their arguments, and of the functions of the state that they call.

Symbols: n chains, d dimensions. Shapes are looked at in every step, which is free. Values are looked at once, when
chains start, and afterwards as `raise_if_diverged` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.errors import InputError, SamplingError
from scratchgen.typing import Array
from scratchgen.validation import check_dtype, check_numbers, is_finite_number

LogDensity = Callable[[Array], Array]  # (n, d) -> (n,)
Gradient = Callable[[Array], Array]  # (n, d) -> (n, d)

STEPS_BETWEEN_LOOKS = 64  # on a device, where a look waits for all work that is under way


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


def check_positive(name: str, value: Any) -> float:
    """Return `value` if it is a finite number above 0."""
    if not is_finite_number(value) or value <= 0:
        raise InputError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)


def check_not_negative(name: str, value: Any) -> float:
    """Return `value` if it is a finite number of at least 0."""
    if not is_finite_number(value) or value < 0:
        raise InputError(f"{name} must be a finite number >= 0, got {value!r}")
    return float(value)


def raise_if_diverged(x: Array, n_steps: int) -> None:
    """Raise if a chain without an accept step has become NaN or infinite in its step number `n_steps`.

    A coordinate that is not finite never becomes finite again, so a divergence is found later and not missed if not
    every step is looked at: NumPy's arrays are looked at in every step, those on a device in every 64th. Whoever stops
    between looks once more, with `raise_if_not_finite`.

    Raises
    ------
    SamplingError
        With the step and the first such chain.
    """
    if namespace(x) is np or n_steps % STEPS_BETWEEN_LOOKS == 0:
        raise_if_not_finite(x, n_steps)


def raise_if_not_finite(x: Array, n_steps: int) -> None:
    """Raise if a chain is NaN or infinite after `n_steps` steps.

    Raises
    ------
    SamplingError
        With the step, or on a device the steps since the last look, and the first such chain.
    """
    xp = namespace(x)
    if xp.all(xp.isfinite(x)):
        return
    chains = np.flatnonzero(~np.isfinite(to_numpy(x)).all(axis=1))
    when = f"in step {n_steps}" if xp is np else f"in one of the {STEPS_BETWEEN_LOOKS} steps up to step {n_steps}"
    raise SamplingError(
        f"chain {chains[0]} became NaN or infinite {when} ({chains.size} of {x.shape[0]} chains did): take a smaller "
        "step_size, or start where log p is less steep"
    )


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
