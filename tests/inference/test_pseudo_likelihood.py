"""The pseudo-log-likelihood against conditionals of the table of all joint states."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from scratchgen.errors import InputError
from scratchgen.inference import pseudo_likelihood
from scratchgen.inference.pseudo_likelihood import pseudo_log_likelihood

Machine = Callable[..., tuple[np.ndarray, ...]]
Truth = Callable[..., Any]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 5.0, 100.0])
def test_it_sums_the_log_conditionals_of_every_visible_unit(
    machine: Machine, truth: Truth, size: Any, scale: float, dtype: Any
) -> None:
    parameters = machine(*size, scale=scale, dtype=dtype)
    v, _, minus_energy = truth(*parameters)
    log_p = np.logaddexp.reduce(minus_energy, axis=1)
    numbers = np.arange(len(v))
    expected = sum(log_p - np.logaddexp(log_p, log_p[numbers ^ (1 << i)]) for i in range(size[0]))
    got = pseudo_log_likelihood(v, *parameters)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * scale)


def test_it_is_the_log_likelihood_of_independent_units(machine: Machine) -> None:
    W, b, c = machine(6, 4)
    v = (np.random.default_rng(0).random((9, 6)) < 0.5).astype(float)
    log_likelihood = v @ b - np.logaddexp(0, b).sum()
    np.testing.assert_allclose(pseudo_log_likelihood(v, 0 * W, b, c), log_likelihood, rtol=1e-13)


@pytest.mark.parametrize("n_rows", [1, 2, 4])
def test_a_row_does_not_depend_on_its_batch(machine: Machine, monkeypatch: pytest.MonkeyPatch, n_rows: int) -> None:
    parameters = machine(5, 3)
    v = (np.random.default_rng(0).random((9, 5)) < 0.5).astype(np.float32)
    whole = pseudo_log_likelihood(v, *parameters)
    monkeypatch.setattr(pseudo_likelihood, "_CHUNK_ELEMENTS", 3 * n_rows)
    np.testing.assert_allclose(pseudo_log_likelihood(v, *parameters), whole, rtol=1e-14)
    np.testing.assert_allclose(pseudo_log_likelihood(v[4:5], *parameters), whole[4:5], rtol=1e-14)


def test_memory_holds_no_array_of_rows_by_visible_by_hidden_units(
    machine: Machine, peak_memory: Callable[..., int]
) -> None:
    n, n_visible, n_hidden = 1000, 100, 120
    parameters = machine(n_visible, n_hidden)
    v = np.ones((n, n_visible))
    assert peak_memory(partial(pseudo_log_likelihood, v, *parameters)) < n * n_visible * n_hidden * 8 / 20


def test_inputs_are_unchanged(machine: Machine) -> None:
    arrays = (np.eye(4), *machine(4, 3))
    before = [array.copy() for array in arrays]
    pseudo_log_likelihood(*arrays)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("v", "message"),
    [(np.full((1, 4), 0.5), "v must hold states"), (np.zeros((1, 3)), r"\(n, 4\)"), (np.zeros(4), r"\(n, 4\)")],
)
def test_what_is_no_visible_state_is_refused(machine: Machine, v: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pseudo_log_likelihood(v, *machine(4, 3))
