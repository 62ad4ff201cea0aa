"""The part of the plane that a picture shows, and the points of a grid on it."""

from __future__ import annotations

import numpy as np

from scratchgen.errors import InputError
from scratchgen.validation import is_finite_number

Bounds = tuple[tuple[float, float], tuple[float, float]]


def check_bounds(bounds: Bounds) -> Bounds:
    """Return `bounds` if they are two pairs of finite numbers that rise."""
    try:
        (left, right), (bottom, top) = bounds
        rising = all(map(is_finite_number, (left, right, bottom, top))) and left < right and bottom < top
    except (TypeError, ValueError):
        rising = False
    if not rising:
        raise InputError(f"bounds must be ((low, high), (low, high)) with low < high, got {bounds!r}")
    return (left, right), (bottom, top)


def grid_points(grid_1: np.ndarray, grid_2: np.ndarray) -> np.ndarray:
    """Return the points of a grid, (len(grid_2) * len(grid_1), 2), x_1 varying fastest."""
    return np.stack(np.meshgrid(grid_1, grid_2), axis=-1).reshape(-1, 2)
