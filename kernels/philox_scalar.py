"""Philox4x32-10 and what is made of its words: uniforms and normals, as scalar mathematics for every target.

A word is a 32-bit number held in a uint64, so that no target has to wrap a 32-bit addition.

====  ==========================================================================
word  meaning
====  ==========================================================================
key   the seed: low half, high half
c0    index of the block, low half
c1    index of the block, high half
c2    the draw, low half
c3    the draw, high 28 bits; the top four bits are 0xF for the keys of children
====  ==========================================================================

In float32, over all words, the radius of a Box-Muller pair is off by at most 1.5 units in the last place of the exact
value; cosine and sine times a radius by 2.7, also near their zeros.

References
----------
J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11, 2011.
G. E. P. Box, M. E. Muller: "A note on the generation of random normal deviates", Ann. Math. Statist. 29, 1958.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.kernels.elementary import cos_quarter, log1p, sin_quarter
from scratchgen.kernels.scalar import bits_float, float_bits, mul, scalar, select, sqrt

MASK = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)
_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_ONE = np.uint64(1)
_TWO = np.uint64(2)
_THREE = np.uint64(3)


@scalar
def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    """Return the four words of counter (c0, c1, c2, c3) under key (k0, k1), after ten rounds."""
    for _ in range(10):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0 = (product_1 >> SHIFT_32) ^ c1 ^ k0
        c1 = product_1 & MASK
        c2 = (product_0 >> SHIFT_32) ^ c3 ^ k1
        c3 = product_0 & MASK
        k0 = (k0 + _WEYL_0) & MASK
        k1 = (k1 + _WEYL_1) & MASK
    return c0, c1, c2, c3


@scalar
def random_words(block: Any, draw: Any, k0: Any, k1: Any) -> Any:
    """Return the four words of one block of one draw."""
    return philox4x32(block & MASK, block >> SHIFT_32, draw & MASK, draw >> SHIFT_32, k0, k1)


# ------------------------------------------------------------------------------------------------------- float32

_SHIFT_8 = np.uint64(8)
_ULP_24 = np.float32(2.0**-24)
_HALF_32 = np.uint64(2**31)
_TO_FRACTION_32 = np.float32(2.0**-32)
_MANTISSA_32 = np.uint32(0x007FFFFF)
_HALF_BITS_32 = np.uint32(0x3F000000)  # the exponent of numbers in [1/2, 1)
_SHIFT_23 = np.uint32(23)
_BIAS_32 = np.int32(126 + 32)
_LN2_32 = np.float32(0.6931471805599453)
_ONE_32 = np.float32(1.0)
_ZERO_32 = np.float32(0.0)
_TWO_32 = np.float32(2.0)
_EIGHTH_TURN_32 = np.uint64(2**29)
_SHIFT_30 = np.uint64(30)
_QUARTER_MASK_32 = np.uint64(2**30 - 1)
_EIGHTH_TURN_INT_32 = np.int32(2**29)
_TO_QUARTER_32 = np.float32(2.0**-30)


@scalar
def uniform32(word: Any) -> Any:
    """Return a float32 in [0, 1) from the upper 24 bits of a word."""
    return np.float32(np.int32(word >> _SHIFT_8)) * _ULP_24


@scalar
def exponential32(word: Any) -> Any:
    """Return -log u for u = (word + 1) 2^-32 in (0, 1], a float32.

    Near u = 1 the rounding of u would spoil log u, so words of the upper half go through 1 - u, which is exact.
    """
    lower = word < _HALF_32
    count = select(lower, word + _ONE, MASK - word)
    fraction = np.float32(np.uint32(count)) * _TO_FRACTION_32  # u, or 1 - u
    bits = float_bits(np.float32(np.uint32(count)))
    mantissa = bits_float(np.uint32((bits & _MANTISSA_32) | _HALF_BITS_32))  # in [1/2, 1)
    exponent = np.float32(np.int32(np.int32(bits >> _SHIFT_23) - _BIAS_32))
    log_mantissa = log1p(select(lower, mantissa - _ONE_32, -fraction))
    return -(mul(select(lower, exponent, _ZERO_32), _LN2_32) + log_mantissa)


@scalar
def normal_pair32(radius_word: Any, angle_word: Any) -> Any:
    """Return two independent standard normals, the cosine and the sine of one Box-Muller pair, as float32."""
    radius = sqrt(exponential32(radius_word) * _TWO_32)
    turned = angle_word + _EIGHTH_TURN_32  # quarter turns are counted from -1/8 of a turn: |rest| <= 1/2 quarter
    quarter = (turned >> _SHIFT_30) & _THREE
    rest = np.int32(np.int32(turned & _QUARTER_MASK_32) - _EIGHTH_TURN_INT_32)
    t = np.float32(rest) * _TO_QUARTER_32
    cosine = mul(radius, cos_quarter(t))
    sine = mul(radius, sin_quarter(t))
    odd = (quarter & _ONE) == _ONE
    x = select(odd, sine, cosine)
    y = select(odd, cosine, sine)
    return select(((quarter + _ONE) & _TWO) == _TWO, -x, x), select(quarter >= _TWO, -y, y)


# ------------------------------------------------------------------------------------------------------- float64

_SHIFT_11 = np.uint64(11)
_ULP_53 = np.float64(2.0**-53)
_HALF_64 = np.uint64(2**52)
_LAST_64 = np.uint64(2**53 - 1)
_MANTISSA_64 = np.uint64(2**52 - 1)
_HALF_BITS_64 = np.uint64(0x3FE0000000000000)
_SHIFT_52 = np.uint64(52)
_BIAS_64 = np.int64(1022 + 53)
_LN2_64 = np.float64(0.6931471805599453)
_ONE_64 = np.float64(1.0)
_ZERO_64 = np.float64(0.0)
_TWO_64 = np.float64(2.0)
_EIGHTH_TURN_64 = np.uint64(2**50)
_SHIFT_51 = np.uint64(51)
_QUARTER_MASK_64 = np.uint64(2**51 - 1)
_EIGHTH_TURN_INT_64 = np.int64(2**50)
_TO_QUARTER_64 = np.float64(2.0**-51)


@scalar
def top_53_bits(low: Any, high: Any) -> Any:
    """Return the upper 53 of the 64 bits of two words."""
    return ((high << SHIFT_32) | low) >> _SHIFT_11


@scalar
def uniform64(low: Any, high: Any) -> Any:
    """Return a float64 in [0, 1) from the upper 53 bits of two words."""
    return np.float64(np.int64(top_53_bits(low, high))) * _ULP_53


@scalar
def exponential64(low: Any, high: Any) -> Any:
    """Return -log u for u = (k + 1) 2^-53 in (0, 1], a float64; k holds the upper 53 bits of two words."""
    k = top_53_bits(low, high)
    lower = k < _HALF_64
    count = np.float64(np.int64(select(lower, k + _ONE, _LAST_64 - k)))
    bits = float_bits(count)
    mantissa = bits_float((bits & _MANTISSA_64) | _HALF_BITS_64)
    exponent = np.float64(np.int64(bits >> _SHIFT_52) - _BIAS_64)
    log_mantissa = log1p(select(lower, mantissa - _ONE_64, -(count * _ULP_53)))
    return -(mul(select(lower, exponent, _ZERO_64), _LN2_64) + log_mantissa)


@scalar
def normal_pair64(word_0: Any, word_1: Any, word_2: Any, word_3: Any) -> Any:
    """Return two independent standard normals as float64: radius from words 0 and 1, angle from words 2 and 3."""
    radius = sqrt(exponential64(word_0, word_1) * _TWO_64)
    turned = top_53_bits(word_2, word_3) + _EIGHTH_TURN_64
    quarter = (turned >> _SHIFT_51) & _THREE
    t = np.float64(np.int64(turned & _QUARTER_MASK_64) - _EIGHTH_TURN_INT_64) * _TO_QUARTER_64
    cosine = mul(radius, cos_quarter(t))
    sine = mul(radius, sin_quarter(t))
    odd = (quarter & _ONE) == _ONE
    x = select(odd, sine, cosine)
    y = select(odd, cosine, sine)
    return select(((quarter + _ONE) & _TWO) == _TWO, -x, x), select(quarter >= _TWO, -y, y)
