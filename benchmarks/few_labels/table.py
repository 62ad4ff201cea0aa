"""The tables in Markdown: errors, paired differences, and the published figures beside them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t

from benchmarks.few_labels.experiment import errors
from benchmarks.few_labels.methods import BASELINES, M2, STACKED
from benchmarks.few_labels.task import SPLIT


class Published(NamedTuple):
    """A test error in per cent, its standard deviation where one is given, and what to know about it."""

    error: float
    deviation: float | None = None
    remark: str = ""

    def __str__(self) -> str:
        spread = "" if self.deviation is None else f" ± {self.deviation:.2f}"
        return f"{self.error:.2f}{spread}{self.remark and f' ({self.remark})'}"


PUBLISHED = {
    ("mnist", "100", "(d) M1 + SVM"): Published(11.82, remark="transductive"),
    ("mnist", "100", M2): Published(11.97, 1.71, "others 10 to 18"),
    ("mnist", "100", STACKED): Published(3.33, 0.14, "others 4 to 9"),
    ("mnist", "1000", "(d) M1 + SVM"): Published(4.24, remark="transductive"),
    ("mnist", "1000", M2): Published(3.60, 0.56, "from memory"),
    ("mnist", "1000", STACKED): Published(2.40, 0.02, "from memory"),
}


def interval(differences: np.ndarray) -> str:
    """Return mean and half width of the 95 % interval of paired differences by Student's t; NaN are left out."""
    there = differences[~np.isnan(differences)]
    n = len(there)
    if n < 2:
        return ""
    half = t.ppf(0.975, n - 1) * there.std(ddof=1) / math.sqrt(n)
    return f"{there.mean():+.2f} ± {half:.2f}"


def table(cells: Mapping[str, Any], options: argparse.Namespace, name: str, column: str) -> str:
    """Return the table of one data set and one number of labels in Markdown."""
    subset = " (4,000 training and 1,000 test images)" if "subset" in name else ""
    labels = "all labels of an 80/20 split" if column == SPLIT else f"{column} labels"
    found = errors(cells, options, name, column)
    raw = np.min([found[method] for method in BASELINES if method in found] or [np.full(options.draws, np.nan)], axis=0)
    lines = [
        f"{name}{subset}, {labels}, test error in %, {100 * options.scale:g} % of the epochs",
        "",
        "| method | mean ± sd | draws | over the better of (a), (b) | published | over the published |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for method, values in found.items():
        there = values[~np.isnan(values)]
        if there.size:
            spread = f" ± {there.std(ddof=1):.2f}" if there.size > 1 else ""
            difference = "" if method in BASELINES else interval(values - raw)
            published = PUBLISHED.get((name, column, method))
            gap = "" if published is None else f"{there.mean() - published.error:+.2f}"
            cell = f"{there.mean():.2f}{spread}"
            lines.append(f"| {method} | {cell} | {there.size} | {difference} | {published or ''} | {gap} |")
    if M2 in found and STACKED in found and (difference := interval(found[STACKED] - found[M2])):
        lines += ["", f"{STACKED} over {M2}: {difference}"]
    return "\n".join(lines)
