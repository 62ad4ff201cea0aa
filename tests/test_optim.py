"""Optimisers against the textbook, step by step in float64."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from scratchgen import SGD, Adam, InputError
from scratchgen.backend import Backend
from scratchgen.optim import check_optimizer

RTOL = {"float32": 2e-6, "float64": 1e-14}
SCALES = np.array([1e-12, 1e-8, 1e-3, 1.0, 1e3, 0.0, 1.0])  # of the gradient: beside, far above and below epsilon


def gradients(n_steps: int, dtype: str) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.standard_normal((n_steps, SCALES.size)) * SCALES).astype(dtype)


def textbook_adam(theta: np.ndarray, optimizer: Adam, rates: list[float], dtype: str) -> np.ndarray:
    """Algorithm 1 of Kingma and Ba."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, (rate, g) in enumerate(zip(rates, gradients(len(rates), dtype).astype(float), strict=True), start=1):
        m = optimizer.beta1 * m + (1 - optimizer.beta1) * g
        v = optimizer.beta2 * v + (1 - optimizer.beta2) * g**2
        m_hat, v_hat = m / (1 - optimizer.beta1**t), v / (1 - optimizer.beta2**t)
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + optimizer.epsilon)
    return theta


def textbook_sgd(theta: np.ndarray, optimizer: SGD, rates: list[float], dtype: str) -> np.ndarray:
    velocity = np.zeros_like(theta)
    for rate, g in zip(rates, gradients(len(rates), dtype).astype(float), strict=True):
        velocity = optimizer.momentum * velocity + g
        theta = theta - rate * velocity
    return theta


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer", [Adam(0.1), Adam(0.1, 0.5, 0.9, 1e-3), Adam(0.1, 0.0, 0.0), SGD(0.1), SGD(0.1, 0.9)]
)
def test_ten_steps_are_those_of_the_textbook(backend: Backend, optimizer: Any, dtype: str) -> None:
    rates = [0.1 * (1 + step) for step in range(10)]  # a schedule: a step counts from 0
    scheduled = dataclasses.replace(optimizer, learning_rate=lambda step: 0.1 * (1 + step))
    theta = np.linspace(-1, 1, SCALES.size).astype(dtype)
    textbook = textbook_adam if isinstance(optimizer, Adam) else textbook_sgd
    expected = textbook(theta.astype(float), optimizer, rates, dtype)
    state = scheduled.start(theta, backend.xp)
    for n_before, gradient in enumerate(gradients(10, dtype)):
        assert state.n_steps == n_before
        given = gradient.copy()
        scheduled.step_(theta, given, state, backend)
        np.testing.assert_array_equal(given, gradient)
    np.testing.assert_allclose(theta, expected, rtol=RTOL[dtype], atol=RTOL[dtype] * np.abs(expected).max())
    assert theta.dtype == dtype


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient(backend: Backend) -> None:
    theta = np.zeros(3)
    Adam(0.25).step_(theta, np.array([1e-3, -1.0, 1e5]), state := Adam(0.25).start(theta, backend.xp), backend)
    np.testing.assert_allclose(theta, [-0.25, 0.25, -0.25], rtol=1e-4)
    assert state.n_steps == 1


@pytest.mark.parametrize("optimizer", [Adam(), SGD()])
def test_the_state_starts_at_zero_in_the_type_of_the_parameters(optimizer: Any) -> None:
    theta = np.ones(5, dtype=np.float32)
    state = optimizer.start(theta, np)
    assert state.n_steps == 0
    for array in state.arrays.values():
        assert (array.dtype, array.shape) == (theta.dtype, theta.shape)
        assert not array.any()
        assert not np.shares_memory(array, theta)


def test_optimisers_are_compared_by_their_settings_and_cannot_be_changed() -> None:
    assert Adam(1e-3) == Adam(1e-3) != Adam(2e-3)
    assert SGD(0.1) != Adam(0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Adam().learning_rate = 1.0


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        *((Adam, {"learning_rate": bad}) for bad in (-1e-3, math.nan, math.inf, "fast", None, True)),
        *((Adam, {"beta1": bad}) for bad in (1.0, -0.1, math.nan, None, False)),
        *((Adam, {"beta2": bad}) for bad in (1.0, -0.1, "x")),
        *((Adam, {"epsilon": bad}) for bad in (0.0, -1e-8, math.nan, math.inf, None, "x", True)),
        *((SGD, {"learning_rate": bad}) for bad in (-1e-3, math.nan)),
        *((SGD, {"momentum": bad}) for bad in (1.0, -0.1, math.nan, None)),
    ],
)
def test_bad_settings_are_refused_by_name(kind: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(settings))} must be "):
        kind(**settings)


@pytest.mark.parametrize("thing", ["adam", Adam, None, 1e-3])
def test_what_is_no_optimiser_is_refused(thing: Any) -> None:
    with pytest.raises(InputError, match=r"optimizer must be Adam\(\.\.\.\) or SGD\(\.\.\.\)"):
        check_optimizer(thing)
