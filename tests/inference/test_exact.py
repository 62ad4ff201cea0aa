"""Exact quantities of small machines against sums over all joint states."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.datasets import load
from scratchgen.errors import BackendError, InputError
from scratchgen.finite_differences import gradcheck
from scratchgen.inference import enumeration
from scratchgen.inference.exact import (
    hidden_distribution,
    kl_to_data,
    log_likelihood_gradient,
    log_partition,
    log_partition_and_gradient,
)
from scratchgen.ops.boltzmann import RBMParams, free_energy_forward

Machine = Callable[..., tuple[np.ndarray, ...]]
Truth = Callable[..., Any]

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
both_layers = pytest.mark.parametrize("units", [(3, 5), (5, 3)], ids=["visible enumerated", "hidden enumerated"])
both_kinds = pytest.mark.parametrize("gaussian", [False, True], ids=["bernoulli", "gaussian"])


def assert_parameters_close(got: RBMParams, expected: tuple[np.ndarray, ...], tolerance: float) -> None:
    assert len(got.log_sigma) == (len(expected[3]) if len(expected) > 3 else 0)
    for name, ours, theirs in zip(got._fields, got, expected, strict=False):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=name)


# ----------------------------------------------------------------------------------------------- log Z and gradient


@both_types
def test_log_partition_sums_over_all_joint_states(machine: Machine, truth: Truth, size: Any, dtype: Any) -> None:
    parameters = machine(*size, scale=2.0, dtype=dtype)
    assert log_partition(*parameters) == pytest.approx(truth(*parameters).log_partition, rel=1e-13)


@both_types
def test_gaussian_log_partition_is_the_integral(machine: Machine, truth: Truth, gaussian_size: Any, dtype: Any) -> None:
    parameters = machine(*gaussian_size, gaussian=True, dtype=dtype)
    assert log_partition(*parameters) == pytest.approx(truth(*parameters).log_partition, rel=1e-12)


@both_types
def test_gradient_of_log_partition_is_an_expectation(machine: Machine, truth: Truth, size: Any, dtype: Any) -> None:
    parameters = machine(*size, dtype=dtype)
    v, h, _ = joint = truth(*parameters)
    expected = (np.einsum("mi,mn,nj->ij", v, joint.p, h), joint.p.sum(axis=1) @ v, joint.p.sum(axis=0) @ h)
    log_z, gradient = log_partition_and_gradient(*parameters)
    assert log_z == log_partition(*parameters)
    assert_parameters_close(gradient, expected, 1e-13 if dtype == np.float64 else 1e-7)
    assert {array.dtype for array in gradient[:3]} == {np.dtype(dtype)}


def test_gradient_of_gaussian_log_partition_is_an_expectation(
    machine: Machine, truth: Truth, gaussian_size: Any
) -> None:
    W, b, c, log_sigma = machine(*gaussian_size, gaussian=True)
    v, h, _ = joint = truth(W, b, c, log_sigma)
    p_v, p_h, variance = joint.p.sum(axis=1), joint.p.sum(axis=0), np.exp(2 * log_sigma)
    v_h = np.einsum("mi,mn,nj->ij", v, joint.p, h)
    second = p_v @ (v - b) ** 2 - 2 * (v_h * W).sum(axis=1)
    expected = (v_h / variance[:, None], (p_v @ v - b) / variance, p_h @ h, second / variance)
    assert_parameters_close(log_partition_and_gradient(W, b, c, log_sigma)[1], expected, 1e-11)


@both_layers
@both_kinds
def test_gradient_of_log_partition_passes_finite_differences(machine: Machine, units: Any, gaussian: bool) -> None:
    parameters = machine(*units, gaussian=gaussian)

    def value(theta: np.ndarray) -> float:
        return log_partition(*unflattened(theta, parameters))

    gradient = log_partition_and_gradient(*parameters)[1]
    assert gradcheck(value, flattened(parameters), flattened(gradient), blocks=RBMParams(*parameters))


def flattened(parameters: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.concatenate([np.ravel(parameter) for parameter in parameters])


def unflattened(theta: np.ndarray, like: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    ends = np.cumsum([parameter.size for parameter in like])[:-1]
    return [part.reshape(parameter.shape) for part, parameter in zip(np.split(theta, ends), like, strict=True)]


@given(st.integers(1, 6), st.integers(1, 6), st.floats(0.1, 30.0), st.integers(0, 5))
def test_exchanging_the_layers_changes_nothing(n_visible: int, n_hidden: int, scale: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    W, b, c = (scale * generator.standard_normal(s) for s in [(n_visible, n_hidden), n_visible, n_hidden])
    log_z, gradient = log_partition_and_gradient(W, b, c)
    log_z_exchanged, exchanged = log_partition_and_gradient(W.T.copy(), c, b)
    assert log_z == pytest.approx(log_z_exchanged, rel=1e-12)
    assert_parameters_close(gradient, (exchanged.W.T, exchanged.c, exchanged.b), 1e-11)


def test_couplings_of_hundreds_of_nats_do_not_overflow(machine: Machine, truth: Truth) -> None:
    parameters = machine(4, 5, scale=400.0)
    assert log_partition(*parameters) == pytest.approx(truth(*parameters).log_partition, rel=1e-13)
    assert all(np.isfinite(gradient).all() for gradient in log_partition_and_gradient(*parameters)[1][:3])


def test_array_api_libraries_get_the_same_numbers(machine: Machine) -> None:
    parameters = machine(5, 3)
    strict = [array_api_strict.asarray(parameter) for parameter in parameters]
    log_z, gradient = log_partition_and_gradient(*parameters)
    strict_log_z, strict_gradient = log_partition_and_gradient(*strict)
    assert strict_log_z == pytest.approx(log_z, rel=1e-14)
    assert_parameters_close(RBMParams(*map(np.asarray, strict_gradient[:3])), gradient, 1e-14)
    np.testing.assert_allclose(np.asarray(hidden_distribution(*strict)), hidden_distribution(*parameters), rtol=1e-13)


# ------------------------------------------------------------------------------------------------- chunks, memory


@pytest.mark.parametrize("chunk", [1, 3, 8, 100])
@both_kinds
def test_chunks_change_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch, chunk: int, gaussian: bool) -> None:
    parameters = machine(6, 5, gaussian=gaussian)
    log_z, gradient = log_partition_and_gradient(*parameters)
    log_p_h = hidden_distribution(*parameters)
    monkeypatch.setattr(enumeration, "_CHUNK_STATES", chunk)
    assert log_partition(*parameters) == pytest.approx(log_z, rel=1e-13)
    assert_parameters_close(log_partition_and_gradient(*parameters)[1], gradient, 1e-12)
    np.testing.assert_allclose(hidden_distribution(*parameters), log_p_h, rtol=1e-12)


@pytest.mark.parametrize("function", [log_partition, log_partition_and_gradient])
def test_memory_does_not_grow_with_the_number_of_states(
    machine: Machine, peak_memory: Callable[..., int], function: Callable[..., Any]
) -> None:
    few, many = (peak_memory(partial(function, *machine(n_units, n_units))) for n_units in (15, 17))
    assert many < 1.25 * few


def test_memory_does_not_grow_with_the_width_of_the_other_layer(
    machine: Machine, peak_memory: Callable[..., int]
) -> None:
    parameters = machine(5000, 11)
    all_states_at_once = 2**11 * 5000 * 8
    assert peak_memory(partial(log_partition, *parameters)) < all_states_at_once


@pytest.mark.parametrize(
    ("n_visible", "n_hidden", "gaussian"), [(784, 500, False), (26, 26, False), (26, 30, False), (3, 26, True)]
)
def test_a_model_too_large_to_enumerate_says_how_large_and_names_ais(
    machine: Machine, n_visible: int, n_hidden: int, gaussian: bool
) -> None:
    parameters = machine(n_visible, n_hidden, gaussian=gaussian)
    message = rf"at most 25 units.*{n_visible} visible and {n_hidden} hidden.*annealed importance sampling \(AIS\)"
    for function in (log_partition, log_partition_and_gradient):
        with pytest.raises(InputError, match=message):
            function(*parameters)
    with pytest.raises(InputError, match=rf"at most 25 units.*{n_hidden} hidden"):
        hidden_distribution(*parameters)


def test_the_limit_is_on_the_layer_that_is_enumerated(machine: Machine) -> None:
    W, b, c = machine(2, 40)
    independent_units = log_partition(0 * W, b, c)
    assert independent_units == pytest.approx(np.logaddexp(0, b).sum() + np.logaddexp(0, c).sum(), rel=1e-13)


def test_a_progress_bar_is_shown_only_on_request(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    parameters = machine(4, 3)
    log_partition(*parameters)
    assert capsys.readouterr().err == ""
    log_partition(*parameters, progress=True)
    assert "8.00/8.00" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------- p(h), KL, data


def test_hidden_distribution_sums_over_visible_states(machine: Machine, truth: Truth, size: Any) -> None:
    parameters = machine(*size)
    expected = np.log(truth(*parameters).p.sum(axis=0))
    np.testing.assert_allclose(hidden_distribution(*parameters), expected, rtol=1e-12, atol=1e-13)


def test_gaussian_hidden_distribution_integrates_over_visible_units(
    machine: Machine, truth: Truth, gaussian_size: Any
) -> None:
    parameters = machine(*gaussian_size, gaussian=True)
    expected = np.log(truth(*parameters).p.sum(axis=0))
    np.testing.assert_allclose(hidden_distribution(*parameters), expected, rtol=1e-11, atol=1e-12)


def test_kl_to_data_is_the_sum_over_states_and_counts_repeated_rows(machine: Machine, truth: Truth, size: Any) -> None:
    parameters = machine(*size)
    joint = truth(*parameters)
    p_v = joint.p.sum(axis=1)
    indices = np.random.default_rng(0).integers(0, len(p_v), 11)
    frequency = np.bincount(indices, minlength=len(p_v)) / 11
    seen = frequency > 0
    expected = float((frequency[seen] * np.log(frequency[seen] / p_v[seen])).sum())
    assert kl_to_data(joint.v[indices], *parameters) == pytest.approx(expected, rel=1e-12)


def test_kl_to_data_vanishes_where_the_model_is_the_data() -> None:
    x = np.array([[1.0], [0.0], [1.0]])
    assert kl_to_data(x, np.zeros((1, 2)), np.log([2.0]), np.array([0.3, -1.0])) == pytest.approx(0, abs=1e-15)


def test_a_hidden_unit_for_each_pattern_reaches_the_ceiling_of_bars_and_stripes() -> None:
    """Unit j adds delta nats where v is pattern j and, for every pixel that differs, takes away a coupling."""
    x = load("bars-and-stripes", size=3).x_train.astype(np.float64)
    coupling, delta = 80.0, 40.0
    parameters = coupling * (2 * x - 1).T, np.zeros(9), delta - coupling * x.sum(axis=1)
    log_likelihood = -free_energy_forward(RBMParams(*parameters), x)[0] - log_partition(*parameters)
    assert log_likelihood.mean() == pytest.approx(-math.log(14), abs=1e-12)
    assert kl_to_data(x, *parameters) == pytest.approx(0, abs=1e-12)


@given(st.floats(0.01, 10.0), st.integers(0, 30))
def test_no_model_exceeds_the_ceiling_of_bars_and_stripes(scale: float, seed: int) -> None:
    x = load("bars-and-stripes", size=3).x_train
    generator = np.random.default_rng(seed)
    parameters = [scale * generator.standard_normal(shape) for shape in [(9, 4), 9, 4]]
    log_likelihood = -free_energy_forward(RBMParams(*parameters), x)[0] - log_partition(*parameters)
    assert log_likelihood.mean() < -math.log(14)
    assert kl_to_data(x, *parameters) == pytest.approx(-math.log(14) - log_likelihood.mean(), rel=1e-6)


@both_layers
@both_kinds
def test_log_likelihood_gradient_passes_finite_differences(machine: Machine, units: Any, gaussian: bool) -> None:
    parameters = machine(*units, gaussian=gaussian)
    x = np.random.default_rng(1).random((4, units[0]))

    def mean_log_likelihood(theta: np.ndarray) -> float:
        at_theta = unflattened(theta, parameters)
        return float(-free_energy_forward(RBMParams(*at_theta), x)[0].mean() - log_partition(*at_theta))

    gradient = log_likelihood_gradient(x, *parameters)
    assert gradcheck(mean_log_likelihood, flattened(parameters), flattened(gradient), blocks=RBMParams(*parameters))


def test_log_likelihood_gradient_vanishes_where_the_model_is_the_data(machine: Machine, truth: Truth) -> None:
    W, b, c = machine(4, 3)
    every_state = truth(W, b, c).v
    gradient = log_likelihood_gradient(every_state, 0 * W, 0 * b, c)
    assert_parameters_close(gradient, (0 * W, 0 * b, 0 * c), 1e-15)


@both_types
def test_gradients_have_the_type_of_the_parameters(machine: Machine, dtype: Any) -> None:
    parameters = machine(3, 2, gaussian=True, dtype=dtype)
    gradient = log_likelihood_gradient(np.ones((2, 3)), *parameters)
    assert {array.dtype for array in gradient} == {np.dtype(dtype)}


# -------------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize("absent", [None, ()], ids=["None", "empty, as in RBMParams"])
def test_an_absent_log_sigma_means_bernoulli_units(machine: Machine, absent: Any) -> None:
    parameters = machine(3, 2)
    assert log_partition(*parameters, absent) == log_partition(*parameters)


def test_inputs_are_unchanged(machine: Machine) -> None:
    parameters, x = machine(3, 5), np.eye(3)
    before = [array.copy() for array in (*parameters, x)]
    log_likelihood_gradient(x, *parameters)
    kl_to_data(x, *parameters)
    hidden_distribution(*parameters)
    for array, old in zip((*parameters, x), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"W": np.zeros(3)}, r"W must have shape \(n_visible, n_hidden\)"),
        ({"W": np.zeros((3, 0)), "c": np.zeros(0)}, "both at least 1"),
        ({"b": np.zeros(2)}, r"b must have shape \(3,\)"),
        ({"c": np.zeros(3)}, r"c must have shape \(2,\)"),
        ({"c": np.zeros((2, 1))}, r"c must have shape \(2,\)"),
        ({"log_sigma": np.zeros(2)}, r"log_sigma must have shape \(3,\)"),
        ({"log_sigma": np.array(0.0)}, r"log_sigma must have shape \(3,\)"),
        ({"b": np.zeros(3, dtype=np.float32)}, "as W is"),
        ({"W": np.zeros((3, 2), dtype=np.int64)}, "float32 or float64"),
        ({"W": np.full((3, 2), np.nan)}, "W has NaN or infinite"),
        ({"c": np.array([0.0, np.inf])}, "c has NaN or infinite"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    parameters = {"W": np.zeros((3, 2)), "b": np.zeros(3), "c": np.zeros(2)} | changes
    with pytest.raises(InputError, match=message):
        log_partition(**parameters)


def test_arrays_of_two_libraries_are_refused(machine: Machine) -> None:
    W, b, c = machine(3, 2)
    with pytest.raises(BackendError, match="mixed"):
        log_partition(array_api_strict.asarray(W), b, c)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((2, 3), 0.5), "each unit 0 or 1.*binarise"),
        (np.full((2, 3), 2.0), r"must lie in \[0, 1\]"),
        (np.zeros((2, 4)), r"\(n, 3\)"),
        (np.zeros((0, 3)), "no rows"),
        (np.full((2, 3), np.nan), "NaN"),
    ],
)
def test_kl_to_data_refuses_what_is_no_state(machine: Machine, x: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kl_to_data(x, *machine(3, 2))
