"""Pictures of training: the terms of the loss over the epochs, and the signs that it goes wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchgen.errors import InputError
from scratchgen.plots._style import CATEGORICAL, INDIGO, ROSE, columns_of, new_axis, open_frame, panels, whole_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scratchgen.history import History

TITLES = {"kl": "KL", "class_kl": "class KL"}
ACCURACY, ACCURACY_UNIT = "accuracy", "share predicted rightly"
ENERGY_OF = "energy_of_"  # how the columns begin


def training_curves(
    history: History,
    terms: Sequence[str] = ("loss", "reconstruction", "kl"),
    unit: str | Mapping[str, str] = "nats",
    compared: Sequence[str] | None = None,
) -> Figure:
    """Draw terms of the loss over the epochs, a panel a term: training solid, validation dashed.

    The panels have scales of their own, because the KL is often far smaller than the rest, and at most four stand in a
    row.

    Parameters
    ----------
    history : History
        What ``vae.fit`` returns. Its columns are "epoch", one for each of `terms`, and, where validation data were
        given, "validation_" followed by the term. A curve has gaps where a column has no value.
    terms : sequence of str
        The columns to draw, means per example; "accuracy" may be among them, which has a unit of its own.
    unit : str or mapping of str to str
        Of all terms, per example; empty where they have none. A mapping of each term to what stands beside its panel is
        for terms of several units.
    compared : sequence of str, optional
        Those of the terms of which validation is drawn too; by default all that have it. Where a term means something
        else for validation data, which have all their labels for instance, the two curves would mislead.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        `terms` is empty or lacks one of `compared`, or the history holds no epoch or lacks a column.
    """
    columns = _columns_of(history)
    compared = terms if compared is None else compared
    if not set(compared) <= set(terms):
        raise InputError(f"expected compared to be among the terms {tuple(terms)}, got {tuple(compared)}")
    missing = [name for name in ("epoch", *terms) if name not in columns]
    if missing or not terms:
        raise InputError(f"expected terms of the history, got {tuple(terms)}: it has {', '.join(columns)}")

    figure, axes = panels(len(terms), 3.4, 2.8)
    beside = unit
    if not isinstance(beside, Mapping):
        first_of_rows = terms[:: columns_of(len(terms))]
        beside = dict.fromkeys(first_of_rows, f"{unit} per example".strip()) | {ACCURACY: ACCURACY_UNIT}
    for ax, term in zip(axes, terms, strict=True):
        ax.set_ylabel(beside.get(term, ""))
        _draw(ax, columns, term, "training", INDIGO, "-")
        if term in compared and f"validation_{term}" in columns:
            _draw(ax, columns, f"validation_{term}", "validation", ROSE, "--")
        _label(ax, TITLES.get(term, term.replace("_", " ")))
    first = next((ax for ax in figure.axes if len(ax.lines) > 1), None)
    if first is not None:
        first.legend(frameon=False)
    return figure


def energy_curves(history: History, ax: Axes | None = None) -> Figure:
    """Draw the mean energies of data, of chains and of noise over the epochs of an energy-based model.

    Those of the data and of the buffer of chains should stay close together, and far below that of noise: where they
    part, training diverges. That they agree does not say that the model is good.

    Parameters
    ----------
    history : History
        What ``EnergyModel.fit`` returns, with columns "energy_of_data", "energy_of_noise", and others of such names.
    ax : matplotlib.axes.Axes, optional
        By default a new one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        The history holds no epoch or no energies.
    """
    columns = _columns_of(history)
    energies = [name for name in columns if name.startswith(ENERGY_OF)]
    if not energies:
        raise InputError(
            f"expected columns such as {ENERGY_OF}data, of an energy-based model: got {', '.join(columns)}"
        )
    if ax is None:
        ax = new_axis(5.0, 3.4)
    for name, colour in zip(energies, CATEGORICAL, strict=False):
        of_what = name.removeprefix(ENERGY_OF)
        _draw(ax, columns, name, of_what, colour, "--" if of_what == "validation" else "-")
    _label(ax, "mean energies")
    ax.set_ylabel("nats")
    ax.legend(frameon=False)
    return whole_figure(ax)


def free_energy_gap(history: History) -> Figure:
    """Draw how far the free energy of validation data lies above that of training data, and the likelihood beside it.

    A gap that grows while the likelihood of the training data goes on rising says that the model overfits: it finds the
    data that it was trained on likelier than others. Both panels have a point for each epoch that was monitored.

    Parameters
    ----------
    history : History
        What ``rbm.fit`` returns where validation data were given: with the columns "epoch" and "free_energy_gap", and
        "log_likelihood" or "pseudo_log_likelihood" of the training data, the first of them if there are both; without
        either there is one panel.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        The history holds no epoch or no gap.

    References
    ----------
    G. E. Hinton: "A practical guide to training restricted Boltzmann machines", 2010, section 6.
    """
    columns = _columns_of(history)
    if "free_energy_gap" not in columns:
        raise InputError("the history has no free_energy_gap: give validation data to fit")
    likelihood = next((name for name in ("log_likelihood", "pseudo_log_likelihood") if name in columns), None)
    drawn = {"free_energy_gap": ("free-energy gap", "$F$(validation) − $F$(training), nats")}
    if likelihood is not None:
        title = likelihood.replace("_", "-")
        drawn[likelihood] = (f"{title} of training data", "nats per example")

    figure, axes = panels(len(drawn), 4.2, 3.0)
    for ax, (name, (title, unit)) in zip(axes, drawn.items(), strict=True):
        monitored = [k for k, value in enumerate(columns[name]) if math.isfinite(value)]
        rows = {column: [columns[column][k] for k in monitored] for column in ("epoch", name)}
        _draw(ax, rows, name, title, INDIGO, "-")
        _label(ax, title)
        ax.set_ylabel(unit)
    axes[0].axhline(0.0, color="0.6", linewidth=1.0, zorder=0)
    return figure


def _columns_of(history: History) -> dict[str, list[float]]:
    if len(history) == 0:
        raise InputError("the history holds no epoch: train the model first")
    return history.columns


def _label(ax: Axes, title: str) -> None:
    ax.set_title(title)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))  # one epoch has one tick
    open_frame(ax)


def _draw(ax: Axes, columns: Mapping[str, Sequence[float]], name: str, label: str, colour: str, line: str) -> None:
    epochs, values = columns["epoch"], columns[name]
    marker = "o" if len(epochs) == 1 else ""  # one epoch makes no line
    ax.plot(epochs, values, color=colour, linestyle=line, marker=marker, label=label)
