"""Estimators of log p(x), the ELBO and divergences against a linear Gaussian model, for which all is known."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.densities import GaussianMixture
from scratchgen.importance_sampling import log_likelihood
from scratchgen.inference.estimators import (
    elbo_draws,
    exact_elbo,
    jensen_gap,
    likelihood_errors,
    monte_carlo_kl,
    prior_log_likelihood,
)
from scratchgen.inference.gradient_estimators import elbo_gradient_draws, exact_elbo_gradient
from scratchgen.latent import active_units
from scratchgen.ops.gaussian_divergences import kl_gaussians_forward

N, Z, K = 3, 2, 20_000
W = np.array([[1.0, 0.5, -0.3, 0.8], [0.7, -0.4, 0.1, 0.9]])


@pytest.fixture(scope="module")
def model():
    return sg.LinearGaussianModel.from_parameters(W, np.linspace(0, 1, 4), 0.8, dtype="float64", backend="numpy")


@pytest.fixture(scope="module")
def x(model):
    return model.sample(N)


@pytest.fixture(scope="module")
def q(model, x):
    """Return mean and log_var of a q(z|x) that is off."""
    mean, log_var = model.encode(x)
    return mean + 0.2, log_var + 0.4


@pytest.fixture
def stream():
    return sg.Stream(5, "numpy")


def assert_unbiased(draws, exact):
    """Compare the mean over the first axis with the exact value, within 4.5 standard errors."""
    np.testing.assert_array_less(np.abs(draws.mean(axis=0) - exact), 4.5 * draws.std(axis=0) / math.sqrt(len(draws)))


def orthogonal_model(n_latent):
    """Return a model whose latent variables act alike and are independent given x."""
    W = 2.0 * np.eye(n_latent, 2 * n_latent)
    return sg.LinearGaussianModel.from_parameters(W, np.zeros(2 * n_latent), 1.0, dtype="float64", backend="numpy")


# ---- the ELBO ----


def test_exact_elbo_is_the_likelihood_less_the_divergence_from_the_posterior(model, x, q):
    posterior_mean, covariance = model.posterior(x)
    variances = np.exp(q[1])[:, :, None] * np.eye(Z)
    kl, _ = kl_gaussians_forward(q[0], variances, posterior_mean, np.repeat(covariance[None], N, axis=0))
    assert kl.min() > 0.05
    np.testing.assert_allclose(exact_elbo(model, x, *q), model.log_likelihood(x) - kl, rtol=1e-12)


def test_both_estimates_of_the_elbo_are_unbiased(model, x, q, stream):
    draws = elbo_draws(x, *q, model.nll, K, stream)
    for estimates in draws:
        assert estimates.shape == (K, N)
        assert_unbiased(estimates, exact_elbo(model, x, *q))


def test_sampled_divergence_leaves_no_variance_where_q_is_the_posterior(stream):
    model = orthogonal_model(2)  # its posterior is diagonal, as q is
    x = model.sample(N)
    draws = elbo_draws(x, *model.encode(x), model.nll, 50, stream)
    np.testing.assert_allclose(draws.sampled_kl, np.tile(model.log_likelihood(x), (50, 1)), rtol=1e-11)
    assert draws.exact_kl.std(axis=0).min() > 0.1


# ---- log p(x) ----


def test_direct_monte_carlo_finds_the_likelihood_in_two_dimensions(model, x, stream):
    estimates = np.array([prior_log_likelihood(x, Z, model.nll, 4000, stream) for _ in range(20)])
    # the logarithm makes a bias of half the squared relative error, here below a tenth of that error
    np.testing.assert_allclose(estimates.mean(axis=0), model.log_likelihood(x), atol=0.05)


def test_direct_monte_carlo_is_the_logarithm_of_the_mean_of_the_likelihood_over_the_prior(model, x):
    estimate = prior_log_likelihood(x, Z, model.nll, 30, sg.Stream(8, "numpy"))
    z = sg.Stream(8, "numpy").normal((30, N, Z), "float64")
    np.testing.assert_allclose(estimate, np.log(np.exp(-model.nll(z, x)).mean(axis=0)), rtol=1e-12)


def test_direct_monte_carlo_fails_with_the_dimension_and_importance_sampling_does_not():
    models = [orthogonal_model(n_latent) for n_latent in (1, 4, 16, 32)]
    errors = [likelihood_errors(model, model.sample(30), 500, sg.Stream(3, "numpy")) for model in models]
    assert (np.diff([error.prior for error in errors]) > 0).all()
    assert errors[0].prior < 0.2
    assert errors[-1].prior > 10
    for error in errors:
        assert error.importance < 0.25
        assert error.importance < error.elbo
        assert error.importance < error.prior


def test_elbo_error_is_the_divergence_of_the_widened_posterior():
    # 1/2 (1.5 - 1 - log 1.5) a dimension, for every example
    model = orthogonal_model(8)
    error = likelihood_errors(model, model.sample(5), 10, sg.Stream(0, "numpy")).elbo
    assert error == pytest.approx(8 * 0.5 * (0.5 - math.log(1.5)), rel=1e-9)


def test_errors_are_root_mean_squares_of_what_the_public_functions_return(model):
    x = model.sample(7)
    found = likelihood_errors(model, x, 40, sg.Stream(3, "numpy"), widening=1.7)
    stream, (mean, log_var) = sg.Stream(3, "numpy"), model.encode(x)
    log_var = log_var + math.log(1.7)
    estimates = (
        prior_log_likelihood(x, Z, model.nll, 40, stream),
        log_likelihood(x, mean, log_var, model.nll, 40, stream),
        exact_elbo(model, x, mean, log_var),
    )
    for error, estimate in zip(found, estimates, strict=True):
        deviation = estimate - model.log_likelihood(x)
        assert error == pytest.approx(np.sqrt(np.mean(deviation**2)), rel=1e-12)
        if estimate is not estimates[2]:  # the ELBO is off by the same for every example
            assert error > 1.02 * abs(deviation.mean())


def test_log_likelihood_of_a_vae_takes_5000_draws_unless_asked_otherwise():
    assert inspect.signature(sg.VAE.log_likelihood).parameters["n_samples"].default == 5000


def test_jensen_gap_is_half_the_variance_for_a_gaussian_logarithm_and_zero_for_equal_weights(stream):
    np.testing.assert_allclose(jensen_gap(np.full((6, 2), -40.0)), 0, atol=1e-13)
    log_weight = 0.3 * stream.normal((200_000, 2), "float64") - 5
    np.testing.assert_allclose(jensen_gap(log_weight), 0.045, atol=0.001)


def test_jensen_gap_of_the_importance_weights_is_the_gap_of_the_elbo(model, x, q, stream):
    draws = elbo_draws(x, *q, model.nll, K, stream)
    expected = model.log_likelihood(x) - exact_elbo(model, x, *q)
    np.testing.assert_allclose(jensen_gap(draws.sampled_kl), expected, atol=0.02)
    importance = log_likelihood(x, *q, model.nll, K, sg.Stream(5, "numpy"))
    np.testing.assert_allclose(importance, jensen_gap(draws.sampled_kl) + draws.sampled_kl.mean(axis=0), rtol=1e-12)


# ---- gradients ----


def test_exact_gradient_of_the_elbo_is_that_of_finite_differences(model, x, q):
    gradient = exact_elbo_gradient(model, x, *q)
    for i, block in enumerate(("mean", "log_var")):

        def total(values, i=i):
            return exact_elbo(model, x, *(values if j == i else q[j] for j in (0, 1))).sum()

        assert sg.gradcheck(total, q[i], gradient[i], name=block).passed


@pytest.mark.parametrize("rule", [0, 1, 2], ids=["reparameterised", "score function", "with baseline"])
def test_every_rule_gives_the_gradient_of_the_elbo_without_bias(rule, model, x, q, stream):
    exact = exact_elbo_gradient(model, x, *q)
    draws = elbo_gradient_draws(model, x, *q, K, stream)[rule]
    for estimates, truth in zip(draws, exact, strict=True):
        assert estimates.shape == (K, N, Z)
        assert_unbiased(estimates, truth)


def test_baseline_of_two_draws_does_not_contain_the_draw_that_it_is_taken_from(model, x, q, stream):
    x, mean, log_var = (np.repeat(array[:1], K, axis=0) for array in (x, *q))
    exact = exact_elbo_gradient(model, x[:1], mean[:1], log_var[:1])
    draws = elbo_gradient_draws(model, x, mean, log_var, 2, stream).score_function_with_baseline
    for estimates, truth in zip(draws, exact, strict=True):
        assert_unbiased(estimates.mean(axis=0), truth[0])


def test_score_function_varies_more_than_the_baseline_and_that_more_than_the_reparameterised_gradient(
    model, x, q, stream
):
    draws = elbo_gradient_draws(model, x, *q, K, stream)
    for parameter in (0, 1):
        reparameterised, plain, with_baseline = (rule[parameter].var(axis=0).mean() for rule in draws)
        assert plain > 2 * with_baseline
        assert with_baseline > 2 * reparameterised


# ---- bad input ----


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_var": np.zeros((N, 1))}, r"log_var must have shape \(n, n_latent\) = \(3, 2\), got \(3, 1\)"),
        ({"log_var": np.full((N, Z), np.nan)}, "log_var has NaN or infinite values"),
        ({"mean": np.zeros((N, 1))}, r"mean must have shape \(n, n_latent\) = \(3, 2\), got \(3, 1\)"),
        ({"mean": np.zeros((2, N, Z))}, r"mean must have shape \(n, n_latent\) = \(3, 2\), got \(2, 3, 2\)"),
        ({"x": np.zeros((1, 4))}, r"mean must have shape \(n, n_latent\) = \(1, 2\), got \(3, 2\)"),
        ({"x": np.zeros((N, 3))}, r"x must have shape \(n, 4\), got \(3, 3\)"),
    ],
)
@pytest.mark.parametrize("function", ["exact_elbo", "exact_elbo_gradient", "elbo_gradient_draws"])
def test_parameters_of_q_that_do_not_fit_are_an_error_and_not_broadcast(function, change, message, model, x, q, stream):
    arguments = list(({"x": x, "mean": q[0], "log_var": q[1]} | change).values())
    functions = {
        "exact_elbo": lambda: exact_elbo(model, *arguments),
        "exact_elbo_gradient": lambda: exact_elbo_gradient(model, *arguments),
        "elbo_gradient_draws": lambda: elbo_gradient_draws(model, *arguments, 2, stream),
    }
    with pytest.raises(sg.InputError, match=message):
        functions[function]()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: likelihood_errors(model, np.zeros((2, 4)), 5, sg.Stream(0), 0), "widening must be a finite num"),
        (lambda model: likelihood_errors(model, np.zeros((2, 4)), 5, sg.Stream(0), -1), "widening must be a finite nu"),
        (lambda model: likelihood_errors(model, np.zeros((2, 3)), 5, sg.Stream(0)), r"x must have shape \(n, 4\)"),
        (
            lambda model: elbo_draws(np.zeros((2, 4)), np.zeros((2, 2)), np.zeros((2, 1)), model.nll, 5, sg.Stream(0)),
            r"log_var must have shape \(n, n_latent\) = \(2, 2\), got \(2, 1\)",
        ),
        (
            lambda model: elbo_draws(np.zeros((2, 4)), np.zeros((2, 2)), np.zeros((2, 2)), model.nll, 0, sg.Stream(0)),
            "n_samples must be an integer >= 1",
        ),
        (lambda model: prior_log_likelihood(np.zeros(4), Z, model.nll, 5, sg.Stream(0)), r"x must have shape \(n, n_"),
        (lambda model: jensen_gap(np.zeros(3)), r"log_weight must have shape \(k, n\) with k >= 1, got \(3,\)"),
        (lambda model: jensen_gap(np.zeros((0, 3))), r"log_weight must have shape \(k, n\) with k >= 1, got \(0, 3\)"),
        (lambda model: jensen_gap("abc"), "log_weight must hold real numbers"),
    ],
)
def test_what_cannot_be_estimated_is_an_error(call, message, model):
    with pytest.raises(sg.InputError, match=message):
        call(model)


# ---- divergences and units ----


def test_monte_carlo_divergence_agrees_with_the_closed_form_within_its_standard_error():
    q = GaussianMixture([[0.3, -0.2]], [[[1.0, 0.4], [0.4, 0.7]]])
    p = GaussianMixture([[0.0, 0.0]], [[[1.5, -0.2], [-0.2, 1.2]]])
    exact, _ = kl_gaussians_forward(q.means, q.covariances, p.means, p.covariances)
    estimates = [
        monte_carlo_kl(q.sample(2000, sg.Stream(seed, "numpy"), "float64"), q.log_density, p.log_density)
        for seed in range(30)
    ]
    deviations = np.array([(found.kl - exact[0]) / found.standard_error for found in estimates])
    assert abs(deviations.mean()) < 4 / math.sqrt(30)
    assert 0.6 < deviations.std() < 1.4


def test_standard_error_is_that_of_a_mean_of_independent_draws():
    found = monte_carlo_kl([[1.0], [2.0], [4.0], [9.0]], lambda x: x[:, 0], lambda x: 0 * x[:, 0])
    assert found.kl == 4
    assert found.standard_error == pytest.approx(math.sqrt((9 + 4 + 0 + 25) / 3) / math.sqrt(4), rel=1e-15)


@pytest.mark.parametrize(
    ("draws", "log_p", "message"),
    [
        (np.zeros((1, 2)), lambda x: x[:, 0], "the number of draws must be an integer >= 2, got 1"),
        (np.zeros((3, 2)), lambda x: np.full(3, -np.inf), "where p is 0 the divergence is infinite"),
        (np.zeros((3, 2)), lambda x: x[:, :1], r"log_p\(x\) must have shape \(3,\), a number a draw, got \(3, 1\)"),
        (np.zeros((3, 2)), lambda x: x[:2, 0], r"log_p\(x\) must have shape \(3,\), a number a draw, got \(2,\)"),
        (np.zeros((3, 2)), lambda x: 0.0, r"log_p\(x\) must have shape \(3,\), a number a draw, got \(\)"),
        (1.0, lambda x: x[:, 0], "x must be an array with at least one element"),
        ([[np.nan], [0.0]], lambda x: x[:, 0], "x has NaN or infinite values"),
    ],
)
def test_divergence_that_cannot_be_estimated_is_an_error(draws, log_p, message):
    with pytest.raises(sg.InputError, match=message):
        monte_carlo_kl(draws, lambda x: x[:, 0], log_p)


def test_units_whose_mean_does_not_vary_over_the_data_are_inactive(backend):
    vae = sg.VAE(4, (), 3, backend=backend)
    vae.params.heads.mean.W[:, 1] = 0
    vae.params.heads.mean.b[...] = 5
    x = np.random.Generator(np.random.PCG64(0)).uniform(size=(50, 4))
    mean = vae.encode(x)[0]
    assert active_units(mean).tolist() == [True, False, True]
    assert not active_units(mean, threshold=100).any()
    assert active_units(np.array([[0.05, 0.2], [-0.05, -0.2]])).tolist() == [False, True]  # variances 0.0025 and 0.04


@pytest.mark.parametrize(
    ("mean", "threshold", "message"),
    [
        (np.zeros((1, 3)), 0.01, r"mean must have shape \(n, n_latent\) with n >= 2, got \(1, 3\)"),
        (np.zeros(3), 0.01, "mean must have shape"),
        (np.zeros((2, 3)), -1, "threshold must be a finite number >= 0, got -1"),
    ],
)
def test_bad_codes_are_an_error(mean, threshold, message):
    with pytest.raises(sg.InputError, match=message):
        active_units(mean, threshold)
