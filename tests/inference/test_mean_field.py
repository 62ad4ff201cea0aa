"""The mean-field bound: below log Z, ascending, and the free energy of the fields that it comes with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.errors import InputError
from scratchgen.inference.exact import log_partition
from scratchgen.inference.mean_field import mean_field_lower_bound
from scratchgen.random import Stream

Machine = Callable[..., tuple[np.ndarray, ...]]
Truth = Callable[..., Any]

both_kinds = pytest.mark.parametrize("gaussian", [False, True], ids=["bernoulli", "gaussian"])


def bound_of(parameters: tuple[np.ndarray, ...], **options: Any) -> Any:
    return mean_field_lower_bound(*parameters[:3], Stream(0), log_sigma=(*parameters, None)[3], **options)


def binary_entropy(p: np.ndarray) -> float:
    return float(-(p * np.log(p) + (1 - p) * np.log1p(-p)).sum())


def test_bound_is_below_the_sum_over_all_joint_states(machine: Machine, truth: Truth, size: Any) -> None:
    parameters = machine(*size)
    exact = truth(*parameters).log_partition
    assert exact - 2.0 < bound_of(parameters).log_partition < exact


@given(st.floats(0.01, 50.0), st.integers(0, 20), st.booleans())
def test_bound_never_exceeds_log_partition_and_never_falls(scale: float, seed: int, gaussian: bool) -> None:
    generator = np.random.default_rng(seed)
    W, b, c = (scale * generator.standard_normal(shape) for shape in [(6, 5), 6, 5])
    parameters = (W, b, c, 0.3 * generator.standard_normal(6)) if gaussian else (W, b, c)
    exact, bound = log_partition(*parameters), bound_of(parameters, n_starts=5)
    rounding = 1e-13 * (1 + np.abs(bound.ascent).max())
    assert bound.log_partition <= exact + rounding
    assert np.diff(bound.ascent, axis=0).min(initial=0.0) >= -rounding


@both_kinds
def test_bound_is_tight_without_couplings(machine: Machine, gaussian: bool) -> None:
    W, *others = machine(5, 4, gaussian=gaussian)
    parameters = (0 * W, *others)
    assert bound_of(parameters).log_partition == pytest.approx(log_partition(*parameters), rel=1e-14)


@pytest.mark.parametrize("max_iterations", [1, 1000], ids=["first iteration", "converged"])
def test_bound_is_the_mean_energy_and_entropy_of_its_fields(machine: Machine, max_iterations: int) -> None:
    W, b, c = parameters = machine(6, 4)
    bound, v, h, _ = bound_of(parameters, max_iterations=max_iterations)
    expected = v @ b + h @ c + v @ W @ h + binary_entropy(v) + binary_entropy(h)
    assert bound == pytest.approx(expected, rel=1e-12)


def test_gaussian_bound_is_the_mean_energy_and_entropy_of_its_fields(machine: Machine) -> None:
    W, b, c, log_sigma = parameters = machine(6, 4, gaussian=True)
    bound, v, h, _ = bound_of(parameters, max_iterations=2)
    variance = np.exp(2 * log_sigma)
    minus_energy = -(((v - b) ** 2 + variance) / (2 * variance)).sum() + h @ c + (v / variance) @ W @ h
    entropy = 0.5 * np.log(2 * np.pi * np.e * variance).sum() + binary_entropy(h)
    assert bound == pytest.approx(minus_energy + entropy, rel=1e-12)


@both_kinds
def test_fields_are_a_fixed_point(machine: Machine, gaussian: bool) -> None:
    parameters = machine(6, 4, gaussian=gaussian)
    W, b, c = parameters[:3]
    _, v, h, ascent = bound_of(parameters)
    assert len(ascent) < 1000
    variance = np.exp(2 * parameters[3]) if gaussian else 1.0
    v_field = b + W @ h
    np.testing.assert_allclose(v, v_field if gaussian else 1 / (1 + np.exp(-v_field)), rtol=1e-12)
    np.testing.assert_allclose(h, 1 / (1 + np.exp(-(c + (v / variance) @ W))), rtol=1e-4)


def test_the_best_of_several_starts_is_returned() -> None:
    """Two modes of unequal weight, each with a basin of its own."""
    W, b, c = np.full((4, 4), 4.0), np.full(4, -8.0), np.full(4, -7.5)
    bound = bound_of((W, b, c), n_starts=30)
    assert np.ptp(bound.ascent[-1]) > 1.0
    assert (bound.ascent[-1] - bound.ascent[-2]).max() <= 1e-10
    assert bound.log_partition == bound.ascent[-1].max()
    assert bound.ascent.shape[1] == 30
    np.testing.assert_array_less(0.9, bound.v_mean)


def test_float32_parameters_are_computed_in_float64(machine: Machine) -> None:
    single = machine(6, 4, dtype=np.float32)
    double = tuple(parameter.astype(np.float64) for parameter in single)
    assert bound_of(single).log_partition == bound_of(double).log_partition


@pytest.mark.parametrize(
    ("options", "message"),
    [({"n_starts": 0}, "n_starts must be an integer >= 1"), ({"max_iterations": 0}, "max_iterations must be")],
)
def test_counts_must_be_positive(machine: Machine, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bound_of(machine(3, 2), **options)
