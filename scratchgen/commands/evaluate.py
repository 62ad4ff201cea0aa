"""``scratchgen evaluate``: what the test images of a data set cost under a trained model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchgen import datasets
from scratchgen.backend import to_numpy
from scratchgen.checkpoint import load
from scratchgen.commands.announcements import announce_backend
from scratchgen.commands.families import family_of
from scratchgen.commands.options import Evaluation
from scratchgen.commands.terms import estimate, print_terms
from scratchgen.commands.words import numbers_of
from scratchgen.datasets import Dataset
from scratchgen.errors import InputError
from scratchgen.models.model import Model


def evaluate_weights(
    weights: Path, data_name: str, evaluation: Evaluation, limit: int | None, backend_name: str, progress: bool
) -> None:
    """Print what the first `limit` test images cost.

    Raises
    ------
    FileFormatError
        `weights` is not a whole weights file.
    InputError
        The data set is unknown, cannot be had, or has examples of another size.
    """
    model = load(weights, announce_backend(backend_name))
    data = datasets.load(data_name)
    _check_fit(family_of(model).visible(model).n, data, weights)
    n, n_all = len(data.x_test[:limit]), len(data.x_test)
    of_all = "" if n == n_all else f" (the first of {n_all:,})"
    # a fit in closed form takes no step
    trained = f"after epoch {model.epoch}" if model.step or not model.epoch else "fitted in closed form"
    print(f"{weights}: {family_of(model).describe(model)}, {trained}")
    heading = f"{n:,} test {data.example}s{of_all}"
    if family_of(model).predict is not None and data.y_test is not None:
        print_errors(model, {f"{data.name}: {heading}": (data.x_test[:limit], data.y_test[:limit])})
        print()
    print_costs(model, data, f"{data.name}: {heading}", evaluation, progress, limit)


def print_errors(model: Any, examples: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Print which share of each set of examples (x, y) is classified rightly and wrongly, in per cent."""
    predict, width = family_of(model).predict, max(map(len, (*examples, "classified, %")))
    assert predict is not None
    print(f"{'classified, %':{width}}   rightly   wrongly, ± standard error")
    for name, (x, y) in examples.items():
        wrong = estimate(100.0 * (to_numpy(predict(model, x)) != y))
        print(f"{name:{width}}  {100 - wrong.mean:8.2f}   {wrong}")


def print_costs(
    model: Model, data: Dataset, heading: str, evaluation: Evaluation, progress: bool, limit: int | None = None
) -> None:
    """Print, under `heading`, what the first `limit` test images cost, by default all, and how to read that."""
    x, family = data.x_test[:limit], family_of(model)
    held_out = family.held_out(model, x, evaluation, progress)
    print(f"{heading}; nats per {data.example}, mean ± standard error over the {data.example}s")
    print_terms({"": {**held_out.terms, **family.beside(model, data.x_train, x)}})
    for remark in held_out.remarks:
        print(remark)


def _check_fit(n_visible: int, data: Dataset, weights: Path) -> None:
    n_features = data.x_test.shape[1]
    if n_features == n_visible:
        return
    fitting = [entry.name for entry in datasets.available() if entry.n_features == n_visible]
    advice = f"choose --data {' or '.join(fitting)}" if fitting else "no data set here has so many"
    numbers = numbers_of(n_visible)
    raise InputError(f"{weights} is a model of {n_visible} {numbers}, {data.name} has {n_features}: {advice}")
