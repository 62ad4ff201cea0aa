"""The estimator beside scikit-learn's own: the same interface, functions of the parameters, and quality."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import shift
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM as Original
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import minmax_scale
from threadpoolctl import threadpool_limits

import scratchgen as sg
from scratchgen.inference.pseudo_likelihood import pseudo_log_likelihood
from scratchgen.sklearn import BernoulliRBM

SETTINGS = {"n_components": 20, "n_iter": 20, "random_state": 0}


@pytest.fixture(scope="module")
def pair(states: np.ndarray) -> tuple[Any, Any]:
    """Return our estimator, trained, and scikit-learn's with its parameters."""
    rbm = BernoulliRBM(**SETTINGS).fit(states)
    original = Original(**SETTINGS).fit(states)
    original.components_ = rbm.components_
    original.intercept_hidden_, original.intercept_visible_ = rbm.intercept_hidden_, rbm.intercept_visible_
    return rbm, original


def test_the_constructor_is_that_of_scikit_learn_with_further_parameters() -> None:
    ours, theirs = (inspect.signature(cls).parameters for cls in (BernoulliRBM, Original))
    for name, parameter in theirs.items():
        assert (ours[name].kind, ours[name].default) == (parameter.kind, parameter.default)
    assert list(ours)[: len(theirs)] == list(theirs)
    assert set(ours) - set(theirs) == {"method", "k", "backend"}


def test_every_public_name_of_scikit_learn_is_there_but_for_the_chains(states: np.ndarray, pair: Any) -> None:
    rbm, _ = pair
    names = {name for name in dir(Original(**SETTINGS).fit(states)) if not name.startswith("_")}
    assert {name for name in names if not hasattr(rbm, name)} == {"h_samples_"}


def test_equal_parameters_give_equal_features_names_and_free_energies(digits: np.ndarray, pair: Any) -> None:
    rbm, original = pair
    np.testing.assert_allclose(rbm.transform(digits), original.transform(digits), rtol=1e-12)
    np.testing.assert_allclose(rbm.free_energy(digits), original._free_energy(digits), rtol=1e-12)
    assert list(rbm.get_feature_names_out()) == list(original.get_feature_names_out())
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        fitted = getattr(Original(**SETTINGS).fit(digits), name)
        assert (getattr(rbm, name).shape, getattr(rbm, name).dtype) == (fitted.shape, fitted.dtype)


def test_the_score_is_the_mean_of_those_that_scikit_learn_draws(states: np.ndarray, pair: Any) -> None:
    rbm, original = pair
    row = np.repeat(states[:1], 20_000, axis=0)
    drawn = original.set_params(random_state=1).score_samples(row)
    error = drawn.std() / np.sqrt(len(drawn))
    assert error < 0.6
    assert abs(rbm.score_samples(states[:1])[0] - drawn.mean()) < 4 * error


def test_a_sweep_has_the_means_of_that_of_scikit_learn(states: np.ndarray, pair: Any) -> None:
    rbm, original = pair
    start = np.repeat(states[:1], 5000, axis=0)
    ours, theirs = rbm.gibbs(start), original.gibbs(start)
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    error = np.sqrt((ours.var(axis=0) + theirs.var(axis=0)) / len(start))
    assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) <= 4.5 * error + 1e-3).all()


def test_equal_settings_train_a_model_that_scores_about_the_same(states: np.ndarray) -> None:
    ours, theirs = [], []
    for seed in range(2):
        rbm = BernoulliRBM(**SETTINGS | {"random_state": seed}).fit(states)
        original = Original(**SETTINGS | {"random_state": seed}).fit(states)
        ours.append(rbm.score(states))
        parameters = original.components_.T, original.intercept_visible_, original.intercept_hidden_
        theirs.append(pseudo_log_likelihood(states, *map(np.ascontiguousarray, parameters)).mean())
    assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 150 steps: the scores no longer change
def test_features_of_nudged_digits_are_classified_better_than_their_pixels() -> None:
    """Scikit-learn's example in small: 400 digits, each also moved by a pixel to every side."""
    data = sg.datasets.load("digits")
    images = data.x_train[:400].reshape(-1, 8, 8)
    moves = [(0, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    x = minmax_scale(np.concatenate([shift(images, move, order=0) for move in moves]).reshape(-1, 64))
    x_train, x_test, y_train, y_test = train_test_split(
        x, np.tile(data.y_train[:400], len(moves)), test_size=0.2, random_state=0
    )
    rbm = BernoulliRBM(n_components=100, learning_rate=0.06, n_iter=20, random_state=0)
    with threadpool_limits(1):  # of these small products more threads make slow ones
        of_pixels = [
            LogisticRegression(C=C, max_iter=150).fit(x_train, y_train).score(x_test, y_test)
            for C in (1.0, 10.0, 100.0)
        ]
        classifier = make_pipeline(rbm, LogisticRegression(C=100.0, max_iter=150)).fit(x_train, y_train)
        of_features = classifier.score(x_test, y_test)
    assert of_features > max(of_pixels) + 0.03
