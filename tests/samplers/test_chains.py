from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from scratchgen import Stream
from scratchgen.errors import InputError
from scratchgen.samplers import langevin, mala, run_chains


def log_density(x):
    return -(x**2).sum(axis=1) / 2


def grad_log_density(x):
    return -x


def mala_step(seed):
    return partial(mala.step, Stream(seed), log_density=log_density, grad_log_density=grad_log_density, step_size=0.5)


def test_a_trace_is_what_a_loop_of_steps_visits(start):
    state, trace = run_chains(mala_step(0), mala.init(start, log_density, grad_log_density), 7)
    step, by_hand = mala_step(0), mala.init(start, log_density, grad_log_density)
    for i in range(7):
        by_hand, info = step(by_hand)
        np.testing.assert_array_equal(trace.x[i], by_hand.x)
        for name, values in info._asdict().items():
            np.testing.assert_array_equal(getattr(trace.info, name)[i], values)
    np.testing.assert_array_equal(state.x, by_hand.x)
    assert (state.n_steps, trace.x.shape, trace.info.accepted.shape) == (7, (7, 50, 3), (7, 50))
    assert isinstance(trace.info, mala.Info)


def test_every_third_state_after_those_that_are_discarded_is_kept(start):
    _, all_steps = run_chains(mala_step(0), mala.init(start, log_density, grad_log_density), 15)
    state, trace = run_chains(mala_step(0), mala.init(start, log_density, grad_log_density), 11, n_discard=4, thin=3)
    np.testing.assert_array_equal(trace.x, all_steps.x[[6, 9, 12]])
    np.testing.assert_array_equal(trace.info.accepted, all_steps.info.accepted[[6, 9, 12]])
    np.testing.assert_array_equal(state.x, all_steps.x[14])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_steps": 0}, "n_steps.*>= 1"),
        ({"n_steps": 5, "thin": 0}, "thin.*>= 1"),
        ({"n_steps": 5, "thin": 6}, "n_steps.*>= 6"),
        ({"n_steps": 5, "n_discard": -1}, "n_discard.*>= 0"),
        ({"n_steps": 2.5}, "n_steps.*2.5"),
    ],
)
def test_bad_input_is_refused(settings, message):
    step = partial(langevin.step, Stream(0), grad_log_density=grad_log_density, step_size=0.1)
    with pytest.raises(InputError, match=message):
        run_chains(step, langevin.init(np.zeros((1, 1))), **settings)
