"""Block Gibbs sweeps of Bernoulli and Gaussian visible units: draws taken, temperature, input left alone."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.ops.boltzmann import RBMParams
from scratchgen.samplers.gibbs import draw_units_, draw_visible_, sweep

BETAS = np.array([0.25, 0.5, 1.0, 1.0, 2.0])
both_kinds = pytest.mark.parametrize("gaussian", [False, True], ids=["bernoulli", "gaussian"])


def machine(gaussian):
    rng = np.random.default_rng(3)
    W, b, c = rng.standard_normal((5, 4)), rng.standard_normal(5), rng.standard_normal(4)
    return RBMParams(W, b, c, 0.4 * rng.standard_normal(5) if gaussian else ())


def some_states():
    return (np.random.default_rng(4).random((len(BETAS), 5)) < 0.5).astype(float)


def test_units_are_drawn_with_log_odds_beta_times_product_plus_bias(backend):
    product, bias, n = np.random.default_rng(0).standard_normal((len(BETAS), 4)), np.array([-1.0, 0, 1, 2]), 10_000
    expected = 1 / (1 + np.exp(-BETAS[:, None] * (product + bias)))
    many, betas = np.repeat(product, n, axis=0), np.repeat(BETAS, n)
    drawn = draw_units_(many, bias, betas, sg.Stream(7, backend))
    np.testing.assert_allclose(many[::n], expected, rtol=1e-13)  # written over the product
    frequencies = drawn.reshape(len(BETAS), n, 4).mean(axis=1)
    np.testing.assert_array_less(np.abs(frequencies - expected), 5 * np.sqrt(expected * (1 - expected) / n))


def test_without_temperatures_they_are_all_one(backend):
    product, bias = np.random.default_rng(0).standard_normal((3, 4)), np.zeros(4)
    drawn = [draw_units_(product.copy(), bias, beta, sg.Stream(7, backend)) for beta in (None, np.ones(3))]
    np.testing.assert_array_equal(*drawn)


@both_kinds
def test_visible_units_are_drawn_where_they_are_asked_for(gaussian, backend):
    params, product = machine(gaussian), np.random.default_rng(0).standard_normal((len(BETAS), 5))
    v, expected_mean = np.empty((2 * len(BETAS), 5)), product.copy()
    expected = draw_visible_(params, expected_mean, sg.Stream(7, backend), BETAS)
    assert not np.shares_memory(expected, expected_mean)
    drawn = draw_visible_(params, product, sg.Stream(7, backend), BETAS, out=v[2:7])
    np.testing.assert_array_equal(v[2:7], expected)
    np.testing.assert_array_equal(product, expected_mean)
    assert np.shares_memory(drawn, v)


def test_gaussian_units_have_mean_b_plus_product_and_variance_s_squared_over_beta(backend):
    params, n = machine(gaussian=True), 10_000
    product = np.random.default_rng(0).standard_normal((len(BETAS), 5))
    mean = np.repeat(product, n, axis=0)
    v = draw_visible_(params, mean, sg.Stream(7, backend), np.repeat(BETAS, n))
    np.testing.assert_allclose(mean[::n], product + params.b, rtol=1e-13)
    variance = np.exp(2 * params.log_sigma) / BETAS[:, None]
    drawn = v.reshape(len(BETAS), n, 5)
    np.testing.assert_array_less(np.abs(drawn.mean(axis=1) - mean[::n]), 5 * np.sqrt(variance / n))
    np.testing.assert_array_less(np.abs(drawn.var(axis=1) / variance - 1), 5 * np.sqrt(2 / n))


@both_kinds
def test_a_sweep_at_beta_is_a_sweep_of_the_machine_whose_energy_is_beta_times_larger(gaussian, backend):
    params, v = machine(gaussian), some_states()
    at_beta = sweep(params, v, 3, sg.Stream(7, backend), np.full(len(v), 0.25))
    scaled = params._replace(c=0.25 * params.c)
    if gaussian:
        scaled = scaled._replace(log_sigma=params.log_sigma - 0.5 * np.log(0.25))
    else:
        scaled = scaled._replace(W=0.25 * params.W, b=0.25 * params.b)
    for drawn, expected in zip(at_beta, sweep(scaled, v, 3, sg.Stream(7, backend)), strict=True):
        np.testing.assert_allclose(drawn, expected, rtol=1e-12)


@both_kinds
def test_each_chain_has_its_own_temperature(gaussian, backend):
    params, v = machine(gaussian), some_states()
    mixed, _ = sweep(params, v, 2, sg.Stream(7, backend), BETAS)
    for i, beta in enumerate(BETAS):
        alone, _ = sweep(params, v, 2, sg.Stream(7, backend), np.full(len(v), beta))
        np.testing.assert_allclose(mixed[i], alone[i], rtol=1e-12)


@both_kinds
def test_two_draws_a_sweep_and_one_call_with_k_sweeps_is_k_calls(gaussian, backend):
    params, together, apart = machine(gaussian), sg.Stream(7, backend), sg.Stream(7, backend)
    v, h = sweep(params, some_states(), 3, together, BETAS)
    one_by_one = some_states()
    for _ in range(3):
        one_by_one, last_h = sweep(params, one_by_one, 1, apart, BETAS)
    np.testing.assert_array_equal(v, one_by_one)
    np.testing.assert_array_equal(h, last_h)
    assert together.draw == apart.draw == 6


@both_kinds
def test_hidden_states_that_come_back_are_those_that_v_was_drawn_from(gaussian, backend):
    params, stream = machine(gaussian), sg.Stream(7, backend)
    v, h = sweep(params, some_states(), 2, stream, BETAS)
    key_low, key_high, draw = stream.state()
    again = sg.Stream.from_state([key_low, key_high, draw - 1], backend)
    np.testing.assert_allclose(draw_visible_(params, h @ params.W.T, again, BETAS), v, rtol=1e-12)


@both_kinds
def test_the_states_that_a_sweep_starts_from_are_left_as_they_are(gaussian, backend):
    params, v = machine(gaussian), some_states()
    after, _ = sweep(params, v, 2, sg.Stream(7, backend), BETAS)
    np.testing.assert_array_equal(v, some_states())
    assert not np.shares_memory(after, v)
