from __future__ import annotations

import math

import numpy as np
import pytest

import scratchgen as sg

GENERATOR = np.random.Generator(np.random.PCG64(8))
X = GENERATOR.uniform(size=(7, 6)).astype("float32")


@pytest.fixture
def vae(backend):
    return sg.VAE(6, (5,), 2, seed=0, backend=backend)


@pytest.mark.parametrize(
    ("hidden", "decoder_hidden", "widths"),
    [
        ((5, 4), None, [(6, 5), (5, 4), (2, 4), (4, 5), (5, 6)]),
        ((), None, [(2, 6)]),
        (5, None, [(6, 5), (2, 5), (5, 6)]),
        ((5, 4), (3,), [(6, 5), (5, 4), (2, 3), (3, 6)]),
        ((5,), (), [(6, 5), (2, 6)]),
    ],
    ids=["mirrored", "linear", "one number", "shallow decoder", "linear decoder"],
)
def test_decoder_mirrors_the_encoder_unless_told_otherwise(hidden, decoder_hidden, widths):
    params = sg.VAE(6, hidden, 2, decoder_hidden=decoder_hidden, backend="numpy").params
    assert [layer.W.shape for layer in (*params.encoder, *params.decoder)] == widths


def test_encoder_784_512_512_8_goes_with_decoder_8_512_784(backend):
    vae = sg.VAE(784, (512, 512), 8, decoder_hidden=(512,), backend=backend)
    x = GENERATOR.uniform(size=(3, 784))
    assert vae.loss_and_grad(x, vae.draw_noise(x))[1].heads.mean.W.shape == (512, 8)
    assert vae.encode(x)[0].shape == (3, 8)
    assert vae.decode(np.zeros((2, 8))).shape == (2, 784)


def test_latent_vectors_of_any_number_of_axes_are_decoded_alike(vae):
    z = GENERATOR.normal(size=(3, 4, 2)).astype("float32")
    decoded = vae.decode(z)
    assert decoded.shape == (3, 4, 6)
    np.testing.assert_allclose(vae.decode(z[1]), decoded[1], rtol=1e-6)
    np.testing.assert_allclose(vae.decode(z[1, 2]), decoded[1, 2], rtol=1e-6)
    np.testing.assert_allclose(vae.decode(z[1, 2].tolist()), decoded[1, 2], rtol=1e-6)
    assert ((decoded > 0) & (decoded < 1)).all()


def test_nll_is_that_of_the_decoded_mean_for_one_or_several_latent_vectors_an_example(vae, backend):
    z = GENERATOR.normal(size=(3, 7, 2)).astype("float32")
    p = vae.decode(z).astype("float64")
    expected = -(X * np.log(p) + (1 - X) * np.log1p(-p)).sum(axis=-1)
    np.testing.assert_allclose(vae.nll(z, X), expected, rtol=1e-5)
    np.testing.assert_allclose(vae.nll(z[1], X), expected[1], rtol=1e-5)
    gaussian = sg.VAE(6, (5,), 2, likelihood="gaussian", sigma=0.3, backend=backend)
    squares = ((X - gaussian.decode(z)) / 0.3) ** 2
    expected = (0.5 * squares + math.log(0.3 * math.sqrt(2 * math.pi))).sum(axis=-1)
    np.testing.assert_allclose(gaussian.nll(z, X), expected, rtol=1e-4)


def test_nll_at_a_draw_of_the_posterior_is_the_reconstruction_term(vae):
    noise = vae.draw_noise(X)
    mean, log_var = vae.encode(X)
    terms, _ = vae.loss_and_grad(X, noise)
    assert vae.nll(mean + np.exp(log_var / 2) * noise, X).mean() == pytest.approx(float(terms.reconstruction), rel=1e-6)


def test_reconstruction_is_the_decoded_mean(vae):
    mean, log_var = vae.encode(X)
    assert mean.shape == log_var.shape == (7, 2)
    np.testing.assert_array_equal(vae.reconstruct(X), vae.decode(mean))


def test_results_do_not_depend_on_the_other_rows(vae):
    np.testing.assert_allclose(vae.encode(X[2:3])[0], vae.encode(X)[0][2:3], rtol=1e-5)
    np.testing.assert_allclose(vae.reconstruct(X[2:3]), vae.reconstruct(X)[2:3], rtol=1e-5)


def test_samples_of_a_bernoulli_model_are_zeros_and_ones_and_means_lie_between(vae):
    draws, means = vae.sample(500), vae.sample(500, mean=True)
    assert draws.shape == means.shape == (500, 6)
    assert set(np.unique(draws)) == {0, 1}
    assert ((means > 0) & (means < 1)).all()
    assert means.std(axis=0).min() > 0
    # the two come from one distribution: each feature's frequency against its mean probability, 4.5 standard errors
    p = means.mean(axis=0)
    np.testing.assert_array_less(np.abs(draws.mean(axis=0) - p), 4.5 * np.sqrt(2 * p * (1 - p) / 500))


