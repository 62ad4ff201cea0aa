"""Centred gradients: the symmetries for which they are made, and that training follows them."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.models.boltzmann.centring import Offsets, centre_gradient_

X = (np.random.default_rng(2).random((23, 6)) < np.linspace(0.1, 0.9, 6)).astype(float)


def centred_step(rbm, x, noise, offsets):
    """The centred direction for these data and negative samples."""
    grads = rbm.loss_and_grad(x, noise)[1]
    centre_gradient_(grads, offsets, rbm.machine)
    return grads


def random_offsets():
    return Offsets(np.linspace(0.1, 0.8, 6), np.linspace(0.3, 0.6, 4))


def test_a_machine_with_flipped_visible_units_takes_the_mirrored_step(random_rbm):
    rbm, flipped, offsets = random_rbm(6, 4), random_rbm(6, 4), random_offsets()
    W, b, c = rbm.params[:3]
    flipped.W[...], flipped.b[...], flipped.c[...] = -W, -b, c + W.sum(axis=0)  # v W h = sum W h - (1 - v) W h
    noise = rbm.draw_noise(X)
    step = centred_step(rbm, X, noise, offsets)
    mirrored = centred_step(flipped, 1 - X, 1 - noise, Offsets(1 - offsets.visible, offsets.hidden))
    np.testing.assert_allclose(mirrored.W, -step.W, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(mirrored.b, -step.b, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(mirrored.c, step.c + step.W.sum(axis=0), rtol=1e-10, atol=1e-14)
    # the plain gradient has no such symmetry
    plain, plain_flipped = rbm.loss_and_grad(X, noise)[1], flipped.loss_and_grad(1 - X, 1 - noise)[1]
    assert np.abs(plain_flipped.W + plain.W).max() > 0.01


def test_a_machine_with_flipped_hidden_units_takes_the_mirrored_step(random_rbm):
    rbm, flipped, offsets = random_rbm(6, 4), random_rbm(6, 4), random_offsets()
    W, b, c = rbm.params[:3]
    flipped.W[...], flipped.b[...], flipped.c[...] = -W, b + W.sum(axis=1), -c
    noise = rbm.draw_noise(X)
    step = centred_step(rbm, X, noise, offsets)
    mirrored = centred_step(flipped, X, noise, Offsets(offsets.visible, 1 - offsets.hidden))
    np.testing.assert_allclose(mirrored.W, -step.W, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(mirrored.b, step.b + step.W.sum(axis=1), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(mirrored.c, -step.c, rtol=1e-10, atol=1e-14)


def test_a_gaussian_machine_takes_the_same_step_wherever_the_origin_is(random_rbm):
    rbm, moved = (random_rbm(6, 4, visible="gaussian", sigma=0.6) for _ in range(2))
    offsets, shift = random_offsets(), np.linspace(-2, 3, 6)
    moved.b[...] += shift
    moved.c[...] -= shift / 0.6**2 @ rbm.W
    noise = rbm.draw_noise(X)
    step = centred_step(rbm, X, noise, offsets)
    of_moved = centred_step(moved, X + shift, noise + shift, Offsets(offsets.visible + shift, offsets.hidden))
    np.testing.assert_allclose(of_moved.W, step.W, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(of_moved.b, step.b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(of_moved.c, step.c - shift / 0.6**2 @ step.W, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("centred", [False, True])
def test_a_training_step_follows_the_centred_gradient_where_it_is_asked_for(centred, kind, random_rbm, backend):
    rbm = random_rbm(6, 4, centred=centred, backend=backend, **kind)
    theta, stream = rbm.theta.copy(), rbm.streams["training_noise"].state()
    rbm.adapt_to_data_(X)
    noise = rbm.draw_noise(X, sg.Stream.from_state(stream, backend))
    expected = rbm.loss_and_grad(X, noise)[1]
    if centred:
        visible = X.mean(axis=0)
        hidden = 0.99 * 0.5 + 0.01 * rbm.prob_h_given_v(X).mean(axis=0)
        centre_gradient_(expected, Offsets(visible, hidden), rbm.machine)
    flat, grads = rbm.empty_grads()
    rbm.training_terms_(rbm.check_data(X), sg.Stream.from_state(stream, backend), grads)
    for taken, gradient in zip(grads, expected, strict=True):
        np.testing.assert_allclose(taken, gradient, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(rbm.theta, theta)
    assert np.isfinite(flat).all()
    if centred:
        np.testing.assert_allclose(rbm.offsets.visible, visible, rtol=1e-12)
        np.testing.assert_allclose(rbm.offsets.hidden, hidden, rtol=1e-12)


def test_offsets_follow_the_means_of_the_data():
    rbm = sg.RBM(6, 4, centred=True, dtype="float64")
    rbm.fit(X, epochs=400, batch_size=8, optimizer=sg.SGD(1e-6), monitor_every=400, progress=False)
    np.testing.assert_allclose(rbm.offsets.visible, X.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(rbm.offsets.hidden, rbm.prob_h_given_v(X).mean(axis=0), atol=1e-3)
