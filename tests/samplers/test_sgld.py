from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from scratchgen import Stream
from scratchgen.errors import InputError, SamplingError
from scratchgen.samplers import run_chains, sgld
from scratchgen.samplers.sgld import PolynomialStep

DATA = np.random.Generator(np.random.PCG64(0)).normal(1.0, 2.0, size=20)
NOISE_VARIANCE, PRIOR_VARIANCE = 4.0, 3.0
CURVATURE = 1 / PRIOR_VARIANCE + len(DATA) / NOISE_VARIANCE
POSTERIOR_MEAN = DATA.sum() / NOISE_VARIANCE / CURVATURE


def grad_log_prior(theta):
    return -theta / PRIOR_VARIANCE


def grad_log_likelihood(theta, batch):
    return ((batch - theta) / NOISE_VARIANCE).sum(axis=1, keepdims=True)


gaussian_step = partial(sgld.step, grad_log_prior=grad_log_prior, grad_log_likelihood=grad_log_likelihood, data=DATA)


def test_a_step_is_the_equation_with_a_minibatch_of_its_own_for_each_chain(backend):
    theta, batch_size, T = np.linspace(-1, 1, 30)[:, None].astype("float32"), 3, 0.7
    schedule = PolynomialStep(0.05, 10.0)
    stream, state = Stream(1, backend), sgld.State(theta, 17)
    data = DATA.astype("float32")
    after, info = gaussian_step(stream, state, data=data, step_size=schedule, batch_size=batch_size, temperature=T)

    replay = Stream(1, backend)
    batch = data[replay.integers(0, 20, (30, batch_size))]
    assert len({tuple(row) for row in batch.tolist()}) > 20
    h = 0.05 * 27.0**-0.55
    gradient = -theta / 3 + 20 / 3 * (batch - theta).sum(axis=1, keepdims=True) / 4
    expected = theta + h * gradient + np.sqrt(2 * h * T) * replay.normal((30, 1))
    np.testing.assert_allclose(after.x, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(info.gradient, gradient, rtol=1e-4, atol=1e-5)
    assert (after.n_steps, info.step_size, after.x.dtype) == (18, pytest.approx(h), "float32")


@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("h", [0.01, 0.1])
def test_at_a_constant_step_the_variance_has_the_known_bias_of_step_and_minibatch(assert_mean, h, batch_size):
    state = sgld.init(np.full((200, 1), POSTERIOR_MEAN))
    step = partial(gaussian_step, Stream(2), step_size=h, batch_size=batch_size)
    _, trace = run_chains(step, state, 800, n_discard=100)
    V = len(DATA) ** 2 / batch_size * DATA.var() / NOISE_VARIANCE**2
    deviation = trace.x[:, :, 0] - POSTERIOR_MEAN
    assert_mean(deviation, 0.0)
    assert_mean(deviation**2, (2 + h * V) / (CURVATURE * (2 - h * CURVATURE)))


def test_a_run_continues_where_the_schedule_was():
    step = partial(gaussian_step, step_size=PolynomialStep(0.1, 1.0))
    stream = Stream(3)
    state, first = run_chains(partial(step, stream), sgld.init(np.zeros((4, 1))), 5)
    state, second = run_chains(partial(step, stream), state, 5)
    _, whole = run_chains(partial(step, Stream(3)), sgld.init(np.zeros((4, 1))), 10)
    np.testing.assert_array_equal(np.concatenate([first.x, second.x]), whole.x)
    np.testing.assert_allclose(whole.info.step_size, 0.1 * np.arange(1, 11.0) ** -0.55)


def test_the_schedule_of_the_reference_is_found_from_its_first_and_last_step():
    schedule = PolynomialStep.between(0.01, 0.0001, n_steps=1_000_000)
    assert schedule.a == pytest.approx(0.199551, abs=1e-6)
    assert schedule.b == pytest.approx(231.066, abs=1e-3)
    assert schedule(0) == pytest.approx(0.01, rel=1e-12)
    assert schedule(999_999) == pytest.approx(0.0001, rel=1e-12)


@pytest.mark.parametrize("gamma", [0.51, 0.75, 1.0])
def test_the_schedule_falls_from_its_first_step_to_its_last(gamma):
    schedule = PolynomialStep.between(0.5, 0.1, 2, gamma)
    assert [schedule(0), schedule(1)] == pytest.approx([0.5, 0.1])


def test_a_diverging_chain_stops_with_its_number_and_its_step():
    state = sgld.State(np.array([[0.0], [1e300]]), 41)
    with pytest.raises(SamplingError, match=r"chain 1 .* in step 42"):
        gaussian_step(Stream(0), state, step_size=1e9)


STATE = sgld.init(np.zeros((3, 1)))
BAD_INPUT = {
    "gamma": (lambda: PolynomialStep(1.0, 1.0, 0.5), r"\(1/2, 1\].*0.5"),
    "gamma above 1": (lambda: PolynomialStep.between(0.1, 0.01, 10, 1.1), r"\(1/2, 1\].*1.1"),
    "negative a": (lambda: PolynomialStep(-1.0, 1.0), "a must be.*> 0"),
    "b": (lambda: PolynomialStep(1.0, 0.0), "b must be.*> 0"),
    "rising": (lambda: PolynomialStep.between(0.01, 0.1, 10), "first > last.*0.01 and 0.1"),
    "one update": (lambda: PolynomialStep.between(0.1, 0.01, 1), "n_steps.*>= 2"),
    "batch": (lambda: gaussian_step(Stream(0), STATE, step_size=0.1, batch_size=21), "at most .*20, got 21"),
    "no batch": (lambda: gaussian_step(Stream(0), STATE, step_size=0.1, batch_size=0), "batch_size.*>= 1"),
    "negative step": (lambda: gaussian_step(Stream(0), STATE, step_size=-0.1), "step_size.*> 0"),
    "schedule below 0": (lambda: gaussian_step(Stream(0), STATE, step_size=lambda t: -1.0), "step_size.*> 0"),
    "temperature": (lambda: gaussian_step(Stream(0), STATE, step_size=0.1, temperature=-1.0), "temperature.*>= 0"),
    "summed over chains": (
        lambda: gaussian_step(Stream(0), STATE, step_size=0.1, grad_log_likelihood=lambda theta, x: x.sum(axis=1)),
        r"grad_log_likelihood\(theta, batch\) must have shape \(3, 1\).*got \(3,\)",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
