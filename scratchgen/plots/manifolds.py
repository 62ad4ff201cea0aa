"""Pictures of a reconstruction as a map of the data space: the curve that it leads to, and where it is flat.

Symbols: n examples, r(x) the reconstruction of x.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.latent.codes import principal_components
from scratchgen.plots._style import CATEGORICAL, INDIGO, ROSE, new_axis, open_frame, whole_figure
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_float_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCHES, TICK_AND_AXIS_LABEL_INCHES, LEGEND_INCHES = 5.0, 0.6, 0.3
GREY = "#999999"


def reconstruction_manifold(x: Any, reconstruct: Callable[[np.ndarray], Array], ax: Axes | None = None) -> Figure:
    """Draw points of the plane, what an autoencoder makes of them, and the line that PCA projects them on.

    Each point is joined to its reconstruction. With one latent variable the reconstructions lie on a curve; that of a
    linear autoencoder is PCA's line [1]_, a nonlinear one bends it to where the data are.

    Parameters
    ----------
    x : (n, 2)
        At least 2 points.
    reconstruct : callable
        Takes `x` as a NumPy array and returns as many points: ``autoencoder.reconstruct``. It is called once.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `x` is not made of finite points of the plane, or `reconstruct` does not return one finite point for each.

    References
    ----------
    .. [1] H. Bourlard and Y. Kamp, "Auto-association by multilayer perceptrons and singular value decomposition",
       Biological Cybernetics 59, 1988.
    """
    points = to_numpy(check_float_array("x", x))
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        raise InputError(f"expected at least 2 points of the plane, (n, 2), got shape {points.shape}")
    reconstructed = _reconstructed(reconstruct, points)
    found = principal_components(points, 1)
    if ax is None:
        width, height = np.ptp(np.concatenate([points, reconstructed]), axis=0)
        shape = float(np.clip(height / width, 0.4, 1.4)) if width > 0 else 1.0
        ax = new_axis(INCHES + TICK_AND_AXIS_LABEL_INCHES, INCHES * shape + TICK_AND_AXIS_LABEL_INCHES + LEGEND_INCHES)
    segments = np.stack([points, reconstructed], axis=1)
    ax.add_collection(LineCollection(list(segments), colors=GREY, linewidths=0.7, alpha=0.7, zorder=1))
    size = float(np.clip(1200 / len(points), 3.0, 6.0))
    ax.plot(*points.T, linestyle="", marker="o", markersize=size, markeredgewidth=0, color=GREY, label="data", zorder=2)
    reach = np.array([found.scores.min(), found.scores.max()])
    line = points.mean(axis=0) + reach[:, None] * found.directions
    ax.plot(*line.T, color=INDIGO, linewidth=2.0, label="PCA", zorder=3)
    ax.plot(
        *reconstructed.T,
        linestyle="",
        marker="o",
        markersize=size,
        markeredgewidth=0,
        color=ROSE,
        label="reconstruction",
        zorder=4,
    )
    ax.set_aspect("equal")
    ax.set_xlabel("$x_1$")
    ax.set_ylabel("$x_2$")
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0, markerscale=6.0 / size)
    ax.grid(visible=False)
    open_frame(ax)
    return whole_figure(ax)


def reconstruction_function(
    x: Any,
    reconstruct: Mapping[str, Callable[[np.ndarray], Array]],
    bounds: tuple[float, float],
    n_points: int = 400,
    ax: Axes | None = None,
) -> Figure:
    """Draw r(x) of one visible variable against x: data are reproduced where the curve meets the diagonal.

    A denoising autoencoder moves what lies beside an example back to it, and one that is penalised for the derivative
    of r does so too [1]_: r is flat around the data and steep between them, where it crosses the diagonal once more.
    The contractive autoencoder is penalised for the derivative of its encoder alone, and escapes that in part where the
    decoder is free to be steep. One without a penalty may stay near the diagonal everywhere.

    Parameters
    ----------
    x : (n, 1) or (n,)
        The data, drawn as discs on the diagonal.
    reconstruct : mapping of str to callable
        Each takes points (n_points, 1), a NumPy array of float64, and returns as many, ``autoencoder.reconstruct`` of a
        model with ``n_visible = 1``; the keys are the names in the legend. Each is called once.
    bounds : (low, high)
        Of x.
    n_points : int
        At which the curves are computed: at least 2.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `x` is not a column of finite numbers, the bounds do not rise, there is no `reconstruct`, or one does not return
        one finite number for each point.

    References
    ----------
    .. [1] G. Alain and Y. Bengio, "What regularized auto-encoders learn from the data-generating distribution", Journal
       of Machine Learning Research 15, 2014, figure 1.
    """
    data = to_numpy(check_float_array("x", x))
    if data.ndim > 2 or data.shape[1:] not in ((), (1,)):
        raise InputError(f"expected one visible variable, x of shape (n, 1), got {data.shape}")
    low, high = bounds
    if not low < high:
        raise InputError(f"expected bounds (low, high) with low < high, got {bounds}")
    if not reconstruct:
        raise InputError("expected at least one reconstruction")
    points = np.linspace(low, high, check_count("n_points", n_points, 2))[:, None]
    if ax is None:
        ax = new_axis(INCHES, INCHES)
    ax.plot([low, high], [low, high], color=GREY, linewidth=1.0, linestyle="--", label="$r(x) = x$")
    for k, (name, function) in enumerate(reconstruct.items()):
        ax.plot(points, _reconstructed(function, points), color=CATEGORICAL[k % len(CATEGORICAL)], label=name)
    ax.plot(data.ravel(), data.ravel(), linestyle="", marker="o", markersize=6, color="black", label="data")
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")
    ax.set_xlabel("$x$")
    ax.set_ylabel("$r(x)$")
    ax.legend(frameon=False)
    ax.grid(visible=False)
    open_frame(ax)
    return whole_figure(ax)


def _reconstructed(reconstruct: Callable[[np.ndarray], Array], points: np.ndarray) -> np.ndarray:
    values = to_numpy(check_float_array("the reconstruction", reconstruct(points)))
    if values.shape != points.shape:
        raise InputError(f"reconstruct must return shape {points.shape} for points of that shape, got {values.shape}")
    return values
