"""What held-out images cost, in nats per example, as a table of means with their standard errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A mean over examples, and its standard error."""

    mean: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.standard_error:.2f}"


def estimate(values: np.ndarray) -> Estimate:
    """Return the mean of one value an example, at least two, and the standard error of that mean."""
    values = np.asarray(values, dtype=np.float64)
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def print_terms(columns: Mapping[str, Mapping[str, Estimate]]) -> None:
    """Print a table: a row a term, a column a model; one model needs no name."""
    terms = next(iter(columns.values()))
    width = max(map(len, terms))
    if any(columns):
        print(" " * width + "".join(f"{name:>20}" for name in columns))
    for term in terms:
        print(f"{term:{width}}" + "".join(f"{column[term]!s:>20}" for column in columns.values()))
