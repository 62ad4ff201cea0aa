"""The picture of `benchmarks.scaling`: a panel for each thing that grows, with marks where its cost is not linear."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.scaling_curves import (
    BYTES_PER_IMAGE,
    GPU,
    GPU_CAPTURED,
    OURS,
    PER,
    PRODUCTS,
    Points,
    curves,
    epoch_curves,
    explanation,
    explanation_of_memory,
    regimes,
)

_COLOURS = {OURS: "C0", PRODUCTS: "C7", GPU: "C2", GPU_CAPTURED: "C3", "the images alone": "C7"}
_LABELS = {"width": "width of the hidden layers", "batch": "batch", "chains": "chains"}
_LINE_LENGTH = 58  # of the sentence above a panel


def plot(record: Mapping[str, Any], path: Path) -> None:
    """Draw time against width, batch and chains, and seconds and memory of an epoch against the number of images.

    Hollow points: most of the cost there does not depend on the size. A ring: from there on the exponent is no longer
    1 but the number beside it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 9.5), layout="constrained")
    panels = figure.subplots(2, 3)
    for axes, (what, by_whom) in zip(panels.flat, curves(record).items(), strict=False):
        in_ms = {who: [(n, 1e3 * t) for n, t in points] for who, points in by_whom.items()}
        _draw_panel(axes, in_ms, explanation(what, by_whom))
        axes.set(xlabel=_LABELS[what], ylabel=f"ms for {PER[what]}")
    seconds, memory = (epoch_curves(record, quantity) for quantity in ("seconds", "peak_bytes"))
    _draw_panel(panels[1, 0], seconds, explanation("images", seconds))
    panels[1, 0].set(xlabel="images", ylabel="seconds for an epoch")
    megabytes = {who: [(n, b / 1e6) for n, b in points] for who, points in memory.items()}
    megabytes["the images alone"] = [(n, n * BYTES_PER_IMAGE / 1e6) for n, _ in memory[OURS]]
    _draw_panel(panels[1, 1], megabytes, explanation_of_memory(memory[OURS]))
    panels[1, 1].set(xlabel="images", ylabel="MB by which the peak of memory grows")
    _explain(panels[1, 2], record)
    figure.savefig(path, dpi=120)


def _draw_panel(axes: Any, by_whom: Mapping[str, Points], sentence: str) -> None:
    for who, points in by_whom.items():
        _draw_curve(axes, who, points)
    n, cost = by_whom[OURS][-1]
    first = max(by_whom[OURS][0][0], n / 100)
    axes.plot([first, n], [cost * first / n, cost], ":", color="black", linewidth=1, label="linear")
    _finish(axes, [n for n, _ in by_whom[OURS]])
    axes.set_title("\n".join(textwrap.wrap(sentence, _LINE_LENGTH)), fontsize="small", loc="left")


def _draw_curve(axes: Any, who: str, points: Points) -> None:
    """Draw the points, hollow where the curve is flat, and a ring where it leaves proportionality."""
    found, colour = regimes(points), _COLOURS[who]
    sizes, costs = zip(*points, strict=True)
    axes.loglog(sizes, costs, marker="o", markersize=5, color=colour, label=who)
    flat = [point for point in points if point[0] <= (found.flat_until or 0)]
    if flat:
        axes.plot(*zip(*flat, strict=True), "o", markersize=5, color=colour, markerfacecolor="white")
    if flat and who == OURS:
        _write(axes, "mostly constant", flat[0], colour, (-4, 22), "left")
    if found.leaves_at is not None:
        place = (found.leaves_at, dict(points)[found.leaves_at])
        axes.plot(*place, "o", markersize=12, color=colour, fillstyle="none")
        beside = ((-4, 9), "right") if who == OURS else ((10, -14), "left")
        _write(axes, f"{found.exponent:.2f}", place, colour, *beside)


def _write(axes: Any, text: str, place: tuple[float, float], colour: str, offset: tuple[int, int], side: str) -> None:
    """Write at so many points to the right and above a place."""
    white = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    axes.annotate(
        text, place, xytext=offset, textcoords="offset points", ha=side, color=colour, fontsize="small", bbox=white
    )


def _finish(axes: Any, sizes: Sequence[int]) -> None:
    """Put ticks where the sizes are, and a legend."""
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def _explain(axes: Any, record: Mapping[str, Any]) -> None:
    """Write what the marks mean, and where and when it was measured."""
    machine = record["machine"]
    lines = [
        "hollow: most of the cost does not depend on the size",
        "(the exponent to the next point is below 0.5)",
        "",
        "ring: from here on the exponent is no longer 1,",
        "but the number beside it",
        "",
        f"{machine['processor']} ({machine['microarchitecture']}), {machine['cores']} cores",
        *([machine["gpu"]["name"]] if machine.get("gpu") else []),
        record["date"],
    ]
    axes.axis("off")
    axes.text(0.05, 0.95, "\n".join(lines), va="top", transform=axes.transAxes)
