r"""Pictures of what an encoder does to data: how active its units are, and in how many directions its code moves.

Symbols: n examples, h_1 ... h_Z units of the code, J = dh/dx the Jacobian of the encoder at an example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.latent.codes import check_codes
from scratchgen.plots._style import INDIGO, ROSE, new_axis, open_frame, whole_figure
from scratchgen.validation import check_float_array, check_nonnegative

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (5.0, 3.2)
_SPREAD = (0.1, 0.9)  # the quantiles that bound the band


def mean_activations(code: Any, target: float | None = None, ax: Axes | None = None) -> Figure:
    """Draw the mean of abs(h_k) over the examples, unit by unit, the most active first, beside the wanted mean.

    A sparsity penalty that asks for a mean activation brings the curve to the line; where the curve stays above it, the
    reconstruction is worth more than the penalty, whose cost is too low. Without a penalty, or with L1, some units may
    be active for all examples and others for none.

    Parameters
    ----------
    code : (n, Z)
        ``autoencoder.encode(x)``.
    target : float, optional
        The mean activation that was asked for.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `code` is not a matrix of finite numbers, or `target` is negative.
    """
    activations = np.sort(np.abs(check_codes("code", code)).mean(axis=0))[::-1]
    ax = new_axis(*SIZE_INCHES) if ax is None else ax
    rank = np.arange(1, len(activations) + 1)
    ax.plot(rank, activations, "o", color=INDIGO, markersize=3.5, label="units of the code", clip_on=False)
    if target is not None:
        ax.axhline(check_nonnegative("target", target), color=ROSE, linestyle="--", label=f"target, {target:g}")
        ax.legend(frameon=False)
    _label_ranks(ax, "unit of the code, the most active first")
    ax.set_ylabel("mean of $|h_k|$" if (to_numpy(code) < 0).any() else "mean activation")
    return whole_figure(ax)


def jacobian_spectrum(jacobian: Any, ax: Axes | None = None) -> Figure:
    """Draw the singular values of the encoder's Jacobian, the largest first: their mean over the examples, and spread.

    A singular value says by how much the code moves when an example moves in one of as many orthogonal directions. A
    contractive penalty and a good reconstruction together leave few large values and many small ones [1]_: the code
    follows the directions in which data differ, and ignores all others. The band holds four fifths of the examples.

    Parameters
    ----------
    jacobian : (n, Z, D)
        ``autoencoder.encoder_jacobian(x)``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `jacobian` is not (n, Z, D) and finite.

    References
    ----------
    .. [1] S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio: "Contractive auto-encoders: explicit invariance during
       feature extraction", ICML 2011.
    """
    matrices = to_numpy(check_float_array("jacobian", jacobian)).astype(np.float64)
    if matrices.ndim != 3:
        raise InputError(f"expected the Jacobians of examples, (n, n_code, n_visible), got shape {matrices.shape}")
    values = np.linalg.svd(matrices, compute_uv=False)  # (n, min(Z, D))
    ax = new_axis(*SIZE_INCHES) if ax is None else ax
    rank = np.arange(1, values.shape[1] + 1)
    low, high = np.quantile(values, _SPREAD, axis=0)
    ax.fill_between(rank, low, high, color=INDIGO, alpha=0.2, linewidth=0, label="four fifths of the examples")
    ax.plot(rank, values.mean(axis=0), color=INDIGO, marker="o", markersize=2.5, label="mean")
    _label_ranks(ax, "rank")
    ax.set_ylabel("singular value of $\\partial h / \\partial x$")
    ax.legend(frameon=False)
    return whole_figure(ax)


def _label_ranks(ax: Axes, name: str) -> None:
    """Let the values, none of which is negative, begin at 0, and the horizontal axis count."""
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.set_xlabel(name)
    open_frame(ax)
