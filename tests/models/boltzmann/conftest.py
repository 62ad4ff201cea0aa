"""Machines with random parameters, and the truth about them: sums over all joint states."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import scratchgen as sg

KINDS = {
    "bernoulli": {},
    "gaussian": {"visible": "gaussian", "sigma": 0.6},
    "learned sigma": {"visible": "gaussian", "sigma": "learned"},
}


class Joint(NamedTuple):
    """Energies of all pairs (len(v), len(h)), and the joint probability where v are all the states."""

    v: np.ndarray
    h: np.ndarray
    energy: np.ndarray

    @property
    def p(self) -> np.ndarray:
        weights = np.exp(-(self.energy - self.energy.min()))
        return weights / weights.sum()


def all_states(n_units: int) -> np.ndarray:
    return np.array(list(itertools.product((0.0, 1.0), repeat=n_units)))


def draw_rbm(n_visible: int, n_hidden: int, *, scale: float = 1.0, **settings: Any) -> sg.RBM:
    rbm = sg.RBM(n_visible, n_hidden, **{"dtype": "float64", "backend": "numpy"} | settings)
    rbm.theta[...] = scale * np.random.default_rng([1, n_visible, n_hidden]).standard_normal(rbm.theta.shape)
    if settings.get("sigma") == "learned":
        rbm.params.log_sigma[...] *= 0.4
    return rbm


def enumerate_joint(rbm: sg.RBM, v: np.ndarray | None = None) -> Joint:
    """Take all visible states, or the rows of v."""
    W, b, c = rbm.W, rbm.b, rbm.c
    v, h = all_states(rbm.n_visible) if v is None else v, all_states(rbm.n_hidden)
    if rbm.visible == "bernoulli":
        s, of_v_alone = 1.0, -(v @ b)
    else:
        s = np.exp(rbm.params.log_sigma) if rbm.sigma == "learned" else rbm.sigma
        of_v_alone = ((v - b) ** 2 / (2 * s**2)).sum(axis=1)
    coupling = np.einsum("mi,ij,nj->mn", v / s**2, W, h, optimize=True)
    return Joint(v, h, of_v_alone[:, None] - h @ c - coupling)


def make_grid(halfwidth: float, n_points: int, n_units: int) -> tuple[np.ndarray, float]:
    """Return points (n_points^n_units, n_units) about 0, and the volume that each stands for."""
    axis = np.linspace(-halfwidth, halfwidth, n_points)
    return np.array(list(itertools.product(axis, repeat=n_units))), (float(axis[1] - axis[0])) ** n_units


def draw_rows(rbm: sg.RBM, n: int = 5) -> np.ndarray:
    generator = np.random.default_rng(4)
    shape = (n, rbm.n_visible)
    return generator.random(shape) if rbm.visible == "bernoulli" else generator.normal(size=shape)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", KINDS.values(), ids=KINDS)


@pytest.fixture
def random_rbm() -> Callable[..., sg.RBM]:
    return draw_rbm


@pytest.fixture
def joint() -> Callable[..., Joint]:
    return enumerate_joint


@pytest.fixture
def states() -> Callable[[int], np.ndarray]:
    return all_states


@pytest.fixture
def grid() -> Callable[..., tuple[np.ndarray, float]]:
    return make_grid


@pytest.fixture
def some_rows() -> Callable[..., np.ndarray]:
    return draw_rows
