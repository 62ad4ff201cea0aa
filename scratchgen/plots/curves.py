"""Pictures of training: the terms of the loss over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchgen.errors import InputError
from scratchgen.plots._style import INDIGO, ROSE, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scratchgen.history import History

TITLES = {"kl": "KL"}


def training_curves(history: History, terms: Sequence[str] = ("loss", "reconstruction", "kl")) -> Figure:
    """Draw terms of the loss in nats over the epochs, a panel a term: training solid, validation dashed.

    The panels have scales of their own, because the KL is often far smaller than the rest.

    Parameters
    ----------
    history : History
        What ``vae.fit`` returns. Its columns are "epoch", one for each of `terms`, and, where validation data were
        given, "validation_" followed by the term. A curve has gaps where a column has no value.
    terms : sequence of str
        The columns to draw, each in nats per example.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        `terms` is empty, or the history holds no epoch or lacks a column.
    """
    if len(history) == 0:
        raise InputError("the history holds no epoch: train the model first")
    columns = history.columns
    missing = [name for name in ("epoch", *terms) if name not in columns]
    if missing or not terms:
        raise InputError(f"expected terms of the history, got {tuple(terms)}: it has {', '.join(columns)}")

    figure = Figure(figsize=(3.4 * len(terms), 2.8), layout="constrained")
    panels = figure.subplots(1, len(terms), squeeze=False)[0]
    for ax, term in zip(panels, terms, strict=True):
        _draw(ax, columns, term, "training", INDIGO, "-")
        if f"validation_{term}" in columns:
            _draw(ax, columns, f"validation_{term}", "validation", ROSE, "--")
        ax.set_title(TITLES.get(term, term.replace("_", " ")))
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        open_frame(ax)
    panels[0].set_ylabel("nats per example")
    if len(panels[0].lines) > 1:
        panels[0].legend(frameon=False)
    return figure


def _draw(ax: Axes, columns: Mapping[str, Sequence[float]], name: str, label: str, colour: str, line: str) -> None:
    epochs, values = columns["epoch"], columns[name]
    marker = "o" if len(epochs) == 1 else ""  # one epoch makes no line
    ax.plot(epochs, values, color=colour, linestyle=line, marker=marker, label=label)
