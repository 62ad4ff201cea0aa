"""Negative samples: the expected CD-k gradient, persistent chains, and that looking at a model moves nothing."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.inference.contrastive_bias import contrastive_divergence_gradient
from scratchgen.models.boltzmann.negative_phase import (
    ContrastiveDivergence,
    ParallelTempering,
    PersistentContrastiveDivergence,
)

X = (np.random.default_rng(2).random((12, 6)) < 0.4).astype(float)
PERSISTENT = pytest.mark.parametrize(
    "negative_phase",
    [PersistentContrastiveDivergence(2, 7), ParallelTempering(1, 7, 3, 0.2)],
    ids=["pcd", "pt"],
)


def train(rbm, epochs=1, **options):
    return rbm.fit(X, **{"epochs": epochs, "batch_size": 5, "progress": False} | options)


@pytest.mark.parametrize("k", [1, 3])
def test_mean_of_many_gradients_is_the_expected_gradient_of_cd_k(k, random_rbm, backend):
    rbm = random_rbm(4, 3, scale=1.5, backend=backend)
    rbm.use_negative_phase(ContrastiveDivergence(k))
    x = np.random.default_rng(0).random((5, 4)) * np.array([1, 0.2, 1, 0.7])
    expected = contrastive_divergence_gradient(x, *rbm.machine[:3], k)
    copies = np.tile(x, (240, 1))
    draws = []
    for _ in range(100):
        _, grads = rbm.loss_and_grad(copies, rbm.draw_noise(copies))
        draws.append(np.concatenate([g.ravel() for g in grads[:3]]))
    ascent = -np.concatenate([g.ravel() for g in expected[:3]])
    standard_error = np.std(draws, axis=0) / np.sqrt(len(draws))
    np.testing.assert_array_less(np.abs(np.mean(draws, axis=0) - ascent), 5 * standard_error)
    # another k, or the exact gradient, would be told from it
    for other in (contrastive_divergence_gradient(x, *rbm.machine[:3], k + 1), rbm.log_likelihood_gradient(x)):
        distance = np.abs(np.mean(draws, axis=0) + np.concatenate([g.ravel() for g in other[:3]]))
        assert (distance / standard_error).max() > 6


def test_any_number_of_negative_samples_has_the_same_weight_in_all(kind, random_rbm, backend):
    rbm = random_rbm(6, 4, weight_decay=0.1, backend=backend, **kind)
    noise = rbm.draw_noise(X)
    (terms, grads), (more_terms, more_grads) = (rbm.loss_and_grad(X, rows) for rows in (noise, np.tile(noise, (3, 1))))
    np.testing.assert_allclose(more_terms, terms, rtol=1e-12)
    for more, gradient in zip(more_grads, grads, strict=True):
        np.testing.assert_allclose(more, gradient, rtol=1e-9, atol=1e-12)


def test_cd_draws_h_given_the_data_then_v_and_goes_on_with_k_minus_1_sweeps(kind, random_rbm, backend):
    rbm = random_rbm(6, 4, backend=backend, **kind)
    for k in (1, 3):
        rbm.use_negative_phase(ContrastiveDivergence(k))
        stream = sg.Stream(3, backend)
        h = stream.bernoulli(rbm.prob_h_given_v(X))
        v = rbm.sample_v_given_h(h, stream)
        if k > 1:
            v = rbm.gibbs(v, k - 1, stream)
        np.testing.assert_allclose(rbm.draw_noise(X, sg.Stream(3, backend)), v, rtol=1e-12)


@pytest.mark.parametrize("centred", [False, True])
@PERSISTENT
def test_chains_go_on_from_step_to_step_with_the_parameters_of_each(negative_phase, centred, backend):
    rbm = sg.RBM(6, 4, dtype="float64", centred=centred, backend=backend)
    rbm.use_negative_phase(negative_phase)
    train(rbm)
    stream, grads = sg.Stream(5, backend), rbm.empty_grads()[1]
    for _ in range(3):
        rbm.W[...] += 0.1
        again, samples = sg.Stream.from_state(stream.state(), backend), np.empty((7, 6))
        expected = negative_phase.draw_(rbm.machine, None, rbm.chains, again, samples)
        before = rbm.chains.v.copy()
        rbm.training_terms_(X[:5], stream, grads)
        np.testing.assert_array_equal(rbm.chains.v, expected.chains.v)
        np.testing.assert_array_equal(samples, expected.chains.v.reshape(-1, 6)[-7:])  # of tempering those at 1
        assert rbm.chains.n_rounds == expected.chains.n_rounds
        assert (rbm.chains.v != before).any()


def test_chains_of_tempering_at_temperature_one_are_the_negative_samples(backend):
    rbm = sg.RBM(6, 4, backend=backend)
    rbm.use_negative_phase(ParallelTempering(1, 7, 3, 0.2))
    samples = np.empty((7, 6), np.float32)
    drawn = rbm.negative_phase.draw_(rbm.machine, None, rbm.chains, sg.Stream(1, backend), samples)
    np.testing.assert_array_equal(samples, drawn.chains.v[-1])
    np.testing.assert_allclose(rbm.negative_phase.inverse_temperatures, [0.2, 0.6, 1], rtol=1e-15)


@PERSISTENT
def test_looking_at_the_model_leaves_chains_and_training_alone(negative_phase):
    plain, observed = (sg.RBM(6, 4, seed=3) for _ in range(2))
    for rbm in (plain, observed):
        train(rbm, method=negative_phase)
    chains = observed.chains.v.copy()
    stream = observed.streams["training_noise"].state()
    observed.draw_noise(X, sg.Stream(1))
    observed.evaluate_terms(X.astype("float32"), X.astype("float32"))
    observed.monitor(X.astype("float32"), X.astype("float32"))
    observed.sample(3, 5)
    observed.log_partition("ais")
    np.testing.assert_array_equal(observed.chains.v, chains)
    assert observed.streams["training_noise"].state() == stream
    train(plain, 2, monitor_every=5)
    train(observed, 2, validation=X[:4])
    np.testing.assert_array_equal(plain.theta, observed.theta)
    np.testing.assert_array_equal(plain.chains.v, observed.chains.v)


def test_new_chains_start_from_the_base_and_only_for_another_description():
    rbm = sg.RBM(6, 4)
    x = np.tile([1.0, 1, 1, 0, 0, 0], (10_000, 1))
    rbm.fit(x, epochs=1, batch_size=10_000, method="pcd", n_chains=2000, progress=False)
    chains = rbm.chains.v
    rbm.use_negative_phase(PersistentContrastiveDivergence(1, 2000))
    assert rbm.chains.v is chains
    rbm.use_negative_phase(PersistentContrastiveDivergence(1, 2001))
    assert rbm.chains.v.shape == (2001, 6)
    assert (rbm.chains.v == x[0]).mean() > 0.999  # with odds of 10,001 to 1


def test_options_change_the_present_description_and_a_name_starts_from_defaults():
    rbm = sg.RBM(6, 4)
    assert rbm.negative_phase == ContrastiveDivergence(1)
    train(rbm, k=2)
    assert rbm.negative_phase == ContrastiveDivergence(2)
    train(rbm, method="pt", n_chains=5, n_temperatures=3, lowest=0.5)
    assert rbm.negative_phase == ParallelTempering(1, 5, 3, 0.5)
    chains = rbm.chains.v.shape
    train(rbm)
    assert rbm.chains.v.shape == chains == (3, 5, 6)
    train(rbm, k=3)
    assert rbm.negative_phase == ParallelTempering(3, 5, 3, 0.5)
    train(rbm, method="pcd", k=3)
    assert rbm.negative_phase == PersistentContrastiveDivergence(3, 64)
    train(rbm, method=ContrastiveDivergence(4))
    assert rbm.negative_phase == ContrastiveDivergence(4)
    assert rbm.chains.v is None
