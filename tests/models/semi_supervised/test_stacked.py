"""M1 + M2: M2 sees fresh codes of a VAE that stays as it is, and a file holds both."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import FileFormatError, InputError

DATA = sg.datasets.load("digits")
LABELS = sg.hide_labels(DATA.y_train, 100, seed=0)


@pytest.fixture(scope="module")
def vae():
    vae = sg.VAE(64, (64,), 8, seed=0, activation="softplus", binarise=True)
    vae.fit(DATA.x_train, epochs=15, batch_size=64, optimizer=sg.Adam(3e-3), progress=False)
    return vae


def stacked(vae, **options):
    return sg.M1M2(vae, hidden=(64,), n_latent=4, classification_weight=1.0, seed=1, **options)


def fit(model, epochs):
    options = {"batch_size": 100, "labelled_per_batch": 20, "optimizer": sg.Adam(3e-3), "progress": False}
    model.fit(DATA.x_train, LABELS, epochs=epochs, validation=(DATA.x_test, DATA.y_test), **options)
    return model


def test_it_learns_from_codes_and_one_file_holds_it_all(vae, tmp_path):
    theta = vae.theta.copy()
    whole = fit(stacked(vae), 20)
    assert whole.history.validation_accuracy[-1] == whole.accuracy(DATA.x_test, DATA.y_test) > 0.7
    np.testing.assert_array_equal(vae.theta, theta)
    fit(stacked(vae), 2).save(tmp_path / "stacked")
    resumed = fit(sg.load(tmp_path / "stacked"), 18)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    np.testing.assert_array_equal(resumed.vae.theta, theta)
    np.testing.assert_array_equal(resumed.predict_proba(DATA.x_test), whole.predict_proba(DATA.x_test))
    assert resumed.history.validation_loss == whole.history.validation_loss
    assert whole.transfer(DATA.x_test[:2], DATA.y_test[:2]).shape == (2, 10, 64)
    assert whole.sample(3, y=5).shape == (3, 64)


def test_codes_are_drawn_afresh_from_the_posterior_of_each_example(vae):
    model = stacked(vae)
    posteriors = model.training_source((DATA.x_train[:3], [1, 2, 3]), "x").examples()
    mean, log_var = vae.encode(DATA.x_train[:3])
    codes = np.stack([model.draw_data(posteriors, sg.Stream(i)).x for i in range(2000)])
    np.testing.assert_allclose(codes.mean(axis=0), mean, atol=0.1)
    np.testing.assert_allclose(codes.var(axis=0), np.exp(log_var), rtol=0.2)


def test_styles_are_those_of_the_mean_code_and_images_are_decoded_from_codes(vae):
    model, x, y = stacked(vae), DATA.x_test[:4], DATA.y_test[:4]
    model.theta[...] = 0.3 * sg.Stream(3).normal(model.theta.size)
    z = sg.Stream(5).normal((4, 4))
    of_codes = sg.M2.encode(model, vae.encode(x)[0], y)
    np.testing.assert_array_equal(model.encode(x, y), of_codes)
    np.testing.assert_array_equal(model.decode(z, y), vae.decode(sg.M2.decode(model, z, y)))
    assert np.ptp(model.decode(z, 1), axis=0).max() > 0.01  # that depends on z
    codes = sg.M2.sample(model, 4, y, stream=sg.Stream(7))
    np.testing.assert_array_equal(model.sample(4, y, stream=sg.Stream(7)), vae.decode(codes))
    means = [model.sample(1, c, mean=True, stream=sg.Stream(7)) for c in range(10)]
    assert np.ptp(means, axis=0).max() > 0.01  # and that on the class


def test_further_training_of_the_vae_changes_nothing(vae):
    other = vae.to("cpu")
    model = stacked(other)
    before = model.predict_proba(DATA.x_test[:5])
    other.theta[...] = 0
    np.testing.assert_array_equal(model.predict_proba(DATA.x_test[:5]), before)


def test_bad_input_is_refused(vae):
    with pytest.raises(InputError, match="vae must be a trained VAE, got Stream"):
        sg.M1M2(sg.Stream(0))
    with pytest.raises(InputError, match="dtype must be that of the VAE, float32, got 'float64'"):
        stacked(vae, dtype="float64")
    with pytest.raises(InputError, match="likelihood is not to be chosen where codes of a VAE are the data"):
        stacked(vae, likelihood="bernoulli")
    with pytest.raises(FileFormatError, match="the codes are those of a VAE or a ConvVAE, got 'RBM'"):
        sg.M1M2({"model": "RBM"})
    with pytest.raises(InputError, match=r"x must have shape \(n, 64\), got \(2, 8\)"):
        stacked(vae).predict(np.zeros((2, 8)))
    with pytest.raises(InputError, match="class 3 has no labelled example"):
        stacked(vae).fit(DATA.x_train, np.where(LABELS == 3, -1, LABELS), epochs=1)
