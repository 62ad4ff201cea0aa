"""Annealed importance sampling against enumeration: weights, transitions, errors, both directions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from scratchgen.errors import InputError
from scratchgen.inference.ais import (
    PartitionEstimate,
    annealed_importance_sampling,
    reverse_annealed_importance_sampling,
)
from scratchgen.inference.exact import log_partition
from scratchgen.inference.exact_sampling import exact_samples
from scratchgen.random import Stream

Machine = Callable[..., tuple[np.ndarray, ...]]
Truth = Callable[..., Any]

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
both_kinds = pytest.mark.parametrize("gaussian", [False, True], ids=["bernoulli", "gaussian"])
both_directions = pytest.mark.parametrize("direction", ["forward", "reverse"])


def estimate(
    parameters: tuple[np.ndarray, ...], seed: int, direction: str = "forward", n_chains: int = 100, **options: Any
) -> PartitionEstimate:
    W, b, c, log_sigma = (*parameters, None)[:4]
    stream = Stream(seed)
    if direction == "forward":
        return annealed_importance_sampling(W, b, c, stream, n_chains, log_sigma=log_sigma, **options)
    samples = exact_samples(W, b, c, stream.child(0), n_chains, log_sigma=log_sigma)
    return reverse_annealed_importance_sampling(W, b, c, stream, samples, log_sigma=log_sigma, **options)


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


# --------------------------------------------------------------------------------------------------------- weights


def marginal_on_path(truth: Truth, parameters: tuple[np.ndarray, ...], base_bias: np.ndarray, beta: float) -> Any:
    """Return the visible states and log p*_beta(v), from the table of all joint states."""
    W, b, c = parameters
    joint = truth(W, b, c)
    minus_energy = (1 - beta) * (joint.v @ base_bias)[:, None] + beta * joint.minus_energy
    return joint.v, np.logaddexp.reduce(minus_energy, axis=1)


@both_types
@pytest.mark.parametrize("scale", [1.0, 300.0], ids=["moderate", "hundreds of nats"])
def test_one_step_is_importance_sampling_from_the_base(
    machine: Machine, truth: Truth, size: Any, dtype: Any, scale: float
) -> None:
    parameters = machine(*size, scale=scale, dtype=dtype)
    base_bias = np.linspace(-1.0, 1.5, size[0]).astype(dtype)
    v, log_base = marginal_on_path(truth, parameters, base_bias, 0.0)
    _, log_model = marginal_on_path(truth, parameters, base_bias, 1.0)
    expected = np.logaddexp.reduce(log_base) + log_model - log_base  # each state's own estimate of log Z
    if size == (1, 1):
        v, expected = np.repeat(v, 2, axis=0), np.repeat(expected, 2)  # two chains at least
    reverse = reverse_annealed_importance_sampling(*parameters, Stream(0), v, [0, 1], base_bias)
    tolerance = 1e-12 if dtype == np.float64 else 2e-6
    np.testing.assert_allclose(reverse.log_weights, expected, rtol=tolerance, atol=tolerance * scale)

    forward = annealed_importance_sampling(*parameters, Stream(0), 500, [0, 1], base_bias)
    found = np.abs(forward.log_weights[:, None] - expected).argmin(axis=1)
    np.testing.assert_allclose(forward.log_weights, expected[found], rtol=tolerance, atol=tolerance * scale)
    assert len(np.unique(found)) > 1


def test_gaussian_one_step_is_importance_sampling_from_the_base(machine: Machine, truth: Truth) -> None:
    W, b, c, log_sigma = machine(2, 3, gaussian=True)
    base_bias, sigma = np.array([0.4, -1.0]), np.exp(log_sigma)
    v, _, minus_energy = joint = truth(W, b, c, log_sigma)
    rows = np.random.default_rng(0).integers(0, len(v), 50)
    log_cell = np.log(sigma / 4).sum()  # of the grid, which is part of `minus_energy`
    log_model = np.logaddexp.reduce(minus_energy[rows], axis=1) - log_cell
    log_base = -0.5 * (((v[rows] - base_bias) / sigma) ** 2).sum(axis=1) - np.log(2 * np.pi * sigma**2).sum() / 2
    got = reverse_annealed_importance_sampling(W, b, c, Stream(0), v[rows], [0, 1], base_bias, log_sigma=log_sigma)
    np.testing.assert_allclose(got.log_weights, log_model - log_base, rtol=1e-12)
    assert joint.log_partition == pytest.approx(log_partition(W, b, c, log_sigma), rel=1e-12)


def test_weights_of_float32_chains_lose_nothing_over_thousands_of_steps(machine: Machine) -> None:
    """The same uniforms drive both; a chain that goes another way has another weight, but few do."""
    single = machine(6, 40, scale=0.5, dtype=np.float32)
    double = tuple(parameter.astype(np.float64) for parameter in single)
    in_single, in_double = (
        estimate(parameters, 0, n_chains=40, inverse_temperatures=np.linspace(0, 1, 3001)).log_weights
        for parameters in (single, double)
    )
    assert in_single.dtype == np.float64
    assert np.median(np.abs(in_single - in_double)) < 1e-6


# ----------------------------------------------------------------------------------------------------- transitions


def transition_matrix(W: np.ndarray, b: np.ndarray, c: np.ndarray, b_0: np.ndarray, beta: float, joint: Any) -> Any:
    """Return T[v, v'] of one sweep v -> h -> v' under p_beta, by summing over all hidden states."""
    v, h, _ = joint
    on_h, on_v = sigmoid(beta * (v @ W + c)), sigmoid((1 - beta) * b_0 + beta * (h @ W.T + b))
    p_h = np.prod(np.where(h[None] > 0, on_h[:, None], 1 - on_h[:, None]), axis=2)  # (v, h)
    p_v = np.prod(np.where(v[None] > 0, on_v[:, None], 1 - on_v[:, None]), axis=2)  # (h, v')
    return p_h @ p_v


@pytest.mark.parametrize("start", [0, 5, 15])
def test_mean_weight_from_one_state_is_that_of_the_exact_transition_matrix(
    machine: Machine, truth: Truth, start: int
) -> None:
    parameters = machine(4, 3, scale=1.5)
    base_bias = np.array([0.5, -1.0, 0.0, 1.0])
    joint = truth(*parameters)
    betas = [0.0, 0.4, 0.7, 1.0]
    log_p = [marginal_on_path(truth, parameters, base_bias, beta)[1] for beta in betas]
    expected = np.ones(16)  # of the rest of the way, from each state
    for k in (1, 2):
        matrix = transition_matrix(*parameters, base_bias, betas[k], joint)
        expected = matrix @ (np.exp(log_p[k - 1] - log_p[k]) * expected)
    expected *= np.exp(log_p[2] - log_p[3])
    n = 100_000
    got = reverse_annealed_importance_sampling(
        *parameters, Stream(start), np.tile(joint.v[start], (n, 1)), betas, base_bias
    )
    weights = np.exp(np.logaddexp.reduce(log_p[0]) - got.log_weights)
    assert abs(weights.mean() - expected[start]) < 4 * weights.std() / math.sqrt(n)
    assert weights.std() / math.sqrt(n) < 0.01 * expected[start]


@pytest.mark.parametrize("gaussian_and_units", [(False, (1, 1)), (False, (3, 2)), (False, (4, 3)), (True, (2, 3))])
@both_directions
@both_types
def test_weights_are_unbiased(
    machine: Machine, gaussian_and_units: tuple[bool, Any], direction: str, dtype: Any
) -> None:
    gaussian, units = gaussian_and_units
    parameters = machine(*units, gaussian=gaussian, dtype=dtype)
    base_bias = np.linspace(-0.5, 0.5, units[0])
    betas = [0, 0.25, 0.5, 0.75, 1]
    result = estimate(parameters, 7, direction, 50_000, inverse_temperatures=betas, base_bias=base_bias)
    exact = log_partition(*parameters)
    sign = 1 if direction == "forward" else -1
    weights = np.exp(sign * (result.log_weights - exact))  # their mean is 1
    assert result.effective_sample_size > 2000
    assert abs(weights.mean() - 1) < 4 * weights.std() / math.sqrt(len(weights))


# -------------------------------------------------------------------------------------------- estimates and errors


@both_kinds
@both_directions
def test_19_of_20_runs_lie_within_three_standard_errors(machine: Machine, gaussian: bool, direction: str) -> None:
    parameters = machine(8, 6, gaussian=gaussian, scale=0.8, dtype=np.float32)
    exact = log_partition(*parameters)
    betas = np.linspace(0, 1, 101)
    results = [estimate(parameters, seed, direction, inverse_temperatures=betas) for seed in range(20)]
    hits = [abs(result.log_partition - exact) < 3 * result.standard_error for result in results]
    assert sum(hits) >= 19
    assert max(result.standard_error for result in results) < 0.25


def test_standard_error_is_the_spread_of_the_estimate(machine: Machine) -> None:
    parameters = machine(6, 5)
    runs = [estimate(parameters, seed, inverse_temperatures=np.linspace(0, 1, 11)) for seed in range(150)]
    spread = np.std([run.log_partition for run in runs])
    assert np.mean([run.standard_error for run in runs]) == pytest.approx(spread, rel=0.2)


@both_directions
def test_estimate_error_and_effective_sample_size_follow_from_the_weights(machine: Machine, direction: str) -> None:
    result = estimate(machine(5, 4), 3, direction, 30, inverse_temperatures=[0, 0.3, 1])
    sign = 1 if direction == "forward" else -1
    weights = np.exp(sign * result.log_weights)
    assert result.log_partition == pytest.approx(sign * math.log(weights.mean()), rel=1e-12)
    assert result.standard_error == pytest.approx(weights.std(ddof=1) / math.sqrt(30) / weights.mean(), rel=1e-12)
    assert result.effective_sample_size == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=1e-12)
    assert 1 < result.effective_sample_size < 30


def test_the_directions_bracket_log_partition_and_a_finer_schedule_narrows_the_gap(machine: Machine) -> None:
    """Of single chains, whose estimates are the most biased, so that the means of 2000 stand clear of log Z."""
    parameters = machine(8, 6, scale=1.5)
    exact = log_partition(*parameters)
    gaps = []
    for n_steps in (1, 10, 100):
        betas = np.linspace(0, 1, n_steps + 1)
        lower, upper = (
            estimate(parameters, 0, direction, 2000, inverse_temperatures=betas).log_weights
            for direction in ("forward", "reverse")
        )
        assert (
            lower.mean() + 4 * lower.std() / math.sqrt(2000) < exact < upper.mean() - 4 * upper.std() / math.sqrt(2000)
        )
        gaps.append(upper.mean() - lower.mean())
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]


@both_directions
@both_kinds
def test_without_couplings_every_chain_is_exact(machine: Machine, direction: str, gaussian: bool) -> None:
    W, *others = machine(5, 4, gaussian=gaussian)
    parameters = (0 * W, *others)
    result = estimate(parameters, 0, direction, 10)
    np.testing.assert_allclose(result.log_weights, log_partition(*parameters), rtol=1e-12)
    assert result.standard_error == pytest.approx(0, abs=1e-12)
    assert result.effective_sample_size == pytest.approx(10)


def test_sums_over_many_float32_units_keep_more_digits_than_a_float32_has() -> None:
    c = 2 * np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    parameters = np.zeros((2, 20_000), dtype=np.float32), np.zeros(2, dtype=np.float32), c
    result = estimate(parameters, 0, n_chains=2, inverse_temperatures=[0, 1])
    np.testing.assert_allclose(result.log_weights, log_partition(*parameters), rtol=2e-9)


@both_directions
def test_the_default_base_has_the_biases_of_the_model(machine: Machine, direction: str) -> None:
    parameters = machine(5, 4)
    default, given = (estimate(parameters, 0, direction, 10, **o) for o in ({}, {"base_bias": parameters[1]}))
    np.testing.assert_array_equal(default.log_weights, given.log_weights)


@both_directions
def test_a_run_follows_from_its_seed_and_leaves_its_inputs_alone(machine: Machine, direction: str) -> None:
    parameters = machine(5, 4, dtype=np.float32)
    before = [parameter.copy() for parameter in parameters]
    first, again, other = (estimate(parameters, seed, direction, 10).log_weights for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    for parameter, old in zip(parameters, before, strict=True):
        np.testing.assert_array_equal(parameter, old)


def test_the_array_code_and_the_compiled_kernel_run_the_same_chains(machine: Machine) -> None:
    parameters = machine(7, 6, dtype=np.float32)
    compiled, reference = (
        annealed_importance_sampling(*parameters, Stream(0, backend=name), 9, np.linspace(0, 1, 20))
        for name in ("cpu", "numpy")
    )
    np.testing.assert_array_equal(compiled.log_weights, reference.log_weights)


def test_samples_are_left_alone(machine: Machine) -> None:
    samples = np.eye(5)
    reverse_annealed_importance_sampling(*machine(5, 4), Stream(0), samples)
    np.testing.assert_array_equal(samples, np.eye(5))


def test_memory_is_proportional_to_the_number_of_chains(machine: Machine, peak_memory: Callable[..., int]) -> None:
    parameters = machine(60, 80)
    betas = [0, 0.5, 1]
    few, many = (
        peak_memory(partial(estimate, parameters, 0, "forward", n, inverse_temperatures=betas)) for n in (500, 2000)
    )
    assert many < 4.1 * few
    assert many < 2000 * 10 * (60 + 80) * 8


def test_a_progress_bar_is_shown_only_on_request(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    parameters = machine(3, 2)
    annealed_importance_sampling(*parameters, Stream(0), 2, [0, 0.5, 1])
    assert capsys.readouterr().err == ""
    annealed_importance_sampling(*parameters, Stream(0), 2, [0, 0.5, 1], progress=True)
    assert "3/3" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    "betas", [[0.1, 1], [0, 0.9], [0, 0.5, 0.5, 1], [0, 0.7, 0.6, 1], [1, 0], [], [[0, 1]], [0, math.nan, 1]]
)
@both_directions
def test_a_schedule_that_does_not_rise_from_0_to_1_is_refused(machine: Machine, betas: Any, direction: str) -> None:
    with pytest.raises(InputError, match="inverse_temperatures must increase strictly from 0 to 1"):
        estimate(machine(3, 2), 0, direction, inverse_temperatures=betas)


@pytest.mark.parametrize("n_chains", [0, 1, 2.0])
def test_one_chain_is_too_few_for_an_error(machine: Machine, n_chains: Any) -> None:
    with pytest.raises(InputError, match="n_chains must be an integer >= 2"):
        annealed_importance_sampling(*machine(3, 2), Stream(0), n_chains)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((1, 3)), "number of samples must be an integer >= 2"),
        (np.zeros((2, 4)), r"samples must have shape \(n, 3\)"),
        (np.full((2, 3), 1.5), r"samples must lie in \[0, 1\]"),
    ],
)
def test_samples_that_are_no_start_are_refused(machine: Machine, samples: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        reverse_annealed_importance_sampling(*machine(3, 2), Stream(0), samples)


@pytest.mark.parametrize("base_bias", [np.zeros(2), np.array([0.0, np.inf, 0.0])])
def test_a_base_that_does_not_fit_is_refused(machine: Machine, base_bias: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"base_bias (has NaN|must have shape \(3,\))"):
        annealed_importance_sampling(*machine(3, 2), Stream(0), base_bias=base_bias)
