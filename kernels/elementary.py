"""Elementary functions of float32 and float64: the same operations on arrays, on the CPU and on a GPU.

The libraries' own functions differ from target to target and keep LLVM from vectorising a loop. These are written once
for both precisions: `constants` supplies typed numbers, and only what takes a float apart into bits exists twice. No
argument causes a NumPy warning, and NaN gives NaN.

===========  =====================  ===========  =============
function     value                  domain       largest error
===========  =====================  ===========  =============
exp          e^x                    all          1.0
sigmoid      1 / (1 + e^-x)         all          1.9
tanh         tanh x                 all          2.1
log          ln x                   all          1.0
log1p        ln(1 + f)              [-1/2, 1]    1.4
softplus     ln(1 + e^x)            all          2.1
cos_quarter  cos(pi t / 2)          [-1/2, 1/2]  1.2
sin_quarter  sin(pi t / 2)          [-1/2, 1/2]  1.4
===========  =====================  ===========  =============

Errors are in units in the last place of the exact value, small and subnormal values included. Those of float32 are the
largest over all arguments, rounded up; in float64 they are bounds that no argument tried has broken.

References
----------
W. J. Cody, W. Waite: "Software Manual for the Elementary Functions", 1980 (the reductions of exp and log).
Sun Microsystems: "Freely Distributable LIBM", 1993, e_exp.c and e_log.c (log(1 + f) as f less a correction).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.kernels.elementary_constants import constants
from scratchgen.kernels.scalar import BY_PRECISION, as_uint32, bits_float, float_bits, mul, scalar, select


@scalar
def polynomial(coefficients: tuple[Any, ...], x: Any) -> Any:
    """Return the polynomial in `x` with these coefficients, the highest power first (compilers unroll the loop)."""
    y = coefficients[0]
    for coefficient in coefficients[1:]:
        y = mul(y, x) + coefficient
    return y


# ----------------------------------------------------------------------------------------------------------- bits

_ONE_32, _MANTISSA_BITS_32, _MANTISSA_MASK_32 = np.uint32(1), np.uint32(23), np.uint32(2**23 - 1)
_ONE_64, _MANTISSA_BITS_64, _MANTISSA_MASK_64 = np.uint64(1), np.uint64(52), np.uint64(2**52 - 1)

_SQRT_HALF_32, _SQRT_HALF_TO_ONE_32 = np.uint32(0x3F3504F3), np.uint32(0x3F800000 - 0x3F3504F3)
_SQRT_HALF_64 = np.uint64(0x3FE6A09E667F3BCD)
_SQRT_HALF_TO_ONE_64 = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)

# An integer k below 2^23 (2^52), put into the mantissa of 2^23 (2^52), makes the float 2^23 + k.
_INTEGER_32, _INTEGER_OFFSET_32 = np.uint32(0x4B000000), np.float32(2**23 + 127)
_INTEGER_64, _INTEGER_OFFSET_64 = np.uint64(0x4330000000000000), np.float64(2**52 + 1023)


@scalar
def powers_of_two32(shifted: Any) -> Any:
    """Return two powers of two whose product is 2^n, for ``shifted = n + shifter``.

    The low bits of `shifted` are n + 254, which is the sum of two biased exponents: n from -252 to 254 is in reach.
    """
    bits = float_bits(shifted)
    half = as_uint32(bits >> _ONE_32)
    return bits_float(as_uint32(half << _MANTISSA_BITS_32)), bits_float(as_uint32((bits - half) << _MANTISSA_BITS_32))


@scalar
def powers_of_two64(shifted: Any) -> Any:
    """Return two powers of two whose product is 2^n, for ``shifted = n + shifter``."""
    bits = float_bits(shifted)
    half = bits >> _ONE_64
    return bits_float(half << _MANTISSA_BITS_64), bits_float((bits - half) << _MANTISSA_BITS_64)


def powers_of_two(shifted: Any) -> Any:
    """Return two powers of two whose product is 2^n, for ``shifted = n + shifter``."""
    return powers_of_two64(shifted) if shifted.dtype == np.float64 else powers_of_two32(shifted)


@scalar
def split_at_sqrt_half32(x: Any) -> Any:
    """Return (e, m) with ``x = 2^e m`` and m in [sqrt(1/2), sqrt(2)), for positive normal x."""
    bits = as_uint32(float_bits(x) + _SQRT_HALF_TO_ONE_32)
    e = bits_float(as_uint32((bits >> _MANTISSA_BITS_32) | _INTEGER_32)) - _INTEGER_OFFSET_32
    return e, bits_float(as_uint32((bits & _MANTISSA_MASK_32) + _SQRT_HALF_32))


@scalar
def split_at_sqrt_half64(x: Any) -> Any:
    """Return (e, m) with ``x = 2^e m`` and m in [sqrt(1/2), sqrt(2)), for positive normal x."""
    bits = float_bits(x) + _SQRT_HALF_TO_ONE_64
    e = bits_float((bits >> _MANTISSA_BITS_64) | _INTEGER_64) - _INTEGER_OFFSET_64
    return e, bits_float((bits & _MANTISSA_MASK_64) + _SQRT_HALF_64)


def split_at_sqrt_half(x: Any) -> Any:
    """Return (e, m) with ``x = 2^e m`` and m in [sqrt(1/2), sqrt(2)), for positive normal x."""
    return split_at_sqrt_half64(x) if x.dtype == np.float64 else split_at_sqrt_half32(x)


BY_PRECISION[powers_of_two] = (powers_of_two32, powers_of_two64)
BY_PRECISION[split_at_sqrt_half] = (split_at_sqrt_half32, split_at_sqrt_half64)


# ----------------------------------------------------------------------------------------------------- exponential


@scalar
def reduced_expm1(x: Any) -> Any:
    """Return (exp(r) - 1, n + shifter) for ``x = n ln 2 + r``, n an integer and ``|r| <= ln(2) / 2``.

    r is kept as the exact `high` less a small `low`, so that the leading term carries no rounding error.
    """
    c = constants(x)
    shifted = mul(x, c.log2_e) + c.shifter
    n = shifted - c.shifter
    high = x - mul(n, c.ln2_high)
    low = mul(n, c.ln2_low)
    r = high - low
    square = mul(r, r)
    p = mul(polynomial(c.exp_odd, square), r) + polynomial(c.exp_even, square)
    return high - (low - mul(square, p)), shifted


@scalar
def exp(x: Any) -> Any:
    """Return e^x: infinity where that overflows, subnormal numbers and then 0 where it underflows."""
    c = constants(x)
    clamped = select(x < c.exp_lowest, c.exp_lowest, select(x > c.exp_highest, c.exp_highest, x))
    expm1, shifted = reduced_expm1(clamped)
    first, second = powers_of_two(shifted)
    return select(x > c.exp_highest, c.infinity, mul(mul(c.one + expm1, first), second))


@scalar
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e^-x), to a small relative error even where it is tiny."""
    c = constants(x)
    e = exp(-abs(x))
    leading = select(x < c.zero, e, c.one)
    return leading - mul(leading, e / (c.one + e))  # the quotient leading / (1 + e) is wrong by up to 2.3 units


