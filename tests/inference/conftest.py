"""Small machines, and the truth about them: sums over all joint states, and integrals on a grid."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

Parameters = tuple[np.ndarray, ...]  # W, b, c, and log_sigma for Gaussian visible units

SIZES = ((1, 1), (3, 2), (4, 3), (5, 7), (7, 4))
GAUSSIAN_SIZES = ((1, 1), (2, 3), (1, 5))


class Truth(NamedTuple):
    """A machine's joint distribution over a table of visible states (or grid points) and one of hidden states.

    `minus_energy` (len(v), len(h)) has the logarithm of a grid point's volume added for Gaussian visible units.
    """

    v: np.ndarray
    h: np.ndarray
    minus_energy: np.ndarray

    @property
    def log_partition(self) -> float:
        return float(np.logaddexp.reduce(self.minus_energy, axis=None))

    @property
    def p(self) -> np.ndarray:
        return np.exp(self.minus_energy - self.log_partition)


def draw(
    n_visible: int, n_hidden: int, *, gaussian: bool = False, scale: float = 1.0, dtype: Any = np.float64, seed: int = 0
) -> Parameters:
    generator = np.random.default_rng([seed, n_visible, n_hidden])
    shapes = [(n_visible, n_hidden), (n_visible,), (n_hidden,)]
    parameters = [scale * generator.standard_normal(shape) for shape in shapes]
    if gaussian:
        parameters.append(0.4 * generator.standard_normal(n_visible))
    return tuple(parameter.astype(dtype) for parameter in parameters)


def all_states(n_units: int) -> np.ndarray:
    """State k has unit j at bit j of k."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=n_units)))[:, ::-1]


def enumerate_joint(W: np.ndarray, b: np.ndarray, c: np.ndarray) -> Truth:
    W, b, c = (parameter.astype(np.float64) for parameter in (W, b, c))
    v, h = all_states(len(b)), all_states(len(c))
    minus_energy = (v @ b)[:, None] + (h @ c)[None, :] + np.einsum("mi,ij,nj->mn", v, W, h)
    return Truth(v, h, minus_energy)


def integrate_joint(W: np.ndarray, b: np.ndarray, c: np.ndarray, log_sigma: np.ndarray) -> Truth:
    """Use the trapezoidal rule, whose error on Gaussians falls faster than any power of the spacing."""
    W, b, c, sigma = (parameter.astype(np.float64) for parameter in (W, b, c, np.exp(log_sigma.astype(np.float64))))
    h = all_states(len(c))
    means = b + h @ W.T
    axes = [np.arange(m.min() - 9 * s, m.max() + 9 * s, s / 4) for m, s in zip(means.T, sigma, strict=True)]
    v = np.array(list(itertools.product(*axes)))
    quadratic = 0.5 * (((v - b) / sigma) ** 2).sum(axis=1)
    coupling = np.einsum("mi,ij,nj->mn", v / sigma**2, W, h)
    return Truth(v, h, -quadratic[:, None] + (h @ c)[None, :] + coupling + np.log(sigma / 4).sum())


def measure_peak(function: Callable[[], Any]) -> int:
    """Return the largest number of bytes allocated at a time."""
    function()  # what is loaded or compiled at the first call does not count
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument, table in {"size": SIZES, "gaussian_size": GAUSSIAN_SIZES}.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, table, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture
def machine() -> Callable[..., Parameters]:
    return draw


@pytest.fixture
def truth() -> Callable[..., Truth]:
    return lambda *parameters: (enumerate_joint if len(parameters) == 3 else integrate_joint)(*parameters)


@pytest.fixture
def peak_memory() -> Callable[[Callable[[], Any]], int]:
    return measure_peak
