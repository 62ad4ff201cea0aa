from __future__ import annotations

import numpy as np

import scratchgen as sg
from scratchgen import plots

GENERATOR = np.random.default_rng(5)
X = GENERATOR.normal(size=(300, 6)) * [3.0, 2.0, 1.0, 0.5, 0.3, 0.0]  # the last feature never varies


def lines(x, W, sigma):
    (ax,) = plots.variance_spectrum(x, W, sigma).axes
    return {line.get_label(): line.get_xydata().T for line in ax.lines}


def test_the_data_have_the_eigenvalues_of_their_covariance_without_those_that_are_zero():
    rank, variances = lines(X, np.zeros((2, 6)), 1.0)["data"]
    np.testing.assert_array_equal(rank, [1, 2, 3, 4, 5])
    expected = np.sort(np.linalg.eigvalsh(np.cov(X.T, bias=True)))[::-1]
    np.testing.assert_allclose(variances, expected[:5], rtol=1e-12)


def test_the_model_has_the_eigenvalues_of_its_covariance():
    W = GENERATOR.normal(size=(2, 6))
    expected = np.sort(np.linalg.eigvalsh(W.T @ W + 0.49 * np.eye(6)))[::-1]
    np.testing.assert_allclose(lines(X, W, 0.7)["model"][1], expected[:5], rtol=1e-12)


def test_a_fitted_model_has_the_largest_variances_of_the_data_and_the_mean_of_the_rest():
    model = sg.LinearGaussianModel(6, 2, dtype="float64", backend="numpy")
    model.fit(X)
    spectra = lines(X, model.params.W, np.exp(model.params.log_sigma[0]))
    data, fitted = spectra["data"][1], spectra["model"][1]
    np.testing.assert_allclose(fitted[:2], data[:2], rtol=1e-10)
    np.testing.assert_allclose(fitted[2:], data[2:].sum() / 4, rtol=1e-10)  # of four, one of which is 0
