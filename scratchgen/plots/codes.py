"""Pictures of the codes of a data set, variable by variable: histograms, correlation, and KL divergence.

Symbols: n examples, Z latent variables z_1 ... z_Z with the prior N(0, I).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.latent.codes import check_codes, code_correlation, kl_per_dimension
from scratchgen.plots._style import CATEGORICAL, INDIGO, new_axis, open_frame, whole_figure
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MATRIX_INCHES, COLOUR_BAR_INCHES = 4.0, 1.0
HISTOGRAM_INCHES = (2.6, 1.9)
LEGEND_INCHES = 0.21  # a line
MOST_IN_A_ROW = 4
LARGEST_WITH_NUMBERS = 10  # a matrix with more columns has no room for them


def code_histograms(mean: Any, labels: Any, n_bins: int = 40) -> Figure:
    """Draw a histogram of each latent variable, the labels stacked on one another, with the prior as a curve.

    The upper edge is the histogram of all examples. It lies near the prior where a variable is in use, and is a spike
    at 0 where it is not.

    Parameters
    ----------
    mean : (n, Z)
        The posterior means, ``vae.encode(x)[0]``.
    labels : (n,)
        One label an example. The colours repeat after ten labels.
    n_bins : int
        Bins of each histogram.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        `mean` is not (n, Z) and finite, `labels` is not one label an example, or `n_bins` is not a positive integer.
    """
    codes, labels = check_codes("mean", mean), to_numpy(labels)
    if labels.shape != codes.shape[:1]:
        raise InputError(f"expected one label for each of {len(codes)} examples, got labels of shape {labels.shape}")
    check_count("n_bins", n_bins)
    classes = np.unique(labels.astype(str) if labels.dtype == object else labels)
    n_latent = codes.shape[1]
    n_columns = min(n_latent, MOST_IN_A_ROW)
    n_rows = math.ceil(n_latent / n_columns)
    height = max(HISTOGRAM_INCHES[1] * n_rows, LEGEND_INCHES * (len(classes) + 1)) + 0.3
    figure = Figure(figsize=(HISTOGRAM_INCHES[0] * n_columns + 1.0, height), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for k, ax in enumerate(panels[:n_latent]):
        edges = np.linspace(min(codes[:, k].min(), -3.5), max(codes[:, k].max(), 3.5), n_bins + 1)
        width = edges[1] - edges[0]
        counts = np.array([np.histogram(codes[labels.astype(classes.dtype) == c, k], edges)[0] for c in classes])
        density = counts / (len(codes) * width)
        tops = np.cumsum(density, axis=0)
        for c, name in enumerate(classes):  # one outline a label: a bar of its own for each bin is fifty times as slow
            colour = CATEGORICAL[c % len(CATEGORICAL)]
            ax.stairs(tops[c], edges, baseline=tops[c] - density[c], fill=True, color=colour, label=str(name))
        z = np.linspace(-3.5, 3.5, 200)
        ax.plot(z, np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi), color="black", linewidth=1.2, label="prior")
        ax.set_xlabel(f"$z_{{{k + 1}}}$")
        ax.set_xlim(edges[0], edges[-1])
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        open_frame(ax)
    for ax in panels[n_latent:]:
        ax.remove()
    figure.supylabel("density, stacked by label", size="medium")
    handles, names = panels[0].get_legend_handles_labels()  # from the bottom of the stack to its top, then the prior
    figure.legend(handles[::-1], names[::-1], loc="outside right center", frameon=False)
    return figure


def correlation_matrix(mean: Any, ax: Axes | None = None) -> Figure:
    """Draw the correlation of each pair of latent variables, from -1 (red) by 0 (white) to 1 (blue).

    Parameters
    ----------
    mean : (n, Z)
        The posterior means, ``vae.encode(x)[0]``. A variable that never varies has a grey row and column.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        As for `scratchgen.latent.code_correlation`.
    """
    rho = code_correlation(mean)
    if ax is None:
        ax = new_axis(MATRIX_INCHES + COLOUR_BAR_INCHES, MATRIX_INCHES)
    edges = np.arange(len(rho) + 1) + 0.5
    ax.set_facecolor("0.8")
    mesh = ax.pcolormesh(edges, edges, np.ma.masked_invalid(rho), cmap="RdBu", vmin=-1, vmax=1, rasterized=True)
    if len(rho) <= LARGEST_WITH_NUMBERS:
        for (j, k), value in np.ndenumerate(rho):
            if np.isfinite(value):
                colour = "white" if abs(value) > 0.6 else "black"
                number = f"{value:z.2f}".replace("-", "−")  # z: no negative zero
                ax.text(k + 1, j + 1, number, ha="center", va="center", color=colour, size=7)
    ax.set_xlabel("latent variable")
    ax.set_ylabel("latent variable")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.tick_params(length=0)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(edges[-1], edges[0])
    ax.set_aspect("equal")
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    # An inset, so that an axis that was given keeps its neighbours, and a figure of one axis has one.
    bar = ax.inset_axes((1.04, 0.0, 0.05, 1.0))
    ax.figure.colorbar(mesh, cax=bar, label="correlation", ticks=[-1, -0.5, 0, 0.5, 1])
    return whole_figure(ax)


def kl_bars(mean: Any, log_var: Any, ax: Axes | None = None) -> Figure:
    """Draw what each latent variable adds to the KL divergence, in nats: the information about x that it carries.

    Variables that are not used have no bar. See `scratchgen.latent.kl_per_dimension`.

    Parameters
    ----------
    mean, log_var : (n, Z)
        Of q(z|x): ``vae.encode(x)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        As for `scratchgen.latent.kl_per_dimension`.
    """
    kl = kl_per_dimension(mean, log_var)
    if ax is None:
        ax = new_axis(float(np.clip(0.35 * len(kl) + 1.5, 3.0, 10.0)), 2.8)
    ax.bar(np.arange(1, len(kl) + 1), kl, color=INDIGO, width=0.7)
    ax.set_xlim(0.4, len(kl) + 0.6)
    ax.set_xlabel("latent variable")
    ax.set_ylabel("KL, nats per example")
    ax.set_title(f"{kl.sum():.2f} nats in all", size="medium")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=False)
    open_frame(ax)
    return whole_figure(ax)
