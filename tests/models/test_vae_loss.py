"""The loss of a VAE against worked examples, closed forms and its own definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.schedules import CyclicalWarmup, LinearWarmup

GENERATOR = np.random.Generator(np.random.PCG64(6))
X = GENERATOR.uniform(size=(7, 6))


def small_vae(backend, **options):
    settings = {"n_visible": 6, "hidden": (5,), "n_latent": 2, "activation": "tanh", "dtype": "float64", "seed": 0}
    return sg.VAE(**settings | options, backend=backend)


def arrays_of(grads):
    layers = (*grads.encoder, grads.heads.mean, grads.heads.log_var, *grads.decoder)
    return [array for layer in layers for array in layer] + [np.asarray(grads.log_sigma)]


@pytest.fixture
def one_pixel(backend):
    """q(z|x) = N(1.5, 0.25) whatever x, and p(x|z) = N(z, 1)."""
    vae = sg.VAE(1, (), 1, likelihood="gaussian", sigma=1.0, dtype="float64", backend=backend)
    vae.theta[...] = 0
    vae.params.heads.mean.b[...] = 1.5
    vae.params.heads.log_var.b[...] = math.log(0.25)
    vae.params.decoder[0].W[...] = 1
    return vae


TWO = np.array([[2.0]])


# ---- the worked example: x = 2, mean 1.5, variance 0.25, decoder the identity, sigma 1 ----


def test_terms_and_gradients_of_the_worked_example(one_pixel):
    noise = np.array([[0.2]])
    terms, grads = one_pixel.loss_and_grad(TWO, noise)
    assert one_pixel.sample_posterior(TWO, 3).shape == (3, 1, 1)
    assert terms.reconstruction == pytest.approx(0.998939, abs=5e-7)
    assert terms.kl == pytest.approx(1.443147, abs=5e-7)
    assert terms.loss == pytest.approx(2.442086, abs=5e-7)
    assert grads.heads.mean.b[0] == pytest.approx(1.1, abs=1e-12)
    assert grads.heads.log_var.b[0] == pytest.approx(-0.395, abs=1e-12)
    z = 1.5 + 0.5 * 0.2
    assert one_pixel.decode([[z]]).item() == pytest.approx(1.6, abs=1e-15)
    assert grads.decoder[0].W.item() == pytest.approx((z - 2) * z, abs=1e-12)
    # x enters the encoder with weights 0, and the reconstruction
    assert one_pixel.loss_grad_x(TWO, noise).item() == pytest.approx(2 - z, abs=1e-12)


def test_expected_loss_of_the_worked_example(one_pixel):
    # the loss is a polynomial of degree 2 in the noise: the mean over -1 and 1 is its expectation
    terms, _ = one_pixel.loss_and_grad(TWO, np.array([[[-1.0]], [[1.0]]]))
    assert terms.loss == pytest.approx(2.612086, abs=5e-7)


def test_elbo_of_the_worked_example_is_minus_its_expected_loss(one_pixel):
    elbo = one_pixel.elbo(np.full((500, 1), 2.0), n_samples=200)
    standard_error = elbo.std() / math.sqrt(elbo.size)
    assert standard_error < 2e-3
    assert elbo.mean() == pytest.approx(-2.612086, abs=4 * standard_error)


def test_importance_sampling_rises_to_the_exact_likelihood_of_the_worked_example(one_pixel):
    # slowly: q has half the variance of the posterior, and its weights no variance at all
    x = np.full((2000, 1), 2.0)
    log_p = [one_pixel.log_likelihood(x, n_samples=k).mean() for k in (1, 10, 100, 1000)]
    assert log_p == sorted(log_p)
    assert log_p[0] == pytest.approx(-2.612086, abs=0.06)  # the ELBO
    assert -2.265512 - 0.02 < log_p[-1] < -2.265512


# ---- definitions ----


def test_bernoulli_loss_is_cross_entropy_plus_kl(backend):
    vae = small_vae(backend)
    noise = vae.draw_noise(X)
    mean, log_var = vae.encode(X)
    p = vae.decode(mean + np.exp(log_var / 2) * noise)
    cross_entropy = -(X * np.log(p) + (1 - X) * np.log(1 - p)).sum(axis=1)
    kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1)
    terms, _ = vae.loss_and_grad(X, noise)
    assert terms == pytest.approx((np.mean(cross_entropy + kl), np.mean(cross_entropy), np.mean(kl)), rel=1e-12)


def test_gaussian_loss_is_minus_the_log_density_plus_kl(backend):
    vae = small_vae(backend, likelihood="gaussian", sigma=0.3, output_mean="sigmoid")
    noise = vae.draw_noise(X)
    mean, log_var = vae.encode(X)
    x_mean = vae.decode(mean + np.exp(log_var / 2) * noise)
    nll = (0.5 * ((X - x_mean) / 0.3) ** 2 + math.log(0.3) + 0.5 * math.log(2 * math.pi)).sum(axis=1)
    assert vae.loss_and_grad(X, noise)[0].reconstruction == pytest.approx(np.mean(nll), rel=1e-12)


@pytest.mark.parametrize(
    ("beta", "step", "at_step"),
    [
        (0.0, 0, 0.0),
        (4.0, 7, 4.0),
        (LinearWarmup(10), 3, 0.3),
        (CyclicalWarmup(10), 12, 0.4),
        (lambda s: s + 1, 4, 5.0),
    ],
    ids=["zero", "constant", "linear", "cyclical", "function"],
)
def test_loss_is_reconstruction_plus_beta_of_the_step_times_kl(beta, step, at_step, backend):
    vae, plain = small_vae(backend, beta=beta), small_vae(backend)
    vae.step = step
    noise = vae.draw_noise(X)
    terms, grads = vae.loss_and_grad(X, noise)
    plain_terms, plain_grads = plain.loss_and_grad(X, noise)
    autoencoder_terms, autoencoder_grads = small_vae(backend, beta=0.0).loss_and_grad(X, noise)
    assert terms[1:] == plain_terms[1:] == autoencoder_terms[1:]
    assert terms.loss == pytest.approx(terms.reconstruction + at_step * terms.kl, rel=1e-15)
    assert vae.scheduled_values() == {"beta": pytest.approx(at_step)}
    for g, with_kl, without in zip(*map(arrays_of, (grads, plain_grads, autoencoder_grads)), strict=True):
        np.testing.assert_allclose(g, without + at_step * (with_kl - without), rtol=1e-9, atol=1e-13)


def test_elbo_always_has_beta_one(backend):
    weighted, plain = (small_vae(backend, beta=beta).elbo(X, n_samples=3) for beta in (7.0, 1.0))
    np.testing.assert_array_equal(weighted, plain)


def test_balancing_beta_makes_the_terms_equal(backend):
    vae = small_vae(backend)
    beta = vae.balancing_beta(X)
    terms = vae.evaluate_terms(X, vae.draw_noise(X, small_vae(backend).streams["sampling"]))
    assert beta * terms.kl == pytest.approx(terms.reconstruction, rel=1e-12)


def test_no_beta_balances_a_density_above_one(backend):
    vae = small_vae(backend, likelihood="gaussian", sigma=0.01)
    vae.params.decoder[-1].b[...] = 0.5
    vae.params.decoder[-1].W[...] = 0
    with pytest.raises(sg.InputError, match="no beta > 0 makes"):
        vae.balancing_beta(np.full((3, 6), 0.5))


# ---- means and sums ----

LIKELIHOODS = {"bernoulli": {}, "gaussian": {"likelihood": "gaussian", "sigma": "learned"}}


@pytest.mark.parametrize("settings", LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_loss_and_gradient_are_means_over_the_examples(settings, backend):
    vae = small_vae(backend, **settings)
    noise = vae.draw_noise(X)
    terms, grads = vae.loss_and_grad(X, noise)
    singles = [vae.loss_and_grad(X[i : i + 1], noise[i : i + 1]) for i in range(len(X))]
    assert terms == pytest.approx(tuple(np.mean([single[0] for single in singles], axis=0)), rel=1e-13)
    for g, *parts in zip(arrays_of(grads), *(arrays_of(single[1]) for single in singles), strict=True):
        np.testing.assert_allclose(g, np.mean(parts, axis=0), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("settings", LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_loss_and_gradient_of_several_samples_are_means_over_the_samples(settings, backend):
    vae = small_vae(backend, **settings, n_samples=3)
    noise = vae.draw_noise(X)
    assert noise.shape == (3, 7, 2)
    terms, grads = vae.loss_and_grad(X, noise)
    singles = [vae.loss_and_grad(X, one) for one in noise]
    assert terms == pytest.approx(tuple(np.mean([single[0] for single in singles], axis=0)), rel=1e-13)
    for g, *parts in zip(arrays_of(grads), *(arrays_of(single[1]) for single in singles), strict=True):
        np.testing.assert_allclose(g, np.mean(parts, axis=0), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(
        vae.loss_grad_x(X, noise), np.mean([vae.loss_grad_x(X, one) for one in noise], axis=0), rtol=1e-10, atol=1e-14
    )
