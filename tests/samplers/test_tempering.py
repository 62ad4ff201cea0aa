"""Parallel tempering: each round leaves the product of the tempered laws invariant, exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.backend import get_backend
from scratchgen.ops.boltzmann import RBMParams, energy
from scratchgen.samplers import tempering

PARAMS = RBMParams(np.array([[1.5], [-2.0]]), np.array([0.3, -0.4]), np.array([0.7]))
JOINT = np.array(list(itertools.product((0.0, 1.0), repeat=3)))  # v of two units, h of one
BETAS = np.array([0.1, 0.4, 0.7, 1.0])


class GivenUniforms:
    """A stream whose uniforms are those given."""

    backend = get_backend("numpy")

    def __init__(self, uniforms):
        self.uniforms = uniforms

    def uniform(self, shape, dtype="float32"):
        return np.broadcast_to(self.uniforms, shape).astype(dtype)


@pytest.fixture
def all_configurations(monkeypatch):
    """Chains in every joint state of the four temperatures, (temperature, chain, unit): sweeps stay where they are."""
    tables = np.array(list(itertools.product(range(len(JOINT)), repeat=len(BETAS))))  # (chain, temperature)
    v_and_h = JOINT[tables.T]

    def no_sweep(params, v, n_sweeps, stream, betas):
        np.testing.assert_array_equal(betas, np.repeat(BETAS, len(tables)))
        np.testing.assert_array_equal(v, v_and_h[..., :2].reshape(-1, 2))
        return v, v_and_h[..., 2:].reshape(-1, 1)

    monkeypatch.setattr(tempering, "sweep", no_sweep)
    return v_and_h


def exchange(v, n_rounds, uniforms):
    state, info = tempering.step(GivenUniforms(uniforms), tempering.State(v, n_rounds), PARAMS, BETAS)
    assert state.n_rounds == n_rounds + 1
    return state.v, info


def pairs_of_round(n_rounds):
    return [(0, 1), (2, 3)] if n_rounds % 2 == 0 else [(1, 2)]


def exchanged(v, pairs):
    order = np.arange(len(v))
    for first, second in pairs:
        order[[first, second]] = second, first
    return v[order]


def acceptance_probabilities(v, n_rounds):
    """For each pair and chain, by bisection: where a uniform stops to be accepted. (pairs, chains)."""
    pairs = pairs_of_round(n_rounds)
    # a pair whose visible states are equal looks the same whether it is exchanged or not
    distinct = np.array([(v[first] != v[second]).any(axis=-1) for first, second in pairs])
    low, high = np.zeros((len(pairs), v.shape[1])), np.ones((len(pairs), v.shape[1]))
    for _ in range(52):
        middle = 0.5 * (low + high)
        after, _ = exchange(v, n_rounds, middle)
        accepted = np.array([(after[first] == v[second]).all(axis=-1) for first, second in pairs]) & distinct
        low, high = np.where(accepted, middle, low), np.where(accepted, high, middle)
    return low, distinct


def configuration_probabilities(v_and_h):
    flat = v_and_h.reshape(-1, 3)
    energies = energy(PARAMS, flat[:, :2], flat[:, 2:]).reshape(v_and_h.shape[:2])
    weights = np.exp(-BETAS[:, None] * energies).prod(axis=0)
    return weights / weights.sum()


def law_of(v, probability):
    """The probability of each configuration of the visible units."""
    numbers = np.einsum("tcu,tu->c", v, 2.0 ** np.arange(v.shape[0] * 2).reshape(-1, 2)).astype(int)
    return np.bincount(numbers, probability, minlength=4 ** v.shape[0])


@pytest.mark.parametrize("n_rounds", [0, 1, 2, 3])
def test_a_round_of_exchanges_leaves_the_product_of_the_tempered_laws_invariant(n_rounds, all_configurations):
    v, p = all_configurations[..., :2], configuration_probabilities(all_configurations)
    alpha, _ = acceptance_probabilities(v, n_rounds)
    after = np.zeros(4 ** len(BETAS))
    for choice in itertools.product((False, True), repeat=len(alpha)):
        chance = np.prod([a if yes else 1 - a for a, yes in zip(alpha, choice, strict=True)], axis=0)
        pairs = [pair for pair, yes in zip(pairs_of_round(n_rounds), choice, strict=True) if yes]
        after += law_of(exchanged(v, pairs), p * chance)
    np.testing.assert_allclose(after, law_of(v, p), rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_rounds", [0, 1])
def test_acceptance_is_that_of_metropolis(n_rounds, all_configurations):
    v = all_configurations[..., :2]
    flat = all_configurations.reshape(-1, 3)
    energies = energy(PARAMS, flat[:, :2], flat[:, 2:]).reshape(v.shape[:2])
    alpha, distinct = acceptance_probabilities(v, n_rounds)
    for row, (first, second) in enumerate(pairs_of_round(n_rounds)):
        # p(first) p(second) after the exchange, over that before
        ratio = np.exp(-BETAS[first] * energies[second] - BETAS[second] * energies[first]) / np.exp(
            -BETAS[first] * energies[first] - BETAS[second] * energies[second]
        )
        expected = np.where(distinct[row], np.minimum(1, ratio), 0)
        np.testing.assert_allclose(alpha[row], expected, atol=1e-12)


@pytest.mark.parametrize("n_rounds", [0, 1])
def test_a_round_reports_the_pairs_that_it_tried_and_how_many_chains_it_exchanged(n_rounds, all_configurations):
    v = all_configurations[..., :2]
    after, everywhere = exchange(v, n_rounds, 0.0)  # a uniform of 0 is always accepted
    tried = [(first, first + 1) in pairs_of_round(n_rounds) for first in range(3)]
    np.testing.assert_array_equal(everywhere.tried, tried)
    np.testing.assert_array_equal(everywhere.exchanged, np.where(tried, 1.0, 0.0))
    np.testing.assert_array_equal(after, exchanged(v, pairs_of_round(n_rounds)))


def test_a_round_permutes_each_chain_among_its_temperatures(all_configurations):
    v = all_configurations[..., :2]
    after, info = exchange(v, 0, np.random.default_rng(0).random((2, v.shape[1])))
    assert ((info.exchanged[[0, 2]] > 0.5) & (info.exchanged[[0, 2]] < 1)).all()
    weights = np.array([1.0, 10.0])  # a number for each visible state
    np.testing.assert_array_equal(np.sort(after @ weights, axis=0), np.sort(v @ weights, axis=0))


@pytest.mark.parametrize("gaussian", [False, True], ids=["bernoulli", "gaussian"])
def test_every_temperature_samples_its_own_law(gaussian, backend):
    # Chains are independent of each other, so that the scatter of their means over time is the standard error,
    # however strongly the states of one chain are correlated.
    n_chains, n_warm_up, n_steps, betas = 400, 20, 100, np.array([0.3, 0.65, 1.0])
    log_sigma = np.log([0.7, 1.2]) if gaussian else ()
    params = PARAMS._replace(log_sigma=log_sigma) if gaussian else PARAMS._replace(W=3 * PARAMS.W)
    stream = sg.Stream(1, backend)
    state = tempering.init(stream.bernoulli(np.full((3, n_chains, 2), 0.5)))
    total = np.zeros((3, n_chains, 5))
    for step in range(n_warm_up + n_steps):
        state, _ = tempering.step(stream, state, params, betas)
        if step >= n_warm_up:
            total += moments(state.v)
    means = total / n_steps
    standard_error = means.std(axis=1) / np.sqrt(n_chains)
    expected = np.array([expected_moments(params, beta, gaussian) for beta in betas])
    one_state = moments(state.v).std(axis=1)
    assert ((one_state / standard_error) ** 2).min() > 4000  # effective sample size
    np.testing.assert_array_less(np.abs(means.mean(axis=1) - expected), 5 * standard_error)
    # the temperatures differ by more than is allowed
    assert (np.abs(expected[0] - expected[2]) / standard_error[2]).max() > 20


def moments(v):
    return np.concatenate([v, np.cos(2 * v), v[..., :1] * v[..., 1:]], axis=-1)


def expected_moments(params, beta, gaussian):
    """Sum over all states, or a grid of visible states."""
    axis = np.linspace(-14, 14, 281) if gaussian else np.array([0.0, 1.0])
    v = np.array(list(itertools.product(axis, repeat=2)))
    p = sum(np.exp(-beta * energy(params, v, np.full((len(v), 1), h))) for h in (0.0, 1.0))
    return p @ moments(v) / p.sum()


def test_chains_that_are_given_are_left_as_they_are(backend):
    v = np.zeros((3, 4, 2))
    state, _ = tempering.step(sg.Stream(0, backend), tempering.init(v), PARAMS, np.array([0.2, 0.5, 1.0]))
    assert not np.shares_memory(state.v, v)
    assert not v.any()


def test_a_step_takes_two_draws_a_sweep_and_one_for_the_exchanges(backend):
    stream = sg.Stream(0, backend)
    tempering.step(stream, tempering.init(np.zeros((3, 4, 2))), PARAMS, np.array([0.2, 0.5, 1.0]), n_sweeps=4)
    assert stream.draw == 9
