"""Energies and conditionals of an RBM, and what it samples, against sums over all states and integrals on a grid."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg


def test_energy_is_that_of_the_enumerated_pairs(kind, random_rbm, joint, some_rows, backend):
    rbm = random_rbm(4, 3, backend=backend, **kind)
    truth = joint(rbm, some_rows(rbm))
    for row, h in enumerate(truth.h):
        energy = rbm.energy(truth.v, np.tile(h, (len(truth.v), 1)))
        np.testing.assert_allclose(energy, truth.energy[:, row], rtol=1e-12)


def test_free_energy_sums_over_the_hidden_states(kind, random_rbm, joint, some_rows, backend):
    rbm = random_rbm(4, 3, backend=backend, **kind)
    truth = joint(rbm, some_rows(rbm))
    expected = -np.logaddexp.reduce(-truth.energy, axis=1)
    np.testing.assert_allclose(rbm.free_energy(truth.v), expected, rtol=1e-12)


def test_prob_h_given_v_is_the_conditional_of_the_joint(kind, random_rbm, joint, some_rows, backend):
    rbm = random_rbm(4, 3, backend=backend, **kind)
    truth = joint(rbm, some_rows(rbm))
    weights = np.exp(-truth.energy)
    expected = weights @ truth.h / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rbm.prob_h_given_v(truth.v), expected, rtol=1e-12)


def test_prob_v_given_h_is_the_conditional_of_the_joint(random_rbm, joint, backend):
    rbm = random_rbm(4, 3, backend=backend)
    truth = joint(rbm)
    expected = truth.p.T @ truth.v / truth.p.sum(axis=0)[:, None]
    np.testing.assert_allclose(rbm.prob_v_given_h(truth.h), expected, rtol=1e-12)


@pytest.mark.parametrize("sigma", [0.6, "learned"])
def test_gaussian_visible_units_have_the_mean_and_the_variance_of_the_joint(sigma, random_rbm, joint, grid):
    rbm = random_rbm(2, 2, visible="gaussian", sigma=sigma)
    points, _ = grid(20, 201, 2)
    truth = joint(rbm, points)
    weights = np.exp(-truth.energy)
    mean = weights.T @ points / weights.sum(axis=0)[:, None]
    np.testing.assert_allclose(rbm.prob_v_given_h(truth.h), mean, atol=1e-9)
    variance = weights.T @ points**2 / weights.sum(axis=0)[:, None] - mean**2
    np.testing.assert_allclose(variance, np.tile(np.exp(2 * rbm.machine.log_sigma), (4, 1)), rtol=1e-9)

    draws = rbm.sample_v_given_h(np.repeat(truth.h, 20_000, axis=0)).reshape(4, 20_000, 2)
    np.testing.assert_array_less(np.abs(draws.mean(axis=1) - mean), 5 * np.sqrt(variance / 20_000))
    np.testing.assert_array_less(np.abs(draws.var(axis=1) / variance - 1), 5 * np.sqrt(2 / 20_000))


def test_drawn_units_have_their_conditional_probabilities(random_rbm, states, backend):
    rbm, n = random_rbm(4, 3, backend=backend), 5000
    for draw, prob, known in (
        (rbm.sample_h_given_v, rbm.prob_h_given_v, states(4)),
        (rbm.sample_v_given_h, rbm.prob_v_given_h, states(3)),
    ):
        p, drawn = prob(known), draw(np.repeat(known, n, axis=0)).reshape(len(known), n, -1)
        assert set(np.unique(drawn)) == {0, 1}
        np.testing.assert_array_less(np.abs(drawn.mean(axis=1) - p), 5 * np.sqrt(p * (1 - p) / n))


def test_transition_matrix_of_the_conditionals_leaves_the_model_invariant(random_rbm, joint, states, backend):
    rbm = random_rbm(4, 3, backend=backend)
    v, h = states(4), states(3)

    def table(p, units):
        return np.prod(np.where(units == 1, p[:, None], 1 - p[:, None]), axis=-1)

    T = table(rbm.prob_h_given_v(v), h) @ table(rbm.prob_v_given_h(h), v)
    p = joint(rbm).p.sum(axis=1)
    np.testing.assert_allclose(T.sum(axis=1), 1, rtol=1e-13)
    np.testing.assert_allclose(p @ T, p, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.exp(rbm.log_likelihood(v)) @ T, p, rtol=0, atol=1e-12)
    assert np.abs(T - p).max() > 0.01  # the next state does depend on the present one


def test_a_sweep_through_gaussian_units_leaves_the_hidden_law_invariant(random_rbm, joint, states, grid):
    rbm = random_rbm(2, 2, visible="gaussian", sigma="learned")
    points, volume = grid(20, 201, 2)
    weights = np.exp(-joint(rbm, points).energy)
    p_h = weights.sum(axis=0) / weights.sum()
    s = np.exp(rbm.params.log_sigma)
    residual = (points - rbm.prob_v_given_h(states(2))[:, None]) / s  # (h, v, unit)
    density = np.exp(-0.5 * (residual**2).sum(axis=-1)) / (2 * np.pi * s.prod())
    p = rbm.prob_h_given_v(points)
    to_hidden = np.prod(np.where(states(2) == 1, p[:, None], 1 - p[:, None]), axis=-1)
    T = volume * density @ to_hidden
    np.testing.assert_allclose(T.sum(axis=1), 1, rtol=1e-10)
    np.testing.assert_allclose(p_h @ T, p_h, atol=1e-10)
    assert np.abs(T - p_h).max() > 0.01


def test_fantasies_have_the_law_of_the_model(random_rbm, joint, backend):
    rbm, n = random_rbm(4, 3, backend=backend), 10_000
    p = joint(rbm).p.sum(axis=1)
    v = rbm.sample(n, n_sweeps=40)  # independent chains
    numbers = v @ (2.0 ** np.arange(4)[::-1])
    frequencies = np.bincount(numbers.astype(int), minlength=16) / n
    np.testing.assert_array_less(np.abs(frequencies - p), 5 * np.sqrt(p * (1 - p) / n))
    means = rbm.sample(n, n_sweeps=40, mean=True)
    expected = p @ joint(rbm).v
    np.testing.assert_array_less(np.abs(means.mean(axis=0) - expected), 5 * means.std(axis=0) / np.sqrt(n))


def test_gaussian_fantasies_have_the_law_of_the_model(random_rbm, joint, grid, backend):
    rbm, n = random_rbm(2, 2, backend=backend, visible="gaussian", sigma="learned"), 10_000
    points, _ = grid(20, 201, 2)
    p = joint(rbm, points).p.sum(axis=1)
    v = rbm.sample(n, n_sweeps=40)
    for moment in (lambda v: v, lambda v: v**2, lambda v: v[:, :1] * v[:, 1:], np.cos):
        expected, drawn = p @ moment(points), moment(v)
        np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - expected), 5 * drawn.std(axis=0) / np.sqrt(n))


def test_sweeps_made_in_one_call_are_those_made_one_by_one(kind, random_rbm, backend):
    rbm = random_rbm(4, 3, backend=backend, **kind)
    start = rbm.draw_base(6, sg.Stream(9, backend))
    together = rbm.gibbs(start, 3, stream=sg.Stream(2, backend))
    stream, v = sg.Stream(2, backend), start
    for _ in range(3):
        v = rbm.gibbs(v, stream=stream)
    np.testing.assert_array_equal(together, v)


def test_base_is_independent_units_with_their_own_bias(random_rbm):
    rbm = random_rbm(4, 3)
    rbm.base_bias[...] = [-2, -0.5, 0.3, 1]
    v = rbm.draw_base(20_000, sg.Stream(0, "numpy"))
    p = 1 / (1 + np.exp(-rbm.base_bias))
    np.testing.assert_array_less(np.abs(v.mean(axis=0) - p), 5 * np.sqrt(p * (1 - p) / 20_000))
    correlations = np.corrcoef(v.T) - np.eye(4)
    assert np.abs(correlations).max() < 5 / np.sqrt(20_000)
