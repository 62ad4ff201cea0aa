"""Pictures of codes by label: where the encoder puts each example, for one model or for several side by side.

Symbols: n examples, Z latent variables z_1 ... z_Z with the prior N(0, I).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.latent.codes import principal_components
from scratchgen.plots._names import NamedPlace, draw_names
from scratchgen.plots._style import CATEGORICAL, new_axis, open_frame, panels, whole_figure
from scratchgen.typing import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLUSTERS_INCHES = 6.0
PANEL_INCHES, TITLE_INCHES = 3.4, 0.4
SAME_PLACE = 0.05  # of the width of half a panel
PRIOR_RADIUS = 3.0  # holds 98.9 % of N(0, I) in the plane


def latent_clusters(mean: Array, labels: Array, ax: Axes | None = None, *, symbol: str = "z") -> Figure:
    """Draw each example at its posterior mean in the colour of its label, and each label's name at its median.

    Names that would hide each other stand beside their medians, with a line to them.

    With two latent variables the axes are z_1 and z_2. With more they are the first two principal components of the
    means, in units of z, and the axis labels say which share of their variance each holds.

    Parameters
    ----------
    mean : (n, Z)
        The posterior means, ``vae.encode(x)[0]``, with Z at least 2: a NumPy or CuPy array.
    labels : (n,)
        One label an example, numbers or strings. The colours repeat after ten labels.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.
    symbol : str
        What the axes call the codes; those of an autoencoder without a distribution of z are called "h".

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `mean` is not a matrix of finite numbers with two columns or more, or `labels` is not one label an example.
    """
    ax, medians = _draw_codes(mean, labels, ax, symbol)
    draw_names(ax, medians)
    return whole_figure(ax)


def compared_latent_planes(means: Mapping[str, Array], labels: Array) -> Figure:
    r"""Draw the codes of several models of the same data side by side, with the reach of the prior as a circle.

    The classic comparison has three models [1]_: one trained for the reconstruction alone spreads its codes far beyond
    the prior and leaves gaps, one trained for the KL divergence alone puts all of them on the prior's mean, and one
    trained for both fills the prior and keeps the labels together. Each panel has a scale of its own; the circle, of
    radius 3, is the same in all and holds 98.9 % of N(0, I). Where all labels are in one place they have no names.

    Parameters
    ----------
    means : mapping of str to (n, 2)
        The posterior means of each model, ``vae.encode(x)[0]``, in two latent variables; the keys name the panels.
    labels : (n,)
        One label an example, the same examples for all models.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        There is no model, or the means are not (n, 2); further as for `latent_clusters`.

    References
    ----------
    .. [1] I. Shafkat, "Intuitively understanding variational autoencoders", 2018.
    """
    if not means:
        raise InputError("expected at least one model's posterior means")
    for name, mean in means.items():
        if np.ndim(to_numpy(mean)) != 2 or to_numpy(mean).shape[1] != 2:
            raise InputError(f"expected two latent variables, got shape {to_numpy(mean).shape} for {name!r}")
    figure = Figure(figsize=(PANEL_INCHES * len(means), PANEL_INCHES + TITLE_INCHES), layout="compressed")
    for ax, (name, mean) in zip(figure.subplots(1, len(means), squeeze=False)[0], means.items(), strict=True):
        _, medians = _draw_codes(mean, labels, ax)
        ax.add_patch(Circle((0, 0), PRIOR_RADIUS, fill=False, edgecolor="0.35", linestyle="--", linewidth=1.2))
        ax.set_title(name)
        half_width = 1.05 * max(PRIOR_RADIUS, float(np.abs(to_numpy(mean)).max()))
        if np.ptp([median.xy for median in medians], axis=0).max() > SAME_PLACE * half_width:
            draw_names(ax, medians)
        ax.set_xlim(-half_width, half_width)
        ax.set_ylim(-half_width, half_width)
        ax.set_aspect("equal", "box")
    return figure


def compared_latent_clusters(means: Mapping[str, Array], labels: Array) -> Figure:
    """Draw the codes of several models of the same data side by side, each as `latent_clusters` draws them.

    At most four stand in a row.

    For instance those of a model that has seen labels beside one that has not: are the classes further apart?

    Parameters
    ----------
    means : mapping of str to (n, Z)
        The posterior means of each model, in two or more latent variables, not the same number for all; the keys name
        the panels. Each panel has a scale of its own, and principal components of its own.
    labels : (n,)
        One label an example, the same examples for all models.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        There is no model; further as for `latent_clusters`.
    """
    if not means:
        raise InputError("expected at least one model's posterior means")
    figure, axes = panels(len(means), PANEL_INCHES, PANEL_INCHES + TITLE_INCHES)
    for ax, (name, mean) in zip(axes, means.items(), strict=True):
        latent_clusters(mean, labels, ax=ax)
        ax.set_title(name)
        ax.set_xlabel(ax.get_xlabel().replace("principal component", "component"))  # a panel has less room
        ax.set_ylabel(ax.get_ylabel().replace("principal component", "component"))
    return figure


def _draw_codes(mean: Array, labels: Array, ax: Axes | None = None, symbol: str = "z") -> tuple[Axes, list[NamedPlace]]:
    """Draw what `latent_clusters` does except the names; return the axis, and the median of each label."""
    points, labels = to_numpy(mean), to_numpy(labels)
    if points.ndim != 2 or points.shape[0] < 1 or points.shape[1] < 2:
        raise InputError(f"expected posterior means of shape (n, n_latent) with n_latent >= 2, got {points.shape}")
    if points.dtype.kind not in "uif" or not np.isfinite(points).all():
        raise InputError(f"expected finite posterior means, got NaN, infinity or dtype {points.dtype}")
    if labels.shape != points.shape[:1]:
        raise InputError(f"expected one label for each of {len(points)} examples, got labels of shape {labels.shape}")
    if labels.dtype == object:  # strings from a table; objects need not have an order
        labels = labels.astype(str)
    x_name, y_name = f"${symbol}_1$", f"${symbol}_2$"
    if points.shape[1] > 2:
        points, _, shares = principal_components(points)
        x_name, y_name = (
            f"principal component {i + 1} of ${symbol}$ ({s:.0%} of variance)" for i, s in enumerate(shares)
        )
    x, y = points.T

    classes, class_of = np.unique(labels, return_inverse=True)
    colours = np.array([CATEGORICAL[k % len(CATEGORICAL)] for k in range(len(classes))])
    if ax is None:
        ax = new_axis(CLUSTERS_INCHES, CLUSTERS_INCHES * _height_of_width(x, y))
    # One call in the order of the data, so that no label hides the others; as pixels, because vectors would be huge.
    ax.scatter(x, y, c=colours[class_of], s=np.clip(2e4 / len(x), 3.0, 20.0), alpha=0.7, linewidths=0, rasterized=True)
    ax.set_aspect("equal", "datalim")
    ax.set_xlabel(x_name)
    ax.set_ylabel(y_name)
    open_frame(ax)
    return ax, [
        NamedPlace(str(name), np.median(points[class_of == k], axis=0), colours[k]) for k, name in enumerate(classes)
    ]


def _height_of_width(x: np.ndarray, y: np.ndarray) -> float:
    """Return the height, for a width of 1, of a figure that the points fill at equal scales, but never a strip."""
    width, height = np.ptp(x), np.ptp(y)
    return float(np.clip(height / width, 0.6, 1.2)) if width > 0 else 1.0
