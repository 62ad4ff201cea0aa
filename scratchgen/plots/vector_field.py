"""Pictures of what a denoiser has learnt in the plane: where it moves a point."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._plane import Bounds, check_bounds, frame_plane, grid_points, plane_axis
from scratchgen.plots._style import INDIGO, ROSE, whole_figure
from scratchgen.typing import Array
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def reconstruction_field(
    reconstruct: Callable[[np.ndarray], Array],
    bounds: Bounds,
    n_per_axis: int = 24,
    x: Array | None = None,
    ax: Axes | None = None,
) -> Figure:
    r"""Draw the vector field r(x) - x of an autoencoder of the plane, with r its reconstruction.

    A denoising autoencoder that has learnt to undo little Gaussian noise of variance s^2 has [1]_

    .. math:: r(x) - x \approx s^2 \nabla \log p(x)

    so that the arrows lead to where the data are and vanish there. An arrow begins at x and ends at r(x), but none is
    longer than the distance of two points of the grid, so that it does not run into others.

    Parameters
    ----------
    reconstruct : callable
        Takes points (n_per_axis^2, 2), a NumPy array of float64, and returns as many: ``autoencoder.reconstruct`` of a
        model with ``n_visible = 2``. It is called once.
    bounds : ((low, high), (low, high))
        Of the picture, in x_1 and in x_2.
    n_per_axis : int
        Arrows on each side.
    x : (n, 2), optional
        Data, drawn as points below the arrows.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        The bounds do not rise; `x` is not made of finite points of the plane; or `reconstruct` does not take points of
        the plane, or does not return one finite point for each.

    References
    ----------
    .. [1] G. Alain, Y. Bengio, "What regularized auto-encoders learn from the data-generating distribution", Journal of
       Machine Learning Research 15, 2014.
    """
    bounds = check_bounds(bounds)
    check_count("n_per_axis", n_per_axis, least=2)
    grid_1, grid_2 = (np.linspace(*side, n_per_axis) for side in bounds)
    points = grid_points(grid_1, grid_2)
    arrows = _finite_points("the reconstruction", reconstruct(points), len(points)) - points

    if ax is None:
        ax = plane_axis(bounds)
    if x is not None:
        data = _finite_points("x", x)
        size = np.clip(4e3 / len(data), 2.0, 20.0)
        ax.scatter(data[:, 0], data[:, 1], s=size, color=ROSE, alpha=0.6, linewidths=0, rasterized=True)
    cell = min(grid_1[1] - grid_1[0], grid_2[1] - grid_2[0])
    lengths = np.hypot(*arrows.T)[:, None]
    shown = arrows * (cell / np.maximum(lengths, cell))
    ax.quiver(*points.T, *shown.T, angles="xy", scale_units="xy", scale=1, color=INDIGO, width=0.0025)
    frame_plane(ax, bounds)
    return whole_figure(ax)


def _finite_points(name: str, values: Array, n: int | None = None) -> np.ndarray:
    """Return `values` as (n, 2) in float64."""
    points = to_numpy(values)
    if points.ndim != 2 or points.shape[1] != 2 or points.shape[0] != (n or max(points.shape[0], 1)):
        raise InputError(f"{name} must have shape ({n or 'n'}, 2), got {points.shape}")
    if points.dtype.kind not in "uif" or not np.isfinite(points).all():
        raise InputError(f"{name} must hold finite numbers, got NaN, infinity or dtype {points.dtype}")
    return points.astype(np.float64)
