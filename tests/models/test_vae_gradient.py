"""What `loss_and_grad` and its relatives return; that the numbers are right is the matter of `tests/check`."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.nn.parameters import blocks

GENERATOR = np.random.Generator(np.random.PCG64(7))
X = GENERATOR.uniform(size=(7, 6))
VARIANTS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"likelihood": "gaussian", "sigma": "learned", "output_mean": "tanh"},
        {"hidden": ()},
        {"n_samples": 3},
        {"n_samples": 3, "objective": "iwae"},
        {"likelihood": "gaussian", "sigma": "learned", "objective": "iwae"},
    ],
    ids=["bernoulli", "gaussian", "no hidden layer", "three samples", "iwae", "gaussian iwae of one sample"],
)


def small_vae(backend, options, dtype="float64"):
    return sg.VAE(**{"n_visible": 6, "hidden": (5, 4), "n_latent": 2} | options, dtype=dtype, seed=0, backend=backend)


def flattened(tree):
    return np.concatenate([np.empty(0), *map(flattened, tree)]) if isinstance(tree, tuple) else np.ravel(tree)


def shapes(tree):
    return (type(tree), *map(shapes, tree)) if isinstance(tree, tuple) else tree.shape


@VARIANTS
def test_gradient_is_arranged_as_the_parameters(options, backend):
    vae = small_vae(backend, options)
    _, grads = vae.loss_and_grad(X, vae.draw_noise(X))
    assert shapes(grads) == shapes(vae.params)
    np.testing.assert_array_equal(flattened(vae.params), vae.theta)


def test_parameters_stand_in_the_order_in_which_data_meet_them():
    vae = sg.VAE(6, (5,), 2, likelihood="gaussian", sigma="learned", decoder_hidden=(3,), backend="numpy")
    places = blocks(vae.layout)
    assert [(name, block.shape) for name, block in places.items()] == [
        ("encoder[0].W", (6, 5)),
        ("encoder[0].b", (5,)),
        ("heads.W", (5, 4)),
        ("heads.b", (4,)),
        ("decoder[0].W", (2, 3)),
        ("decoder[0].b", (3,)),
        ("decoder[1].W", (3, 6)),
        ("decoder[1].b", (6,)),
        ("log_sigma", (1,)),
    ]
    assert places["log_sigma"].where.stop == vae.theta.size


@VARIANTS
def test_gradient_is_fresh_at_each_call_unless_out_is_given(options, backend):
    vae = small_vae(backend, options)
    noise = vae.draw_noise(X)
    _, first = vae.loss_and_grad(X, noise)
    kept = flattened(first).copy()
    flat, out = vae.empty_grads()
    flat[...] = np.nan
    _, same = vae.loss_and_grad(X, noise, out=out)
    assert same is out
    np.testing.assert_array_equal(flat, kept)
    vae.loss_and_grad(1 - X, noise)
    np.testing.assert_array_equal(flattened(first), kept)


@VARIANTS
def test_data_noise_and_parameters_are_left_unchanged(options, backend):
    vae = small_vae(backend, options)
    x, noise = X.copy(), vae.draw_noise(X)
    before = noise.copy(), vae.theta.copy()
    vae.loss_and_grad(x, noise)
    vae.loss_grad_x(x, noise)
    vae.evaluate_terms(x, noise)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(noise, before[0])
    np.testing.assert_array_equal(vae.theta, before[1])


@VARIANTS
def test_terms_are_the_same_with_and_without_the_gradient(options, backend):
    vae = small_vae(backend, options)
    noise = vae.draw_noise(X)
    assert vae.evaluate_terms(X, noise) == pytest.approx(vae.loss_and_grad(X, noise)[0], rel=1e-14)


@VARIANTS
def test_backends_agree_on_terms_and_gradients(options):
    compiled, plain = small_vae("cpu", options), small_vae("numpy", options)
    noise = plain.draw_noise(X)
    terms, grads = compiled.loss_and_grad(X, noise)
    plain_terms, plain_grads = plain.loss_and_grad(X, noise)
    assert terms == pytest.approx(plain_terms, rel=1e-13)
    np.testing.assert_allclose(flattened(grads), flattened(plain_grads), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(compiled.loss_grad_x(X, noise), plain.loss_grad_x(X, noise), rtol=1e-11, atol=1e-14)


@VARIANTS
def test_float32_stays_float32_and_agrees_with_float64(options, backend):
    single, double = small_vae(backend, options, "float32"), small_vae(backend, options)
    single.theta[...] = double.theta
    noise = double.draw_noise(X)
    terms, grads = single.loss_and_grad(X, noise)
    double_terms, double_grads = double.loss_and_grad(X, noise)
    results = (
        *terms,
        single.loss_grad_x(X, noise),
        grads.heads.mean.W,
        *single.encode(X),
        single.reconstruct(X),
        single.elbo(X),
    )
    assert {result.dtype for result in results} == {np.dtype("float32")}
    assert terms == pytest.approx(double_terms, rel=1e-5)
    np.testing.assert_allclose(flattened(grads), flattened(double_grads), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_loss_is_finite_at_logits_of_ten_thousand_and_log_variances_of_eighty(likelihood, dtype, backend):
    vae = small_vae(backend, {"hidden": (), "n_latent": 1, "likelihood": likelihood}, dtype)
    vae.theta[...] = 0
    vae.params.decoder[0].b[...] = [1e4, -1e4, 1e4, -1e4, 0, 0]
    for log_var in (-80, 80):
        vae.params.heads.log_var.b[...] = log_var
        terms, grads = vae.loss_and_grad(X, np.full((7, 1), 0.5))
        assert np.isfinite(terms).all()
        assert np.isfinite(flattened(grads)).all()
        assert terms.kl == pytest.approx(0.5 * (np.exp(log_var) - 1 - log_var), rel=1e-5)
