"""Two figures for each data set: the accuracy over the number of labels, and the latent spaces coloured by label."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.few_labels.experiment import errors
from benchmarks.few_labels.methods import METHODS, Fitted
from benchmarks.few_labels.task import SPLIT, Task, divided, n_of_split
from scratchgen import plots

PANELS = {  # the methods that have codes of their own
    "(c) VAE codes, logistic regression": "VAE of (c)",
    "(d) M1 + logistic regression": "M1",
    "(e) PC-VAE": "PC-VAE",
    "(e) PC-VAE, consistent": "PC-VAE, consistent",
    "M2": "M2, style",
    "M1 + M2": "M1 + M2, style",
    "CVAE, Bayes' rule": "CVAE, style",
}


def draw(
    options: argparse.Namespace, cells: Mapping[str, Any], task: Task, name: str, fitted: Mapping[str, Fitted]
) -> list[Path]:
    """Write the figures that the cells and the methods allow, and return their paths."""
    figures = {
        "accuracy": accuracies(options, cells, task, name),
        "latent-spaces": latent_spaces(options, task, fitted),
    }
    options.pictures.mkdir(parents=True, exist_ok=True)
    paths = []
    for what, figure in figures.items():
        if figure is not None:
            paths.append(options.pictures / f"{name}-{what}.png")
            figure.savefig(paths[-1], dpi=150)
    return paths


def accuracies(options: argparse.Namespace, cells: Mapping[str, Any], task: Task, name: str) -> Figure | None:
    """Draw the accuracy of each method over the number of labels; an 80/20 split has as many as it has examples."""
    numbers = [n_of_split(task.data) if column == SPLIT else int(column) for column in options.labels]
    by_column = [errors(cells, options, name, column) for column in options.labels]
    values = {method: 100 - np.array([found[method] for found in by_column]) for method in options.methods}
    there = {method: rows for method, rows in values.items() if np.isfinite(rows).any()}
    return plots.against_labels(numbers, there, "test accuracy, %") if there else None


def latent_spaces(options: argparse.Namespace, task: Task, fitted: Mapping[str, Fitted]) -> Figure | None:
    """Draw the codes of the test images, of models that learnt from draw 0 of the first number of labels.

    A model that is not there, because its cell was, is trained again.
    """
    column = options.labels[0]
    trained = {} if column == SPLIT else task.trained
    own = replace(task, data=divided(task.data, column, 0), trained=trained)
    means = {}
    for method, panel in PANELS.items():
        if method in options.methods:
            found = fitted[method] if method in fitted else METHODS[method](own, own.labels(column, 0))
            means[panel] = found.codes(own.data.x_test)
    return plots.compared_latent_clusters(means, own.data.y_test) if means else None
