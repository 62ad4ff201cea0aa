"""Pictures of variational inference in the plane: a density, and the Gaussians that approximate it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse

from scratchgen.densities import Density
from scratchgen.errors import InputError
from scratchgen.inference.variational import MeanFieldGaussian
from scratchgen.plots._plane import Bounds, frame_plane, grid_points, plane_axis
from scratchgen.plots._style import CATEGORICAL, whole_figure
from scratchgen.plots.trajectories import GREYS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND_LINE_INCHES = 0.2
HEIGHTS = tuple(float(np.exp(-0.5 * r * r)) for r in (3.0, 2.5, 2.0, 1.5, 1.0))  # of p, relative to its maximum
RADII = (1.0, 2.0)  # of the ellipses, in standard deviations
MARGIN = 0.2  # between an ellipse and the frame, in standard deviations
N_GRID = 200


def mean_field(p: Density, approximations: Mapping[str, MeanFieldGaussian], ax: Axes | None = None) -> Figure:
    """Draw a density in grey and, on it, each approximation by ellipses of one and two standard deviations.

    The grey regions are where p is above exp(-r^2 / 2) of its maximum, r = 3, 2.5, 2, 1.5, 1: of a single Gaussian the
    ellipses of r standard deviations.

    Parameters
    ----------
    p : Density
        The picture shows its ``bounds``, and beyond them what the ellipses need.
    approximations : mapping of str to MeanFieldGaussian
        The names go into the legend: ``{"forward KL": minimise_forward_kl(p), "reverse KL": minimise_reverse_kl(p)}``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        There are no approximations, or more than ten.
    """
    if not 1 <= len(approximations) <= len(CATEGORICAL):
        raise InputError(f"expected 1 to {len(CATEGORICAL)} approximations, got {len(approximations)}")
    bounds = _bounds(p, approximations)
    if ax is None:
        ax = plane_axis(bounds, LEGEND_LINE_INCHES * len(approximations))
    grid_1, grid_2 = (np.linspace(*side, N_GRID) for side in bounds)
    points = grid_points(grid_1, grid_2)
    log_p = p.log_density(points).reshape(N_GRID, N_GRID)
    ax.contourf(grid_1, grid_2, np.exp(log_p - log_p.max()), [*HEIGHTS, 2.0], colors=GREYS, antialiased=True)
    handles = []
    for colour, (name, q) in zip(CATEGORICAL, approximations.items(), strict=False):
        for radius in RADII:
            width, height = 2 * radius * np.sqrt(q.variance)
            ax.add_patch(Ellipse(tuple(q.mean), width, height, fill=False, edgecolor=colour, linewidth=1.8))
        ax.plot(*q.mean, color=colour, marker="+", markersize=9, markeredgewidth=1.8)
        handles.append(Line2D([], [], color=colour, linewidth=1.8, label=name))
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, borderpad=0)
    frame_plane(ax, bounds)
    return whole_figure(ax)


def _bounds(p: Density, approximations: Mapping[str, MeanFieldGaussian]) -> Bounds:
    """Return those of p, moved outwards where an ellipse would touch the frame."""
    low, high = np.transpose(p.bounds)
    for q in approximations.values():
        reach = (max(RADII) + MARGIN) * np.sqrt(q.variance)
        low, high = np.minimum(low, q.mean - reach), np.maximum(high, q.mean + reach)
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
