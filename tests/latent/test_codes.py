"""Principal components, correlations and KL divergences of codes, against data made to have known ones."""

from __future__ import annotations

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.errors import InputError
from scratchgen.latent import (
    active_units,
    code_correlation,
    kl_per_dimension,
    mean_absolute_correlation,
    principal_components,
)


def uncorrelated(n, n_latent, seed=0):
    """Return columns of mean 0 and mean square 1 whose products have the mean 0."""
    scores = np.random.default_rng(seed).normal(size=(n, n_latent))
    return np.linalg.qr(scores - scores.mean(axis=0))[0] * np.sqrt(n)


def test_principal_components_find_scores_directions_and_shares():
    scores = uncorrelated(50, 3) * np.sqrt([0.25, 0.6, 0.15])
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    mean = scores @ rotation.T + 7.0
    found = principal_components(mean, 2)
    np.testing.assert_allclose(found.variance_shares, [0.6, 0.25], atol=1e-12)
    np.testing.assert_allclose(np.abs(found.scores), np.abs(scores[:, [1, 0]]), atol=1e-12)
    np.testing.assert_allclose(np.abs(found.directions), np.abs(rotation[:, [1, 0]].T), atol=1e-12)
    largest = np.abs(found.directions).argmax(axis=1)  # its sign is fixed, so that all machines draw the same picture
    assert (found.directions[[0, 1], largest] > 0).all()
    whole = principal_components(mean, 3)
    np.testing.assert_allclose(whole.scores @ whole.directions + mean.mean(axis=0), mean, atol=1e-12)


def test_codes_that_do_not_vary_have_shares_of_zero():
    for codes in (np.full((5, 3), 2.0), np.ones((1, 1))):
        found = principal_components(codes, 1)
        np.testing.assert_array_equal(found.variance_shares, 0)
        np.testing.assert_array_equal(found.scores, 0)


def test_the_correlation_is_what_the_codes_were_made_with_whatever_their_scales():
    u, v, w = uncorrelated(40, 3).T
    mean = np.stack([u, 5 * (0.6 * u + 0.8 * v) + 3, -2 * w], axis=1)
    np.testing.assert_allclose(code_correlation(mean), [[1, 0.6, 0], [0.6, 1, 0], [0, 0, 1]], atol=1e-12)
    assert mean_absolute_correlation(mean) == pytest.approx(0.2, abs=1e-12)
    assert mean_absolute_correlation(mean * [-1, 1, 1]) == pytest.approx(0.2, abs=1e-12)


def test_a_variable_that_never_varies_has_no_correlation():
    mean = np.stack([np.arange(4.0), np.ones(4)], axis=1)
    assert np.isnan(code_correlation(mean)[:, 1]).all()
    with pytest.raises(InputError, match=r"latent variables \[1\]"):
        mean_absolute_correlation(mean)


@pytest.mark.parametrize("container", [list, np.array])
def test_the_mean_correlation_is_over_the_pairs_in_use_where_it_is_said_which_those_are(container):
    u, v, w = uncorrelated(40, 3).T
    mean = np.stack([u, 0.6 * u + 0.8 * v, 1e-9 * (v + w), np.zeros(40)], axis=1)
    assert mean_absolute_correlation(mean, container(active_units(mean))) == pytest.approx(0.6, abs=1e-12)
    assert mean_absolute_correlation(mean[:, :3]) == pytest.approx((0.6 + 0.8 * np.sqrt(0.5)) / 3)
    with pytest.raises(InputError, match=r"latent variables \[3\]"):
        mean_absolute_correlation(mean, [True, True, True, True])


def test_kl_per_dimension_is_that_of_each_gaussian_and_sums_to_the_kl_of_the_model():
    mean, log_var = np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([[0.0, 0.0], [np.log(4.0), 0.0]])
    of_first = np.mean([0.5, 0.5 * (4 + 9 - 1 - np.log(4))])
    np.testing.assert_allclose(kl_per_dimension(mean, log_var), [of_first, 0.0], rtol=1e-14)

    vae = sg.VAE(6, (5,), 3, dtype="float64", backend="numpy")
    x = np.random.default_rng(0).random((7, 6))
    terms = vae.evaluate_terms(x, vae.draw_noise(x))
    assert kl_per_dimension(*vae.encode(x)).sum() == pytest.approx(float(terms.kl), rel=1e-12)


BAD_INPUT = {
    "vector": (lambda: principal_components(np.zeros(3)), r"\(n, n_latent\) with n >= 1, got \(3,\)"),
    "components": (lambda: principal_components(np.zeros((9, 2)), 3), "2 components at most, got 3"),
    "no components": (lambda: principal_components(np.zeros((9, 2)), 0), "n_components.*got 0"),
    "one example": (lambda: code_correlation(np.zeros((1, 2))), r"n >= 2, got \(1, 2\)"),
    "one variable": (lambda: mean_absolute_correlation(np.arange(3.0)[:, None]), "no other"),
    "one in use": (lambda: mean_absolute_correlation(np.eye(3), [True, False, False]), "two .* in use, got 1 of 3"),
    "none in use": (lambda: mean_absolute_correlation(np.eye(3), np.zeros(3, dtype=bool)), "two .* in use, got 0 of 3"),
    "use of others": (
        lambda: mean_absolute_correlation(np.eye(3), [True, True]),
        r"\(3,\) of bool, got \(2,\)",
    ),
    "use by number": (lambda: mean_absolute_correlation(np.eye(3), [0, 1, 1]), r"\(3,\) of bool, got \(3,\) of int64"),
    "NaN": (lambda: code_correlation([[np.nan, 1.0], [0.0, 1.0]]), "mean has NaN"),
    "shapes": (lambda: kl_per_dimension(np.zeros((2, 3)), np.zeros((2, 2))), r"got \(2, 3\) and \(2, 2\)"),
    "infinite": (lambda: kl_per_dimension(np.zeros((1, 1)), np.full((1, 1), np.inf)), "log_var has NaN or infinite"),
}


@pytest.mark.parametrize(("call", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_with_what_was_expected_and_what_came(call, message):
    with pytest.raises(InputError, match=message):
        call()
