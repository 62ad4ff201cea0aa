"""Pictures of chains: their paths in the plane, over the contours of the density that they sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._plane import Bounds, check_bounds, frame_plane, grid_points, plane_axis
from scratchgen.plots._style import CATEGORICAL, whole_figure
from scratchgen.typing import Array
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND_INCHES = 0.3
SHARES = (0.99, 0.95, 0.8, 0.5, 0.2)  # of the probability, within each contour
GREYS = ("#f3f3f3", "#e6e6e6", "#d5d5d5", "#c2c2c2", "#adadad")
RING: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 8,
    "markerfacecolor": "white",
    "markeredgewidth": 1.8,
}
DISC: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 8,
    "markeredgecolor": "white",
    "markeredgewidth": 1.0,
}


def chain_paths(
    x: Array,
    log_density: Callable[[np.ndarray], Array],
    bounds: Bounds,
    n_grid: int = 200,
    ax: Axes | None = None,
) -> Figure:
    """Draw each chain's path over the regions that hold 20, 50, 80, 95 and 99 % of the probability in the picture.

    The darker a region, the smaller and the denser. A path has a point at each state that was kept; it begins at the
    ring and ends at the full disc. What leaves the bounds is cut off.

    Parameters
    ----------
    x : (n_steps, n_chains, 2)
        ``trace.x`` of `scratchgen.samplers.run_chains`, a NumPy or CuPy array. The colours repeat after ten chains, and
        a few hundred steps can be told apart: thin longer ones.
    log_density : callable
        Takes points (n_grid^2, 2), a NumPy array of float64, and returns log p, up to a constant, of shape (n_grid^2,).
        It is called once.
    bounds : ((low, high), (low, high))
        Of the picture, in x_1 and in x_2.
    n_grid : int
        Points on each side at which the density is computed.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `x` is not a trace of finite numbers in two dimensions; the bounds do not rise; or `log_density` does not return
        one number below infinity for each point, or minus infinity everywhere.
    """
    paths = to_numpy(x)
    if paths.ndim != 3 or paths.shape[2] != 2 or 0 in paths.shape:
        raise InputError(f"expected a trace of shape (n_steps, n_chains, 2), got {paths.shape}")
    if paths.dtype.kind not in "uif" or not np.isfinite(paths).all():
        raise InputError(f"expected a trace of finite numbers, got NaN, infinity or dtype {paths.dtype}")
    bounds = check_bounds(bounds)

    if ax is None:
        ax = plane_axis(bounds, LEGEND_INCHES)
    grid_1, grid_2 = (np.linspace(*side, check_count("n_grid", n_grid, least=2)) for side in bounds)
    p = _density(log_density, grid_1, grid_2)
    levels = _levels(p)
    colours = GREYS[-len(levels) :]
    ax.contourf(grid_1, grid_2, p, [*levels, 2.0], colors=colours, antialiased=True)
    ax.contour(grid_1, grid_2, p, levels, colors="white", linewidths=0.8)
    n_steps, n_chains = paths.shape[:2]
    for chain in range(n_chains):
        colour, alpha = CATEGORICAL[chain % len(CATEGORICAL)], float(np.clip(80 / n_steps, 0.5, 0.9))
        ax.plot(
            *paths[:, chain].T, color=colour, alpha=alpha, linewidth=0.9, marker=".", markersize=3, markeredgewidth=0
        )
        ax.plot(*paths[0, chain], color=colour, zorder=3, **RING)
        ax.plot(*paths[-1, chain], color=colour, zorder=3, **DISC)
    handles = [Line2D([], [], color="#555555", label=name, **style) for name, style in (("start", RING), ("end", DISC))]
    # Above the axis, where no path goes.
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderpad=0)
    frame_plane(ax, bounds)
    return whole_figure(ax)


def _density(log_density: Callable[[np.ndarray], Array], grid_1: np.ndarray, grid_2: np.ndarray) -> np.ndarray:
    """Return p / max p on the grid, (n_grid, n_grid), x_1 along the rows of the array."""
    points = grid_points(grid_1, grid_2)
    log_p = to_numpy(log_density(points))
    if log_p.shape != (len(points),):
        raise InputError(f"log_density must return shape {(len(points),)} for {len(points)} points, got {log_p.shape}")
    if not np.isfinite(log_p.max()):  # a NaN anywhere makes it NaN
        raise InputError("log_density must be below infinity in the picture, and finite somewhere in it")
    return np.exp(log_p.astype(np.float64) - log_p.max()).reshape(len(grid_2), len(grid_1))


def _levels(p: np.ndarray) -> list[float]:
    """Return the heights, rising, above which the density holds `SHARES` of its sum."""
    heights = np.sort(p, axis=None)[::-1]
    within = np.cumsum(heights) / heights.sum()
    levels = heights[np.searchsorted(within, SHARES)]
    return sorted(set(levels.tolist()))  # of a uniform density all are the same
