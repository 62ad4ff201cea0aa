"""Bad input ends in an error that says what was expected and what came, before anything is computed."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg


def small_vae(**options):
    return sg.VAE(**{"n_visible": 4, "hidden": (3,), "n_latent": 2, "backend": "numpy"} | options)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("n_visible", 0, "n_visible must be an integer >= 1, got 0"),
        ("n_visible", 2.5, "n_visible must be an integer >= 1, got 2.5"),
        ("n_visible", True, "n_visible must be an integer"),
        ("n_latent", -1, "n_latent must be an integer >= 1, got -1"),
        ("n_samples", 0, "n_samples must be an integer >= 1"),
        ("hidden", "400", r"hidden must be a tuple of layer widths such as \(400,\), got '400'"),
        ("hidden", (3, 0), "each width in hidden must be an integer >= 1, got 0"),
        ("decoder_hidden", (-1,), "each width in decoder_hidden must be an integer >= 1"),
        ("likelihood", "poisson", "likelihood must be one of 'bernoulli', 'gaussian', got 'poisson'"),
        ("activation", "gelu", "unknown activation 'gelu': choose one of linear, relu"),
        ("output_mean", "softmax", "output_mean must be one of 'linear', 'tanh', 'sigmoid', got 'softmax'"),
        ("sigma", 0, "sigma must be a finite number > 0 or 'learned', got 0"),
        ("sigma", float("inf"), "sigma must be a finite number > 0"),
        ("sigma", "learnt", "sigma must be .* got 'learnt'"),
        ("beta", -1.0, "beta must be a finite number >= 0 or a schedule, got -1.0"),
        ("beta", float("nan"), "beta must be a finite number"),
        ("beta", "warm-up", "beta must be a finite number >= 0 or a schedule"),
        ("objective", "vae", "objective must be one of 'elbo', 'iwae', got 'vae'"),
        ("dtype", "float16", "dtype must be one of float32, float64, got float16"),
        ("dtype", "double precision", "dtype must be one of float32, float64"),
        ("seed", -1, "seed must be an integer"),
        ("seed", 1.5, "seed must be an integer"),
        ("seed", 2**64, "seed must be an integer"),
    ],
)
def test_bad_settings_are_rejected(option, value, message):
    with pytest.raises(sg.InputError, match=message):
        small_vae(**{option: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "iwae", "beta": 2.0}, "beta weighs the KL divergence of objective='elbo'"),
        ({"objective": "iwae", "beta": abs}, "beta weighs the KL divergence of objective='elbo'"),
        ({"likelihood": "gaussian", "binarise": True}, "binarise is for a Bernoulli likelihood"),
        ({"output_mean": "tanh"}, "output_mean is that of a Gaussian likelihood: leave it out, or use likelihood="),
        ({"sigma": 0.3}, "sigma is that of a Gaussian likelihood: leave it out, or use likelihood='gaussian'"),
        ({"sigma": "learned"}, "sigma is that of a Gaussian likelihood"),
    ],
)
def test_settings_that_exclude_each_other_are_rejected(options, message):
    with pytest.raises(sg.InputError, match=message):
        small_vae(**options)


def test_unknown_backend_is_rejected_with_the_choices():
    with pytest.raises(sg.BackendError, match="unknown backend 'gpu': choose one of numpy, cpu, cuda"):
        small_vae(backend="gpu")
    with pytest.raises(sg.BackendError, match="unknown backend 'gpu'"):
        small_vae().to("gpu")


HALF = np.full((3, 4), 0.5)
BAD_DATA = pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 5)), r"x must have shape \(n, 4\), got \(3, 5\)"),
        (np.zeros(4), r"x must have shape \(n, 4\), got \(4,\); reshape one example with x.reshape\(1, -1\)"),
        (np.zeros((1, 2, 2)), r"x must have shape \(n, 4\), got \(1, 2, 2\)"),
        (np.zeros((0, 4)), "x has no rows"),
        (np.where(np.arange(12).reshape(3, 4) == 5, np.nan, 0.5), r"NaN or infinite values in 1 row.*row 1"),
        (np.where(np.arange(12).reshape(3, 4) > 3, np.inf, 0.5), r"NaN or infinite values in 2 row.*row 1"),
        (HALF.astype(str), "x must hold real numbers, got dtype <U"),
        (HALF + 0j, "x must hold real numbers, got dtype complex128"),
        (HALF.astype(object), "x must hold real numbers, got dtype object"),
        ([[0, 1, 1, 0], [0, 1]], "x must be a rectangular array of numbers"),
        (None, "x must hold real numbers"),
        (255 * HALF, r"must lie in \[0, 1\] for a Bernoulli model, got values in \[127.5, 127.5\]: divide by 255"),
        (HALF - 1, r"got values in \[-0.5, -0.5\]: scale it, or choose a Gaussian model"),
    ],
)


@BAD_DATA
def test_bad_data_are_rejected_by_every_method_that_takes_data(x, message):
    vae = small_vae()
    noise = np.zeros((3, 2))
    for call in (
        vae.encode,
        vae.reconstruct,
        vae.elbo,
        vae.log_likelihood,
        vae.balancing_beta,
        lambda x: vae.sample_posterior(x, 2),
        lambda x: vae.nll(noise, x),
        lambda x: vae.loss_and_grad(x, noise),
        lambda x: vae.loss_grad_x(x, noise),
        lambda x: vae.fit(x, epochs=1, progress=False),
    ):
        with pytest.raises(sg.InputError, match=message):
            call(x)


def test_validation_data_are_checked_under_their_own_name():
    with pytest.raises(sg.InputError, match=r"validation must have shape \(n, 4\)"):
        small_vae().fit(HALF, epochs=1, validation=np.zeros((3, 5)), progress=False)


def test_a_gaussian_model_takes_any_finite_data():
    vae = small_vae(likelihood="gaussian")
    assert np.isfinite(vae.elbo(100 * HALF - 60)).all()
    with pytest.raises(sg.InputError, match="NaN or infinite"):
        vae.elbo(np.full((3, 4), np.nan))


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (np.zeros((2, 2)), r"noise must have shape \(3, 2\) or \(n_samples, 3, 2\), got \(2, 2\): draw it with"),
        (np.zeros((1, 1, 3, 2)), "noise must have shape"),
        (np.zeros((0, 3, 2)), "noise has no rows"),
        (np.full((3, 2), np.nan), "noise has NaN"),
        (None, "noise must hold real numbers"),
    ],
)
def test_bad_noise_is_rejected(noise, message):
    for call in (small_vae().loss_and_grad, small_vae().loss_grad_x):
        with pytest.raises(sg.InputError, match=message):
            call(HALF, noise)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.zeros((2, 3)), r"z must have shape \(..., 2\), got \(2, 3\)"),
        (np.float64(1), r"z must have shape \(..., 2\), got \(\)"),
        (np.full((1, 2), np.inf), "z has NaN or infinite"),
        ([[1], [1, 2]], "z must be a rectangular array"),
        (np.full((1, 2), "a"), "z must hold real numbers"),
    ],
)
def test_bad_latent_vectors_are_rejected(z, message):
    with pytest.raises(sg.InputError, match=message):
        small_vae().decode(z)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.zeros((2, 2)), r"z must have shape \(3, 2\) or \(k, 3, 2\) for 3 examples, got \(2, 2\)"),
        (np.zeros((3, 3)), r"z must have shape .* got \(3, 3\)"),
        (np.zeros(2), r"z must have shape .* got \(2,\)"),
        (np.zeros((1, 1, 3, 2)), "z must have shape"),
        (np.zeros((0, 3, 2)), "z has no rows"),
        (np.full((3, 2), np.nan), "z has NaN"),
        (None, "z must hold real numbers"),
    ],
)
def test_latent_vectors_that_are_not_those_of_the_examples_have_no_likelihood(z, message):
    for model in (small_vae(), sg.LinearGaussianModel(4, 2)):
        with pytest.raises(sg.InputError, match=message):
            model.nll(z, HALF)


@pytest.mark.parametrize("n", [0, -1, 1.5, "3", True])
def test_bad_numbers_of_samples_are_rejected(n):
    vae = small_vae()
    for call in (
        vae.sample,
        lambda n: vae.sample_posterior(HALF, n),
        lambda n: vae.elbo(HALF, n),
        lambda n: vae.log_likelihood(HALF, n),
    ):
        with pytest.raises(sg.InputError, match="must be an integer >= 1"):
            call(n)


def test_every_error_is_one_of_ours_and_a_value_error():
    with pytest.raises(ValueError, match="n_latent") as caught:
        small_vae(n_latent=0)
    assert isinstance(caught.value, sg.ScratchgenError)
