"""What beta and its schedule do to the codes of the digits, in each of three seeds."""

from __future__ import annotations

import numpy as np

import scratchgen as sg
from scratchgen.latent import kl_per_dimension, mean_absolute_correlation
from scratchgen.schedules import LinearWarmup

X = sg.datasets.load("digits").x_train


def test_beta_4_lowers_correlation_and_kl_of_the_codes_and_raises_the_reconstruction_term():
    def measure(beta, seed):
        vae = sg.VAE(64, (128,), 8, likelihood="gaussian", output_mean="sigmoid", sigma=0.05, beta=beta, seed=seed)
        history = vae.fit(X, epochs=40, batch_size=64, progress=False)
        mean, log_var = vae.encode(X)
        return mean_absolute_correlation(mean), kl_per_dimension(mean, log_var).sum(), history.reconstruction[-1]

    at_1, at_4 = np.array([[measure(beta, seed) for seed in range(3)] for beta in (1.0, 4.0)])  # (seeds, 3)
    change = at_4 - at_1
    assert (change[:, 0] < 0).all()
    assert at_4[:, 0].mean() < 0.85 * at_1[:, 0].mean()
    assert (change[:, 1] < 0).all()
    assert (change[:, 2] > 0).all()


def test_a_warm_up_of_beta_leaves_more_latent_variables_in_use():
    def n_in_use(beta, seed):
        vae = sg.VAE(64, (64,), 8, beta=beta, seed=seed)
        vae.fit(X, epochs=60, batch_size=64, progress=False)
        return (vae.encode(X)[0].var(axis=0) > 0.01).sum()

    for seed in range(3):
        assert n_in_use(1.0, seed) < n_in_use(LinearWarmup(600), seed) == 8
