"""The conditional VAE: what its class does, Bayes' rule, and the shortcut of its first layer."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.ops.class_rows import ClassDenseParams, class_dense_forward
from scratchgen.ops.linear import LinearParams, dense_forward
from scratchgen.schedules import LinearWarmup

STREAM = sg.Stream(1, "numpy")
X = STREAM.uniform((6, 5), "float64")
Y = np.array([0, 2, 1, 1, 0, 2])


def small(**options):
    settings = {"n_visible": 5, "n_classes": 3, "hidden": (4,), "n_latent": 2, "seed": 2, "dtype": "float64"}
    model = sg.ConditionalVAE(**settings | options)
    model.theta[...] = 0.3 * sg.Stream(3, model.backend).normal(model.theta.size, "float64")
    return model


def test_first_layer_is_a_dense_layer_of_example_and_class_side_by_side():
    W, V, b = (STREAM.normal(shape, "float64") for shape in ((5, 4), (3, 4), 4))
    target = np.eye(3)[[1, 2, 0, 0, 1, 1, 2, 2]]  # two examples with a class of their own, two in each class
    rows = np.concatenate([X[:2], np.tile(X[2:4], (3, 1))])
    side_by_side = dense_forward(LinearParams(np.concatenate([W, V]), b), np.hstack([rows, target]), "softplus")[0]
    shared = class_dense_forward(ClassDenseParams(W, V, b), X[:4], target, 2, "softplus")[0]
    np.testing.assert_allclose(shared, side_by_side, rtol=1e-13)


def test_loss_is_minus_the_mean_bound(backend):
    model = small(backend=backend)
    noise = sg.Stream(4, backend).normal((3, 6, 2), "float64")
    terms, _ = model.loss_and_grad((X, Y), noise)
    bound = model.elbo(X, Y, n_samples=3, stream=sg.Stream(4, backend))  # which draws that noise
    assert -float(bound.mean()) == pytest.approx(float(terms.loss), rel=1e-12)


def test_beta_weighs_the_divergence_at_the_present_step_and_not_in_the_bound():
    model, plain = small(beta=LinearWarmup(10, stop=2.0)), small()
    model.step = 4
    noise = model.draw_noise(model.check_data((X, Y)))
    terms, _ = model.loss_and_grad((X, Y), noise)
    assert float(terms.loss) == pytest.approx(float(terms.reconstruction + 0.8 * terms.kl), rel=1e-13)
    bounds = (each.elbo(X, Y, stream=sg.Stream(4)) for each in (model, plain))
    np.testing.assert_array_equal(*bounds)


def test_each_of_many_examples_has_its_own_bound():
    model = small()
    log_var = model.params.heads.log_var
    log_var.W[...], log_var.b[...] = 0, -60  # z is its mean: nothing is left to chance
    x, y = STREAM.uniform((2100, 5), "float64"), np.arange(2100) % 3
    in_parts = [model.elbo(x[part], y[part]) for part in np.split(np.arange(2100), 3)]
    np.testing.assert_allclose(model.elbo(x, y), np.concatenate(in_parts), rtol=1e-12)


def test_importance_sampled_estimate_is_the_bound_for_one_draw_and_above_it_for_many():
    model = small()
    elbo, many = model.elbo(X, Y, 2000), model.log_likelihood(X, Y, 5000)
    few = model.log_likelihood(np.tile(X, (500, 1)), np.tile(Y, 500), 1)
    assert (elbo < many).all()
    assert few.mean() == pytest.approx(elbo.mean(), abs=0.05)  # the bound of one draw is the ELBO, in expectation


@pytest.mark.parametrize("prior", ["uniform", "estimated"])
def test_prediction_is_bayes_rule_over_the_classes(prior):
    model = small(class_prior=prior)
    labels = np.array([0, 0, 0, 1, 2, 0])
    model.adapt_to_data_(model.check_data((X, labels)))
    frequencies = [4 / 6, 1 / 6, 1 / 6] if prior == "estimated" else [1 / 3] * 3
    np.testing.assert_allclose(model.p_y, frequencies)
    log_joint = np.stack([model.log_likelihood(X, c, 20000) for c in range(3)], axis=1) + np.log(frequencies)
    expected = np.exp(log_joint - np.logaddexp.reduce(log_joint, axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(X, n_samples=20000), expected, atol=0.02)
    by_bound = model.predict_proba(X, method="elbo", n_samples=20)
    np.testing.assert_allclose(by_bound.sum(axis=1), 1)


def test_classes_of_samples_follow_their_prior():
    model = small()
    model.p_y[...] = [0.5, 0.2, 0.3]
    drawn = model._draw_classes(20000, sg.Stream(0))
    np.testing.assert_allclose(np.bincount(drawn) / 20000, model.p_y, atol=0.015)


def test_transfer_holds_the_reconstruction_at_the_own_class():
    model = small()
    styles = model.transfer(X, Y)
    assert styles.shape == (6, 3, 5)
    np.testing.assert_allclose(styles[np.arange(6), Y], model.reconstruct(X, Y))
    np.testing.assert_allclose(styles[:, 1], model.decode(model.encode(X, Y)[0], 1))
    assert np.abs(styles[:, 0] - styles[:, 1]).max() > 0.01


def test_images_go_through_convolutions():
    model = sg.ConditionalVAE(64, hidden=(8,), n_latent=2, image_shape=(8, 8), channels=(4, 6), activation="relu")
    data = sg.datasets.load("digits")
    history = model.fit(data.x_train[:300], data.y_train[:300], epochs=3, batch_size=50, progress=False)
    assert history.loss[2] < history.loss[0]
    assert model.sample(4, y=[1, 2, 3, 4]).shape == (4, 64)


def test_trained_on_digits_it_classifies_by_bayes_rule_and_resumes_exactly(tmp_path):
    data = sg.datasets.load("digits")
    settings = {
        "n_visible": 64,
        "hidden": (64,),
        "n_latent": 4,
        "class_prior": "estimated",
        "binarise": True,
        "seed": 1,
    }
    options = {"batch_size": 50, "optimizer": sg.Adam(3e-3), "progress": False}
    whole = sg.ConditionalVAE(**settings)
    whole.fit(data.x_train, data.y_train, epochs=12, validation=(data.x_test, data.y_test), **options)
    assert whole.accuracy(data.x_test, data.y_test) > 0.9
    assert {"loss", "validation_loss", "beta"} <= set(whole.history.columns)
    stopped = sg.ConditionalVAE(**settings)
    stopped.fit(data.x_train, data.y_train, epochs=5, **options)
    stopped.save(tmp_path / "cvae")
    resumed = sg.load(tmp_path / "cvae")
    resumed.fit(data.x_train, data.y_train, epochs=7, **options)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    np.testing.assert_array_equal(resumed.p_y, whole.p_y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 1}, "n_classes must be an integer >= 2, got 1"),
        ({"hidden": ()}, r"hidden must hold at least one width, such as \(500,\), got \(\): the class enters there"),
        ({"class_prior": "flat"}, "class_prior must be one of 'uniform', 'estimated', got 'flat'"),
        ({"likelihood": "gaussian", "binarise": True}, "binarise is for a Bernoulli likelihood"),
        ({"output_mean": "tanh"}, "output_mean is that of a Gaussian likelihood: leave it out, or use likelihood="),
        ({"sigma": 0.3}, "sigma is that of a Gaussian likelihood: leave it out, or use likelihood='gaussian'"),
        ({"sigma": "learned"}, "sigma is that of a Gaussian likelihood"),
        ({"image_shape": (2, 2)}, r"images of shape \(2, 2\) have 4 numbers, not 5"),
        ({"image_shape": (5, 1), "channels": ()}, "channels must hold at least one number"),
        ({"image_shape": 5}, r"image_shape must be \(height, width\)"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        small(**options)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, None, r"x must come with labels: give \(x, y\), or a Labelled"),
        (X, Y[:5], r"y must hold one label for each of 6 examples, got shape \(5,\)"),
        (X, Y + 1, "labels must be 0, 1, ... to 2, and -1 where there is none; got labels from 1 to 3"),
        (X, Y - 2, "got labels from -2 to 0"),
        (X, np.array([0, 1, 2, -1, -1, 0]), "y must hold a class for each example, 2 of 6 have the label -1"),
        (X, np.array([0, 1, 1, 1, 1, 0]), "class 2 has no labelled example"),
        (X, 1.0 * Y, "y must hold integers"),
        (X[:, :4], Y, r"x must have shape \(n, 5\), got \(6, 4\)"),
        (2 * X, Y, "divide by 255|scale it"),
        (sg.Labelled(X, Y), Y, "x is a Labelled, which has its labels: leave y out"),
    ],
)
def test_bad_data_are_refused_before_training(x, y, message):
    model = small()
    before = model.theta.copy()
    with pytest.raises(InputError, match=message):
        model.fit(x, y, epochs=1, progress=False)
    np.testing.assert_array_equal(model.theta, before)


def test_bad_arguments_of_use_are_refused():
    model = small()
    with pytest.raises(InputError, match="method must be one of 'importance', 'elbo', got 'exact'"):
        model.predict_proba(X, method="exact")
    message = "the predictions of ConditionalVAE take method, n_samples, stream, got draws and how: leave them out"
    with pytest.raises(InputError, match=message):
        model.accuracy(X, Y, n_samples=2, draws=3, how="well")
    with pytest.raises(InputError, match="got labels from 3 to 3"):
        model.sample(2, y=3)
    with pytest.raises(InputError, match="labelled_per_batch must be an integer >= 1, got 0"):
        model.fit(X, Y, labelled_per_batch=0, epochs=1)
    with pytest.raises(InputError, match=r"validation must come with labels"):
        model.fit(X, Y, epochs=1, validation=X)
