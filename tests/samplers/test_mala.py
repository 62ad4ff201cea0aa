from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from scratchgen import Stream
from scratchgen.errors import InputError
from scratchgen.samplers import hmc, mala, run_chains


def quartic(x):
    return -(x**4).sum(axis=1) / 4 + x.sum(axis=1)


def grad_quartic(x):
    return 1 - x**3


def test_the_probability_of_acceptance_is_that_of_the_two_proposal_densities(start):
    h, T = 0.15, 1.7
    stream = Stream(1)
    state, info = mala.step(stream, mala.init(start, quartic, grad_quartic), quartic, grad_quartic, h, T)

    replay = Stream(1)
    xi, u = replay.normal(start.shape, "float64"), replay.uniform(50, "float64")
    proposal = start + h * grad_quartic(start) + np.sqrt(2 * h * T) * xi

    def log_q(to, x):
        return -((to - x - h * grad_quartic(x)) ** 2).sum(axis=1) / (4 * h * T)

    log_ratio = (quartic(proposal) - quartic(start)) / T + log_q(start, proposal) - log_q(proposal, start)
    expected = np.minimum(1, np.exp(log_ratio))
    np.testing.assert_allclose(info.acceptance_probability, expected, rtol=1e-10)
    np.testing.assert_array_equal(info.accepted, u < expected)
    np.testing.assert_allclose(state.x, np.where(info.accepted[:, None], proposal, start), rtol=1e-14)
    assert 5 < info.accepted.sum() < 45


def test_the_state_carries_log_p_and_its_gradient_of_where_it_is(start):
    step = partial(mala.step, Stream(2), log_density=quartic, grad_log_density=grad_quartic, step_size=0.3)
    state, trace = run_chains(step, mala.init(start, quartic, grad_quartic), 20)
    assert 0.1 < trace.info.accepted.mean() < 0.9
    np.testing.assert_allclose(state.log_density, quartic(state.x), rtol=1e-12)
    np.testing.assert_allclose(state.gradient, grad_quartic(state.x), rtol=1e-12)
    np.testing.assert_array_equal(trace.info.log_density[-1], state.log_density)


@pytest.mark.parametrize("h", [0.3, 1.0])
def test_the_moments_are_exact_at_any_step(target, assert_moments, h):
    f, grad_f, _ = target
    step = partial(mala.step, Stream(3), log_density=f, grad_log_density=grad_f, step_size=h)
    _, trace = run_chains(step, mala.init(np.zeros((250, 1)), f, grad_f), 1000, n_discard=100)
    assert_moments(trace.x, target)


def test_temperature_multiplies_the_variance_exactly(gaussian_target, assert_mean):
    f, grad_f, _ = gaussian_target()
    step = partial(mala.step, Stream(4), log_density=f, grad_log_density=grad_f, step_size=1.0, temperature=3.0)
    _, trace = run_chains(step, mala.init(np.zeros((200, 1)), f, grad_f), 500, n_discard=50)
    assert_mean(trace.x[:, :, 0] ** 2, 3.0)


@pytest.mark.parametrize("epsilon", [0.2, 0.5])
def test_one_leapfrog_step_of_hmc_is_mala_with_half_its_square_draw_for_draw(start, epsilon):
    ours = partial(mala.step, Stream(5), log_density=quartic, grad_log_density=grad_quartic, step_size=epsilon**2 / 2)
    theirs = partial(
        hmc.step, Stream(5), log_density=quartic, grad_log_density=grad_quartic, step_size=epsilon, n_leapfrog=1
    )
    _, a = run_chains(ours, mala.init(start, quartic, grad_quartic), 30)
    _, b = run_chains(theirs, hmc.init(start, quartic, grad_quartic), 30)
    np.testing.assert_array_equal(a.info.accepted, b.info.accepted)
    assert 0 < a.info.accepted.mean() < 1
    np.testing.assert_allclose(a.x, b.x, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(a.info.acceptance_probability, b.info.acceptance_probability, rtol=1e-8)


def test_float32_stays_float32_and_loses_no_digits_at_small_steps(start):
    steps = []
    for dtype in ("float32", "float64"):
        x = (start + 3).astype(np.float32).astype(dtype)
        state, info = mala.step(Stream(6), mala.init(x, quartic, grad_quartic), quartic, grad_quartic, np.float64(1e-6))
        assert {state.x.dtype, state.gradient.dtype, info.acceptance_probability.dtype} == {np.dtype(dtype)}
        steps.append(info.acceptance_probability)
    np.testing.assert_allclose(*steps, atol=1e-3)  # log p itself has seven digits, and is of order 100


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_proposal_where_log_p_is_no_number_or_minus_infinity_is_rejected(start, value):
    state = mala.init(start, quartic, grad_quartic)
    after, info = mala.step(Stream(0), state, lambda x: np.full(len(x), value), grad_quartic, 0.01)
    assert not info.accepted.any()
    assert (info.acceptance_probability == 0).all()
    np.testing.assert_array_equal(after.x, start)


def test_chains_that_overflow_are_rejected_and_stay_finite():
    x = np.full((3, 2), 1e80)  # its fourth power is beyond float64
    with np.errstate(over="ignore"), pytest.raises(InputError, match=r"log_density\(x\) at the start.*chain 0"):
        mala.init(x, quartic, grad_quartic)
    x = np.full((3, 2), 1e60)
    state = mala.init(x, quartic, grad_quartic)
    state, info = mala.step(Stream(0), state, quartic, grad_quartic, 1.0)
    assert not info.accepted.any()
    np.testing.assert_array_equal(state.x, x)


X = np.ones((3, 2))
STATE = mala.init(X, quartic, grad_quartic)
BAD_INPUT = {
    "no temperature": (lambda: mala.step(Stream(0), STATE, quartic, grad_quartic, 0.1, 0.0), "temperature.*> 0"),
    "negative step": (lambda: mala.step(Stream(0), STATE, quartic, grad_quartic, -1.0), "step_size.*> 0"),
    "summed log p": (lambda: mala.init(X, lambda x: quartic(x).sum(), grad_quartic), r"\(3,\).*got \(\)"),
    "log p as a number": (lambda: mala.init(X, lambda x: 0.0, grad_quartic), r"\(3,\).*got \(\)"),
    "log p as a column": (lambda: mala.init(X, lambda x: quartic(x)[:, None], grad_quartic), r"got \(3, 1\)"),
    "gradient": (lambda: mala.init(X, quartic, lambda x: x.sum(axis=1)), r"\(3, 2\).*got \(3,\)"),
    "gradient NaN": (lambda: mala.init(X, quartic, lambda x: x * np.nan), "grad_log_density.*chain 0"),
    "log p later": (lambda: mala.step(Stream(0), STATE, lambda x: x, grad_quartic, 0.1), r"\(3,\).*\(3, 2\)"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
