"""The order at which the first Taylor remainder vanishes: O(t^2) for the right gradient, O(t) for a wrong one.

References
----------
P. E. Farrell et al.: "Automated derivation of the adjoint of high-level transient finite element programs", SIAM J.
Sci. Comput. 35, 2013 (gradients tested by the remainder).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgen.errors import InputError
from scratchgen.finite_differences.arguments import (
    Gradient,
    Vector,
    checked_function,
    checked_gradient,
    checked_point,
)
from scratchgen.finite_differences.lines import (
    FIRST_STEP,
    ROUNDING,
    length_scale,
    random_direction,
    restricted,
    rounding_noise,
)


@dataclass(frozen=True, eq=False)
class TaylorReport:
    """How the Taylor remainder of a function vanishes.

    Attributes
    ----------
    order : float
        The exponent p of R(t) ~ t^p for small t: 2 where the gradient is right (more where the curvature along the
        line happens to vanish), 1 where it is wrong; NaN where the remainder is rounding.
    linear : bool
        The remainder is rounding, and the rounding would not hide a gradient that is 0.1 % off: the function is linear
        along the line, and the gradient is right.
    steps, remainders : ndarray
        All t, from the largest to the smallest, and R(t); NaN where f is not finite.
    """

    order: float
    linear: bool
    steps: NDArray[Any] = field(repr=False)
    remainders: NDArray[Any] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether the remainder vanishes faster than a wrong gradient lets it."""
        return self.linear or self.order > 1.5

    def __bool__(self) -> bool:  # so that `assert taylor_test(...)` does not hold for every report
        return self.passed

    def __str__(self) -> str:
        if self.linear:
            return "Taylor remainder at rounding level: the function is linear along the line, the gradient is right"
        if math.isnan(self.order):
            return "Taylor remainder hidden by rounding, or not finite: nothing is known about the gradient"
        return f"Taylor remainder of order {self.order:.2f} (2 where the gradient is right, 1 where it is wrong)"


def taylor_test(
    f: Callable[[Vector], float], x: ArrayLike, gradient: Gradient, *, direction: ArrayLike | None = None, seed: int = 0
) -> TaylorReport:
    r"""Measure the order at which the first Taylor remainder of `f` vanishes along a line.

    .. math:: R(t) = |f(x + t d) - f(x) - t \langle g, d \rangle|, \qquad t = 2^{-5}, 2^{-6}, \dots, 2^{-50}

    The order is the median of the slopes between all pairs of (log t, log R) (Theil and Sen) over the eight smallest t
    at which R stands a hundred times above rounding: there a gradient that is 0.1 % off has long left the quadratic
    regime, and a kink of f is far enough away.

    Parameters
    ----------
    f : callable
        Maps a float64 array of the shape of `x` to a scalar; deterministic, and smooth at `x` along the line.
    x : array_like of float64
    gradient : array_like of x's shape, or callable
        The claimed gradient at `x`, or the function that computes it from `x`.
    direction : array_like of x's shape, optional
        The line's direction d; default: random, each coordinate in proportion to max(1, abs(x_i)).
    seed : int
        Of the random direction.

    Raises
    ------
    InputError
        As for `gradcheck`; or `direction` is zero, not finite, or not of x's shape.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 5)
    >>> print(f"{taylor_test(lambda x: np.exp(x).sum(), x, np.exp).order:.2f}")
    2.00
    >>> print(f"{taylor_test(lambda x: np.exp(x).sum(), x, 1.001 * np.exp(x)).order:.2f}")
    1.00
    """
    point = checked_point(x)
    value = checked_function(f, point)
    claimed = checked_gradient(gradient, point)
    if direction is None:
        d = random_direction(length_scale(point), np.random.Generator(np.random.Philox(seed)))
    else:
        given = np.asarray(direction, dtype=np.float64)
        if given.shape != point.shape or not np.isfinite(given).all() or not given.any():
            raise InputError(f"direction must be finite, not zero, and of x's shape {point.shape}, got {given.shape}")
        d = given.ravel()
    phi = restricted(value, point, d)
    return remainder_order(phi, float(claimed @ d), rounding_noise(phi))


def remainder_order(phi: Callable[[float], float], slope: float, noise: float) -> TaylorReport:
    """Fit the order of abs(phi(t) - phi(0) - t slope), given the rounding noise of `phi`."""
    steps = FIRST_STEP * 0.5 ** np.arange(46)
    values = np.array([phi(t) for t in steps])
    remainders = np.abs(values - phi(0.0) - steps * slope)
    rounding = np.maximum(noise, ROUNDING * (np.abs(values) + np.abs(steps * slope)))
    usable = np.flatnonzero(remainders > 100.0 * rounding)[-8:]
    at_rounding = np.flatnonzero(remainders <= 100.0 * rounding)
    at_rounding = at_rounding[at_rounding > usable.max(initial=-1)]
    # A remainder that falls faster than t^6 is that of a function which is linear up to a kink further out.
    if usable.size < 3 or (at_rounding.size and remainders[at_rounding[0]] < remainders[usable[-1]] / 64.0):
        telling = (slope == 0.0) | (np.abs(steps * slope) > 1e5 * rounding)
        return TaylorReport(math.nan, bool(telling[at_rounding].any()), steps, remainders)
    log_t, log_remainder = np.log(steps[usable]), np.log(remainders[usable])
    first, second = np.triu_indices(usable.size, 1)
    slopes = (log_remainder[second] - log_remainder[first]) / (log_t[second] - log_t[first])
    return TaylorReport(float(np.median(slopes)), False, steps, remainders)
