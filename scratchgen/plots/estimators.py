"""Pictures of estimators where the truth is known: errors of log p(x), and the spread of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.inference.estimators import LikelihoodErrors
from scratchgen.inference.gradient_estimators import GradientDraws
from scratchgen.plots._style import CATEGORICAL, ROSE, new_axis, open_frame, whole_figure
from scratchgen.typing import Array
from scratchgen.validation import is_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {"prior": "direct Monte Carlo", "importance": "importance sampling", "elbo": "ELBO"}
MARKERS = ("o", "s", "^")
N_BINS = 80


def estimator_errors(n_latents: Sequence[int], errors: Sequence[LikelihoodErrors], ax: Axes | None = None) -> Figure:
    """Draw the RMS error of each estimate of log p(x) over the number of latent variables, both on logarithmic scales.

    Parameters
    ----------
    n_latents : sequence of int
    errors : sequence of LikelihoodErrors
        Of `scratchgen.inference.estimators.likelihood_errors`, one for each of `n_latents`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        The new figure, or the one that `ax` belongs to.

    Raises
    ------
    InputError
        There are no errors, or not as many as numbers of latent variables.
    """
    if len(n_latents) != len(errors) or not errors:
        raise InputError(f"expected one row of errors for each of {len(n_latents)} dimensions, got {len(errors)}")
    ax = new_axis(5.0, 3.4) if ax is None else ax
    for name, colour, marker in zip(LikelihoodErrors._fields, CATEGORICAL, MARKERS, strict=False):
        ax.loglog(n_latents, [getattr(row, name) for row in errors], color=colour, marker=marker, label=LABELS[name])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(list(n_latents), [str(n) for n in n_latents])
    ax.set_xlabel("latent variables")
    ax.set_ylabel("RMS error of log p(x) in nats")
    ax.legend(frameon=False)
    open_frame(ax)
    return whole_figure(ax)


def gradient_spread(draws: GradientDraws, exact: Array | None = None, example: int = 0, unit: int = 0) -> Figure:
    """Draw the histogram of the derivative of the ELBO by one mean of q(z|x), a panel for each rule, on one scale.

    Parameters
    ----------
    draws : GradientDraws
        Of `scratchgen.inference.gradient_estimators.elbo_gradient_draws`.
    exact : array (n, n_latent), optional
        The exact derivatives by the means, of which the one is marked above each histogram.
    example, unit : int
        Which derivative is shown.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        There is no such example or unit, or `exact` has another shape.
    """
    _, *shape = draws.reparameterised.mean.shape
    for name, index, size in zip(("example", "unit"), (example, unit), shape, strict=True):
        if not is_integer(index) or not 0 <= index < size:
            raise InputError(f"{name} must be an integer from 0 to {size - 1}, got {index!r}")
    if exact is not None and list(exact.shape) != shape:
        raise InputError(f"exact must have shape {tuple(shape)}, got {tuple(exact.shape)}")
    values = {name: to_numpy(getattr(draws, name).mean)[:, example, unit] for name in draws._fields}
    low, high = np.quantile(values["score_function"], [0.01, 0.99])
    edges = np.linspace(low, high, N_BINS + 1)
    figure = Figure(figsize=(5.0, 4.4), layout="constrained")
    panels = figure.subplots(len(values), 1, sharex=True)
    for ax, colour, (name, column) in zip(panels, CATEGORICAL[:1] + CATEGORICAL[2:], values.items(), strict=False):
        counts, *_ = ax.hist(column, edges, color=colour)
        if exact is not None:
            ax.set_ylim(0, 1.25 * counts.max())  # room for the mark, which would hide a narrow histogram on it
            above = ax.get_xaxis_transform()
            ax.plot(float(exact[example, unit]), 0.92, "v", color=ROSE, markersize=8, transform=above)
        variance = float(f"{column.var():.3g}")  # three digits, but 2470 and not 2.47e+03
        ax.set_title(f"{name.replace('_', ' ')}: variance {variance:g}", fontsize="medium", loc="left")
        ax.yaxis.set_major_locator(NullLocator())
        open_frame(ax)
    panels[-1].set_xlabel(f"derivative of the ELBO: example {example}, mean of unit {unit}, from one draw")
    return figure
