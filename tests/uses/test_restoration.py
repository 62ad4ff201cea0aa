"""Inpainting and denoising: exact for a projection on a plane, and useful for digits."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.uses import denoising_errors, inpaint

RNG = np.random.default_rng(2)
BASIS = np.linalg.qr(RNG.normal(size=(8, 2)))[0]


class Projection:
    """Reconstructs as PCA does: by the nearest point of a plane in 8 dimensions."""

    def reconstruct(self, x):
        return x @ BASIS @ BASIS.T


@pytest.fixture(scope="module")
def digits():
    data = sg.datasets.load("digits")
    vae = sg.VAE(64, (64,), 8, likelihood="gaussian", output_mean="sigmoid", sigma=0.2)
    vae.fit(data.x_train, epochs=30, batch_size=64, progress=False)
    return vae, data


def test_what_is_missing_of_a_point_of_the_plane_is_found_exactly():
    x = RNG.normal(size=(5, 2)) @ BASIS.T
    known = np.array([1, 0, 1, 1, 0, 1, 1, 0])
    found = inpaint(Projection(), np.where(known == 1, x, 9.0), known, n_iterations=400)
    np.testing.assert_allclose(found, x, atol=1e-8)


def test_each_iteration_is_one_reconstruction_of_what_was_filled_in_before():
    x, known = RNG.normal(size=(3, 8)), RNG.integers(0, 2, size=(3, 8)).astype(bool)
    once = np.where(known, x, Projection().reconstruct(x))
    twice = np.where(known, x, Projection().reconstruct(once))
    np.testing.assert_array_equal(inpaint(Projection(), x, known, 1), once)
    np.testing.assert_array_equal(inpaint(Projection(), x, known, 2), twice)


def test_known_features_are_left_as_they_are_and_so_is_the_input(digits):
    vae, data = digits
    x, known = data.x_test[:5], np.arange(64) % 3 > 0
    before = x.copy()
    found = inpaint(vae, x, known)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found[:, known], x[:, known])
    np.testing.assert_array_equal(x, before)


def test_missing_pixels_of_digits_come_closer_to_the_truth_than_the_mean_of_the_data(digits):
    vae, data = digits
    known = np.random.default_rng(0).random(data.x_test.shape) < 0.75
    start = np.where(known, data.x_test, data.x_train.mean(axis=0))
    found = inpaint(vae, start, known, n_iterations=10)

    def error(x):
        return ((x - data.x_test)[~known] ** 2).mean()

    assert error(found) < 0.6 * error(start)
    assert error(found) < error(inpaint(vae, start, known, n_iterations=1))


def test_the_reconstruction_of_noisy_digits_is_closer_to_the_clean_ones(digits):
    vae, data = digits
    noise = 0.3 * np.random.default_rng(1).normal(size=data.x_test.shape)
    errors = denoising_errors(vae, data.x_test, np.clip(data.x_test + noise, 0, 1))
    assert errors.clean_reconstructed < errors.reconstructed < 0.7 * errors.noisy


def test_denoising_errors_of_a_projection_are_those_of_the_noise_on_the_plane_and_off_it():
    clean = RNG.normal(size=(4000, 2)) @ BASIS.T
    errors = denoising_errors(Projection(), clean, clean + 0.1 * RNG.normal(size=clean.shape))
    assert errors.noisy == pytest.approx(0.01, rel=0.03)
    assert errors.reconstructed == pytest.approx(0.01 * 2 / 8, rel=0.05)  # 2 of 8 dimensions of the noise are left
    assert errors.clean_reconstructed == pytest.approx(0, abs=1e-20)


class Wrong:
    def reconstruct(self, x):
        return x[:, 1:]


ONES = np.ones((2, 8))
BAD_INPUT = {
    "vector": (lambda: inpaint(Projection(), ONES[0], ONES[0]), r"x must have shape \(n, n_visible\), got \(8,\)"),
    "mask": (lambda: inpaint(Projection(), ONES, np.ones(7)), r"\(2, 8\) or \(8,\), got \(7,\)"),
    "probabilities": (lambda: inpaint(Projection(), ONES, 0.5 * ONES), "known must be 1"),
    "iterations": (lambda: inpaint(Projection(), ONES, ONES, 0), "n_iterations.*got 0"),
    "missing as NaN": (lambda: inpaint(Projection(), ONES * np.nan, ONES), "x has NaN"),
    "shapes": (lambda: denoising_errors(Projection(), ONES, ONES[:1]), r"\(2, 8\) and \(1, 8\)"),
    "reconstruction": (lambda: inpaint(Wrong(), ONES, ONES), r"reconstruct must return shape \(2, 8\), got \(2, 7\)"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, message):
    with pytest.raises(InputError, match=message):
        call()
