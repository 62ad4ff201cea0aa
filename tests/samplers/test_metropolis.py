from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from scratchgen import Stream
from scratchgen.errors import InputError
from scratchgen.samplers import metropolis, run_chains

SHAPE = 3.0  # of the gamma density x^(SHAPE - 1) e^-x: mean and variance SHAPE, skewed to the right


def log_gamma_density(x):
    with np.errstate(invalid="ignore", divide="ignore"):
        values = ((SHAPE - 1) * np.log(x) - x).sum(axis=1)
    return np.where((x > 0).all(axis=1), values, -np.inf)


def multiply(stream, x):
    """Step in log x: q(x|x') / q(x'|x) = x' / x."""
    factor = np.exp(0.8 * stream.normal(x.shape, x.dtype))
    return x * factor, np.log(factor).sum(axis=1)


def multiply_as_if_symmetric(stream, x):
    return multiply(stream, x)[0], 0.0


def test_the_transition_matrix_of_a_small_asymmetric_chain_leaves_its_law_invariant():
    """All pairs (i, j) of five states at once: a chain at i is made to propose j."""
    k, rng = 5, np.random.Generator(np.random.PCG64(1))
    p, q = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k), size=k)
    assert np.abs(q - q.T).max() > 0.2
    i, j = (index.ravel() for index in np.indices((k, k)))

    def log_p(x):
        return np.log(p[x[:, 0].astype(int)])

    def propose_j(stream, x):
        return j[:, None].astype(float), np.log(q[j, i] / q[i, j])

    def transitions(proposal):
        state = metropolis.init(i[:, None].astype(float), log_p)
        _, info = metropolis.step(Stream(0), state, log_p, proposal)
        T = q * info.acceptance_probability.reshape(k, k)
        return T + np.diag(1 - T.sum(axis=1))

    T = transitions(propose_j)
    np.testing.assert_allclose(p @ T, p, rtol=0, atol=1e-12)
    np.testing.assert_allclose(p[:, None] * T, (p[:, None] * T).T, rtol=0, atol=1e-12)  # detailed balance
    as_if_symmetric = transitions(lambda stream, x: (propose_j(stream, x)[0], 0.0))
    assert np.abs(p @ as_if_symmetric - p).max() > 0.01


def test_an_asymmetric_proposal_samples_a_skewed_density(assert_mean):
    step = partial(metropolis.step, Stream(2), log_density=log_gamma_density, proposal=multiply)
    _, trace = run_chains(step, metropolis.init(np.full((250, 1), SHAPE), log_gamma_density), 800, n_discard=100)
    x = trace.x[:, :, 0]
    assert_mean(x, SHAPE)
    assert_mean((x - SHAPE) ** 2, SHAPE)
    assert_mean((x - SHAPE) ** 3, 2 * SHAPE)


def test_without_its_ratio_an_asymmetric_proposal_samples_another_law(assert_mean):
    step = partial(metropolis.step, Stream(2), log_density=log_gamma_density, proposal=multiply_as_if_symmetric)
    _, trace = run_chains(step, metropolis.init(np.full((250, 1), SHAPE), log_gamma_density), 800, n_discard=100)
    assert_mean(trace.x[:, :, 0], SHAPE - 1)  # that of p(x) / x
    with pytest.raises(AssertionError, match="standard errors"):
        assert_mean(trace.x[:, :, 0], SHAPE)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_random_walk_has_the_exact_moments_at_any_scale(target, assert_moments, scale):
    log_density = target.log_density
    step = partial(metropolis.step, Stream(3), log_density=log_density, proposal=metropolis.random_walk(scale))
    _, trace = run_chains(step, metropolis.init(np.zeros((400, 1)), log_density), 1500, n_discard=100)
    assert_moments(trace.x, target)


def test_a_step_of_the_random_walk_is_the_ratio_of_densities_against_the_next_uniforms(start):
    def log_p(x):
        return -(x**4).sum(axis=1)

    state, info = metropolis.step(Stream(4), metropolis.init(start, log_p), log_p, metropolis.random_walk(0.4))
    replay = Stream(4)
    proposal, u = start + 0.4 * replay.normal(start.shape, "float64"), replay.uniform(50, "float64")
    ratio = np.exp(log_p(proposal) - log_p(start))
    np.testing.assert_array_equal(info.accepted, u < ratio)
    np.testing.assert_array_equal(state.x, np.where((u < ratio)[:, None], proposal, start))
    np.testing.assert_allclose(info.acceptance_probability, np.minimum(ratio, 1), rtol=1e-12)
    np.testing.assert_array_equal(state.log_density, log_p(state.x))
    assert info.log_density is state.log_density
    assert 0 < info.accepted.sum() < 50


def test_nothing_outside_the_support_is_accepted():
    step = partial(metropolis.step, Stream(5), log_density=log_gamma_density, proposal=metropolis.random_walk(5.0))
    _, trace = run_chains(step, metropolis.init(np.ones((50, 2)), log_gamma_density), 100)
    assert (trace.x > 0).all()
    assert trace.info.accepted.any()


X = np.ones((3, 2))
STATE = metropolis.init(X, log_gamma_density)
BAD_INPUT = {
    "negative scale": (lambda: metropolis.random_walk(-1.0), "scale.*> 0, got -1"),
    "start outside": (lambda: metropolis.init(-X, log_gamma_density), "at the start.*3 chain.*chain 0"),
    "proposal of one chain": (
        lambda: metropolis.step(Stream(0), STATE, log_gamma_density, lambda s, x: (x[0], 0.0)),
        r"x' of shape \(3, 2\).*got \(2,\)",
    ),
    "ratio a dimension": (
        lambda: metropolis.step(Stream(0), STATE, log_gamma_density, lambda s, x: (x, x)),
        r"shape \(3,\) or one number.*\(3, 2\)",
    ),
    "log p": (
        lambda: metropolis.step(Stream(0), STATE, lambda x: x, metropolis.random_walk(1.0)),
        r"log_density\(x\) must have shape \(3,\)",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
