from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg

N_STEPS, BATCH_SIZE = 200, 64


@pytest.fixture(scope="module")
def digits():
    return sg.datasets.load("digits").x_train


def loss_curve(vae, x):
    """Return the loss of each of `N_STEPS` training steps."""
    gradient, grads = vae.empty_grads()
    losses = []
    for _ in range(N_STEPS):
        batch = vae.check_data(x[vae.streams["shuffling"].permutation(len(x))[:BATCH_SIZE]])
        terms, _ = vae.evaluate_terms_and_grads(batch, vae.draw_noise(batch), out=grads)
        vae.optimizer.step_(vae.theta, gradient, vae.optimizer_state, vae.backend)
        losses.append(float(terms.loss))
    return np.array(losses)


@pytest.mark.parametrize(
    ("dtype", "tolerance", "options"),
    [
        ("float32", 1e-4, {}),
        ("float64", 1e-9, {}),
        ("float64", 1e-9, {"activation": "tanh"}),
        ("float64", 1e-9, {"activation": "softplus", "n_samples": 2}),
        ("float64", 1e-9, {"activation": "swish", "likelihood": "gaussian", "sigma": "learned"}),
        ("float64", 1e-9, {"activation": "sigmoid", "likelihood": "gaussian", "output_mean": "sigmoid"}),
    ],
    ids=["float32", "float64", "tanh", "softplus", "swish learned sigma", "sigmoid mean"],
)
def test_numpy_gives_the_loss_curve_of_cpu(dtype, tolerance, options, digits):
    curves = [
        loss_curve(sg.VAE(64, (32,), 4, seed=1, dtype=dtype, backend=backend, **options), digits)
        for backend in ("numpy", "cpu")
    ]
    assert np.mean(curves[0][-10:]) < curves[0][0] - 1  # it has learnt something
    np.testing.assert_allclose(*curves, rtol=tolerance)


def test_linear_vae_learns_probabilistic_pca():
    # whose maximum likelihood is known: sigma^2 is the mean of the eigenvalues that are left out (Tipping and Bishop,
    # J. R. Stat. Soc. B 61, 1999), and a linear VAE with a learned sigma reaches it (Lucas et al., NeurIPS 2019)
    n_visible, n_latent = 8, 2
    stream = sg.Stream(5, "numpy")
    z, W = stream.normal((512, n_latent), "float64"), stream.normal((n_latent, n_visible), "float64")
    x = z @ W + 0.3 * stream.normal((512, n_visible), "float64")
    left_out, kept = np.split(np.linalg.eigvalsh(np.cov(x.T, bias=True)), [n_visible - n_latent])
    log_determinant = np.log(kept).sum() + left_out.size * np.log(left_out.mean())
    maximum = -0.5 * (n_visible * np.log(2 * np.pi) + log_determinant + n_visible)

    vae = sg.VAE(n_visible, (), n_latent, likelihood="gaussian", sigma="learned", n_samples=4, dtype="float64")
    for learning_rate in (1e-2, 1e-2, 1e-3):
        vae.fit(x, epochs=80, batch_size=64, optimizer=sg.Adam(learning_rate), progress=False)
    sigma = float(np.exp(vae.params.log_sigma[0]))
    residual = x - vae.decode(vae.sample_posterior(x, 50))
    assert sigma == pytest.approx(np.sqrt(np.mean(residual**2)), rel=0.01)
    assert sigma == pytest.approx(np.sqrt(left_out.mean()), rel=0.01)
    assert maximum - 0.05 < vae.elbo(x, n_samples=200).mean() < maximum


def test_data_between_minus_one_half_and_one_half_are_learnt_through_tanh(digits):
    x = digits - 0.5
    vae = sg.VAE(64, (64,), 8, likelihood="gaussian", output_mean="tanh", sigma=0.2, seed=0)
    vae.fit(x, epochs=15, batch_size=64, progress=False)
    reconstruction = vae.reconstruct(x)
    assert np.abs(reconstruction).max() < 1
    # half of the variance of the data at least is explained
    assert np.mean((x - reconstruction) ** 2) < 0.5 * np.mean((x - x.mean(axis=0)) ** 2)


@pytest.mark.simulator
def test_two_training_steps_through_the_cuda_kernels_are_those_of_numpy():
    x = sg.Stream(2, "numpy").uniform((4, 6), "float64")
    simulated, plain = (sg.VAE(6, (5,), 2, seed=0, dtype="float64", backend=name) for name in ("cuda", "numpy"))
    for vae in (simulated, plain):
        vae.fit(x, epochs=2, batch_size=4, progress=False)
    assert simulated.step == 2
    np.testing.assert_allclose(simulated.theta, plain.theta, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(simulated.history.loss, plain.history.loss, rtol=1e-13)
