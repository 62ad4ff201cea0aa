"""Training an RBM: how it starts, the data that it sees, penalties, and where it arrives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scratchgen as sg

GENERATOR = np.random.default_rng(2)
X = (GENERATOR.random((23, 6)) < np.linspace(0.1, 0.9, 6)).astype(float)
GREY = GENERATOR.random((23, 6))


def train(rbm, x=X, epochs=3, **options):
    return rbm.fit(x, **{"epochs": epochs, "batch_size": 8, "progress": False} | options)


@pytest.mark.parametrize("options", [{"k": 2}, {"method": "pcd", "n_chains": 7}, {"method": "pt", "lowest": 0.3}])
@pytest.mark.parametrize("centred", [False, True], ids=["plain", "centred"])
def test_numpy_and_cpu_train_alike(kind, centred, options):
    models = [sg.RBM(6, 4, seed=1, dtype="float64", centred=centred, backend=name, **kind) for name in ("numpy", "cpu")]
    for rbm in models:
        train(rbm, **options)
    np.testing.assert_allclose(models[0].theta, models[1].theta, rtol=1e-9)
    for name, column in models[0].history.columns.items():
        if name != "seconds":
            np.testing.assert_allclose(column, models[1].history.columns[name], rtol=1e-8, atol=1e-12)


@pytest.mark.simulator
@pytest.mark.parametrize("options", [{"k": 2}, {"method": "pt", "n_chains": 3, "n_temperatures": 3}], ids=["cd", "pt"])
def test_two_steps_through_the_cuda_kernels_are_those_of_numpy(options):
    simulated, plain = (sg.RBM(6, 4, dtype="float64", centred=True, backend=name) for name in ("cuda", "numpy"))
    for rbm in (simulated, plain):
        train(rbm, X[:4], epochs=2, **options)
    np.testing.assert_allclose(simulated.theta, plain.theta, rtol=1e-12, atol=1e-15)


def test_first_visible_biases_are_the_log_odds_of_the_data_or_their_means():
    rbm = sg.RBM(6, 4, dtype="float64")
    rbm.adapt_to_data_(X)
    p = (X.sum(axis=0) + 1) / (len(X) + 2)
    np.testing.assert_allclose(rbm.b, np.log(p / (1 - p)), rtol=1e-12)
    np.testing.assert_array_equal(rbm.base_bias, rbm.b)
    gaussian = sg.RBM(6, 4, dtype="float64", visible="gaussian")
    gaussian.adapt_to_data_(X - 3)
    np.testing.assert_allclose(gaussian.b, X.mean(axis=0) - 3, rtol=1e-12)


def test_visible_biases_that_were_set_are_kept_and_the_base_is_still_that_of_the_data():
    rbm = sg.RBM(6, 4, dtype="float64")
    rbm.b[...] = 0.5
    rbm.adapt_to_data_(X)
    np.testing.assert_array_equal(rbm.b, 0.5)
    assert (np.abs(rbm.base_bias - 0.5) > 0.05).all()


def test_binarised_data_are_drawn_afresh_for_each_batch_and_from_the_seed():
    def batches(seed):
        rbm = sg.RBM(6, 4, binarise=True, seed=seed)
        seen, step = [], rbm.training_terms_
        rbm.training_terms_ = lambda x, stream, out: (seen.append(x.copy()), step(x, stream, out))[1]
        train(rbm, np.tile(GREY[:1], (500, 1)), epochs=3, batch_size=500)
        return np.array(seen)

    seen = batches(0)
    assert seen.shape == (3, 500, 6)
    assert set(np.unique(seen)) == {0, 1}
    assert (seen[0] != seen[1]).any()
    assert (seen[1] != seen[2]).any()
    p = GREY[0]
    np.testing.assert_array_less(np.abs(seen.mean(axis=(0, 1)) - p), 5 * np.sqrt(p * (1 - p) / 1500))
    np.testing.assert_array_equal(seen, batches(0))
    assert (seen != batches(1)).any()


def test_without_binarise_greys_are_taken_as_they_are():
    rbm = sg.RBM(6, 4)
    seen, step = [], rbm.training_terms_
    rbm.training_terms_ = lambda x, stream, out: (seen.append(x.copy()), step(x, stream, out))[1]
    train(rbm, GREY, epochs=1, batch_size=23)
    np.testing.assert_array_equal(np.sort(seen[0], axis=0), np.sort(GREY.astype("float32"), axis=0))


@given(
    n_visible=st.integers(1, 9), n_hidden=st.integers(1, 9), n=st.integers(1, 5), n_chains=st.integers(1, 5),
    n_temperatures=st.integers(2, 5), k=st.integers(1, 3), centred=st.booleans(),
    backend=st.sampled_from(["numpy", "cpu"]),
)  # fmt: skip
@settings(max_examples=20)
def test_machines_and_batches_of_all_shapes_are_trained(
    n_visible, n_hidden, n, n_chains, n_temperatures, k, centred, backend
):
    x = np.random.default_rng(0).random((n, n_visible)).round()
    rbm = sg.RBM(n_visible, n_hidden, centred=centred, backend=backend)
    for options in (
        {"method": "cd", "k": k},
        {"method": "pcd", "k": k, "n_chains": n_chains},
        {"method": "pt", "k": k, "n_chains": n_chains, "n_temperatures": n_temperatures},
    ):
        history = rbm.fit(x, epochs=1, batch_size=2, progress=False, **options)
    assert rbm.chains.v.shape == (n_temperatures, n_chains, n_visible)
    assert np.isfinite(rbm.theta).all()
    assert np.isfinite(history.log_likelihood).all()


def test_weight_decay_adds_its_multiple_of_the_weights_to_the_gradient_and_of_their_squares_to_the_loss(random_rbm):
    plain, decayed = random_rbm(6, 4), random_rbm(6, 4, weight_decay=0.3)
    noise = plain.draw_noise(X, sg.Stream(1, "numpy"))
    (terms, grads), (decayed_terms, decayed_grads) = (rbm.loss_and_grad(X, noise) for rbm in (plain, decayed))
    np.testing.assert_allclose(decayed_grads.W - grads.W, 0.3 * plain.W, rtol=1e-10)
    np.testing.assert_array_equal(decayed_grads.b, grads.b)
    np.testing.assert_array_equal(decayed_grads.c, grads.c)
    assert decayed_terms.penalty == pytest.approx(0.15 * np.sum(plain.W**2))
    assert decayed_terms.loss == pytest.approx(terms.loss + decayed_terms.penalty)
    assert terms.penalty == 0


def test_weight_decay_makes_smaller_weights():
    sizes = []
    for weight_decay in (0, 0.1):
        rbm = sg.RBM(6, 4, weight_decay=weight_decay)
        train(rbm, np.tile(X[:, :3], 2), epochs=100, optimizer=sg.SGD(0.3), monitor_every=100)
        sizes.append(float(np.abs(rbm.W).max()))
    assert sizes[1] < 0.2 * sizes[0]


def test_sparsity_cost_brings_the_mean_activation_to_its_target(kind):
    distances = []
    for sparsity_cost in (0, 3):
        rbm = sg.RBM(6, 4, sparsity_cost=sparsity_cost, sparsity_target=0.8, **kind)
        train(rbm, epochs=300, batch_size=23, optimizer=sg.SGD(0.02), monitor_every=300)  # 0.1 is too fast for sigmas
        distances.append(np.abs(rbm.prob_h_given_v(X).mean(axis=0) - 0.8).mean())
    assert distances[0] > 0.2
    assert distances[1] < 0.3 * distances[0]


def test_sparsity_penalty_is_the_divergence_of_the_mean_activations_from_the_target(random_rbm):
    rbm = random_rbm(6, 4, sparsity_cost=0.7, sparsity_target=0.2)
    q = rbm.prob_h_given_v(X).mean(axis=0)
    kl = 0.2 * np.log(0.2 / q) + 0.8 * np.log(0.8 / (1 - q))
    terms, _ = rbm.loss_and_grad(X, X)
    assert terms.penalty == pytest.approx(0.7 * kl.sum(), rel=1e-12)
    assert terms.data_free_energy == terms.model_free_energy  # the samples were the data
    assert rbm.evaluate_terms(X, X) == pytest.approx(terms, rel=1e-12)


def test_fit_takes_its_default_optimiser_from_the_kind_of_units():
    assert sg.RBM(6, 4).optimizer == sg.SGD(0.1)
    assert sg.RBM(6, 4, visible="gaussian").optimizer == sg.SGD(0.01)
    assert sg.RBM(6, 4, visible="gaussian", sigma="learned").optimizer == sg.SGD(0.001)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_bars_and_stripes_are_learnt_to_within_three_per_cent_of_the_ceiling(seed):
    x = sg.datasets.load("bars-and-stripes", size=3).x_train
    ceiling = -math.log(len(x))
    rbm = sg.RBM(9, 16, centred=True, seed=seed)
    for learning_rate in (1, 0.3, 0.1, 0.03):
        history = rbm.fit(
            x, epochs=500, batch_size=len(x), method="pt", n_chains=100, n_temperatures=5, lowest=0.2,
            optimizer=sg.SGD(learning_rate), monitor_every=100, progress=False,
        )  # fmt: skip
    reported = [value for value in history.log_likelihood if not math.isnan(value)]
    assert reported[-1] == pytest.approx(float(rbm.log_likelihood(x).mean()), abs=1e-5)
    assert max(reported) < ceiling
    assert reported[-1] > 1.03 * ceiling
