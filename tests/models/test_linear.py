"""The linear Gaussian model against its covariance, against PCA, and as the limit of a linear VAE."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg
from scratchgen import training

D, Z = 6, 2
GENERATOR = np.random.Generator(np.random.PCG64(4))
ROTATION = np.linalg.qr(GENERATOR.normal(size=(D, D)))[0]
X = GENERATOR.normal(size=(400, Z)) @ (ROTATION[:Z] * [[2.0], [1.0]]) + 0.5 * GENERATOR.normal(size=(400, D))
X += np.linspace(-1, 1, D)


def new_model(backend="numpy", **settings):
    return sg.LinearGaussianModel(**{"n_visible": D, "n_latent": Z, "dtype": "float64"} | settings, backend=backend)


def fitted(backend="numpy", **settings):
    model = new_model(backend, **settings)
    model.fit(X)
    return model


@pytest.fixture
def any_model(backend):
    """A model of no special orientation: the posterior's dimensions depend on each other."""
    W = np.array([[1.0, 0.5, -0.3, 0.8, 0.0, 0.2], [0.7, -0.4, 0.1, 0.9, 0.6, -0.5]])
    return sg.LinearGaussianModel.from_parameters(W, np.linspace(0, 1, D), 1.1, dtype="float64", backend=backend)


def covariance_of_x(model):
    sigma = math.exp(model.params.log_sigma[0])
    return model.params.W.T @ model.params.W + sigma**2 * np.eye(D)


def gaussian_log_density(x, mean, covariance):
    residual = x - mean
    squares = np.einsum("ni,ij,nj->n", residual, np.linalg.inv(covariance), residual)
    return -0.5 * (squares + np.linalg.slogdet(covariance).logabsdet + len(covariance) * math.log(2 * math.pi))


# ---- exact quantities ----


def test_likelihood_is_that_of_a_gaussian_with_covariance_c(any_model):
    expected = gaussian_log_density(X, any_model.params.b, covariance_of_x(any_model))
    np.testing.assert_allclose(any_model.log_likelihood(X), expected, rtol=1e-12)
    assert any_model.loss_and_grad(X, None)[0].loss == pytest.approx(-expected.mean(), rel=1e-12)


def test_posterior_is_that_of_the_joint_gaussian(any_model):
    mean, covariance = any_model.posterior(X)
    W, C = any_model.params.W, covariance_of_x(any_model)
    gain = W @ np.linalg.inv(C)  # Cov(z, x) Cov(x)^-1
    np.testing.assert_allclose(mean, (X - any_model.params.b) @ gain.T, rtol=1e-10)
    np.testing.assert_allclose(covariance, np.eye(Z) - gain @ W.T, rtol=1e-10)
    assert abs(covariance[0, 1]) > 0.05
    z_mean, log_var = any_model.encode(X)
    np.testing.assert_array_equal(z_mean, mean)
    np.testing.assert_allclose(np.exp(log_var), np.tile(covariance.diagonal(), (len(X), 1)), rtol=1e-12)


def test_prior_times_likelihood_over_posterior_is_the_evidence_at_every_z(any_model):
    z = GENERATOR.normal(size=(3, len(X), Z))
    mean, covariance = any_model.posterior(X)
    for one in z:
        log_prior = gaussian_log_density(one, 0, np.eye(Z))
        log_posterior = gaussian_log_density(one - mean, 0, covariance)
        log_p = log_prior - any_model.nll(one, X) - log_posterior
        np.testing.assert_allclose(log_p, any_model.log_likelihood(X), rtol=1e-11)


def test_worked_example():
    # x = 2 under N(0, 1 + 1); the posterior is N(1, 1/2)
    model = sg.LinearGaussianModel.from_parameters([[1.0]], [0.0], 1.0, dtype="float64")
    x = np.array([[2.0]])
    assert model.log_likelihood(x)[0] == pytest.approx(-2.265512, abs=5e-7)
    mean, covariance = model.posterior(x)
    assert (mean.item(), covariance.item()) == (pytest.approx(1.0, abs=1e-15), pytest.approx(0.5, abs=1e-15))