def test_samples_of_a_gaussian_model_scatter_by_sigma_about_their_means(backend):
    vae = sg.VAE(6, (5,), 2, likelihood="gaussian", sigma=0.25, dtype="float64", backend=backend)
    stream, same = sg.Stream(3, backend), sg.Stream(3, backend)
    residual = vae.sample(2000, stream=stream) - vae.sample(2000, mean=True, stream=same)
    assert residual.std() == pytest.approx(0.25, rel=4 / math.sqrt(2 * residual.size))
    assert residual.mean() == pytest.approx(0, abs=4 * 0.25 / math.sqrt(residual.size))


def test_each_sample_is_new_and_a_stream_repeats_it(vae, backend):
    assert (vae.sample(5, mean=True) != vae.sample(5, mean=True)).any()
    np.testing.assert_array_equal(*(vae.sample(5, stream=sg.Stream(1, backend)) for _ in range(2)))


def test_asking_for_samples_and_bounds_changes_no_other_stream(vae):
    before = {name: stream.state() for name, stream in vae.streams.items()}
    vae.sample(3)
    vae.sample_posterior(X, 2)
    vae.elbo(X)
    vae.log_likelihood(X, 10)
    vae.balancing_beta(X)
    changed = {name for name, stream in vae.streams.items() if stream.state() != before[name]}
    assert changed == {"sampling"}


def test_posterior_samples_have_the_encoders_mean_and_variance(vae):
    mean, log_var = vae.encode(X)
    z = vae.sample_posterior(X, 4000)
    assert z.shape == (4000, 7, 2)
    sigma = np.exp(log_var / 2)
    np.testing.assert_array_less(np.abs(z.mean(axis=0) - mean), 4.5 * sigma / math.sqrt(4000))
    np.testing.assert_allclose(z.std(axis=0), sigma, rtol=4.5 / math.sqrt(2 * 4000))


def test_bounds_have_one_value_an_example_also_for_more_examples_than_are_taken_at_a_time(vae):
    x = np.tile(X, (300, 1))
    elbo, log_p = vae.elbo(x, n_samples=40), vae.log_likelihood(x, n_samples=40)
    assert elbo.shape == log_p.shape == (2100,)
    # equal examples have equal bounds, whichever chunk they are in
    for bound in (elbo, log_p):
        by_example = bound.reshape(300, 7)
        standard_error = by_example.std(axis=0) / math.sqrt(300)
        first, last = by_example[:100].mean(axis=0), by_example[200:].mean(axis=0)
        np.testing.assert_array_less(np.abs(first - last), 4.5 * math.sqrt(6) * standard_error)
        assert (bound < 0).all()


@pytest.mark.parametrize("n_samples", [1, 2, 3, 40, 2000])
def test_elbo_of_many_draws_is_their_mean_and_decodes_few_rows_at_a_time(n_samples, backend, monkeypatch):
    vae = sg.VAE(6, (5,), 2, dtype="float64", backend=backend)
    x = np.tile(X, (150, 1)) if n_samples < 2000 else X
    decode, rows = vae._decoder_output, []
    monkeypatch.setattr(vae, "_decoder_output", lambda z: rows.append(math.prod(z.shape[:-1])) or decode(z))
    elbo = vae.elbo(x, n_samples, sg.Stream(4, backend))
    assert max(rows) <= 1024
    assert sum(rows) == n_samples * len(x)

    stream, expected = sg.Stream(4, backend), []
    for start in range(0, len(x), 1024):
        batch = x[start : start + 1024]
        mean, log_var = vae.encode(batch)
        z = mean + np.exp(log_var / 2) * stream.normal((n_samples, *mean.shape), "float64")
        kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
        expected.append(-vae.nll(z, batch).mean(axis=0) - kl)
    np.testing.assert_allclose(elbo, np.concatenate(expected), rtol=1e-12)


def test_moving_to_another_backend_keeps_the_numbers(vae):
    vae.fit(X, epochs=2, batch_size=4, progress=False)
    for name in ("numpy", "cpu"):
        moved = vae.to(name)
        assert moved.backend.name == name
        assert not np.shares_memory(moved.theta, vae.theta)
        np.testing.assert_array_equal(moved.theta, vae.theta)
        assert (moved.step, moved.epoch, moved.history.loss) == (4, 2, vae.history.loss)
        np.testing.assert_allclose(moved.elbo(X), vae.to("numpy").elbo(X), rtol=1e-6)
        np.testing.assert_allclose(moved.reconstruct(X), vae.reconstruct(X), rtol=1e-6)


def test_data_of_any_real_type_are_taken(vae):
    expected, _ = vae.encode(np.eye(6, dtype="float32"))
    for dtype in ("float64", "int64", "uint8", "bool"):
        np.testing.assert_array_equal(vae.encode(np.eye(6, dtype=dtype))[0], expected)
    np.testing.assert_array_equal(vae.encode(np.eye(6).tolist())[0], expected)
    np.testing.assert_array_equal(vae.encode(np.asfortranarray(np.eye(6)))[0], expected)
