from __future__ import annotations

from functools import partial

import array_api_strict
import numpy as np
import pytest

import scratchgen as sg
from scratchgen import Stream
from scratchgen.errors import InputError, SamplingError
from scratchgen.samplers import effective_temperature, langevin, run_chains
from scratchgen.samplers.divergence import raise_if_diverged


def downhill(x):
    return -x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_is_the_equation_with_the_next_normals_of_the_stream(start, backend, dtype):
    x = start.astype(dtype)
    x.flags.writeable = False
    stream = Stream(5, backend)
    xi = Stream(5, backend).normal(x.shape, dtype)
    state, info = langevin.step(stream, langevin.init(x), lambda x: 3 - x**3, step_size=0.01, temperature=0.7)
    np.testing.assert_allclose(state.x, x + 0.01 * (3 - x**3) + np.sqrt(2 * 0.01 * 0.7) * xi, rtol=1e-5)
    np.testing.assert_array_equal(info.gradient, 3 - x**3)
    assert (state.n_steps, state.x.dtype, stream.draw) == (1, dtype, 1)


def test_chains_are_the_same_on_both_backends_and_each_alone_follows_its_equation(start):
    ends = []
    for backend in ("numpy", "cpu"):
        step = partial(langevin.step, Stream(1, backend), grad_log_density=downhill, step_size=0.3)
        ends.append(run_chains(step, langevin.init(start), 20)[0].x)
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("s", [1.0, 1.5])
@pytest.mark.parametrize("h", [0.1, 0.5, 1.0])
def test_the_stationary_variance_on_a_gaussian_has_the_known_bias(gaussian_target, assert_mean, h, s):
    target, stream = gaussian_target(s), Stream(2)
    state = langevin.init(s * stream.normal((200, 1), "float64"))
    step = partial(langevin.step, stream, grad_log_density=target.grad_log_density, step_size=h)
    _, trace = run_chains(step, state, 800, n_discard=100)
    assert_mean(trace.x[:, :, 0], 0.0)
    assert_mean(trace.x[:, :, 0] ** 2, s**2 / (1 - h / (2 * s**2)))


@pytest.mark.parametrize("eta", [0.1, 0.5])
def test_the_step_eta_with_noise_root_eta_samples_a_gaussian_at_temperature_one_half(assert_mean, eta):
    stream = Stream(3)

    def lecture_step(state):
        x = state.x + eta * downhill(state.x) + np.sqrt(eta) * stream.normal(state.x.shape, "float64")
        return langevin.State(x, state.n_steps + 1), langevin.Info(x)

    _, trace = run_chains(lecture_step, langevin.init(np.zeros((200, 1))), 800, n_discard=100)
    assert_mean(trace.x[:, :, 0] ** 2, 1 / (2 - eta))

    temperature = effective_temperature(eta, np.sqrt(eta), asked=0.5)
    ours = partial(langevin.step, Stream(3), grad_log_density=downhill, step_size=eta, temperature=temperature)
    _, same = run_chains(ours, langevin.init(np.zeros((200, 1))), 800, n_discard=100)
    np.testing.assert_allclose(same.x, trace.x, rtol=1e-9, atol=1e-12)


def test_temperature_multiplies_the_variance(assert_mean):
    step = partial(langevin.step, Stream(4), grad_log_density=downhill, step_size=0.5, temperature=3.0)
    _, trace = run_chains(step, langevin.init(np.zeros((200, 1))), 500, n_discard=50)
    assert_mean(trace.x[:, :, 0] ** 2, 3 / (1 - 0.25))


def test_temperature_zero_is_gradient_ascent(start):
    step = partial(langevin.step, Stream(0), grad_log_density=lambda x: 2 - x, step_size=0.5, temperature=0.0)
    state, _ = run_chains(step, langevin.init(start), 60)
    np.testing.assert_allclose(state.x, 2.0, rtol=1e-12)


# ------------------------------------------------------------------------------------------------------ divergence


