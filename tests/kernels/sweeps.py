"""The largest error that a compiled float32 function makes anywhere: all its arguments are tried, four billion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

from scratchgen.kernels._jit import register_scalar_functions
from scratchgen.kernels.scalar import bits_float, float_bits, select

_AT_A_TIME = 2**16
_ZERO, _ONE, _FULL_EXPONENT = np.uint64(0), np.uint64(1), np.uint64(255)
_MANTISSA_32, _MASK_32, _MANTISSA_64 = np.uint32(23), np.uint32(255), np.uint64(52)
_BIASES = np.uint64(1023 + 127 + 23)
_INFINITY = np.uint64(0x7FF << 52)


def _largest_of_chunk(function: Callable[[Any], Any]) -> Any:
    """Return the compiled function (x, exact) that gives the bits of the largest error; NaN counts as the largest."""

    def largest(x: Any, exact: Any) -> Any:
        found = _ZERO
        for i in range(x.size):
            y, rounded = function(x[i]), np.float32(exact[i])
            exponent = np.uint64((float_bits(rounded) >> _MANTISSA_32) & _MASK_32)
            to_units = bits_float((_BIASES - select(exponent == _ZERO, _ONE, exponent)) << _MANTISSA_64)
            error = float_bits(abs(np.float64(y) - exact[i]) * to_units)
            same = (float_bits(y) == float_bits(rounded)) | ((y != y) & (rounded != rounded))
            found = max(found, select(exponent == _FULL_EXPONENT, select(same, _ZERO, _INFINITY), error))
        return found

    return numba.njit(largest, nogil=True, error_model="numpy")


def largest_error(
    function: Callable[[Any], Any],
    truth: Callable[[np.ndarray], np.ndarray],
    arguments: Callable[[np.ndarray], np.ndarray],
    ranges: Iterable[tuple[int, int]],
) -> float:
    """Return the largest error in units in the last place of the exact value.

    It is infinite where only one of the two is, and NaN where the function says so without reason.

    Parameters
    ----------
    function : callable
        Known to Numba: a registered scalar function, or a compiled one. Its values are float32.
    truth : callable
        The same of float64 arrays, a good deal more accurately.
    arguments : callable
        Makes the arguments from an array of uint64.
    ranges : iterable of (first, end)
        The integers that stand for all arguments.
    """
    register_scalar_functions()
    largest = _largest_of_chunk(function)

    def of_chunk(ends: tuple[int, int]) -> Any:
        x = arguments(np.arange(*ends, dtype=np.uint64))
        with np.errstate(all="ignore"):
            return largest(x, truth(x.astype(np.float64)))

    of_chunk((0, 1))  # compiled, before two threads would do it
    chunks = [(start, min(start + _AT_A_TIME, end)) for first, end in ranges for start in range(first, end, _AT_A_TIME)]
    with ThreadPoolExecutor(int(numba.config.NUMBA_NUM_THREADS)) as threads:
        return float(np.uint64(max(threads.map(of_chunk, chunks))).view(np.float64))
