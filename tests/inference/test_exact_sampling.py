"""Independent samples against the distribution that they are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from scratchgen.errors import InputError
from scratchgen.inference import enumeration
from scratchgen.inference.exact_sampling import exact_samples
from scratchgen.random import Stream

Machine = Callable[..., tuple[np.ndarray, ...]]
Truth = Callable[..., Any]

N = 100_000
N_ERRORS = 4.5  # standard errors allowed: one in 150,000 frequencies lies further off


@pytest.mark.parametrize("chunk", [3, 2**14], ids=["several chunks", "one chunk"])
@pytest.mark.parametrize("units", [(4, 6), (5, 3)], ids=["visible enumerated", "hidden enumerated"])
def test_frequencies_are_the_probabilities_of_the_states(
    machine: Machine, truth: Truth, monkeypatch: pytest.MonkeyPatch, units: Any, chunk: int
) -> None:
    monkeypatch.setattr(enumeration, "_CHUNK_STATES", chunk)
    parameters = machine(*units)
    p_v = truth(*parameters).p.sum(axis=1)
    samples = exact_samples(*parameters, Stream(0), N)
    numbers = (samples @ 2 ** np.arange(units[0])).astype(int)
    frequency = np.bincount(numbers, minlength=len(p_v)) / N
    np.testing.assert_array_less(np.abs(frequency - p_v), N_ERRORS * np.sqrt(p_v * (1 - p_v) / N) + 1e-12)


def test_gaussian_samples_have_the_moments_of_the_density(machine: Machine, truth: Truth) -> None:
    parameters = machine(2, 3, gaussian=True)
    v, _, _ = joint = truth(*parameters)
    p_v = joint.p.sum(axis=1)
    samples = exact_samples(*parameters[:3], Stream(1), N, log_sigma=parameters[3])
    for moment in (lambda v: v, lambda v: v**2, lambda v: v**3, lambda v: v[:, :1] * v[:, 1:]):
        mean = p_v @ moment(v)
        error = np.sqrt((p_v @ moment(v) ** 2 - mean**2) / N)
        np.testing.assert_array_less(np.abs(moment(samples).mean(axis=0) - mean), N_ERRORS * error)


def test_samples_come_in_no_order(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enumeration, "_CHUNK_STATES", 3)
    samples = exact_samples(*machine(4, 6), Stream(2), 2000)
    halves = samples[:1000].mean(axis=0), samples[1000:].mean(axis=0)
    np.testing.assert_allclose(*halves, atol=N_ERRORS * np.sqrt(2 * 0.25 / 1000))


@pytest.mark.parametrize("units", [(2, 3), (3, 2)], ids=["visible enumerated", "hidden enumerated"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_are_states_of_the_parameters_type_and_follow_from_the_seed(
    machine: Machine, units: Any, dtype: Any
) -> None:
    parameters = machine(*units, dtype=dtype)
    samples = exact_samples(*parameters, Stream(3), 50)
    assert samples.dtype == dtype
    assert samples.shape == (50, units[0])
    assert set(np.unique(samples)) == {0.0, 1.0}
    np.testing.assert_array_equal(samples, exact_samples(*parameters, Stream(3), 50))
    assert (samples != exact_samples(*parameters, Stream(4), 50)).any()


def test_a_state_of_probability_one_is_always_drawn() -> None:
    W, b, c = np.zeros((3, 4)), np.array([900.0, -900.0, 900.0]), np.zeros(4)
    samples = exact_samples(W, b, c, Stream(5), 1000)
    np.testing.assert_array_equal(samples, np.tile([1.0, 0.0, 1.0], (1000, 1)))


@pytest.mark.parametrize("n", [0, -1, 2.0])
def test_a_number_of_samples_that_is_no_positive_integer_is_refused(machine: Machine, n: Any) -> None:
    with pytest.raises(InputError, match="n must be an integer >= 1"):
        exact_samples(*machine(2, 2), Stream(0), n)


def test_a_model_too_large_is_refused(machine: Machine) -> None:
    with pytest.raises(InputError, match=r"at most 25 units.*30 visible and 26 hidden"):
        exact_samples(*machine(30, 26), Stream(0), 3)
