"""The prediction-constrained VAE: its loss, its state, its predictions. Its gradients are checked in `tests/check`."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.finite_differences.trees import flattened
from scratchgen.schedules import LinearWarmup

SMALL = {"n_visible": 6, "n_classes": 3, "hidden": (5,), "n_latent": 2, "seed": 0}
IMAGES = SMALL | {"hidden": (4,), "image_shape": (3, 2), "channels": (2,)}
CONSISTENT = {"consistency_weight": 2.0, "aggregate_weight": 3.0}
X = np.random.Generator(np.random.PCG64(3)).uniform(size=(9, 6))
Y = np.array([-1, 2, 0, -1, -1, 1, -1, -1, 1])
VARIANTS = pytest.mark.parametrize(
    "settings",
    [
        SMALL,
        SMALL | CONSISTENT | {"n_samples": 2, "classifier_hidden": (4,)},
        SMALL | CONSISTENT | {"likelihood": "gaussian", "sigma": "learned", "class_prior": "estimated"},
        IMAGES | CONSISTENT,
    ],
    ids=["prediction", "consistent", "gaussian", "images"],
)
TRAINING = {"batch_size": 4, "progress": False}


def build(settings, backend="numpy", dtype="float64"):
    return sg.PredictionConstrainedVAE(**settings, backend=backend, dtype=dtype)


def everything(model):
    """Return settings and state to compare, arrays as bytes; seconds are another matter."""
    state = model.state()
    history = {name: column for name, column in model.history.columns.items() if name != "seconds"}
    arrays = {name: array.tobytes() for name, array in state.arrays.items()}
    return model.settings | state.values | {"history": history} | arrays


# ---- the loss ----


def test_reconstruction_and_kl_weigh_the_labelled_examples_by_their_share():
    model, batch = build(SMALL), sg.Labelled(X, Y, labelled_share=0.1)
    noise = model.draw_noise(batch)
    terms = model.evaluate_terms(batch, noise)
    known, unknown = (model.vae.evaluate_terms(batch.x[rows], noise[rows]) for rows in (slice(4), slice(4, None)))
    assert terms.reconstruction == pytest.approx(0.1 * known.reconstruction + 0.9 * unknown.reconstruction, rel=1e-13)
    assert terms.kl == pytest.approx(0.1 * known.kl + 0.9 * unknown.kl, rel=1e-13)


@pytest.mark.parametrize("labels", [np.full(9, -1), np.arange(9) % 3], ids=["no label", "all labels"])
def test_batch_of_one_kind_has_the_elbo_of_its_examples(labels):
    model, batch = build(SMALL), sg.Labelled(X, labels)
    noise = model.draw_noise(batch)
    terms, expected = model.evaluate_terms(batch, noise), model.vae.evaluate_terms(X, noise)
    assert (terms.reconstruction, terms.kl) == pytest.approx((expected.reconstruction, expected.kl), rel=1e-13)
    assert (terms.prediction == 0) == (labels[0] == -1)


def test_loss_is_the_weighted_sum_of_its_terms_at_the_present_step():
    weights = {"prediction_weight": LinearWarmup(10, stop=4.0), "beta": LinearWarmup(5)}
    model, batch = build(SMALL | CONSISTENT | weights), sg.Labelled(X, Y)
    model.step = 2
    terms = model.evaluate_terms(batch, model.draw_noise(batch))
    constraints = 0.8 * terms.prediction + 2.0 * terms.consistency + 3.0 * terms.aggregate
    assert terms.loss == pytest.approx(terms.reconstruction + 0.4 * terms.kl + constraints, rel=1e-13)
    assert terms.consistency > 0
    assert terms.aggregate > 0


def test_consistency_is_about_the_code_of_the_decoded_mean():
    model, batch = build(SMALL | CONSISTENT), sg.Labelled(X[:3], [0, 1, 2])
    noise = model.draw_noise(batch)
    assert noise.shape == (2, 3, 2)
    mean, log_var = model.encode(X[:3])
    mean, log_var = model.encode(model.vae.decode(mean + np.exp(0.5 * log_var) * noise[0]))
    W, b = model.params.classifier[0]
    logits = (mean + np.exp(0.5 * log_var) * noise[1]) @ W + b
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(p[range(3), range(3)]).mean()
    assert model.evaluate_terms(batch, noise).consistency == pytest.approx(expected, rel=1e-12)


def test_aggregate_is_the_divergence_of_the_class_prior_and_the_mean_prediction():
    model = build(SMALL | {"aggregate_weight": 1.0, "class_prior": "estimated"})
    batch = sg.Labelled(X, Y)
    model.adapt_to_data_(batch)
    prior = np.array([0.25, 0.5, 0.25])
    noise = model.draw_noise(batch)
    mean, log_var = model.encode(batch.x)
    W, b = model.params.classifier[0]
    logits = (mean + np.exp(0.5 * log_var) * noise) @ W + b
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = (prior * np.log(prior / p[4:].mean(axis=0))).sum()
    assert model.evaluate_terms(batch, noise).aggregate == pytest.approx(expected, rel=1e-12)


@VARIANTS
def test_terms_are_the_same_with_and_without_the_gradient_and_nothing_given_is_changed(settings, backend):
    model, batch = build(settings, backend), sg.Labelled(X, Y)
    noise = model.draw_noise(batch)
    before = batch.x.copy(), noise.copy(), model.theta.copy()
    terms, grads = model.loss_and_grad(batch, noise)
    assert model.evaluate_terms(batch, noise) == pytest.approx(terms, rel=1e-14)
    buffer, out = model.empty_grads()
    buffer[...] = np.nan
    model.loss_and_grad(batch, noise, out=out)
    np.testing.assert_array_equal(buffer, flattened(grads))
    model.loss_grad_x(batch, noise)
    for now, then in zip((batch.x, noise, model.theta), before, strict=True):
        np.testing.assert_array_equal(now, then)


@VARIANTS
def test_backends_agree_on_terms_and_gradients(settings):
    compiled, plain, batch = build(settings, "cpu"), build(settings), sg.Labelled(X, Y)
    noise = plain.draw_noise(batch)
    (terms, grads), (plain_terms, plain_grads) = (model.loss_and_grad(batch, noise) for model in (compiled, plain))
    assert terms == pytest.approx(plain_terms, rel=1e-12)
    np.testing.assert_allclose(flattened(grads), flattened(plain_grads), rtol=1e-10, atol=1e-13)
    dx, plain_dx = (model.loss_grad_x(batch, noise) for model in (compiled, plain))
    np.testing.assert_allclose(dx, plain_dx, rtol=1e-10, atol=1e-13)


@VARIANTS
def test_float32_stays_float32(settings, backend):
    model, batch = build(settings, backend, "float32"), sg.Labelled(X, Y)
    noise = model.draw_noise(model.check_data(batch))
    terms, grads = model.loss_and_grad(batch, noise)
    results = (*terms, grads.classifier[0].W, model.loss_grad_x(batch, noise), model.predict_proba(X))
    assert {result.dtype for result in results} == {np.dtype("float32")}


# ---- state ----


@VARIANTS
def test_training_stopped_saved_and_resumed_is_training_that_was_not_stopped(settings, backend, tmp_path):
    straight, stopped = (build(settings, backend, "float32") for _ in range(2))
    straight.fit(X, Y, epochs=3, validation=(X, Y), **TRAINING)
    stopped.fit(X, Y, epochs=1, validation=(X, Y), **TRAINING)
    stopped.save(tmp_path / "model.safetensors")
    resumed = sg.load(tmp_path / "model.safetensors", backend)
    resumed.fit(X, Y, epochs=2, validation=(X, Y), **TRAINING)
    assert type(resumed) is sg.PredictionConstrainedVAE
    assert everything(resumed) == everything(straight)


def test_the_vae_has_the_parameters_of_the_model_whatever_happens_to_it(tmp_path):
    model = build(SMALL)
    model.save(tmp_path / "model.safetensors")
    others = [model, model.to("cpu"), sg.load(tmp_path / "model.safetensors")]
    model.reset()
    for each in others:
        each.fit(X, Y, epochs=1, **TRAINING)
        assert np.shares_memory(each.vae.theta, each.theta)
        np.testing.assert_array_equal(each.vae.theta, each.theta[: each.vae.theta.size])
        np.testing.assert_array_equal(each.vae.encode(X)[0], each.encode(X)[0])


def test_the_vae_starts_as_one_without_a_classifier_and_may_be_trained_before():
    model = build(SMALL, dtype="float32")
    alone = sg.VAE(6, (5,), 2, activation="softplus", seed=0, backend="numpy")
    np.testing.assert_array_equal(model.vae.theta, alone.theta)
    for vae in (model.vae, alone):
        vae.fit(X, epochs=2, **TRAINING)
    np.testing.assert_array_equal(model.params.vae.heads.mean.W, alone.params.heads.mean.W)


def test_estimated_class_prior_is_the_share_of_each_class_among_the_labels():
    model = build(SMALL | {"class_prior": "estimated"})
    np.testing.assert_allclose(model.own_state().arrays["class_prior"], [1 / 3] * 3)
    model.fit(X, Y, epochs=1, **TRAINING)
    np.testing.assert_allclose(model.own_state().arrays["class_prior"], [0.25, 0.5, 0.25])
    np.testing.assert_array_equal(model.to("cpu").own_state().arrays["class_prior"], [0.25, 0.5, 0.25])


@pytest.mark.simulator
def test_two_training_steps_through_the_cuda_kernels_are_those_of_numpy():
    simulated, plain = (build(SMALL | CONSISTENT, backend) for backend in ("cuda", "numpy"))
    for model in (simulated, plain):
        model.fit(X[1:6], Y[1:6], epochs=1, batch_size=3, labelled_per_batch=2, progress=False)
    assert simulated.step == 2
    np.testing.assert_allclose(simulated.theta, plain.theta, rtol=1e-12, atol=1e-15)


# ---- predictions ----


@VARIANTS
def test_predictions_are_probabilities_at_the_posterior_mean_or_averaged_over_draws(settings, backend):
    model = build(settings, backend)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), p.argmax(axis=1))
    averaged = model.predict_proba(X, n_samples=500)
    np.testing.assert_allclose(averaged.sum(axis=1), 1, rtol=1e-12)
    assert 0 < np.abs(averaged - p).max() < 0.3
    model.params.vae.heads.log_var.W[...] = 0
    model.params.vae.heads.log_var.b[...] = -60
    np.testing.assert_allclose(model.predict_proba(X, n_samples=2), p, rtol=1e-9)


@pytest.mark.parametrize("weights", [{}, CONSISTENT], ids=["prediction", "consistent"])
def test_digits_are_recognised_from_a_hundred_labels(weights):
    data = sg.datasets.load("digits")
    y = sg.hide_labels(data.y_train, 100)
    model = sg.PredictionConstrainedVAE(64, hidden=(64,), n_latent=10, seed=0, **weights)
    history = model.fit(
        data.x_train,
        y,
        epochs=12,
        batch_size=64,
        optimizer=sg.Adam(3e-3),
        validation=(data.x_test, data.y_test),
        progress=False,
    )
    assert history.accuracy[-1] > 0.95
    assert history.validation_accuracy[-1] == model.accuracy(data.x_test, data.y_test) > 0.75
    assert history.reconstruction[-1] < history.reconstruction[0] - 1


# ---- bad input ----


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 1}, "n_classes must be an integer >= 2"),
        ({"prediction_weight": -1.0}, "prediction_weight must be a finite number >= 0 or a schedule"),
        ({"consistency_weight": np.nan}, "consistency_weight must be a finite number >= 0"),
        ({"aggregate_weight": "much"}, "aggregate_weight must be a finite number >= 0"),
        ({"class_prior": "flat"}, "class_prior must be one of 'uniform', 'estimated'"),
        ({"classifier_hidden": (0,)}, "each width in classifier_hidden"),
        ({"objective": "iwae"}, "leave objective out"),
        ({"image_shape": (4, 4)}, r"images of shape \(4, 4\) have 16 numbers, not 6"),
        ({"image_shape": (3, 2), "hidden": (4, 4)}, "has one width"),
    ],
)
def test_bad_option_is_refused(options, message):
    with pytest.raises(sg.InputError, match=message):
        build(SMALL | options)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y + (Y == 2), "labels from -1 to 3"),
        (X, np.where(Y == 2, -1, Y), "class 2 has no labelled example"),
        (X, Y[:-1], "one label for each of 9 examples"),
        (X, Y.astype(float), "integers"),
        (X, None, "must come with labels"),
        (X + 1, Y, r"must lie in \[0, 1\]"),
    ],
)
def test_bad_training_data_are_refused_before_anything_changes(x, y, message):
    model = build(SMALL)
    before = everything(model)
    with pytest.raises(sg.InputError, match=message):
        model.fit(x, y, epochs=1, **TRAINING)
    assert everything(model) == before


def test_noise_of_another_shape_is_refused():
    model = build(SMALL | CONSISTENT)
    with pytest.raises(sg.InputError, match=r"noise must have shape \(2, 9, 2\)"):
        model.loss_and_grad(sg.Labelled(X, Y), np.zeros((9, 2)))
