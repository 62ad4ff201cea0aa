"""The losses of autoencoders against their definitions and worked examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg

X = np.random.Generator(np.random.PCG64(6)).uniform(size=(7, 6))
SMALL = {"n_visible": 6, "hidden": (5,), "n_code": 3, "activation": "tanh", "dtype": "float64", "seed": 0}


def terms_of(model, x=X):
    return model.loss_and_grad(x, model.draw_noise(x))[0]


def flat_gradient(model, x, noise):
    gradient, grads = model.empty_grads()
    model.loss_and_grad(x, noise, out=grads)
    return gradient


# ---- reconstruction ----


def test_bernoulli_reconstruction_is_the_cross_entropy(backend):
    model = sg.Autoencoder(**SMALL, backend=backend)
    p = model.reconstruct(X)
    cross_entropy = -(X * np.log(p) + (1 - X) * np.log(1 - p)).sum(axis=1)
    assert terms_of(model).reconstruction == pytest.approx(cross_entropy.mean(), rel=1e-12)
    np.testing.assert_allclose(model.reconstruction_cost(X), cross_entropy, rtol=1e-12)


@pytest.mark.parametrize("output_mean", ["linear", "tanh", "sigmoid"])
def test_gaussian_reconstruction_is_half_the_squared_error_and_a_constant(output_mean, backend):
    model = sg.Autoencoder(**SMALL, likelihood="gaussian", output_mean=output_mean, backend=backend)
    squared = ((X - model.reconstruct(X)) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.reconstruction_error(X), squared, rtol=1e-13)
    expected = 0.5 * squared + 6 * 0.5 * math.log(2 * math.pi)
    assert terms_of(model).reconstruction == pytest.approx(expected.mean(), rel=1e-12)
    np.testing.assert_allclose(model.reconstruction_cost(X), expected, rtol=1e-12)


def test_reconstruction_is_that_of_a_vae_whose_noise_is_zero(backend):
    vae = sg.VAE(6, (5,), 3, activation="tanh", dtype="float64", seed=1, backend=backend)
    model = sg.Autoencoder(**SMALL, backend=backend)
    model.theta[...] = np.concatenate(
        [np.ravel(a) for layer in (*vae.params.encoder, vae.params.heads.mean, *vae.params.decoder) for a in layer]
    )
    of_vae = vae.loss_and_grad(X, np.zeros((7, 3)))[0]
    assert terms_of(model).reconstruction == pytest.approx(of_vae.reconstruction, rel=1e-13)
    np.testing.assert_allclose(model.encode(X), vae.encode(X)[0], rtol=1e-13)


@pytest.mark.parametrize(
    "model",
    [
        sg.Autoencoder(**SMALL),
        sg.DenoisingAutoencoder(**SMALL),
        sg.SparseAutoencoder(**SMALL, sparsity="l1"),
        sg.ContractiveAutoencoder(**SMALL),
        sg.ContractiveAutoencoder(**SMALL | {"hidden": ()}),
    ],
    ids=["plain", "denoising", "l1", "contractive", "contractive one layer"],
)
def test_loss_and_gradient_are_means_over_the_examples(model):
    noise = model.draw_noise(X)
    rows = [(X[i : i + 1], noise[i : i + 1]) for i in range(len(X))]
    singles = [model.loss_and_grad(*row)[0] for row in rows]
    assert model.loss_and_grad(X, noise)[0] == pytest.approx(tuple(np.mean(singles, axis=0)), rel=1e-13)
    gradients = [flat_gradient(model, *row) for row in rows]
    np.testing.assert_allclose(flat_gradient(model, X, noise), np.mean(gradients, axis=0), rtol=1e-10, atol=1e-14)


# ---- denoising ----


def test_denoiser_encodes_the_corrupted_batch_and_is_compared_with_the_clean_one(backend):
    model = sg.DenoisingAutoencoder(**SMALL, likelihood="gaussian", backend=backend)
    corrupted = model.draw_noise(X)
    assert (corrupted != X).any()
    error = ((X - model.reconstruct(corrupted)) ** 2).sum(axis=1).mean()
    terms, _ = model.loss_and_grad(X, corrupted)
    assert terms.reconstruction == pytest.approx(0.5 * error + 3 * math.log(2 * math.pi), rel=1e-12)


def test_denoiser_corrupts_afresh_from_the_stream_that_it_is_given():
    model = sg.DenoisingAutoencoder(**SMALL, corruption=sg.corruptions.GaussianNoise(0.3))
    first, second = model.draw_noise(X), model.draw_noise(X)
    assert (first != second).all()
    stream = sg.Stream(5)
    np.testing.assert_array_equal(model.draw_noise(X, stream), sg.corruptions.GaussianNoise(0.3)(X, sg.Stream(5)))


# ---- sparse ----

# mean activation -> KL(Bernoulli(0.2) || Bernoulli(mean)), in nats
WORKED = {0.866: 1.136304, 0.096: 0.049020, 0.11: 0.034280, 0.5: 0.192745}


@pytest.mark.parametrize(("activation", "kl"), WORKED.items())
def test_worked_example_of_the_sparsity_of_one_unit(activation, kl, backend):
    model = sg.SparseAutoencoder(6, (), 1, sparsity_target=0.2, dtype="float64", backend=backend)
    model.theta[...] = 0
    model.params.encoder[0].b[...] = math.log(activation / (1 - activation))
    assert terms_of(model).penalty == pytest.approx(kl, abs=1e-6)


def test_sparsity_is_a_sum_over_units_of_the_divergence_of_their_means(backend):
    model = sg.SparseAutoencoder(6, (), 3, sparsity_target=0.2, dtype="float64", backend=backend)
    model.theta[...] = 0
    model.params.encoder[0].b[...] = [math.log(q / (1 - q)) for q in (0.866, 0.096, 0.11)]
    terms = terms_of(model)
    assert terms.penalty == pytest.approx(1.136304 + 0.049020 + 0.034280, abs=1.5e-6)
    other = sg.SparseAutoencoder(**SMALL, sparsity_target=0.2, backend=backend)
    q = other.encode(X).mean(axis=0)
    kl = 0.2 * np.log(0.2 / q) + 0.8 * np.log(0.8 / (1 - q))
    assert terms_of(other).penalty == pytest.approx(kl.sum(), rel=1e-12)


def test_sparsity_vanishes_with_its_gradient_where_all_units_have_the_target(backend):
    model = sg.SparseAutoencoder(6, (), 3, sparsity_target=0.2, sparsity_cost=1e6, dtype="float64", backend=backend)
    model.theta[...] = 0
    model.params.encoder[0].b[...] = math.log(0.25)
    terms, grads = model.loss_and_grad(X, model.draw_noise(X))
    assert terms.penalty == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(grads.encoder[0].b, 0, atol=1e-8)


def test_l1_penalty_is_the_mean_over_examples_of_the_sum_of_absolute_values(backend):
    model = sg.SparseAutoencoder(**SMALL, sparsity="l1", code_activation="linear", backend=backend)
    code = model.encode(X)
    assert (code < 0).any()
    assert terms_of(model).penalty == pytest.approx(np.abs(code).sum(axis=1).mean(), rel=1e-13)


def test_l1_gradient_at_a_code_of_zero_is_that_of_the_reconstruction(backend):
    sparse = sg.SparseAutoencoder(**SMALL, sparsity="l1", code_activation="linear", backend=backend)
    plain = sg.Autoencoder(**SMALL, backend=backend)
    for model in (sparse, plain):
        model.params.encoder[-1].W[...] = 0
    noise = plain.draw_noise(X)
    np.testing.assert_array_equal(flat_gradient(sparse, X, noise), flat_gradient(plain, X, noise))


# ---- contractive ----


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus", "swish", "relu", "linear"])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4), (4, 7, 3)], ids=str)
def test_contraction_is_the_squared_norm_of_the_jacobian_of_the_encoder(hidden, activation, backend):
    settings = SMALL | {"hidden": hidden, "activation": activation, "code_activation": activation}
    model = sg.ContractiveAutoencoder(**settings, backend=backend)
    model.theta[...] = sg.Stream(3, "numpy").normal(model.theta.size, "float64")
    h = 1e-5
    columns = [(model.encode(X + h * e) - model.encode(X - h * e)) / (2 * h) for e in np.eye(6)[:, None]]
    # Bernoulli data end at 0 and 1: these do not come nearer to them than h
    jacobian = np.stack(columns, axis=2)  # (n, n_code, n_visible)
    assert jacobian.shape == (7, 3, 6)
    assert terms_of(model).penalty == pytest.approx((jacobian**2).sum(axis=(1, 2)).mean(), rel=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus", "swish", "linear"])
@pytest.mark.parametrize("hidden", [(), (5,), (4, 7, 3)], ids=str)
def test_jacobian_of_the_encoder_is_that_of_finite_differences_and_of_the_penalty(hidden, activation, backend):
    settings = SMALL | {"hidden": hidden, "activation": activation, "code_activation": activation}
    model = sg.ContractiveAutoencoder(**settings, backend=backend)
    model.theta[...] = sg.Stream(3, "numpy").normal(model.theta.size, "float64")
    jacobian, h = model.encoder_jacobian(X), 1e-5
    columns = [(model.encode(X + h * e) - model.encode(X - h * e)) / (2 * h) for e in np.eye(6)[:, None]]
    assert jacobian.shape == (7, 3, 6)
    np.testing.assert_allclose(jacobian, np.stack(columns, axis=2), rtol=1e-6, atol=1e-8)
    assert terms_of(model).penalty == pytest.approx((jacobian**2).sum(axis=(1, 2)).mean(), rel=1e-12)


def test_contraction_of_a_worked_example(backend):
    """Two sigmoid units at 1/2, whose slope is 1/4: (|W_1|^2 + |W_2|^2) / 16."""
    model = sg.ContractiveAutoencoder(2, (), 2, dtype="float64", backend=backend)
    model.theta[...] = 0
    model.params.encoder[0].W[...] = [[1.0, 2.0], [-1.0, 4.0]]
    terms, grads = model.loss_and_grad(np.zeros((3, 2)), np.empty((3, 0)))
    assert terms.penalty == pytest.approx((1 + 1 + 4 + 16) / 16, rel=1e-14)
    # the slope has no slope at 1/2, and the decoder no weights: dW is 2 W / 16 times the cost of 0.1
    np.testing.assert_allclose(grads.encoder[0].W, np.array([[1.0, 2.0], [-1.0, 4.0]]) / 80, rtol=1e-13)
    np.testing.assert_allclose(grads.encoder[0].b, 0, atol=1e-15)
