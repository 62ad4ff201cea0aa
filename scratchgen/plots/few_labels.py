"""A picture of learning from few labels: what becomes of the error, or the accuracy, with the number of labels.

Symbols: N numbers of labels, R repetitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import NullFormatter

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.plots._style import CATEGORICAL, new_axis, open_frame, whole_figure
from scratchgen.validation import check_float_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v")
CROWD = 5  # methods whose error bars can be told apart on one place, and whose names fit into the graph
APART = 0.018  # in the logarithm of the number of labels


def against_labels(
    n_labels: Sequence[int], values: Mapping[str, Any], name: str = "test error, %", ax: Axes | None = None
) -> Figure:
    """Draw a quantity of several methods over the number of labels: a line through the means, with error bars.

    A bar reaches one standard deviation over the repetitions to either side: how much a result depends on which
    examples have a label. A method with one repetition has no bars. Of more than five methods the points stand a little
    beside each other, and the names beside the graph.

    Parameters
    ----------
    n_labels : (N,)
        Different numbers above 0, in any order; the axis is logarithmic.
    values : mapping of str to (N, R) or (N,)
        For each method and number of labels one value for each repetition; NaN where there is none.
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
        There is no method, or its values are infinite or do not fit the numbers of labels; or a number is not above 0,
        or there twice.
    """
    numbers = to_numpy(check_float_array("n_labels", n_labels))
    if numbers.ndim != 1 or not len(numbers) or not (numbers > 0).all() or len(np.unique(numbers)) < len(numbers):
        raise InputError(f"n_labels must be different numbers > 0, got {numbers.tolist()}")
    if not values:
        raise InputError("expected the values of at least one method")
    rows = {method: _check_rows(method, each, len(numbers)) for method, each in values.items()}
    crowded = len(rows) > CROWD
    if ax is None:
        ax = new_axis(8.4 if crowded else 5.2, 4.6 if crowded else 3.6)
    order = np.argsort(numbers)
    for k, (method, each) in enumerate(rows.items()):
        beside = np.exp(APART * (k - (len(rows) - 1) / 2)) if crowded else 1.0
        means, deviations = zip(*(_mean_and_deviation(row) for row in each[order]), strict=True)
        ax.errorbar(
            beside * numbers[order],
            means,
            deviations,
            color=CATEGORICAL[k % len(CATEGORICAL)],
            marker=MARKERS[k % len(MARKERS)],
            markersize=5,
            linewidth=1.5,
            capsize=3,
            label=method,
        )
    ax.set_xscale("log")
    ax.set_xticks(numbers[order], [f"{number:,.0f}" for number in numbers[order]])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.minorticks_off()
    ax.set_xlabel("labels")
    ax.set_ylabel(name)
    if crowded:
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    else:
        ax.legend(frameon=False)
    ax.grid(visible=False)
    open_frame(ax)
    return whole_figure(ax)


def _check_rows(method: str, values: Any, n: int) -> np.ndarray:
    rows = np.asarray(to_numpy(values), dtype=np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or len(rows) != n or not rows.shape[1]:
        raise InputError(f"{method} must have a row for each of {n} numbers of labels, got shape {rows.shape}")
    if np.isinf(rows).any():
        raise InputError(f"{method} has infinite values")
    return rows


def _mean_and_deviation(row: np.ndarray) -> tuple[float, float]:
    """Return the mean of what there is, and its standard deviation, 0 where there is one value."""
    known = row[np.isfinite(row)]
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, float(known.std(ddof=1)) if len(known) > 1 else 0.0
