r"""Energy gradients of densities in the plane that are sums of terms, written once for every target.

    p(x) = sum_k exp(a_k(x)),     d(-log p)/dx = sum_k w_k d_k(x),     w_k = exp(a_k) / sum_l exp(a_l)

A *term* returns the exponent a_k and the two components of d_k = -da_k/dx. Row k of `table` holds what it needs:

============  =====================================================  ==============================================
term          row                                                    exponent
============  =====================================================  ==============================================
Gaussian      (log c, m_0, m_1, P_00, P_01, P_11)                    log c - (x - m)^T P (x - m) / 2
ring          (log c, R, 1 / s^2)                                    log c - (r - R)^2 / (2 s^2),  r = |x|
double well   (log c, b, s)                                          log c - b (x_0^2 - 1)^2 - s x_1^2 / 2
============  =====================================================  ==============================================

x_0 and x_1 are numbers or, for the references, arrays. At the origin a ring has no gradient; its term returns 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchgen.kernels.elementary import exp
from scratchgen.kernels.elementary_constants import constants
from scratchgen.kernels.scalar import mul, scalar, select, sqrt


@scalar
def gaussian_term(x0: Any, x1: Any, table: Any, k: Any) -> Any:
    """Return the exponent of a Gaussian and minus its gradient, P (x - m)."""
    d0, d1 = x0 - table[k, 1], x1 - table[k, 2]
    descent0 = mul(table[k, 3], d0) + mul(table[k, 4], d1)
    descent1 = mul(table[k, 4], d0) + mul(table[k, 5], d1)
    square = mul(d0, descent0) + mul(d1, descent1)
    return table[k, 0] - mul(constants(x0).half, square), descent0, descent1


@scalar
def ring_term(x0: Any, x1: Any, table: Any, k: Any) -> Any:
    """Return the exponent of a ring and minus its gradient, ((r - R) / s^2) x / r."""
    c = constants(x0)
    r = sqrt(mul(x0, x0) + mul(x1, x1))
    distance = r - table[k, 1]
    slope = mul(table[k, 2], distance)
    at_origin = r == c.zero
    slope_by_r = select(at_origin, c.zero, slope) / select(at_origin, c.one, r)
    return table[k, 0] - mul(c.half, mul(slope, distance)), mul(slope_by_r, x0), mul(slope_by_r, x1)


@scalar
def double_well_term(x0: Any, x1: Any, table: Any, k: Any) -> Any:
    """Return the exponent of a double well and minus its gradient, (4 b x_0 (x_0^2 - 1), s x_1)."""
    c = constants(x0)
    excess = mul(x0, x0) - c.one
    steepness, pull = mul(table[k, 1], excess), mul(table[k, 2], x1)
    exponent = table[k, 0] - (mul(steepness, excess) + mul(c.half, mul(pull, x1)))
    return exponent, mul(mul(c.two + c.two, steepness), x0), pull


def energy_gradient(term: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function ``(x0, x1, table) -> (g0, g1)`` for sums of this term.

    The largest exponent is taken out of all of them, so that far from every term the gradient is still that of the
    nearest.
    """

    @scalar
    def gradient(x0: Any, x1: Any, table: Any) -> Any:
        zero = constants(x0).zero
        highest, _, _ = term(x0, x1, table, 0)
        for k in range(1, table.shape[0]):
            exponent, _, _ = term(x0, x1, table, k)
            highest = select(exponent > highest, exponent, highest)
        total, g0, g1 = zero, zero, zero
        for k in range(table.shape[0]):
            exponent, descent0, descent1 = term(x0, x1, table, k)
            weight = exp(exponent - highest)
            total = total + weight
            g0 = g0 + mul(weight, descent0)
            g1 = g1 + mul(weight, descent1)
        return g0 / total, g1 / total

    return gradient


gaussian_mixture_gradient = energy_gradient(gaussian_term)
rings_gradient = energy_gradient(ring_term)
double_well_gradient = energy_gradient(double_well_term)