@pytest.mark.parametrize("n_latent", [3, 5], ids=["as many latent variables as features", "more of them"])
def test_model_of_given_sigma_is_exact_with_any_number_of_latent_variables(n_latent, backend):
    W, b = GENERATOR.normal(size=(n_latent, 3)), np.array([0.5, 0.0, -1.0])
    model = sg.LinearGaussianModel.from_parameters(W, b, 0.7, dtype="float64", backend=backend)
    x = model.sample(20)
    C = W.T @ W + 0.49 * np.eye(3)
    np.testing.assert_allclose(model.log_likelihood(x), gaussian_log_density(x, b, C), rtol=1e-12)
    mean, covariance = model.posterior(x)
    gain = W @ np.linalg.inv(C)
    np.testing.assert_allclose(mean, (x - b) @ gain.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(covariance, np.eye(n_latent) - gain @ W.T, rtol=1e-9, atol=1e-12)


def test_nll_has_one_value_for_each_latent_vector_of_each_example(any_model):
    z = GENERATOR.normal(size=(3, len(X), Z))
    several = any_model.nll(z, X)
    assert several.shape == (3, len(X))
    np.testing.assert_array_equal(any_model.nll(z[1], X), several[1])


# ---- the maximum of the likelihood ----


def test_fit_finds_the_principal_components(backend):
    from sklearn.decomposition import PCA

    model, pca = fitted(backend), PCA(Z).fit(X)
    W = model.params.W / np.linalg.norm(model.params.W, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs((W * pca.components_).sum(axis=1)), 1, rtol=1e-12)
    np.testing.assert_allclose(model.params.b, pca.mean_, atol=1e-13)
    assert (W.max(axis=1) == np.abs(W).max(axis=1)).all()
    # scikit-learn divides by n - 1
    scale = (len(X) - 1) / len(X)
    assert math.exp(2 * model.params.log_sigma[0]) == pytest.approx(pca.noise_variance_ * scale, rel=1e-11)
    np.testing.assert_allclose(covariance_of_x(model), pca.get_covariance() * scale, rtol=1e-9, atol=1e-12)


def test_gradient_vanishes_at_the_fit_and_the_likelihood_falls_in_every_direction(backend):
    model = fitted(backend)
    terms, grads = model.loss_and_grad(X, None)
    assert max(np.abs(g).max() for g in grads) < 1e-13
    best = model.theta.copy()
    for step in 0.05 * GENERATOR.normal(size=(20, best.size)):
        model.theta[...] = best + step
        assert model.evaluate_terms(X, None).loss > terms.loss


def test_fit_records_the_loss_and_can_be_repeated(backend):
    model = new_model(backend)
    history = model.fit(X)
    assert history.loss == [pytest.approx(-model.log_likelihood(X).mean(), rel=1e-14)]
    first = model.theta.copy()
    model.fit(X)
    np.testing.assert_array_equal(model.theta, first)
    assert history.epoch == [1, 2]


def test_posterior_of_the_fit_has_independent_dimensions_the_most_certain_first(backend):
    covariance = fitted(backend).posterior(X)[1]
    assert abs(covariance[0, 1]) < 1e-15
    assert covariance[0, 0] < covariance[1, 1]


def test_more_latent_variables_never_lower_the_likelihood_of_the_data():
    losses = [fitted(n_latent=k).history.loss[0] for k in range(1, D)]
    assert (np.diff(losses) < 1e-12).all()


def test_gradient_descent_climbs_to_the_closed_form():
    model = new_model()
    n_steps = 400
    optimizer = sg.Adam(lambda step: 0.03 * 0.003 ** (step / n_steps))
    training.fit(model, X, epochs=n_steps // 4, batch_size=100, optimizer=optimizer, progress=False)
    gap = fitted().log_likelihood(X).mean() - model.log_likelihood(X).mean()
    assert 0 < gap < 1e-3


def test_float32_agrees_with_float64_where_sigma_is_a_thousandth_of_the_signal(backend):
    x = (X - X.mean(axis=0)) @ ROTATION.T * ([1.0] * Z + [1e-3] * (D - Z)) @ ROTATION
    single, double = new_model(backend, dtype="float32"), new_model(backend)
    single.fit(x)
    double.fit(x)
    assert single.log_likelihood(x).dtype == single.posterior(x)[1].dtype == np.float32
    assert single.log_likelihood(x).mean() == pytest.approx(double.log_likelihood(x).mean(), abs=0.01)
    np.testing.assert_allclose(single.posterior(x)[1], double.posterior(x)[1], rtol=1e-3, atol=1e-9)


def test_float32_keeps_the_posterior_of_nearly_parallel_loadings(backend):
    W, b = np.array([[1.0, 0.0, 0.0], [1.0, 1e-3, 0.0]]), np.zeros(3)
    single, double = (
        sg.LinearGaussianModel.from_parameters(W, b, 1e-3, dtype=dtype, backend=backend)
        for dtype in ("float32", "float64")
    )
    x = double.sample(4)
    np.testing.assert_allclose(single.posterior(x)[1], double.posterior(x)[1], rtol=1e-4)


# ---- a linear VAE, trained by gradient ----


@pytest.fixture(scope="module")
def linear_vae():
    vae = sg.VAE(D, (), Z, likelihood="gaussian", sigma="learned", dtype="float64", backend="numpy", seed=0)
    before = vae.elbo(X, 20).mean(), as_linear_model(vae).log_likelihood(X).mean()
    optimizer = sg.Adam(lambda step: 0.03 * 0.003 ** (step / 2000))
    vae.fit(X, epochs=500, batch_size=100, optimizer=optimizer, progress=False)
    return vae, before


def as_linear_model(vae):
    """Return the model whose p(x|z) is that of the VAE."""
    W, b = vae.params.decoder[0]
    sigma = math.exp(vae.params.log_sigma[0])
    return sg.LinearGaussianModel.from_parameters(W, b, sigma, dtype="float64", backend="numpy")


def test_linear_vae_reaches_the_greatest_likelihood(linear_vae):
    gap = fitted().log_likelihood(X).mean() - as_linear_model(linear_vae[0]).log_likelihood(X).mean()
    assert 0 < gap < 0.01


def test_encoder_of_the_linear_vae_is_the_posterior_of_its_own_weights(linear_vae):
    mean, log_var = linear_vae[0].encode(X)
    exact_mean, exact_covariance = as_linear_model(linear_vae[0]).posterior(X)
    np.testing.assert_allclose(mean, exact_mean, atol=0.03)
    np.testing.assert_allclose(np.exp(log_var).mean(axis=0), exact_covariance.diagonal(), rtol=0.05)
    # q has independent dimensions: the training has turned z to where the posterior has them too
    assert abs(exact_covariance[0, 1]) < 0.02 * math.sqrt(np.prod(exact_covariance.diagonal()))


def test_gap_between_elbo_and_likelihood_closes(linear_vae):
    vae, (elbo_before, log_p_before) = linear_vae
    elbo, log_p = vae.elbo(X, 200).mean(), as_linear_model(vae).log_likelihood(X).mean()
    assert log_p_before - elbo_before > 0.3
    assert -0.005 < log_p - elbo < 0.03


# ---- use ----


def test_samples_have_the_mean_and_covariance_of_the_model(any_model):
    n = 40_000
    x = any_model.sample(n)
    C = covariance_of_x(any_model)
    deviation = np.abs(x.mean(axis=0) - any_model.params.b) / np.sqrt(C.diagonal() / n)
    assert deviation.max() < 4.5
    entry_error = np.sqrt((np.outer(C.diagonal(), C.diagonal()) + C**2) / n)
    assert (np.abs(np.cov(x.T) - C) / entry_error).max() < 4.5
    means = any_model.sample(n, mean=True) - any_model.params.b
    assert np.linalg.matrix_rank(means[:100], tol=1e-8) == Z


def test_posterior_samples_have_the_posteriors_mean_and_covariance(any_model):
    n = 20_000
    mean, covariance = any_model.posterior(X[:3])
    z = any_model.sample_posterior(X[:3], n)
    assert z.shape == (n, 3, Z)
    for i in range(3):
        assert (np.abs(z[:, i].mean(axis=0) - mean[i]) < 4.5 * np.sqrt(covariance.diagonal() / n)).all()
        error = np.sqrt((np.outer(covariance.diagonal(), covariance.diagonal()) + covariance**2) / n)
        assert (np.abs(np.cov(z[:, i].T) - covariance) < 4.5 * error).all()


def test_reconstruction_is_the_decoded_posterior_mean(any_model):
    mean, _ = any_model.posterior(X)
    np.testing.assert_array_equal(any_model.reconstruct(X), any_model.decode(mean))
    np.testing.assert_allclose(any_model.decode(mean[3].tolist()), any_model.reconstruct(X)[3], rtol=1e-13)


def test_saved_model_is_loaded_with_its_parameters_history_and_draws(backend, tmp_path):
    model = fitted(backend, seed=3)
    model.sample(5)
    model.save(tmp_path / "linear.safetensors")
    loaded = sg.load(tmp_path / "linear.safetensors", backend)
    assert type(loaded) is sg.LinearGaussianModel
    assert loaded.history.columns == model.history.columns
    np.testing.assert_array_equal(loaded.log_likelihood(X), model.log_likelihood(X))
    np.testing.assert_array_equal(loaded.sample(5), model.sample(5))


def test_backends_agree():
    compiled, plain = fitted("cpu"), fitted("numpy")
    np.testing.assert_allclose(compiled.theta, plain.theta, rtol=1e-12)
    np.testing.assert_allclose(compiled.log_likelihood(X), plain.log_likelihood(X), rtol=1e-12)


# ---- bad input ----


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: new_model(n_latent=D).fit(X), "to fit, n_latent must be below n_visible = 6, got 6"),
        (lambda: new_model(n_latent=D + 2).fit(X), "to fit, n_latent must be below n_visible = 6, got 8"),
        (lambda: new_model(n_latent=0), "n_latent must be an integer >= 1, got 0"),
        (lambda: new_model().fit(X[:, :3]), r"x must have shape \(n, 6\), got \(400, 3\)"),
        (lambda: new_model().fit(X[:3]), "the 3 examples lie in a plane of 2 dimensions"),
        (lambda: new_model().fit(np.ones((9, D))), "the 9 examples lie in a plane of 2 dimensions"),
        (lambda: new_model().log_likelihood(np.full((1, D), np.nan)), "x has NaN"),
        (lambda: new_model().decode(np.zeros((2, 3))), r"z must have shape \(..., 2\), got \(2, 3\)"),
        (lambda: new_model().loss_and_grad(X, np.zeros(3)), "takes no noise: give None, not ndarray"),
        (lambda: new_model().sample(0), "n must be an integer >= 1"),
        (lambda: sg.LinearGaussianModel.from_parameters(np.zeros(3), 0, 1), r"W must have shape \(n_latent, n_vis"),
        (lambda: sg.LinearGaussianModel.from_parameters(np.ones((1, 3)), np.zeros(2), 1.0), r"b must have shape"),
        (lambda: sg.LinearGaussianModel.from_parameters(np.ones((1, 3)), np.zeros(3), 0.0), "sigma must be a finite"),
        (lambda: sg.LinearGaussianModel.from_parameters(np.ones((1, 3)), np.zeros(3), "1"), "sigma must be a finite"),
    ],
)
def test_bad_input_is_an_error_that_says_what_was_expected(call, message):
    with pytest.raises(sg.InputError, match=message):
        call()