def test_a_diverging_chain_stops_with_its_number_and_its_step():
    x = np.zeros((4, 2))
    x[2, 1] = 1e20
    step = partial(langevin.step, Stream(0), grad_log_density=lambda x: 10 * x, step_size=1e60)
    state = langevin.init(x)
    for _ in range(4):  # from 1e20 over 1e81, 1e142, 1e203 and 1e264 to beyond 1e308; the others are 30 decades behind
        state, _ = step(state)
    with pytest.raises(sg.SamplingError, match=r"chain 2 became NaN or infinite in step 5 \(1 of 4 chains.*smaller"):
        step(state)


def test_a_gradient_that_is_no_number_stops_the_chain():
    def wrong(x):
        return np.where(np.arange(3)[:, None] == 1, np.nan, -x)

    with pytest.raises(SamplingError, match=r"chain 1 .* in step 1"):
        langevin.step(Stream(0), langevin.init(np.ones((3, 2))), wrong, 0.1)


def test_on_a_device_every_64th_step_is_looked_at():
    x = array_api_strict.asarray([[0.0, 1.0], [np.inf, 0.0]])
    for n_steps in (1, 63, 65, 127):
        raise_if_diverged(x, n_steps)
    with pytest.raises(
        SamplingError, match=r"chain 1 became NaN or infinite in one of the 64 steps up to step 128 \(1 of 2"
    ):
        raise_if_diverged(x, 128)


def test_on_a_device_the_end_of_a_run_is_looked_at():
    def step(state):
        return langevin.State(state.x * 1e200, state.n_steps + 1), langevin.Info(state.x)

    state = langevin.State(array_api_strict.asarray([[0.0], [0.0], [-1.0]]), 0)
    state, _ = run_chains(step, state, 1)
    with np.errstate(over="ignore"), pytest.raises(SamplingError, match=r"chain 2 .* up to step 5 \(1 of 3"):
        run_chains(step, state, 4)


# ------------------------------------------------------------------------------------------------------- bad input

STATE = langevin.init(np.ones((3, 2)))
BAD_INPUT = {
    "vector": (lambda: langevin.init(np.zeros(3)), r"\(chains, dimensions\).*\(3,\).*reshape\(1, -1\)"),
    "images": (lambda: langevin.init(np.zeros((3, 4, 4))), r"got \(3, 4, 4\)"),
    "no chains": (lambda: langevin.init(np.zeros((0, 2))), r"got \(0, 2\)"),
    "NaN": (lambda: langevin.init(np.array([[0.0], [np.nan]])), "1 chain.*chain 1"),
    "integers": (lambda: langevin.init(np.zeros((3, 2), int)), "float32, float64, got int64"),
    "text": (lambda: langevin.init([["a"]]), "real numbers"),
    "negative step": (lambda: langevin.step(Stream(0), STATE, downhill, -0.1), "step_size.*> 0, got -0.1"),
    "no step": (lambda: langevin.step(Stream(0), STATE, downhill, 0.0), "step_size.*> 0"),
    "step NaN": (lambda: langevin.step(Stream(0), STATE, downhill, np.nan), "step_size.*nan"),
    "negative temperature": (lambda: langevin.step(Stream(0), STATE, downhill, 0.1, -1.0), "temperature.*>= 0.*-1"),
    "temperature": (lambda: langevin.step(Stream(0), STATE, downhill, 0.1, np.inf), "temperature.*inf"),
    "gradient summed": (
        lambda: langevin.step(Stream(0), STATE, lambda x: x.sum(axis=1, keepdims=True), 0.1),
        r"grad_log_density\(x\) must have shape \(3, 2\).*got \(3, 1\)",
    ),
    "gradient of one": (lambda: langevin.step(Stream(0), STATE, lambda x: x[0], 0.1), r"\(3, 2\).*got \(2,\)"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_arrays_of_another_library_are_refused():
    with pytest.raises(sg.BackendError, match="mixed"):
        langevin.step(Stream(0), STATE, lambda x: array_api_strict.asarray(-x), 0.1)
