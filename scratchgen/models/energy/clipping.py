"""Clipping of the gradient with respect to the parameters, so that one bad batch does not undo many good ones.

References
----------
R. Pascanu, T. Mikolov, Y. Bengio: "On the difficulty of training recurrent neural networks", ICML 2013.
"""

from __future__ import annotations

from typing import Any

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.finite_differences.trees import leaves_of
from scratchgen.kernels.matmul import sum_of_squares
from scratchgen.validation import is_finite_number


def clip_gradient_(grads: Any, max_norm: float | None, max_value: float | None) -> None:
    """Bound each component of `grads`, nested tuples of arrays, by `max_value`, then their common norm by `max_norm`.

    None is no bound. Of a gradient that is too long the direction stays as it is.
    """
    arrays = [array for _, array in leaves_of(grads)]
    if max_value is not None:
        for array in arrays:
            namespace(array).clip(array, -max_value, max_value, out=array)
    if max_norm is not None:
        xp = namespace(*arrays)
        norm = xp.sqrt(sum(map(sum_of_squares, arrays)))
        shrink = max_norm / xp.maximum(norm, max_norm)  # an array: nothing waits for a device
        for array in arrays:
            array *= shrink


def check_bound(name: str, value: Any) -> float | None:
    """Return `value` if it is a number above 0, or None."""
    if value is None:
        return None
    if not (is_finite_number(value) and value > 0):
        raise InputError(f"{name} must be a finite number > 0 or None, got {value!r}")
    return float(value)
