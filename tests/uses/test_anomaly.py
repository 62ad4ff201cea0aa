"""Scores of anomalies: what they are made of, and whether they find digits that a VAE has never seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.latent import kl_per_dimension
from scratchgen.uses import anomaly_scores, area_under_roc, leave_class_out, squared_error

DATA = sg.datasets.load("digits")
GAUSSIAN = {"likelihood": "gaussian", "output_mean": "sigmoid", "sigma": 0.2}


@pytest.fixture(scope="module")
def zero_left_out():
    """Return a VAE that was trained without the digit 0, held-out images of the other digits, and zeros."""
    data, zeros = leave_class_out(DATA, 0)
    vae = sg.VAE(64, (64,), 8, **GAUSSIAN)
    vae.fit(data.x_train, epochs=30, batch_size=64, progress=False)
    return vae, data.x_test, zeros


def test_a_class_that_is_left_out_is_nowhere_but_among_the_anomalies():
    data, anomalous = leave_class_out(DATA, 3)
    assert 3 not in data.y_train
    assert 3 not in data.y_test
    assert set(data.y_train) == set(data.y_test) == set(range(10)) - {3}
    np.testing.assert_array_equal(anomalous, DATA.x_test[DATA.y_test == 3])
    np.testing.assert_array_equal(data.x_train, DATA.x_train[DATA.y_train != 3])
    assert len(data.x_test) + len(anomalous) == len(DATA.x_test)


def test_scores_are_the_terms_of_the_elbo_and_the_likelihood(zero_left_out):
    vae, x, _ = zero_left_out
    scores = anomaly_scores(vae, x[:40], n_elbo=2000, n_likelihood=500)
    mean, log_var = vae.encode(x[:40])
    assert scores.kl.mean() == pytest.approx(kl_per_dimension(mean, log_var).sum(), rel=1e-5)
    np.testing.assert_allclose(scores.kl + scores.reconstruction, scores.elbo, rtol=1e-12)
    z = vae.sample_posterior(x[:40], 500)
    squares = ((x[:40] - vae.decode(z)) ** 2).sum(axis=-1).mean(axis=0)
    constant = 64 * np.log(0.2 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(scores.reconstruction, squares / (2 * 0.2**2) + constant, atol=0.8)
    assert (scores.log_likelihood < scores.elbo).mean() > 0.9


def test_the_reconstruction_finds_the_digit_that_was_left_out_and_the_code_does_not(zero_left_out):
    vae, normal, zeros = zero_left_out
    pairs = zip(anomaly_scores(vae, normal), anomaly_scores(vae, zeros), strict=True)
    kl, reconstruction, elbo, log_likelihood = (area_under_roc(n, a) for n, a in pairs)
    assert kl < 0.5
    assert min(reconstruction, elbo, log_likelihood) > 0.95
    assert area_under_roc(squared_error(vae, normal), squared_error(vae, zeros)) > 0.95


def test_no_digit_that_was_trained_on_stands_out_as_the_one_that_was_left_out(zero_left_out):
    vae, normal, zeros = zero_left_out
    scores, y = squared_error(vae, normal), DATA.y_test[DATA.y_test != 0]
    of_trained = [area_under_roc(scores[y != digit], scores[y == digit]) for digit in range(1, 10)]
    assert max(of_trained) < area_under_roc(scores, squared_error(vae, zeros)) - 0.15


def test_the_squared_error_is_that_of_any_reconstruction():
    class Halves:
        def reconstruct(self, x):
            return x / 2

    np.testing.assert_allclose(squared_error(Halves(), np.array([[2.0, 4.0], [0.0, 0.0]])), [1 + 4, 0])


def test_the_area_is_the_probability_of_a_higher_score_and_ties_count_half():
    normal, anomalous = np.array([0.0, 1.0, 1.0]), np.array([1.0, 3.0])
    pairs = np.sign(anomalous[:, None] - normal)
    assert area_under_roc(normal, anomalous) == pytest.approx(((pairs + 1) / 2).mean())
    assert area_under_roc(anomalous, normal) == pytest.approx(1 - ((pairs + 1) / 2).mean())


BAD_INPUT = {
    "no labels": (lambda: leave_class_out(replace(DATA, y_train=None, y_test=None), 0), "digits has no labels"),
    "label": (lambda: leave_class_out(DATA, 10), "classes of digits, got 10"),
    "only class": (lambda: leave_class_out(leave_class_out_all_but_zero(), 0), "classes of digits, got 0"),
    "no scores": (lambda: area_under_roc([], [1.0]), "normal must be an array with at least one element"),
    "NaN": (lambda: area_under_roc([1.0], [np.nan]), "anomalous has NaN"),
    "matrix": (lambda: area_under_roc([1.0], [[1.0]]), r"vectors of scores, got shapes \(1,\) and \(1, 1\)"),
    "draws": (lambda: anomaly_scores(sg.VAE(64, (4,), 2), DATA.x_test[:2], n_elbo=0), "n_elbo.*got 0"),
    "no bound": (
        lambda: anomaly_scores(sg.Autoencoder(64, (4,), 2), DATA.x_test[:2]),
        "got Autoencoder: use squared_error",
    ),
    "data": (lambda: anomaly_scores(sg.VAE(64, (4,), 2), DATA.x_test[:2, :5]), r"\(n, 64\), got \(2, 5\)"),
}


def leave_class_out_all_but_zero():
    train, test = DATA.y_train == 0, DATA.y_test == 0
    return replace(
        DATA,
        x_train=DATA.x_train[train],
        y_train=DATA.y_train[train],
        x_test=DATA.x_test[test],
        y_test=DATA.y_test[test],
    )


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, message):
    with pytest.raises(InputError, match=message):
        call()
