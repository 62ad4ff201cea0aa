"""Pictures of the plane: the part that is shown, the points of a grid on it, and its axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scratchgen.errors import InputError
from scratchgen.plots._style import new_axis, open_frame
from scratchgen.validation import is_finite_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES, TICK_AND_AXIS_LABEL_INCHES = 5.0, 0.6
FLATTEST, STEEPEST = 0.4, 1.4  # height over width

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


def plane_axis(bounds: Bounds, legend_inches: float = 0.0) -> Axes:
    """Return the axis of a new figure for this part of the plane, with room for a legend above it."""
    (left, right), (bottom, top) = bounds
    height = INCHES * float(np.clip((top - bottom) / (right - left), FLATTEST, STEEPEST))
    return new_axis(INCHES + TICK_AND_AXIS_LABEL_INCHES, height + TICK_AND_AXIS_LABEL_INCHES + legend_inches)


def frame_plane(ax: Axes, bounds: Bounds) -> None:
    """Show this part of the plane, in equal scales, and name its axes."""
    ax.set_xlim(*bounds[0])
    ax.set_ylim(*bounds[1])
    ax.set_aspect("equal")
    ax.set_xlabel("$x_1$")
    ax.set_ylabel("$x_2$")
    ax.grid(visible=False)
    open_frame(ax)
