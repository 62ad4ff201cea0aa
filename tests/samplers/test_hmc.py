from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest

from scratchgen import Stream
from scratchgen.errors import InputError
from scratchgen.samplers import hmc, run_chains


def quartic(x):
    return -(x**4).sum(axis=1) / 4 - x[:, 0] * x[:, 1]


def grad_quartic(x):
    gradient = -(x**3)
    gradient[:, 0] -= x[:, 1]
    gradient[:, 1] -= x[:, 0]
    return gradient


def test_leapfrog_steps_lead_back_when_the_momentum_is_reversed(start):
    p, mass = np.roll(start, 1, axis=0), np.array([0.5, 1.0, 3.0])
    x1, p1, g1 = hmc.leapfrog(start, p, grad_quartic(start), grad_quartic, 0.05, 20, mass)
    x0, p0, _ = hmc.leapfrog(x1, -p1, g1, grad_quartic, 0.05, 20, mass)
    assert np.abs(x1 - start).max() > 0.5
    np.testing.assert_allclose(x0, start, atol=1e-11)
    np.testing.assert_allclose(p0, -p, atol=1e-11)


def test_leapfrog_steps_preserve_volume():
    mass, t = np.array([0.5, 3.0]), 1e-5
    z = np.array([0.3, -0.7, 1.1, 0.4])  # x_1, x_2, p_1, p_2
    shifted = np.concatenate([z + t * np.eye(4), z - t * np.eye(4)])
    x, p = shifted[:, :2], shifted[:, 2:]
    ends = np.hstack(hmc.leapfrog(x, p, grad_quartic(x), grad_quartic, 0.2, 5, mass)[:2])
    jacobian = (ends[:4] - ends[4:]) / (2 * t)
    assert np.abs(jacobian - np.eye(4)).max() > 0.5
    assert np.linalg.det(jacobian) == pytest.approx(1, abs=1e-8)


def test_the_energy_error_falls_with_the_square_of_the_step(start):
    p = np.roll(start, 1, axis=0)
    errors = []
    for epsilon, n in ((0.02, 10), (0.01, 20), (0.005, 40)):
        x1, p1, _ = hmc.leapfrog(start, p, grad_quartic(start), grad_quartic, epsilon, n)
        errors.append((hmc.kinetic_energy(p1, 1.0) - quartic(x1)) - (hmc.kinetic_energy(p, 1.0) - quartic(start)))
    ratios = [np.abs(a).sum() / np.abs(b).sum() for a, b in itertools.pairwise(errors)]
    assert ratios == pytest.approx([4, 4], rel=0.1)


@pytest.mark.parametrize(("epsilon", "n_leapfrog"), [(1.2, 1), (0.7, 3)])
def test_the_moments_are_exact_at_any_step(target, assert_moments, epsilon, n_leapfrog):
    f, grad_f, _ = target
    step = partial(
        hmc.step, Stream(3), log_density=f, grad_log_density=grad_f, step_size=epsilon, n_leapfrog=n_leapfrog
    )
    _, trace = run_chains(step, hmc.init(np.zeros((250, 1)), f, grad_f), 600, n_discard=60)
    assert trace.info.accepted.mean() < 0.99
    assert_moments(trace.x, target)


def test_a_mass_is_a_change_of_scale_draw_for_draw(start):
    scale = np.array([0.2, 1.0, 5.0])

    def stretched(x):
        return quartic(x / scale)

    def grad_stretched(x):
        return grad_quartic(x / scale) / scale

    settings = {"step_size": 0.4, "n_leapfrog": 3}
    plain = partial(hmc.step, Stream(1), log_density=quartic, grad_log_density=grad_quartic, **settings)
    heavy = partial(hmc.step, Stream(1), log_density=stretched, grad_log_density=grad_stretched, **settings)
    _, a = run_chains(plain, hmc.init(start, quartic, grad_quartic), 20)
    _, b = run_chains(heavy, hmc.init(start * scale, stretched, grad_stretched, mass=scale**-2), 20)
    np.testing.assert_array_equal(a.info.accepted, b.info.accepted)
    assert 0 < a.info.accepted.mean() < 1
    np.testing.assert_allclose(a.x * scale, b.x, rtol=1e-9, atol=1e-12)


def test_the_state_carries_log_p_and_its_gradient_of_where_it_is(start):
    x = start.astype(np.float32)
    x.flags.writeable = False
    step = partial(hmc.step, Stream(2), log_density=quartic, grad_log_density=grad_quartic, step_size=0.6, n_leapfrog=3)
    state, trace = run_chains(step, hmc.init(x, quartic, grad_quartic), 10)
    assert 0 < trace.info.accepted.mean() < 1
    np.testing.assert_array_equal(state.log_density, quartic(state.x))
    np.testing.assert_array_equal(state.gradient, grad_quartic(state.x))
    assert {state.x.dtype, state.log_density.dtype, trace.info.energy_error.dtype} == {np.dtype("float32")}
    assert (state.n_steps, trace.info.energy_error.shape) == (10, (10, 50))


def test_an_unstable_trajectory_is_rejected_and_its_energy_error_shows_it(start):
    state = hmc.init(start, quartic, grad_quartic)
    after, info = hmc.step(Stream(0), state, quartic, grad_quartic, step_size=50.0, n_leapfrog=20)
    assert not info.accepted.any()
    assert not np.isfinite(info.energy_error).any()
    np.testing.assert_array_equal(after.x, start)


X = np.ones((3, 2))
STATE = hmc.init(X, quartic, grad_quartic)
BAD_INPUT = {
    "negative step": (lambda: hmc.step(Stream(0), STATE, quartic, grad_quartic, -0.1, 3), "step_size.*> 0"),
    "no leapfrog step": (lambda: hmc.step(Stream(0), STATE, quartic, grad_quartic, 0.1, 0), "n_leapfrog.*>= 1"),
    "half a step": (lambda: hmc.step(Stream(0), STATE, quartic, grad_quartic, 0.1, 2.5), "n_leapfrog.*2.5"),
    "mass of another size": (lambda: hmc.init(X, quartic, grad_quartic, np.ones(3)), "mass must be 2"),
    "negative mass": (lambda: hmc.init(X, quartic, grad_quartic, np.array([1.0, -1.0])), "mass .* > 0"),
    "mass NaN": (lambda: hmc.init(X, quartic, grad_quartic, np.array([1.0, np.nan])), "finite"),
    "start outside": (lambda: hmc.init(X, lambda x: x[:, 0] - np.inf, grad_quartic), "at the start.*chain 0"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
