"""Pictures of points of the plane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._plane import Bounds, check_bounds
from scratchgen.plots._style import INDIGO, open_frame
from scratchgen.typing import Array
from scratchgen.validation import check_float_array

PANEL_INCHES, LABEL_INCHES = 3.4, 0.6


def point_clouds(clouds: Mapping[str, Array], bounds: Bounds | None = None) -> Figure:
    """Draw sets of points side by side, at one scale.

    Parameters
    ----------
    clouds : mapping of str to (n, 2)
        NumPy or CuPy arrays; the keys name the panels.
    bounds : ((low, high), (low, high)), optional
        Of the picture, in x_1 and in x_2; what lies outside is not seen. By default all points are.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        There is no set, one is not made of finite points of the plane, or the bounds do not rise.
    """
    if not clouds:
        raise InputError("expected at least one set of points, got none")
    points = {name: _check_points(name, x) for name, x in clouds.items()}
    (left, right), (bottom, top) = check_bounds(bounds) if bounds else _reach(np.concatenate(list(points.values())))
    height = PANEL_INCHES * float(np.clip((top - bottom) / (right - left), 0.4, 1.4))
    figure = Figure(figsize=(PANEL_INCHES * len(points) + LABEL_INCHES, height + LABEL_INCHES), layout="compressed")
    axes = figure.subplots(1, len(points), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (name, x) in zip(axes, points.items(), strict=True):
        # as pixels, because vectors would be huge
        ax.scatter(*x.T, s=np.clip(4e3 / len(x), 2.0, 20.0), color=INDIGO, alpha=0.5, linewidths=0, rasterized=True)
        ax.set_title(name)
        ax.set_xlabel("$x_1$")
        ax.set_aspect("equal")
        open_frame(ax)
    axes[0].set_xlim(left, right)
    axes[0].set_ylim(bottom, top)
    axes[0].set_ylabel("$x_2$")
    return figure


def _check_points(name: str, x: Array) -> np.ndarray:
    points = to_numpy(check_float_array(name, x))
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"{name} must be points of the plane, (n, 2), got shape {points.shape}")
    return points


def _reach(x: np.ndarray) -> Bounds:
    """Return bounds that hold all points, with a margin."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = np.maximum(0.05 * (high - low), 1e-3 * np.maximum(1.0, np.abs(high)))
    low, high = low - margin, high + margin
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
