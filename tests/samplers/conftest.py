"""What the tests of samplers share: targets with known moments, and the comparison of a trace with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from scratchgen.samplers import diagnostics

FEWEST_EFFECTIVE_DRAWS = 2_000
STANDARD_ERRORS = 5


class Target(NamedTuple):
    """A density in one dimension: its logarithm, the gradient, and E[x], E[x^2], E[x^3]."""

    log_density: Callable[[np.ndarray], np.ndarray]
    grad_log_density: Callable[[np.ndarray], np.ndarray]
    moments: tuple[float, float, float]


def gaussian(s: float = 1.0) -> Target:
    return Target(lambda x: -(x**2).sum(axis=1) / (2 * s**2), lambda x: -x / s**2, (0.0, s**2, 0.0))


def skewed() -> Target:
    """The logarithm of an exponential variable: p(x) = exp(x - e^x), with a long tail to the left."""
    mean, variance, third = -np.euler_gamma, math.pi**2 / 6, -2 * 1.2020569031595942  # central; the last is zeta(3)
    moments = (mean, variance + mean**2, third + 3 * mean * variance + mean**3)
    return Target(lambda x: (x - np.exp(x)).sum(axis=1), lambda x: 1 - np.exp(x), moments)


TARGETS = {"gaussian": gaussian(), "skewed": skewed()}


def check_mean(values: np.ndarray, expected: float) -> None:
    """Demand an effective sample size of `values` (steps, chains), then allow 5 standard errors from `expected`."""
    draws = float(diagnostics.effective_sample_size(values))
    assert draws >= FEWEST_EFFECTIVE_DRAWS
    z = (values.mean() - expected) * math.sqrt(draws) / values.std()
    assert abs(z) < STANDARD_ERRORS, f"{values.mean():.4f} is {z:+.1f} standard errors from {expected:.4f}"


def check_moments(x: np.ndarray, target: Target) -> None:
    """Compare the first three moments of a trace (steps, chains, 1) with those of its target."""
    for power, expected in enumerate(target.moments, start=1):
        check_mean(x[:, :, 0] ** power, expected)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        metafunc.parametrize("target", TARGETS.values(), ids=TARGETS)


@pytest.fixture
def gaussian_target() -> Callable[..., Target]:
    return gaussian


@pytest.fixture
def assert_mean() -> Callable[..., None]:
    return check_mean


@pytest.fixture
def assert_moments() -> Callable[..., None]:
    return check_moments


@pytest.fixture
def start() -> Any:
    return np.random.Generator(np.random.PCG64(0)).normal(size=(50, 3))
