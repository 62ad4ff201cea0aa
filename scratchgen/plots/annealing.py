"""Pictures of several trainings in comparison: how a schedule of beta changes the course of the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchgen.errors import InputError
from scratchgen.plots._style import CATEGORICAL, open_frame

if TYPE_CHECKING:
    from scratchgen.history import History

TITLES = {"beta": "beta", "kl": "KL, nats", "reconstruction": "reconstruction, nats", "loss": "loss, nats"}
LINES = ("-", "--", ":", "-.")


def annealing_curves(
    histories: Mapping[str, History], terms: Sequence[str] = ("beta", "kl", "reconstruction")
) -> Figure:
    """Draw the same columns of several histories over the epochs: a panel a column, a line a history.

    Where beta is 1 from the start, a latent variable whose noise costs more than it tells is switched off before the
    decoder has learnt to use it. Where beta rises slowly the KL divergence first climbs, and then falls as beta makes
    the variables pay for what they tell. Count those in use to see whether any was saved.

    Parameters
    ----------
    histories : mapping of str to History
        What ``vae.fit`` returned for each schedule; the keys are the names in the legend. The column "beta" holds the
        value at the first step of each epoch.
    terms : sequence of str
        The columns to draw.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        There is no history or no term, or a history holds no epoch or lacks a column.
    """
    if not histories or not terms:
        raise InputError("expected at least one history and one term")
    for name, history in histories.items():
        if len(history) == 0:
            raise InputError(f"the history of {name!r} holds no epoch: train the model first")
        if missing := [term for term in ("epoch", *terms) if term not in history.columns]:
            raise InputError(f"the history of {name!r} lacks {missing}: it has {', '.join(history.columns)}")
    figure = Figure(figsize=(3.4 * len(terms), 3.2), layout="constrained")
    panels = figure.subplots(1, len(terms), squeeze=False)[0]
    for ax, term in zip(panels, terms, strict=True):
        for k, (name, history) in enumerate(histories.items()):
            style = {"color": CATEGORICAL[k % len(CATEGORICAL)], "linestyle": LINES[k % len(LINES)]}
            ax.plot(history.columns["epoch"], history.columns[term], label=name, **style)
        ax.set_title(TITLES.get(term, term.replace("_", " ")))
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        open_frame(ax)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure
