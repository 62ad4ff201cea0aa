"""A scalar function along a line: its rounding noise and its derivative.

========  ==================================================================================================
``phi``   f restricted to the line, phi(t) = f(x + t d)
``d``     direction = scale * unit vector; scale_i is a power of two >= max(1, abs(x_i)), so that t is relative
========  ==================================================================================================

References
----------
J. J. Moré, S. M. Wild: "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011 (noise in values close by).
C. J. F. Ridders: "Accurate computation of F'(x) and F'(x)F''(x)", Adv. Eng. Softw. 4, 1982.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from scratchgen.errors import InputError
from scratchgen.finite_differences.arguments import Vector

ROUNDING = 2.0**-52 / math.sqrt(12.0)  # relative standard deviation of a number rounded to float64, at most
FIRST_STEP = 2.0**-5  # the largest t


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
