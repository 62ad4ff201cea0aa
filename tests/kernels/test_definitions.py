"""The reference variants are the specification: against formulas written independently, and against differences."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgen import gradcheck
from scratchgen.kernels.adam import adam_
from scratchgen.kernels.bernoulli_nll import bernoulli_nll, bernoulli_nll_with_grad
from scratchgen.kernels.bias_activation import ACTIVATIONS, bias_activation_backward_, bias_activation_forward_
from scratchgen.kernels.latent import reparameterise_kl_backward, reparameterise_kl_forward
from scratchgen.kernels.sgd import sgd_


@pytest.fixture
def rng():
    return np.random.default_rng(3)


# -------------------------------------------------------------------------------------------------- Bernoulli, latent


def test_bernoulli_nll_is_the_cross_entropy_of_the_probabilities():
    x = np.array([[0.1, 0.8, 0.7, 0.23, 0.5]])
    p = np.array([[0.08, 0.83, 0.58, 0.21, 0.42]])
    assert bernoulli_nll.reference(np.log(p / (1 - p)), x)[0] == pytest.approx(2.719200, abs=5e-7)
    assert bernoulli_nll.reference(np.log(x / (1 - x)), x)[0] == pytest.approx(2.668773, abs=5e-7)  # its floor


def test_row_r_of_the_logits_belongs_to_row_r_mod_n_of_the_data(rng):
    logits, x = rng.standard_normal((6, 5)), rng.random((2, 5))
    nll, dlogits = bernoulli_nll_with_grad.reference(logits, x, 0.5)
    for r in range(6):
        alone, gradient = bernoulli_nll_with_grad.reference(logits[r : r + 1], x[r % 2 : r % 2 + 1], 0.5)
        assert nll[r] == alone[0]
        np.testing.assert_array_equal(dlogits[r], gradient[0])


def test_bernoulli_gradient_is_the_derivative_times_the_weight(rng):
    logits, x = 3 * rng.standard_normal((4, 3)), rng.random((2, 3))
    _, dlogits = bernoulli_nll_with_grad.reference(logits, x, -0.7)
    assert gradcheck(lambda a: -0.7 * np.sum(bernoulli_nll.reference(a, x)), logits, dlogits)


def test_log_variance_2_gives_standard_deviation_e():
    z, _ = reparameterise_kl_forward.reference(np.array([[0.0, 2.0]]), np.ones((1, 1)))
    assert z[0, 0] == pytest.approx(np.e, rel=1e-15)


def test_kl_is_the_expected_difference_of_log_densities():
    mean, log_var = np.array([[0.7, -1.2]]), np.array([[0.4, -0.9]])
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)  # exact for the quadratics that are averaged
    z = mean + np.exp(log_var / 2) * nodes[:, np.newaxis]
    difference = -0.5 * (log_var + nodes[:, np.newaxis] ** 2) + 0.5 * z**2  # log q(z|x) - log p(z)
    expected = np.sum(weights @ difference) / np.sum(weights)
    _, kl = reparameterise_kl_forward.reference(np.hstack([mean, log_var]), np.zeros((1, 2)))
    assert kl[0] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("n_samples", [1, 3])
def test_latent_gradients_are_the_derivatives(n_samples, rng):
    heads, (noise, direction) = rng.standard_normal((2, 6)), rng.standard_normal((2, n_samples, 2, 3))
    dheads = reparameterise_kl_backward.reference(direction, heads, noise, 0.3)

    def loss(heads):
        z, kl = reparameterise_kl_forward.reference(heads, noise)
        return np.sum(direction * z) + 0.3 * np.sum(kl)

    assert gradcheck(loss, heads, dheads)


# ------------------------------------------------------------------------------------------------------- activations

DEFINITIONS = {
    "linear": lambda a: a,
    "relu": lambda a: max(a, 0.0),
    "tanh": lambda a: (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a)),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "softplus": lambda a: np.log(1 + np.exp(a)),
    "swish": lambda a: a / (1 + np.exp(-a)),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_is_its_definition_after_the_bias(activation, rng):
    z, b = rng.standard_normal((3, 4)), rng.standard_normal(4)
    y, _ = bias_activation_forward_.reference(z, b, activation)
    np.testing.assert_allclose(y, np.vectorize(DEFINITIONS[activation])(z + b), rtol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_gradients_are_the_derivatives(activation, rng):
    z = rng.uniform(0.5, 2.0, (3, 4)) * np.sign(rng.standard_normal((3, 4)))  # with the bias, clear of ReLU's kink
    b, direction, db = rng.uniform(-0.2, 0.2, 4), rng.standard_normal((3, 4)), np.empty(4)
    _, saved = bias_activation_forward_.reference(z, b, activation)
    dz = bias_activation_backward_.reference(direction, saved, db, activation)

    def loss(z, b):
        return np.sum(direction * bias_activation_forward_.reference(z, b, activation)[0])

    assert gradcheck(lambda a: loss(a, b), z, dz)
    assert gradcheck(lambda a: loss(z, a), b, db)


def test_derivative_of_relu_at_zero_is_zero():
    zero = np.zeros((1, 1))
    assert bias_activation_backward_.reference(np.ones((1, 1)), zero, np.empty(1), "relu")[0, 0] == 0


# ----------------------------------------------------------------------------------------------------------- updates

VARIANTS = ["reference", "cpu", pytest.param("cuda", marks=pytest.mark.simulator, id="simulator")]
THETA, *GRADIENTS = np.random.default_rng(3).standard_normal((11, 33))


def run_adam(variant, dtype):
    theta, m, v = THETA.astype(dtype), np.zeros(33, dtype), np.zeros(33, dtype)
    for t, gradient in enumerate(GRADIENTS, start=1):
        rates = np.array([1e-2 / (1 - 0.9**t), 1 / np.sqrt(1 - 0.999**t)], dtype)
        getattr(adam_, variant)(theta, gradient.astype(dtype), m, v, rates, 0.9, 0.999, 1e-8)
    return np.stack([theta, m, v])


def run_sgd(variant, dtype):
    theta, velocity = THETA.astype(dtype), np.zeros(33, dtype)
    for gradient in GRADIENTS:
        getattr(sgd_, variant)(theta, gradient.astype(dtype), velocity, np.array([1e-2], dtype), 0.9)
    return np.stack([theta, velocity])


@pytest.mark.parametrize("run", [run_adam, run_sgd])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("variant", VARIANTS)
def test_steps_of_an_optimiser_are_equal_in_bits_on_all_variants(run, dtype, variant):
    np.testing.assert_array_equal(run(variant, dtype), run("reference", dtype), strict=True)


def test_adam_is_algorithm_1_of_its_paper():
    theta, m, v = THETA.copy(), 0.0, 0.0
    for t, g in enumerate(GRADIENTS, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        theta -= 1e-2 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(run_adam("reference", np.float64)[0], theta, rtol=1e-12)


def test_sgd_with_momentum_is_the_sum_of_discounted_gradients():
    velocities = [sum(0.9 ** (t - s) * GRADIENTS[s] for s in range(t + 1)) for t in range(len(GRADIENTS))]
    np.testing.assert_allclose(run_sgd("reference", np.float64)[0], THETA - 1e-2 * sum(velocities), rtol=1e-12)
