from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.models.energy.clipping import clip_gradient_
from scratchgen.nn.input_gradient import SMOOTH_ACTIVATIONS, mlp_input_gradient_forward
from scratchgen.nn.mlp import mlp_forward

LOSSES = [sg.Contrastive(regularisation=0.3, buffer_size=8), sg.ScoreMatching(sigma=0.4)]
X = sg.Stream(1, "numpy").uniform((5, 3), "float64")


def small_model(**settings):
    model = sg.EnergyModel(3, (4, 6), dtype="float64", **{"dynamics": sg.Langevin(n_steps=3)} | settings)
    model.theta[...] = sg.Stream(2, model.backend).normal(model.theta.size, "float64")
    return model


@pytest.mark.parametrize("activation", SMOOTH_ACTIVATIONS)
def test_grad_x_is_the_gradient_of_the_energy(activation, backend):
    model = small_model(activation=activation, backend=backend)
    report = sg.gradcheck(lambda x: model.energy(x).sum(), X, model.grad_x(X))
    assert report.passed, str(report)


def test_rows_are_independent_of_each_other():
    model = small_model()
    np.testing.assert_allclose(model.energy(X), [model.energy(x[None])[0] for x in X], rtol=1e-12)
    np.testing.assert_allclose(model.grad_x(X), [model.grad_x(x[None])[0] for x in X], rtol=1e-12)


@pytest.mark.parametrize("activation", ["linear", "relu", *SMOOTH_ACTIVATIONS])
def test_input_gradient_is_the_backward_pass_of_the_network(activation):
    layers = small_model().params
    gradient, _ = mlp_input_gradient_forward(layers, X, (activation, "tanh", "linear"))
    report = sg.gradcheck(
        lambda x: mlp_forward(layers, x, (activation, "tanh", "linear"))[0].sum(), X, gradient, name=activation
    )
    assert report.passed, str(report)


@pytest.mark.parametrize("loss", LOSSES, ids=["contrastive", "score matching"])
def test_the_backends_agree(loss):
    plain, compiled = (small_model(loss=loss, backend=name) for name in ("numpy", "cpu"))
    noise = plain.draw_noise(X)
    (terms, grads), (others, other_grads) = (model.loss_and_grad(X, noise) for model in (plain, compiled))
    np.testing.assert_allclose(terms, others, rtol=1e-12)
    for layer, other in zip(grads, other_grads, strict=True):
        np.testing.assert_allclose(layer.W, other.W, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(layer.b, other.b, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(plain.loss_grad_x(X, noise), compiled.loss_grad_x(X, noise), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES, ids=["contrastive", "score matching"])
def test_a_loss_of_float32_agrees_with_float64(loss):
    double = small_model(loss=loss)
    single = sg.EnergyModel(3, (4, 6), loss=loss)
    single.theta[...] = double.theta
    noise = double.draw_noise(X)
    terms, grads = single.loss_and_grad(X, noise)
    assert grads[0].W.dtype == single.grad_x(X).dtype == single.energy(X).dtype == np.float32
    np.testing.assert_allclose(terms, double.loss_and_grad(X, noise)[0], rtol=1e-4)


def test_inputs_are_not_changed():
    for loss in LOSSES:
        model, x = small_model(loss=loss), X.copy()
        noise = model.draw_noise(x)
        kept, theta, buffer = noise.copy(), model.theta.copy(), model.buffer.copy()
        model.loss_and_grad(x, noise)
        model.loss_grad_x(x, noise)
        model.energy(x)
        model.grad_x(x)
        model.langevin(x, 3)
        for before, after in ((X, x), (kept, noise), (theta, model.theta), (buffer, model.buffer)):
            np.testing.assert_array_equal(before, after)


# ---- the terms ----


def test_contrastive_loss_is_the_difference_of_mean_energies_and_a_penalty_on_their_squares():
    model, negative = small_model(loss=LOSSES[0]), 1 - X[:2]
    terms, _ = model.loss_and_grad(X, negative)
    data, samples = model.energy(X), model.energy(negative)
    penalty = 0.3 * (np.mean(data**2) + np.mean(samples**2))
    np.testing.assert_allclose(
        terms, [data.mean() - samples.mean() + penalty, data.mean(), samples.mean(), penalty], rtol=1e-12
    )


def test_score_matching_of_a_flat_energy_is_half_the_squared_noise():
    model = small_model(loss=LOSSES[1])
    model.theta[...] = 0
    noise = model.draw_noise(X)
    terms, _ = model.loss_and_grad(X, noise)
    assert terms.loss == pytest.approx(0.5 * np.mean(np.sum(noise**2, axis=1)), rel=1e-12)


def test_score_matching_compares_slopes_at_noisy_data_with_the_way_back():
    model, sigma = small_model(loss=LOSSES[1]), 0.4
    noise = model.draw_noise(X)
    step_back = (X - (X + sigma * noise)) / sigma**2
    distance = -model.grad_x(X + sigma * noise) - step_back
    expected = 0.5 * sigma**2 * np.mean(np.sum(distance**2, axis=1))
    assert model.loss_and_grad(X, noise)[0].loss == pytest.approx(expected, rel=1e-12)


# ---- clipping ----


def test_clipping_by_norm_keeps_the_direction_and_shortens_only_what_is_too_long():
    grads = ((np.array([3.0, 0.0]), np.array([[4.0]])),)
    clip_gradient_(grads, max_norm=10.0, max_value=None)
    assert grads[0][1].item() == 4.0
    clip_gradient_(grads, max_norm=1.0, max_value=None)
    np.testing.assert_allclose([*grads[0][0], grads[0][1].item()], [0.6, 0.0, 0.8], rtol=1e-12)


def test_clipping_by_value_bounds_each_component_before_the_norm_is_taken():
    grads = (np.array([3.0, -100.0, 0.5]),)
    clip_gradient_(grads, max_norm=None, max_value=4.0)
    np.testing.assert_array_equal(grads[0], [3.0, -4.0, 0.5])
    clip_gradient_(grads, max_norm=1.0, max_value=3.0)
    np.testing.assert_allclose(grads[0], np.array([3.0, -3.0, 0.5]) / np.sqrt(18.25), rtol=1e-12)


@pytest.mark.parametrize(("bound", "measure"), [("max_norm", np.linalg.norm), ("max_value", lambda g: abs(g).max())])
def test_training_follows_the_clipped_gradient(bound, measure):
    model = small_model(loss=LOSSES[1], **{bound: 1e-3})
    gradient, grads = model.empty_grads()
    model.training_terms_(X, model.streams["training_noise"], grads)
    assert measure(gradient) == pytest.approx(1e-3, rel=1e-9)
