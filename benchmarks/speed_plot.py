"""The picture of the speed table: how many times as long as scratchgen each takes, with spread and aims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.summary import Comparison, Records, comparisons, shorter, where_and_when

PEER, LIMIT, MET, MISSED = "C0", "C1", "black", "C3"


def plot(records: Records, path: Path) -> None:
    """Draw a bar a comparison from 1, where it takes as long as scratchgen, to the ratio, on a logarithmic axis."""
    from matplotlib.figure import Figure

    chosen = shorter(records)
    found = list(comparisons(chosen))
    figure = Figure(figsize=(8, 0.27 * len(found) + 1.9), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(found):
        _draw_bar(axes, place, row)
    axes.axvline(1, color="black", linewidth=1, zorder=1)
    axes.set_yticks(range(len(found)), [f"{row.benchmark}: {row.who}" for row in found])
    axes.invert_yaxis()
    axes.margins(y=0.01)
    _finish(axes, found)
    figure.text(0.01, 0.008, where_and_when(chosen), fontsize="small", color="dimgrey")
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.97))
    figure.savefig(path, dpi=150)


def _draw_bar(axes: Any, place: int, row: Comparison) -> None:
    """Draw the bar, its quartiles, the aim if there is one, and the number beyond all of them."""
    axes.barh(place, row.ratio - 1, left=1, height=0.7, color=LIMIT if row.is_limit else PEER, zorder=2)
    axes.plot([row.lower, row.upper], [place, place], color="black", linewidth=1.2, marker="|", markersize=5, zorder=4)
    reached = [row.ratio, row.lower, row.upper]
    if row.aim:
        colour = MET if row.aim.met else MISSED
        axes.plot([row.aim.number] * 2, [place - 0.45, place + 0.45], color=colour, linewidth=2.2, zorder=5)
        if abs(math.log(row.aim.number / row.ratio)) < math.log(1.5):  # farther away there is room between
            reached.append(row.aim.number)
    right = row.ratio >= 1
    axes.annotate(
        f"{row.ratio:.2f}",
        (max(*reached, 1) if right else min(*reached, 1), place),
        xytext=(5 if right else -5, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize="small",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        zorder=6,
    )


def _finish(axes: Any, found: Sequence[Comparison]) -> None:
    """Scale the axis with room for the numbers, and say what the marks mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    numbers = [n for row in found for n in (row.lower, row.upper, row.aim.number if row.aim else 1)]
    axes.set_xscale("log")
    axes.set_xlim(min(*numbers, 1) / 1.6, max(*numbers, 1) * 1.7)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if axes.get_xlim()[0] < tick < axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="x", alpha=0.3, zorder=0)
    axes.set(xlabel="time, over that of scratchgen: median over the rounds, and quartiles")
    handles = [
        Patch(color=PEER, label="somebody else"),
        Patch(color=LIMIT, label="limit: a part of our work alone"),
        Line2D([], [], color=MET, marker="|", markersize=10, markeredgewidth=2.2, linestyle="", label="aim, met"),
        Line2D([], [], color=MISSED, marker="|", markersize=10, markeredgewidth=2.2, linestyle="", label="aim, missed"),
    ]
    axes.legend(
        handles=handles,
        ncols=4,
        fontsize="small",
        columnspacing=1,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        frameon=False,
    )
