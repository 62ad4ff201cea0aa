"""The constants of the elementary functions, in float32 and in float64.

Every polynomial is a minimax fit of the relative error of the function in the table, by Remez exchange in 50 digits.
Its coefficients were then rounded one after the other from the lowest power on, a few neighbours being tried, and the
others fitted again by linear programming. The last column is the error that is left, in exact arithmetic; half a unit
in the last place is 6e-8 in float32 and 1.1e-16 in float64.

====  ===================  ============================================  =============  ================
name  function             polynomial                                    interval       error (32, 64)
====  ===================  ============================================  =============  ================
exp   exp r - 1            (exp r - 1 - r) / r^2, in r                   |r| <= 0.3467  1.4e-8, 1.9e-17
log   2 atanh s            (2 atanh s - 2 s) / s^3, in w = s^2           |s| <= 1/3     4.5e-9, 1.4e-18
cos   cos(pi t / 2)        cos(pi t / 2), in w = t^2                     |t| <= 1/2     4.4e-10, 3.2e-19
sin   sin(pi t / 2)        sin(pi t / 2) / t - half_pi, in w = t^2       |t| <= 1/2     4.1e-9, 3.7e-18
====  ===================  ============================================  =============  ================
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgen.kernels.scalar import BY_PRECISION, scalar


class Constants(NamedTuple):
    """What one precision needs; polynomials are tuples of coefficients, the highest power first.

    Long polynomials are split into the even and the odd powers of their variable: two chains of half the latency.
    """

    zero: Any
    half: Any
    one: Any
    two: Any
    infinity: Any
    nan: Any
    log2_e: Any
    ln2_high: Any  # so short that its product with an exponent is exact
    ln2_low: Any
    shifter: (
        Any  # 1.5 * 2^(mantissa bits) + twice the bias of the exponent: adding it leaves an integer in the low bits
    )
    exp_lowest: Any  # exp rounds to 0 here
    exp_highest: Any  # the largest number whose exp is finite
    exp_even: tuple[Any, ...]
    exp_odd: tuple[Any, ...]
    log_even: tuple[Any, ...]
    log_odd: tuple[Any, ...]
    smallest_normal: Any
    subnormal_scale: Any
    subnormal_exponent: Any
    tanh_saturated: Any  # tanh rounds to 1 here
    half_pi: Any
    sin: tuple[Any, ...]  # ends with what half_pi lacks to pi / 2
    cos: tuple[Any, ...]


def _typed(dtype: type, **values: float | tuple[float, ...]) -> Constants:
    common = {"zero": 0.0, "half": 0.5, "one": 1.0, "two": 2.0, "infinity": np.inf, "nan": np.nan}
    table = common | values
    return Constants(**{k: tuple(map(dtype, v)) if isinstance(v, tuple) else dtype(v) for k, v in table.items()})


SINGLE = _typed(
    np.float32,
    log2_e=1.44269504,
    ln2_high=0.693145751953125,
    ln2_low=1.4286068e-06,
    shifter=1.5 * 2**23 + 254,
    exp_lowest=-104.0,
    exp_highest=88.72283,
    exp_even=(0.0013870668, 0.041667435, 0.49999997),
    exp_odd=(0.008366263, 0.16666546),
    log_even=(0.28003025, 0.6666642),
    log_odd=(0.28006783, 0.40021437),
    smallest_normal=2.0**-126,
    subnormal_scale=2.0**25,
    subnormal_exponent=25.0,
    tanh_saturated=10.0,
    half_pi=1.57079637,
    sin=(-0.0046037314, 0.07968108, -0.6459636, -4.371139e-08),
    cos=(0.00089447224, -0.020855594, 0.25366855, -1.2337005, 1.0),
)

DOUBLE = _typed(
    np.float64,
    log2_e=1.4426950408889634,
    ln2_high=0.6931471803691238,
    ln2_low=1.9082149292705877e-10,
    shifter=1.5 * 2**52 + 2046,
    exp_lowest=-746.0,
    exp_highest=709.782712893384,
    exp_even=(
        2.762596523705214e-07,
        2.480150541184871e-05,
        0.001388888893155774,
        0.041666666666575806,
        0.5000000000000006,
    ),
    exp_odd=(
        2.506374688268604e-08,
        2.7557370944654605e-06,
        0.00019841269767636397,
        0.008333333333362147,
        0.16666666666666644,
    ),
    log_even=(0.08347564645949629, 0.13301209763879748, 0.18181744870850594, 0.28571428548361794, 0.6666666666666632),
    log_odd=(0.1700527132646378, 0.12104303894930941, 0.15386540958104386, 0.22222223940878938, 0.400000000001527),
    smallest_normal=2.0**-1022,
    subnormal_scale=2.0**54,
    subnormal_exponent=54.0,
    tanh_saturated=20.0,
    half_pi=1.5707963267948966,
    sin=(
        5.63431380200891e-08,
        -3.5986467587749447e-06,
        0.00016044115191277909,
        -0.004681754132533671,
        0.07969262624605838,
        -0.6459640975062448,
        6.123233995736766e-17,
    ),
    cos=(
        -6.291170201912858e-09,
        4.710347095703224e-07,
        -2.5202027806468442e-05,
        0.0009192602726785469,
        -0.020863480763183666,
        0.25366950790104176,
        -1.2337005501361697,
        1.0,
    ),
)


@scalar
def single_constants(x: Any) -> Constants:
    """Return the constants of float32."""
    return SINGLE


@scalar
def double_constants(x: Any) -> Constants:
    """Return the constants of float64."""
    return DOUBLE


def constants(x: Any) -> Constants:
    """Return the constants of the type of `x`, so that a function is written once for both."""
    return DOUBLE if x.dtype == np.float64 else SINGLE


BY_PRECISION[constants] = (single_constants, double_constants)
