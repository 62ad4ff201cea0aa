"""The history of an RBM: its columns, and that they are what the model says of itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.inference.pseudo_likelihood import pseudo_log_likelihood
from scratchgen.models.boltzmann.negative_phase import ParallelTempering

GENERATOR = np.random.default_rng(2)
X = (GENERATOR.random((23, 6)) < np.linspace(0.1, 0.9, 6)).astype(float)
HELD_OUT = (GENERATOR.random((5, 6)) < 0.5).astype(float)
GREY = GENERATOR.random((23, 6))
TERMS = ["epoch", "loss", "data_free_energy", "model_free_energy", "penalty", "learning_rate"]


def train(rbm, x=X, epochs=3, **options):
    return rbm.fit(x, **{"epochs": epochs, "batch_size": 8, "progress": False} | options)


@pytest.mark.parametrize(
    ("variant", "options", "columns"),
    [
        ({}, {}, ["reconstruction_error", "pseudo_log_likelihood", "log_likelihood"]),
        ({}, {"method": "pt"}, ["reconstruction_error", "pseudo_log_likelihood", "log_likelihood", "swap_rate",
                                "lowest_swap_rate"]),
        ({"visible": "gaussian"}, {}, ["reconstruction_error", "log_likelihood"]),
        ({}, {"validation": HELD_OUT}, ["validation_loss", "validation_data_free_energy",
                                        "validation_model_free_energy", "validation_penalty", "reconstruction_error",
                                        "free_energy_gap", "pseudo_log_likelihood", "log_likelihood"]),
    ],
    ids=["cd", "pt", "gaussian", "validation"],
)  # fmt: skip
def test_history_has_the_documented_columns(variant, options, columns):
    history = train(sg.RBM(6, 4, **variant), **options)
    assert list(history.columns) == [*TERMS, *columns, "seconds"]
    assert len(history) == 3
    assert np.isfinite(list(history.columns.values())).all()


def test_greys_have_no_likelihood_unless_they_are_binarised():
    likelihoods = {"pseudo_log_likelihood", "log_likelihood"}
    assert not likelihoods & train(sg.RBM(6, 4), GREY).columns.keys()
    assert likelihoods <= train(sg.RBM(6, 4, binarise=True), GREY).columns.keys()
    assert "log_likelihood" in train(sg.RBM(6, 4, visible="gaussian"), GREY).columns


@pytest.mark.parametrize(
    ("sizes", "reported"),
    [({"n_visible": 17, "n_hidden": 17}, False), ({"n_visible": 17, "n_hidden": 16}, True),
     ({"n_visible": 16, "n_hidden": 17}, True), ({"n_visible": 2, "n_hidden": 17, "visible": "gaussian"}, False)],
)  # fmt: skip
def test_exact_log_likelihood_is_reported_where_a_layer_has_at_most_16_units(sizes, reported):
    rbm = sg.RBM(**sizes)
    history = train(rbm, np.zeros((4, rbm.n_visible)), epochs=1)
    assert ("log_likelihood" in history.columns) is reported


def test_columns_are_what_the_model_says_of_itself(kind, backend):
    rbm = sg.RBM(6, 4, dtype="float64", backend=backend, **kind)
    history = train(rbm, validation=HELD_OUT)
    assert history.log_likelihood[-1] == pytest.approx(float(rbm.log_likelihood(X).mean()), rel=1e-12)
    gap = rbm.free_energy(HELD_OUT).mean() - rbm.free_energy(X).mean()
    assert history.free_energy_gap[-1] == pytest.approx(float(gap), rel=1e-9)
    distance = X - rbm.prob_v_given_h(rbm.prob_h_given_v(X))
    assert history.reconstruction_error[-1] == pytest.approx(float((distance**2).sum() / len(X)), rel=1e-12)
    if not kind:
        expected = float(pseudo_log_likelihood(X, *rbm.machine[:3]).mean())
        assert history.pseudo_log_likelihood[-1] == pytest.approx(expected, rel=1e-12)


def test_rows_between_those_that_monitor_have_nan_but_for_the_swap_rates():
    history = train(sg.RBM(6, 4), epochs=5, method="pt", monitor_every=3, validation=HELD_OUT)
    for name in ("reconstruction_error", "free_energy_gap", "pseudo_log_likelihood", "log_likelihood"):
        assert [math.isnan(value) for value in history.columns[name]] == [True, True, False, True, True]
    assert np.isfinite(history.swap_rate + history.loss + history.validation_loss).all()


def test_swap_rates_are_the_mean_and_the_least_of_the_exchanged_fractions():
    rbm = sg.RBM(6, 4)
    infos = []
    rbm.use_negative_phase(ParallelTempering(1, 20, 4))
    step = rbm.exchanges.add
    rbm.exchanges.add = lambda info: (infos.append(info), step(info))[1]
    grads = rbm.empty_grads()[1]
    for _ in range(6):
        rbm.training_terms_(X.astype("float32"), rbm.streams["training_noise"], grads)
    rates = np.sum([i.exchanged for i in infos], axis=0) / np.sum([i.tried for i in infos], axis=0)
    np.testing.assert_array_equal(np.sum([i.tried for i in infos], axis=0), 3)
    report = rbm.exchanges.report_and_reset()
    assert report == pytest.approx({"swap_rate": rates.mean(), "lowest_swap_rate": rates.min()})
    assert 0 < report["lowest_swap_rate"] < report["swap_rate"] <= 1
    assert rbm.exchanges.report_and_reset() == {}


def test_other_temperatures_can_follow_whether_or_not_their_exchanges_were_reported():
    rbm = sg.RBM(6, 4)
    train(rbm, epochs=1, method="pt", n_temperatures=5, monitor_every=2)
    grads = rbm.empty_grads()[1]
    rbm.training_terms_(X.astype("float32"), rbm.streams["training_noise"], grads)  # an epoch that was interrupted
    history = train(rbm, epochs=1, method="pt", n_temperatures=3)
    assert 0 < history.swap_rate[-1] <= 1


def test_free_energy_gap_grows_when_a_few_random_examples_are_learnt_by_heart():
    x = (np.random.default_rng(0).random((20, 20)) < 0.5).astype(float)
    rbm = sg.RBM(20, 40)
    history = train(rbm, x[:10], epochs=300, method="pcd", validation=x[10:], monitor_every=100)
    gap = [value for value in history.free_energy_gap if not math.isnan(value)]
    assert gap[0] < gap[1] < gap[2]
    assert gap[2] > 5
