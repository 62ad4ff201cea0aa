"""The cells of the tables: filled one by one, kept as they come, and found again."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import scratchgen as sg
from benchmarks.few_labels.methods import METHODS, Fitted
from benchmarks.few_labels.settings import SIZES
from benchmarks.few_labels.task import SPLIT, Task, divided

Cells = dict[str, Any]


def key_of(options: argparse.Namespace, name: str, column: str, method: str, draw: int) -> str:
    """Return the name of a cell, which says all that its numbers depend on but the code."""
    return "|".join([name, column, method, f"draw {draw}", f"scale {options.scale:g}", SIZES[name].digest])


def task_of(options: argparse.Namespace, name: str) -> Task:
    """Return the data set of this name in its own division."""
    return Task(sg.datasets.load(SIZES[name].data), SIZES[name], options.scale, options.backend)


def run(options: argparse.Namespace, cells: Cells, task: Task, name: str) -> dict[str, Fitted]:
    """Fill the cells of a data set that are wanted and not there, one by one, and write each as it comes.

    Returns what was fitted for draw 0 of the first number of labels, by the method.
    """
    fitted = {}
    for draw in range(options.draws):
        for column in options.labels:
            own = task
            if column == SPLIT:
                own = replace(task, data=divided(task.data, column, draw), trained={})
            for method in options.methods:
                key = key_of(options, name, column, method, draw)
                if key in cells:
                    continue
                started = time.perf_counter()
                found = METHODS[method](own, own.labels(column, draw))
                error = 100 * (1 - float(found.accuracy(own.data.x_test, own.data.y_test)))
                cells[key] = {"error": round(error, 3), "seconds": round(time.perf_counter() - started, 1)}
                print(f"{key}: {error:.2f} % in {cells[key]['seconds']:.0f} s", file=sys.stderr, flush=True)
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(json.dumps(cells, indent=1, ensure_ascii=False) + "\n")
                if (draw, column) == (0, options.labels[0]):
                    fitted[method] = found
    return fitted


def errors(cells: Mapping[str, Any], options: argparse.Namespace, name: str, column: str) -> dict[str, np.ndarray]:
    """Return the test errors of each method in per cent, one for each draw; NaN for the draws that are not there."""
    found = {}
    for method in options.methods:
        keys = (key_of(options, name, column, method, draw) for draw in range(options.draws))
        found[method] = np.array([cells.get(key, {}).get("error", np.nan) for key in keys])
    return found


def n_stale(cells: Mapping[str, Any]) -> int:
    """Return how many cells are of other settings than the present ones."""
    return sum(key.split("|")[-1] != SIZES[key.split("|")[0]].digest for key in cells if key.split("|")[0] in SIZES)
