"""The importance-weighted objective against its definition, and against models whose p(x) is known."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

import scratchgen as sg

GENERATOR = np.random.Generator(np.random.PCG64(12))
X = GENERATOR.uniform(size=(5, 6))


def new_iwae(k, backend="numpy", **options):
    settings = {"hidden": (5,), "n_latent": 2, "activation": "tanh", "objective": "iwae", "dtype": "float64"}
    return sg.VAE(6, **settings | options, n_samples=k, backend=backend)


def noise_to_z(vae, x, noise):
    mean, log_var = vae.encode(x)
    return mean + np.exp(log_var / 2) * noise


def log_weights(vae, x, noise):
    """Return log p(x|z) + log p(z) - log q(z|x), (k, n), each density with its constants."""
    (mean, log_var), z = vae.encode(x), noise_to_z(vae, x, noise)
    p = vae.decode(z)
    log_p_x = (x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=-1)
    log_p_z = -0.5 * (z**2 + math.log(2 * math.pi)).sum(axis=-1)
    log_q = -0.5 * ((z - mean) ** 2 / np.exp(log_var) + log_var + math.log(2 * math.pi)).sum(axis=-1)
    return log_p_x + log_p_z - log_q


@pytest.mark.parametrize("k", [1, 4])
def test_loss_is_minus_the_logarithm_of_the_mean_weight(k, backend):
    vae = new_iwae(k, backend)
    noise = GENERATOR.normal(size=(k, len(X), 2))
    terms, _ = vae.loss_and_grad(X, noise)
    weights = np.exp(log_weights(vae, X, noise))
    assert terms.loss == pytest.approx(-np.log(weights.mean(axis=0)).mean(), rel=1e-13)
    p = vae.decode(noise_to_z(vae, X, noise))
    nll = -(X * np.log(p) + (1 - X) * np.log(1 - p)).sum(axis=-1)
    assert terms.reconstruction == pytest.approx(np.average(nll, axis=0, weights=weights).mean(), rel=1e-12)
    assert terms.loss == pytest.approx(terms.reconstruction + terms.kl, rel=1e-15)


def test_one_sample_is_the_elbo_with_a_sampled_divergence(backend):
    importance_weighted, plain = new_iwae(1, backend), new_iwae(1, backend, objective="elbo")
    noise = importance_weighted.draw_noise(X)
    assert noise.shape == (5, 2)
    terms, plain_terms = (vae.loss_and_grad(X, noise)[0] for vae in (importance_weighted, plain))
    z, (_, log_var) = noise_to_z(plain, X, noise), plain.encode(X)
    assert terms.reconstruction == pytest.approx(plain_terms.reconstruction, rel=1e-13)
    assert terms.kl == pytest.approx(0.5 * (z**2 - noise**2 - log_var).sum(axis=1).mean(), rel=1e-12)
    assert importance_weighted.loss_and_grad(X, noise[None])[0] == pytest.approx(terms, rel=1e-14)


def test_mean_loss_over_all_subsets_of_k_draws_never_rises_with_k(backend):
    """Burda et al., theorem 1, without any chance: a set's log-mean is at least the mean of its subsets' log-means."""
    vae = new_iwae(6, backend)
    vae.theta[...] = GENERATOR.normal(size=vae.theta.size)
    noise = GENERATOR.normal(size=(6, len(X), 2))
    means = [
        np.mean([vae.evaluate_terms(X, noise[list(subset)]).loss for subset in combinations(range(6), k)])
        for k in range(1, 7)
    ]
    assert (np.diff(means) < -1e-3).all()


def test_training_finds_two_patterns_of_equal_probability(backend):
    vae = new_iwae(5, backend)
    x = np.repeat([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], 50, axis=0)
    history = vae.fit(x, epochs=60, batch_size=20, optimizer=sg.Adam(3e-2), progress=False)
    assert history.loss[0] > 4  # 6 log 2 without a latent variable
    assert history.loss[-1] < 1  # log 2 at best
    assert set(history.beta) == {1.0}


def test_importance_weighted_model_is_saved_with_its_objective(tmp_path):
    vae = new_iwae(3, binarise=True)
    vae.save(tmp_path / "iwae.safetensors")
    loaded = sg.load(tmp_path / "iwae.safetensors", "numpy")
    assert (loaded.objective, loaded.n_samples, loaded.binarise) == ("iwae", 3, True)
    noise = vae.draw_noise(X)
    assert loaded.evaluate_terms(X, noise) == vae.evaluate_terms(X, noise)


def test_bound_of_five_draws_lies_between_the_elbo_and_the_exact_likelihood():
    W = np.array([[1.0, 0.5, -0.3, 0.8], [0.7, -0.4, 0.1, 0.9]])
    exact = sg.LinearGaussianModel.from_parameters(W, np.zeros(4), 0.8, dtype="float64", backend="numpy")
    x = np.repeat(exact.sample(1), 4000, axis=0)
    options = {"likelihood": "gaussian", "sigma": 0.8, "n_latent": 2, "hidden": (), "dtype": "float64"}
    losses = {}
    for k, objective in ((1, "elbo"), (5, "iwae"), (50, "iwae")):
        vae = sg.VAE(4, **options, n_samples=k, objective=objective, backend="numpy")
        vae.theta[...] = 0
        vae.params.decoder[0].W[...] = W
        mean, covariance = exact.posterior(x[:1])
        heads = vae.params.heads
        heads.mean.b[...], heads.log_var.b[...] = mean[0] + 0.2, np.log(1.3 * covariance.diagonal())
        losses[k] = vae.evaluate_terms(x, vae.draw_noise(x)).loss
    exact_loss = -exact.log_likelihood(x[:1])[0]
    assert losses[1] > losses[5] + 0.05
    assert losses[5] > losses[50] + 0.005
    assert losses[50] == pytest.approx(exact_loss, abs=0.02)


# ---- binarised afresh ----


def test_each_batch_is_binarised_afresh_for_training_and_validation(backend, monkeypatch):
    vae = new_iwae(2, backend, binarise=True)
    seen = []
    evaluate = vae.evaluate_terms_and_grads
    monkeypatch.setattr(vae, "evaluate_terms_and_grads", lambda x, *rest: seen.append(x) or evaluate(x, *rest))
    x = np.tile(X, (200, 1))
    vae.fit(x, epochs=2, batch_size=1000, validation=x, progress=False)
    assert len(seen) == 2
    assert set(np.unique(seen)) == {0, 1}
    assert (seen[0] != seen[1]).any()
    for batch in seen:
        assert np.abs(batch.mean(axis=0) - x.mean(axis=0)).max() < 4.5 * 0.5 / math.sqrt(1000)


def test_data_are_taken_as_they_are_unless_asked_otherwise():
    stream = sg.Stream(0, "numpy")
    assert new_iwae(2).draw_data(X, stream) is X
    assert stream.draw == 0
