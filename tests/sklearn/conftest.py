"""Data for the estimators."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """The first 300 digits, grey, in float64."""
    return sg.datasets.load("digits").x_train[:300].astype(np.float64)


@pytest.fixture(scope="session")
def states(digits: np.ndarray) -> np.ndarray:
    return np.asarray(digits > 0.5, dtype=np.float64)
