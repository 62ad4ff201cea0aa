"""M1: the VAE is one, the classifier is scikit-learn's, and both are kept together."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import scratchgen as sg

SMALL = {"n_visible": 6, "n_classes": 3, "hidden": (5,), "n_latent": 2, "seed": 0}
X = np.random.Generator(np.random.PCG64(3)).uniform(size=(30, 6))
Y = np.where(np.arange(30) < 18, np.arange(30) % 3, -1)
TRAINING = {"epochs": 2, "batch_size": 8, "progress": False}
BOTH = pytest.mark.parametrize("classifier", ["logistic", "svm"])


@pytest.fixture(scope="module")
def digits():
    return sg.datasets.load("digits")


@pytest.fixture(scope="module")
def digits_vae(digits):
    vae = sg.VAE(64, (64,), 10, seed=0)
    vae.fit(digits.x_train, epochs=20, batch_size=64, optimizer=sg.Adam(3e-3), progress=False)
    return vae


def small(**options):
    return sg.M1(**SMALL | options)


def test_prediction_is_that_of_the_classifier_on_the_codes_of_the_labelled_examples(digits, digits_vae):
    y = sg.hide_labels(digits.y_train, 100)
    codes, test_codes = (digits_vae.encode(x)[0].astype(float) for x in (digits.x_train[y >= 0], digits.x_test))
    for classifier, kind in (
        ("logistic", LogisticRegression(C=1.0, max_iter=5000)),
        ("svm", SVC(C=10.0, break_ties=True)),
    ):
        m1 = sg.M1.from_vae(digits_vae, classifier=classifier).fit_classifier(digits.x_train, y)
        np.testing.assert_array_equal(m1.predict(digits.x_test), kind.fit(codes, y[y >= 0]).predict(test_codes))
        np.testing.assert_allclose(m1.predict_proba(digits.x_test).sum(axis=1), 1, rtol=1e-5)
        assert m1.accuracy(digits.x_test, digits.y_test) > 0.7


def test_regularisation_is_the_weight_of_the_errors():
    codes = small().encode(X[:18])[0].astype(float)
    for classifier, kind in (("logistic", LogisticRegression(C=0.05, max_iter=5000)), ("svm", SVC(C=0.05))):
        m1 = small(classifier=classifier, regularisation=0.05).fit_classifier(X, Y)
        scores = m1._fitted.decision_function(codes)
        np.testing.assert_allclose(scores, kind.fit(codes, Y[:18]).decision_function(codes), rtol=1e-6)
        other = small(classifier=classifier, regularisation=5.0).fit_classifier(X, Y)
        assert np.abs(scores - other._fitted.decision_function(codes)).max() > 0.01


def test_fit_trains_the_vae_on_all_examples_whichever_are_labelled():
    alone = sg.VAE(6, (5,), 2, activation="softplus", seed=0)
    alone.fit(X, validation=X[:4], **TRAINING)
    for y in (Y, np.roll(Y, 5)):
        m1 = small()
        history = m1.fit(X, y, validation=(X[:4], Y[:4]), **TRAINING)
        np.testing.assert_array_equal(m1.vae.theta, alone.theta)
        assert history is m1.history
        assert history.validation_loss == alone.history.validation_loss
        assert len(m1.labels) == 18


def test_accuracies_are_recorded_once_the_classifier_is_fitted(tmp_path):
    m1, path, x, y = small(), tmp_path / "m1.safetensors", X[18:], Y[:12]
    history = m1.fit(X, Y, validation=(x, y), checkpoint=path, **TRAINING)
    assert history.columns.keys() >= {"accuracy", "validation_accuracy"}
    for loaded in (m1, sg.load(path)):
        assert np.isnan([loaded.history.accuracy[0], loaded.history.validation_accuracy[0]]).all()  # not fitted then
        assert loaded.history.accuracy[1] == loaded.accuracy(X[:18], Y[:18])
        assert loaded.history.validation_accuracy[1] == loaded.accuracy(x, y)
    together = small().fit(X, Y, validation=sg.Labelled(x, y), **TRAINING)
    assert together.validation_accuracy[1] == history.validation_accuracy[1]
    of_known = np.where(np.arange(12) < 5, y, -1)
    partly = small()
    columns = partly.fit(X, Y, validation=(x, of_known), **TRAINING).columns
    assert columns["validation_accuracy"][1] == partly.accuracy(x[:5], y[:5])
    assert "validation_accuracy" not in small().fit(X, Y, validation=x, **TRAINING).columns


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y[:11], "y must hold one label for each of 12 examples"),
        (np.arange(12), "labels must be 0, 1, ... to 2, and -1 where there is none; got labels from 0 to 11"),
        (1.0 * Y[:12], "y must hold integers"),
    ],
)
def test_bad_validation_labels_are_refused_before_training(y, message):
    m1 = small()
    with pytest.raises(sg.InputError, match=message):
        m1.fit(X, Y, validation=(X[18:], y), **TRAINING)
    assert m1.vae.step == 0


def test_labelled_examples_may_come_as_one_object():
    apart, together = small(), small()
    batch = sg.Labelled(X, Y)
    apart.fit(batch.x, batch.y, **TRAINING)
    together.fit(batch, validation=batch, **TRAINING)
    np.testing.assert_array_equal(together.predict_proba(X), apart.predict_proba(X))


def test_given_vae_is_shared_and_left_as_it_is():
    vae = sg.ConvVAE((3, 2), channels=(2,), n_dense=4, n_latent=2, seed=4)
    before = vae.theta.copy()
    m1 = sg.M1.from_vae(vae, n_classes=3).fit_classifier(X, Y)
    assert m1.vae is vae
    np.testing.assert_array_equal(vae.theta, before)
    np.testing.assert_array_equal(m1.encode(X)[0], vae.encode(X)[0])


@BOTH
@pytest.mark.parametrize(
    "options", [{}, {"hidden": (4,), "image_shape": (3, 2), "channels": (2,)}], ids=["dense", "images"]
)
def test_saved_and_loaded_model_predicts_and_trains_on_as_before(classifier, options, backend, tmp_path):
    path = tmp_path / "m1.safetensors"
    straight = small(classifier=classifier, backend=backend, **options)
    straight.fit(X, Y, **TRAINING)
    straight.save(path)
    loaded = sg.load(path, backend)
    assert (type(loaded), loaded.settings) == (sg.M1, straight.settings)
    np.testing.assert_array_equal(loaded.predict_proba(X), straight.predict_proba(X))
    for m1 in (straight, loaded):
        m1.fit(X, Y, **TRAINING)
    np.testing.assert_array_equal(loaded.vae.theta, straight.vae.theta)
    np.testing.assert_array_equal(loaded.predict_proba(X), straight.predict_proba(X))


@BOTH
def test_model_moves_to_another_backend(classifier):
    m1 = small(classifier=classifier, backend="numpy", dtype="float64")
    m1.fit(X, Y, **TRAINING)
    moved = m1.to("cpu")
    assert moved.backend.name == "cpu"
    np.testing.assert_allclose(moved.predict_proba(X), m1.predict_proba(X), rtol=1e-10)


def test_model_without_a_classifier_is_saved_too(tmp_path):
    small().save(tmp_path / "m1.safetensors")
    with pytest.raises(sg.InputError, match="no classifier has been fitted yet"):
        sg.load(tmp_path / "m1.safetensors").predict(X)


@BOTH
def test_two_classes(classifier):
    x, y = np.repeat([[0.1] * 6, [0.9] * 6], 10, axis=0), np.repeat([0, 1], 10)
    m1 = small(n_classes=2, classifier=classifier)
    m1.fit(x, y, **TRAINING)
    assert m1.predict_proba(x).shape == (20, 2)
    assert m1.accuracy(x, y) == 1
    assert m1.predict(x).dtype == np.int64


def test_classifier_fitted_again_forgets_the_first():
    m1 = small()
    m1.fit(X, Y, **TRAINING)
    first = m1.predict_proba(X)
    m1.fit_classifier(X, (Y >= 0) * (Y + 1) % 3 - (Y < 0))
    np.testing.assert_allclose(m1.predict_proba(X), np.roll(first, 1, axis=1), atol=1e-4)


# ---- bad input ----


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 1}, "n_classes must be an integer >= 2"),
        ({"classifier": "tree"}, "classifier must be one of 'logistic', 'svm'"),
        ({"regularisation": 0.0}, "regularisation must be a finite number > 0"),
        ({"image_shape": (4, 4)}, r"images of shape \(4, 4\) have 16 numbers, not 6"),
    ],
)
def test_bad_option_is_refused(options, message):
    with pytest.raises(sg.InputError, match=message):
        small(**options)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y + (Y == 2), "labels from -1 to 3"),
        (X, np.where(Y == 2, -1, Y), "class 2 has no labelled example"),
        (X, Y[:-1], "one label for each of 30 examples"),
        (X, None, "y is missing"),
        (sg.Labelled(X, Y), Y, "x is a Labelled"),
        (X + 1, Y, r"must lie in \[0, 1\]"),
    ],
)
def test_bad_training_data_are_refused_before_training(x, y, message):
    m1 = small()
    with pytest.raises(sg.InputError, match=message):
        m1.fit(x, y, **TRAINING)
    assert m1.vae.step == 0


def test_what_is_no_vae_and_labels_that_are_not_known_are_refused():
    with pytest.raises(sg.InputError, match="vae must be a VAE or a ConvVAE, got Autoencoder"):
        sg.M1.from_vae(sg.Autoencoder(6, (5,), 2))
    m1 = small()
    m1.fit(X, Y, **TRAINING)
    with pytest.raises(sg.InputError, match="12 have the label -1"):
        m1.accuracy(X, Y)


@pytest.mark.parametrize("change", ["codes", "labels"])
def test_state_that_does_not_fit_is_refused(change):
    m1 = small()
    m1.fit(X, Y, **TRAINING)
    state = m1.state()
    state.arrays[change] = state.arrays[change][:, :1] if change == "codes" else state.arrays[change] + 1
    with pytest.raises(sg.FileFormatError):
        m1.restore(state)


def test_training_that_was_stopped_goes_on_from_a_checkpoint_of_the_whole_model(tmp_path):
    path, straight = tmp_path / "m1.safetensors", small()
    straight.fit(X, Y, **TRAINING | {"epochs": 4})
    kept = []
    stopped = small()
    stopped.fit(X, Y, checkpoint=path, callbacks=[lambda vae: kept.append(path.exists() and sg.load(path))], **TRAINING)
    assert kept[0] is False
    assert (type(kept[1]), kept[1].epoch, len(kept[1].labels)) == (sg.M1, 1, 0)  # no classifier before the end
    resumed = sg.load(path)
    np.testing.assert_array_equal(resumed.predict(X), stopped.predict(X))
    resumed.fit(X, Y, checkpoint=path, callbacks=[lambda vae: kept.append(sg.load(path))], **TRAINING)
    assert [len(model.labels) for model in kept[2:]] == [18, 0]  # that of old codes is not kept beside new ones
    for model in (resumed, sg.load(path)):
        assert (model.epoch, model.step) == (4, straight.step)
        np.testing.assert_array_equal(model.vae.theta, straight.vae.theta)
        np.testing.assert_array_equal(model.codes, straight.codes)
