"""What `loss_and_grad` and its relatives return; that the numbers are right is the matter of `tests/check`."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.nn.parameters import blocks

X = np.random.Generator(np.random.PCG64(7)).uniform(size=(7, 6))


def flattened(tree):
    return np.concatenate([np.empty(0), *map(flattened, tree)]) if isinstance(tree, tuple) else np.ravel(tree)


def shapes(tree):
    return (type(tree), *map(shapes, tree)) if isinstance(tree, tuple) else tree.shape


def test_gradient_is_arranged_as_the_parameters(build, backend):
    model = build(backend)
    _, grads = model.loss_and_grad(X, model.draw_noise(X))
    assert shapes(grads) == shapes(model.params)
    np.testing.assert_array_equal(flattened(model.params), model.theta)


def test_parameters_stand_in_the_order_in_which_data_meet_them():
    model = sg.Autoencoder(6, (5,), 2, decoder_hidden=(3,), backend="numpy")
    assert [(name, block.shape) for name, block in blocks(model.layout).items()] == [
        ("encoder[0].W", (6, 5)),
        ("encoder[0].b", (5,)),
        ("encoder[1].W", (5, 2)),
        ("encoder[1].b", (2,)),
        ("decoder[0].W", (2, 3)),
        ("decoder[0].b", (3,)),
        ("decoder[1].W", (3, 6)),
        ("decoder[1].b", (6,)),
    ]


def test_gradient_is_fresh_at_each_call_unless_out_is_given(build, backend):
    model = build(backend)
    noise = model.draw_noise(X)
    _, first = model.loss_and_grad(X, noise)
    kept = flattened(first).copy()
    flat, out = model.empty_grads()
    flat[...] = np.nan
    _, same = model.loss_and_grad(X, noise, out=out)
    assert same is out
    np.testing.assert_array_equal(flat, kept)
    model.loss_and_grad(1 - X, noise)
    np.testing.assert_array_equal(flattened(first), kept)


def test_data_noise_and_parameters_are_left_unchanged(build, backend):
    model = build(backend)
    x, noise = X.copy(), model.draw_noise(X)
    before = noise.copy(), model.theta.copy()
    model.loss_and_grad(x, noise)
    model.loss_grad_x(x, noise)
    model.evaluate_terms(x, noise)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(noise, before[0])
    np.testing.assert_array_equal(model.theta, before[1])


def test_terms_are_the_same_with_and_without_the_gradient_and_add_up(build, backend):
    model = build(backend)
    noise = model.draw_noise(X)
    terms = model.evaluate_terms(X, noise)
    assert terms == pytest.approx(model.loss_and_grad(X, noise)[0], rel=1e-14)
    loss = terms.reconstruction + model.weight_decay * terms.weights + model.penalty_cost * terms.penalty
    assert terms.loss == pytest.approx(loss, rel=1e-14)
    assert terms.weights == pytest.approx(0.5 * sum((layer.W**2).sum() for part in model.params for layer in part))


def test_backends_agree_on_terms_and_gradients(build):
    compiled, plain = build("cpu"), build("numpy")
    noise = plain.draw_noise(X)
    terms, grads = compiled.loss_and_grad(X, noise)
    plain_terms, plain_grads = plain.loss_and_grad(X, noise)
    assert terms == pytest.approx(plain_terms, rel=1e-13)
    np.testing.assert_allclose(flattened(grads), flattened(plain_grads), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(compiled.loss_grad_x(X, noise), plain.loss_grad_x(X, noise), rtol=1e-11, atol=1e-14)


def test_float32_stays_float32_and_agrees_with_float64(build, backend):
    single, double = build(backend, dtype="float32"), build(backend)
    single.theta[...] = double.theta
    noise = double.draw_noise(X)
    terms, grads = single.loss_and_grad(X, noise)
    double_terms, double_grads = double.loss_and_grad(X, noise)
    results = (terms.loss, single.loss_grad_x(X, noise), grads.encoder[0].W, single.encode(X), single.reconstruct(X))
    assert {result.dtype for result in results} == {np.dtype("float32")}
    assert single.draw_noise(X).dtype == np.float32
    assert terms == pytest.approx(double_terms, rel=1e-5)
    np.testing.assert_allclose(flattened(grads), flattened(double_grads), rtol=1e-4, atol=1e-5)