@scalar
def tanh(x: Any) -> Any:
    """Return tanh x, to a small relative error near 0 as well."""
    c = constants(x)
    magnitude = select(abs(x) < c.tanh_saturated, abs(x), c.tanh_saturated)
    fraction, shifted = reduced_expm1(mul(c.two, magnitude))
    first, second = powers_of_two(shifted)
    scale = mul(first, second)
    expm1 = mul(scale, fraction) + (scale - c.one)  # exp(2 |x|) - 1
    # tanh = E / (E + 2) as E/2 - (E/2) E / (E + 2), or from tanh = 1/2 on as 1 - 2 / (E + 2): the rounded quotient only
    # corrects a term that is accurate. By itself it would be wrong by up to 2.5 units.
    large = expm1 > c.two
    leading = select(large, c.one, mul(c.half, expm1))
    y = leading - mul(leading, select(large, c.two, expm1) / (c.two + expm1))
    return select(x == x, select(x < c.zero, -y, y), x)


# ------------------------------------------------------------------------------------------------------- logarithm


@scalar
def log1p_shortfall(f: Any) -> Any:
    """Return ``f - log(1 + f)`` for f in [-1/2, 1]: with s = f / (2 + f), log(1 + f) = 2 atanh s and 2 s = f - s f."""
    c = constants(f)
    s = f / (c.two + f)
    w = mul(s, s)
    square = mul(w, w)
    p = mul(polynomial(c.log_odd, square), w) + polynomial(c.log_even, square)
    return mul(s, f - mul(w, p))


@scalar
def log1p(f: Any) -> Any:
    """Return log(1 + f) for f in [-1/2, 1] only."""
    return f - log1p_shortfall(f)


@scalar
def log(x: Any) -> Any:
    """Return the natural logarithm: minus infinity at 0, NaN for negative numbers."""
    c = constants(x)
    magnitude = abs(x)
    subnormal = magnitude < c.smallest_normal
    e, m = split_at_sqrt_half(mul(magnitude, select(subnormal, c.subnormal_scale, c.one)))
    e = e - select(subnormal, c.subnormal_exponent, c.zero)
    f = m - c.one
    y = mul(e, c.ln2_high) - ((log1p_shortfall(f) - mul(e, c.ln2_low)) - f)
    outside = select(x == c.zero, -c.infinity, c.nan)
    return select(x > c.zero, select(x == c.infinity, x, y), outside)


@scalar
def softplus(x: Any) -> Any:
    """Return log(1 + e^x), to a small relative error even where it is tiny."""
    zero = constants(x).zero
    return select(x > zero, x, zero) + log1p(exp(-abs(x)))


# ---------------------------------------------------------------------------------------------------- trigonometry


@scalar
def cos_quarter(t: Any) -> Any:
    """Return the cosine of `t` quarter turns, for t in [-1/2, 1/2]."""
    return polynomial(constants(t).cos, mul(t, t))


@scalar
def sin_quarter(t: Any) -> Any:
    """Return the sine of `t` quarter turns, for t in [-1/2, 1/2]."""
    c = constants(t)
    return mul(t, c.half_pi + polynomial(c.sin, mul(t, t)))
