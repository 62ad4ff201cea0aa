r"""A picture of principal components: the variance of the data along each, and what a linear Gaussian model says of it.

Symbols: n examples, D features, Z latent variables, W (Z, D).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._style import INDIGO, ROSE, new_axis, open_frame, whole_figure
from scratchgen.validation import check_float_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST = 1e-9  # of the largest variance: smaller ones are the rounding errors of pixels that never vary


def variance_spectrum(x: Any, W: Any, sigma: float, ax: Axes | None = None) -> Figure:
    r"""Draw the eigenvalues of the data's covariance beside those of the model's, the largest first, on log scales.

    The model's covariance is :math:`W^T W + \sigma^2 I`. Fitted to the data, it has their Z largest variances, and for
    all others their mean, :math:`\sigma^2`: how far the rest of the data's curve is from that level shows what the
    model leaves out. Directions in which the data do not vary are not drawn.

    Parameters
    ----------
    x : (n, D)
        The data, n >= 2: a NumPy or CuPy array.
    W : (Z, D)
        ``model.params.W`` of a `scratchgen.LinearGaussianModel`.
    sigma : float
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        `x` and W are not such matrices of finite numbers.
    """
    data, weights = (to_numpy(check_float_array(n, v)).astype(np.float64) for n, v in (("x", x), ("W", W)))
    if data.ndim != 2 or len(data) < 2 or weights.ndim != 2 or weights.shape[1] != data.shape[1]:
        raise InputError(f"expected x (n, D) with n >= 2 and W (Z, D), got {data.shape} and {weights.shape}")
    of_data = np.linalg.eigvalsh(np.atleast_2d(np.cov(data, rowvar=False, bias=True)))[::-1]
    of_data = of_data[of_data > _LEAST * of_data[0]]
    of_model = np.full(len(of_data), float(sigma) ** 2)
    kept = np.linalg.eigvalsh(weights @ weights.T)[::-1][: len(of_data)]
    of_model[: len(kept)] += kept

    if ax is None:
        ax = new_axis(5.0, 3.4)
    rank = np.arange(1, len(of_data) + 1)
    ax.loglog(rank, of_data, "o", color=INDIGO, markersize=3.5, label="data")
    ax.loglog(rank, of_model, color=ROSE, label="model")
    ax.set_xlabel("principal component")
    ax.set_ylabel("variance")
    ax.legend(frameon=False)
    open_frame(ax)
    return whole_figure(ax)
