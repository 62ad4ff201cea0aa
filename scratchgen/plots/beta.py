"""Pictures of the weight of the KL divergence: what changes with beta, and what it trades for what.

Symbols: B values of beta, S seeds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import NullFormatter

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._style import INDIGO, ROSE, new_axis, open_frame, whole_figure
from scratchgen.validation import check_float_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def against_beta(beta: Any, values: Any, name: str, ax: Axes | None = None) -> Figure:
    """Draw a quantity of models that were trained with several beta and seeds: a point each, and the mean as a line.

    For instance `scratchgen.latent.mean_absolute_correlation` of their codes, or the reconstruction term.

    Parameters
    ----------
    beta : (B,)
        Above 0; the axis is logarithmic.
    values : (B, S) or (B,)
        One value for each beta and seed.
    name : str
        What the values are, with their unit: the label of the axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        The values are not finite, do not fit the beta, or a beta is not above 0.
    """
    beta = _check_beta(beta)
    rows = _check_rows("values", values, beta)
    if ax is None:
        ax = new_axis(4.2, 3.0)
    order = np.argsort(beta)
    ax.plot(beta[order], rows[order].mean(axis=1), color=INDIGO, linewidth=1.5, label="mean")
    ax.plot(
        np.repeat(beta, rows.shape[1]),
        rows.ravel(),
        linestyle="",
        marker="o",
        markersize=5,
        color=ROSE,
        label="one seed",
    )
    ax.set_xscale("log")
    ax.set_xticks(np.unique(beta), [f"{b:g}" for b in np.unique(beta)])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()
    ax.set_xlabel("beta")
    ax.set_ylabel(name)
    ax.legend(frameon=False)
    open_frame(ax)
    return whole_figure(ax)


def rate_distortion(beta: Any, kl: Any, reconstruction: Any, ax: Axes | None = None) -> Figure:
    """Draw the reconstruction term against the KL divergence, a point for each model, with its beta beside it.

    The rate KL(q(z|x) || p(z)) is what a code tells about x, the distortion -log p(x|z) what it leaves open, both in
    nats. Their sum is minus the ELBO [1]_: along each grey line it is the same, and lower lines are better models.
    Beta = 1 asks for the lowest line, any other beta for another place on the curve of what can be reached.

    Parameters
    ----------
    beta : (B,)
        Above 0.
    kl, reconstruction : (B, S) or (B,)
        In nats per example, such as the last entries of ``history.kl`` and ``history.reconstruction``; with several
        seeds the line connects their means.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        The values are not finite or do not fit the beta, or a beta is not above 0.

    References
    ----------
    .. [1] A. A. Alemi et al., "Fixing a broken ELBO", ICML 2018, arXiv:1711.00464, figure 1.
    """
    beta = _check_beta(beta)
    rate, distortion = _check_rows("kl", kl, beta), _check_rows("reconstruction", reconstruction, beta)
    if rate.shape != distortion.shape:
        raise InputError(f"kl and reconstruction must have the same shape, got {rate.shape} and {distortion.shape}")
    if ax is None:
        ax = new_axis(4.8, 3.8)
    order = np.argsort(beta)
    centres = np.stack([rate.mean(axis=1), distortion.mean(axis=1)], axis=1)[order]
    ax.plot(*centres.T, color=INDIGO, linewidth=1.5, zorder=2)
    ax.plot(rate.ravel(), distortion.ravel(), linestyle="", marker="o", markersize=5, color=ROSE, zorder=3)
    for value, centre in zip(beta[order], centres, strict=True):
        ax.annotate(f"{value:g}", centre, xytext=(6, 6), textcoords="offset points", zorder=4)
    ax.margins(0.12)
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    for total in np.linspace(left + bottom, right + top, 9)[1:-1]:
        ax.plot([left, right], [total - left, total - right], color="0.85", linewidth=1.0, zorder=1)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_xlabel("rate: KL, nats per example")
    ax.set_ylabel("distortion: reconstruction, nats per example")
    ax.set_title("the number at a point is its beta; grey: equal ELBO", size="medium")
    ax.grid(visible=False)
    open_frame(ax)
    return whole_figure(ax)


def _check_beta(beta: Any) -> np.ndarray:
    values = to_numpy(check_float_array("beta", beta))
    if values.ndim != 1 or not (values > 0).all():
        raise InputError(f"beta must be a vector of numbers > 0, got shape {values.shape} and minimum {values.min():g}")
    return values


def _check_rows(name: str, values: Any, beta: np.ndarray) -> np.ndarray:
    rows = to_numpy(check_float_array(name, values))
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or len(rows) != len(beta):
        raise InputError(f"{name} must have a row for each of {len(beta)} beta, got shape {rows.shape}")
    return rows
