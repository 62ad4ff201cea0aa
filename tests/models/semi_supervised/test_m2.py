"""M2: the sum over the classes against enumeration, its parts, backends, files, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.finite_differences.trees import flattened
from scratchgen.models.semi_supervised.m2 import M2Params
from scratchgen.schedules import Delay, LinearWarmup

N_CLASSES, N_LATENT = 3, 2
X = sg.Stream(1, "numpy").uniform((5, 4), "float64")
MIXED = np.array([1, 0, -1, -1, -1])


def small(**options):
    settings = {"n_visible": 4, "n_classes": N_CLASSES, "hidden": (5,), "n_latent": N_LATENT, "dtype": "float64"}
    model = sg.M2(**settings | options)
    model.theta[...] = 0.5 * sg.Stream(3, model.backend).normal(model.theta.size, "float64")
    return model


def labelled_bound(model, x, c, noise):
    """Return L(x, c) of one example: the loss of a batch in which it has that label."""
    batch = model.check_data(sg.Labelled(x[None], [c]))
    terms = model.evaluate_terms(batch, noise[None])
    return float(terms.loss - model.classification_weight * terms.classification)


@pytest.mark.parametrize("prior", [[1 / 3] * 3, [0.5, 0.2, 0.3]])
def test_unlabelled_objective_is_the_sum_over_the_classes(backend, prior):
    model = small(backend=backend, beta=0.7)
    model.p_y[...] = prior
    batch = model.check_data((X, np.full(5, -1)))
    noise = sg.Stream(2, backend).normal((N_CLASSES * 5, N_LATENT), "float64")  # of its own for each class
    q = model.predict_proba(X)
    expected = []
    for i, x in enumerate(X):
        bounds = np.array([labelled_bound(model, x, c, noise[c * 5 + i]) for c in range(N_CLASSES)])
        expected.append((q[i] * bounds).sum() + (q[i] * np.log(q[i])).sum())
    assert float(model.evaluate_terms(batch, noise).loss) == pytest.approx(np.mean(expected), rel=1e-12)


@pytest.mark.parametrize("n_samples", [1, 3])
def test_one_draw_serves_all_classes_of_an_example(n_samples):
    model = small(n_samples=n_samples)
    noise = model.draw_noise(model.check_data((X, MIXED))).reshape(n_samples, -1, N_LATENT)
    assert noise.shape[1] == 2 + 3 * N_CLASSES
    by_class = noise[:, 2:].reshape(n_samples, N_CLASSES, 3, N_LATENT)
    np.testing.assert_array_equal(by_class, np.broadcast_to(by_class[:, :1], by_class.shape))
    assert len(np.unique(noise[..., 0])) == 5 * n_samples


def test_the_classifier_follows_the_bounds_as_far_as_their_feedback_says(backend):
    """The direction is linear in it: by labels alone at 0, the gradient at 1; other parameters do not know it."""
    directions = {}
    for feedback in (0.0, 0.25, 1.0):
        model = small(backend=backend, bound_feedback=Delay(1, feedback))
        model.step = 1
        batch, stream = model.check_data((X, MIXED)), sg.Stream(7, backend)
        directions[feedback] = model.empty_grads()[1]
        model.training_terms_(batch, stream, directions[feedback])
    noise = model.draw_noise(batch, sg.Stream(7, backend))
    np.testing.assert_array_equal(
        flattened(directions[1.0]), flattened(model.evaluate_terms_and_grads(batch, noise)[1])
    )
    without, with_all = flattened(directions[0.0]), flattened(directions[1.0])
    np.testing.assert_allclose(flattened(directions[0.25]), 0.75 * without + 0.25 * with_all, rtol=1e-12, atol=1e-14)
    of_labels = model.check_data((X[:2], MIXED[:2]))
    noise = model.draw_noise(of_labels, sg.Stream(7, backend))
    _, expected = model.evaluate_terms_and_grads(of_labels, noise)
    for name in M2Params._fields:
        found, same = flattened(getattr(directions[0.0], name)), flattened(getattr(directions[1.0], name))
        if name in ("classifier", "logits"):
            np.testing.assert_allclose(found, flattened(getattr(expected, name)), rtol=1e-12, atol=1e-14)
            assert not np.allclose(found, same)
        else:
            np.testing.assert_array_equal(found, same)


def test_training_begins_the_feedback_of_the_bounds_at_its_step():
    """Up to that step the classifier is what it is without feedback, and after it another one."""
    trained = []
    for feedback in (0.0, Delay(3), 1.0):
        model = small(bound_feedback=feedback)
        logits = []
        for _ in range(2):
            model.fit(X[:4], np.array([1, 0, 2, -1]), epochs=3, batch_size=4, progress=False)
            logits.append(model.params.logits.W.copy())
        trained.append(logits)
    never, later, always = trained
    np.testing.assert_array_equal(later[0], never[0])
    assert not np.array_equal(later[1], never[1])
    assert not np.array_equal(always[0], never[0])
    assert model.history.bound_feedback == [1.0] * 6


@pytest.mark.parametrize("hidden", [(5,), (5, 4)])
def test_no_class_explains_an_example_better_than_another_at_first(hidden):
    model = sg.M2(4, N_CLASSES, hidden, N_LATENT, decoder_hidden=(3, 5), dtype="float64")
    bounds = [model.elbo(X, c, stream=sg.Stream(0)) for c in range(N_CLASSES)]
    np.testing.assert_array_equal(bounds, [bounds[0]] * N_CLASSES)


def test_both_kinds_are_weighed_by_the_share_of_labels_in_the_data():
    model = small()
    batch = model.check_data(sg.Labelled(X, MIXED, labelled_share=0.1))
    noise = model.draw_noise(batch)
    terms = model.evaluate_terms(batch, noise)
    known = model.evaluate_terms(model.check_data((X[:2], MIXED[:2])), noise[:2])
    unknown = model.evaluate_terms(model.check_data((X[2:], MIXED[2:])), noise[2:])
    bound = known.loss - model.classification_weight * known.classification
    expected = 0.1 * bound + 0.9 * unknown.loss + model.classification_weight * known.classification
    assert float(terms.loss) == pytest.approx(float(expected), rel=1e-12)
    parts = terms.reconstruction + terms.kl + terms.class_kl + model.classification_weight * terms.classification
    assert float(terms.loss) == pytest.approx(float(parts), rel=1e-12)
    assert unknown.classification == 0


def test_with_all_labels_it_is_the_conditional_vae_and_a_classifier():
    model = small(classification_weight=2.0)
    model.p_y[...] = [0.5, 0.2, 0.3]
    y = np.array([0, 1, 2, 1, 0])
    conditional = sg.ConditionalVAE(
        **{n: v for n, v in model.settings.items() if n not in ("classification_weight", "bound_feedback")}
    )
    conditional.theta[...] = model.theta[: conditional.theta.size]
    noise = model.draw_noise(model.check_data((X, y)))
    terms, _ = model.loss_and_grad((X, y), noise)
    log_q = np.log(model.predict_proba(X)[np.arange(5), y])
    expected = conditional.loss_and_grad((X, y), noise)[0].loss - np.log(model.p_y[y]).mean() - 2 * log_q.mean()
    assert float(terms.loss) == pytest.approx(float(expected), rel=1e-12)


def test_beta_of_the_loss_is_that_of_the_present_step():
    model = small(beta=LinearWarmup(10, stop=2.0), classification_weight=0.3)
    model.step = 4
    batch = model.check_data((X, MIXED))
    terms = model.evaluate_terms(batch, model.draw_noise(batch))
    expected = terms.reconstruction + 0.8 * terms.kl + terms.class_kl + 0.3 * terms.classification
    assert float(terms.loss) == pytest.approx(float(expected), rel=1e-13)


def test_each_of_many_examples_has_its_own_prediction(backend):
    model, x = small(backend=backend), sg.Stream(4, "numpy").uniform((2100, 4), "float64")
    in_parts = [model.predict_proba(x[start : start + 700]) for start in (0, 700, 1400)]
    np.testing.assert_allclose(model.predict_proba(x), np.concatenate(in_parts), rtol=1e-12)


def training_curve(backend, epochs):
    y = np.array([1, 0, 2, -1, -1])
    model = small(backend=backend, hidden=(2,))
    return model.fit(X, y, epochs=epochs, batch_size=4, progress=False)


def test_numpy_gives_the_training_of_cpu():
    first, second = (training_curve(backend, 8) for backend in ("numpy", "cpu"))
    np.testing.assert_allclose(first.loss, second.loss, rtol=1e-10)
    assert first.accuracy == second.accuracy


@pytest.mark.simulator
def test_simulated_cuda_gives_the_training_of_numpy():
    np.testing.assert_allclose(training_curve("cuda", 1).loss, training_curve("numpy", 1).loss, rtol=1e-10)


def test_it_learns_digits_from_few_labels_and_resumes_exactly(tmp_path):
    data = sg.datasets.load("digits")
    y = sg.hide_labels(data.y_train, 100, seed=0)
    settings = {
        "n_visible": 64,
        "hidden": (64,),
        "n_latent": 4,
        "class_prior": "estimated",
        "classification_weight": 1.0,
    }
    options = {"batch_size": 100, "optimizer": sg.Adam(3e-3), "labelled_per_batch": 20, "progress": False}
    whole = sg.M2(**settings, seed=1)
    history = whole.fit(data.x_train, y, epochs=16, validation=(data.x_test, data.y_test), **options)
    assert history.accuracy[-1] > 0.97
    assert history.validation_accuracy[-1] == whole.accuracy(data.x_test, data.y_test) > 0.75
    assert history.columns.keys() >= {"loss", "reconstruction", "kl", "class_kl", "classification", "validation_loss"}
    stopped = sg.M2(**settings, seed=1)
    stopped.fit(data.x_train, y, epochs=3, validation=(data.x_test, data.y_test), **options)
    stopped.save(tmp_path / "m2")
    resumed = sg.load(tmp_path / "m2")
    resumed.fit(data.x_train, y, epochs=13, validation=(data.x_test, data.y_test), **options)
    np.testing.assert_array_equal(resumed.theta, whole.theta)
    assert resumed.history.validation_loss == whole.history.validation_loss
    np.testing.assert_array_equal(whole.predict(data.x_test), whole.predict_proba(data.x_test).argmax(axis=1))


def test_a_copy_on_another_backend_shares_nothing_with_the_model():
    model = small(class_prior="estimated")
    copy = model.to("numpy")
    model.adapt_to_data_(model.check_data((X, np.array([0, 0, 0, 1, 2]))))
    np.testing.assert_array_equal(copy.p_y, np.full(3, 1 / 3))


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="classification_weight must be a finite number >= 0, got -1"):
        small(classification_weight=-1)
    model = small()
    with pytest.raises(InputError, match="class 2 has no labelled example"):
        model.fit(X, MIXED, epochs=1)
    with pytest.raises(InputError, match=r"noise must have shape \(11, 2\)"):
        model.loss_and_grad((X, MIXED), np.zeros((5, 2)))
    with pytest.raises(InputError, match="y must hold a class for each example, 3 of 5 have the label -1"):
        model.accuracy(X, MIXED)
    with pytest.raises(InputError, match="the predictions of M2 take no options, got n_samples: leave it out"):
        model.predict(X, n_samples=0)
    with pytest.raises(InputError, match="got labels from -1 to 3"):
        model.fit(X, np.array([0, 1, 2, 3, -1]), epochs=1)
