"""Checks of what densities are made from, and of how many samples are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.errors import InputError
from scratchgen.validation import check_count, check_dtype, check_numbers


def check_sampling(n: Any, dtype: Any) -> tuple[int, str]:
    """Return the number of samples and their type, if they are such."""
    return check_count("n", n), check_dtype(dtype)


def check_array(name: str, values: Any, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return finite `values` as a float64 array that cannot be written; None in `shape` stands for any size but 0."""
    array = np.array(check_numbers(name, values), dtype=np.float64)
    if array.ndim != len(shape) or any(
        m == 0 if n is None else m != n for m, n in zip(array.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise InputError(f"{name} must have shape ({wanted}), got {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite, got {array}")
    array.setflags(write=False)
    return array


def check_weights(weights: Any, n: int) -> np.ndarray:
    """Return `n` positive weights with the sum 1, proportional to those that are given; equal ones for None."""
    array = check_array("weights", np.ones(n) if weights is None else weights, (n,))
    if not (array > 0).all():
        raise InputError(f"weights must be positive, got {array}")
    array = array / array.sum()
    array.setflags(write=False)
    return array
