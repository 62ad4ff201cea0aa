"""A scalar function along a line: its rounding noise, its derivative, and the order of its Taylor remainder.

========  ==================================================================================================
``phi``   f restricted to the line, phi(t) = f(x + t d)
``d``     direction = scale * unit vector; scale_i is a power of two >= max(1, abs(x_i)), so that t is relative
``R(t)``  the remainder abs(phi(t) - phi(0) - t <gradient, d>): O(t^2) for the right gradient, O(t) for a wrong one
========  ==================================================================================================

Sources: J. J. Moré and S. M. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33 (2011), measure noise in
values close together; C. J. F. Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Adv. Eng. Softw. 4 (1982);
P. E. Farrell et al., "Automated derivation of the adjoint of high-level transient finite element programs", SIAM J.
Sci. Comput. 35 (2013), test gradients by the remainder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError

Vector = NDArray[np.float64]
Gradient = ArrayLike | Callable[[Vector], ArrayLike]

ROUNDING = 2.0**-52 / math.sqrt(12.0)  # relative standard deviation of a number rounded to float64, at most
FIRST_STEP = 2.0**-5  # the largest t


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


def derivative(phi: Callable[[float], float], first_step: float, noise: float) -> tuple[float, float]:
    """Return the derivative of `phi` at 0 and the error of that value, by Ridders' extrapolation.

    Central differences at t, t/2, t/4, ... are extrapolated to t = 0 by Neville's scheme in t^2. The error of an entry
    is its distance from its two parents plus rounding, 4 noise / t; the entry with the smallest one counts. Halving
    ends where rounding alone exceeds that, and so adapts to a short length scale, a kink nearby, an edge of the domain.
    """
    best, error = math.nan, math.inf
    coarser_row: list[float] = []
    for halvings in range(40):
        t = first_step * 0.5**halvings
        upper, lower = phi(t), phi(-t)
        rounding = 4.0 * max(noise, ROUNDING * abs(upper), ROUNDING * abs(lower)) / t
        if rounding > error:
            break
        row = [(upper - lower) / (2.0 * t)]
        for order, coarser in enumerate(coarser_row, 1):
            finer = row[-1]
            row.append(finer + (finer - coarser) / (4.0**order - 1.0))
            row_error = max(abs(row[-1] - finer), abs(row[-1] - coarser)) + rounding
            if row_error < error:
                best, error = row[-1], row_error
        coarser_row = row
    return best, error


def has_kink(phi: Callable[[float], float], first_step: float, noise: float) -> bool:
    """Say whether the slopes of `phi` left and right of 0 differ by an amount that does not shrink with the step."""
    wide, narrow = first_step * 2.0**-10, first_step * 2.0**-14
    wide_gap, narrow_gap = (abs(phi(t) - 2.0 * phi(0.0) + phi(-t)) / t for t in (wide, narrow))
    return narrow_gap > max(wide_gap / 4.0, 100.0 * noise / narrow)


def rounding_noise(phi: Callable[[float], float]) -> float:
    """Estimate the standard deviation of the rounding errors that `phi` gathers on its way; 0 where none shows.

    It is what a polynomial of degree 5 leaves of 16 values close together. A neighbourhood that is too wide for the
    function gives too much, and one so narrow that many values coincide gives too little: of several, the smallest
    estimate from values that differ counts. The points are random, for at regular ones the rounding errors of a nearly
    linear function can form a pattern that the polynomial follows.
    """
    u = np.random.Generator(np.random.Philox(0)).uniform(-1.0, 1.0, 16)
    basis = np.polynomial.chebyshev.chebvander(u, 5)
    centre = phi(0.0)
    estimates = []
    for width in FIRST_STEP * np.exp2([-4.0, -12.0, -20.0, -28.0]):
        changes = np.array([phi(width * t) - centre for t in u])
        if np.isfinite(changes).all() and np.unique(changes).size > 8:
            residuals = changes - basis @ np.linalg.lstsq(basis, changes)[0]
            estimates.append(math.hypot(*residuals) / math.sqrt(u.size - basis.shape[1]))
    return min(estimates, default=0.0)


def restricted(value: Callable[[Vector], float], x: Vector, d: Vector) -> Callable[[float], float]:
    """Return phi(t) = value(x + t d), for flat `x` and `d`."""
    flat = x.ravel()
    return lambda t: value(flat + t * d)


def length_scale(x: Vector, step: ArrayLike | None = None) -> Vector:
    """Return, flattened, the length over which f is taken to vary, 32 first steps: by default max(1, abs(x_i)).

    Lengths are rounded to powers of two, as the steps are, so that x_i + t and x_i - t carry no rounding that matters:
    the bits that they lose are those of x_i far below t.
    """
    if step is None:
        return np.exp2(np.ceil(np.log2(np.maximum(1.0, np.abs(x.ravel())))))
    steps = np.asarray(step, dtype=np.float64)
    if steps.shape not in ((), x.shape) or not (np.isfinite(steps) & (steps > 0.0)).all():
        raise InputError(f"step must be positive, and one number or of x's shape {x.shape}, got {step!r}")
    return np.exp2(np.floor(np.log2(np.broadcast_to(steps, x.shape).ravel()))) / FIRST_STEP


def random_direction(scale: Vector, generator: np.random.Generator) -> Vector:
    """Return `scale` times a random unit vector, in which no coordinate is left out and no two are weighed alike."""
    u = generator.uniform(-1.0, 1.0, scale.size)
    u += np.copysign(0.5, u)
    return scale * u / np.linalg.norm(u)


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
