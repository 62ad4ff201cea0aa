"""What Gibbs sweeps sample: the distribution of a small model, of which all states are enumerated."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from scratchgen.kernels.gibbs_sweeps import gibbs_sweeps
from scratchgen.kernels.gibbs_units import sample_bernoulli_units_

RANDOM = {"key": (np.uint64(0x2545F491), np.uint64(0x4F6CDD1D)), "draw": np.array([0], np.uint64)}


@pytest.fixture
def model():
    """W, b and c of 4 visible and 3 hidden units."""
    rng = np.random.default_rng(5)
    return rng.standard_normal((4, 3)), rng.standard_normal(4), rng.standard_normal(3)


def states(n_units):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n_units)))


def transition_matrix(variant, W, b, c, beta):
    """T[v, v'], the probability of a sweep from v to v', from the probabilities that the kernel returns."""
    visible, hidden = states(len(b)), states(len(c))

    def conditionals(product, bias, states):
        sample, p = getattr(sample_bernoulli_units_, variant), product.copy()
        sample(np.empty_like(p), p, bias, np.full(len(p), beta), **RANDOM, half=0)
        return np.prod(np.where(states == 1, p[:, np.newaxis], 1 - p[:, np.newaxis]), axis=-1)

    return conditionals(visible @ W, c, hidden) @ conditionals(hidden @ W.T, b, visible)


def marginal(W, b, c, beta):
    """p(v), the sum of exp(-beta E(v, h)) / Z over h."""
    visible, hidden = states(len(b)), states(len(c))
    negative_energy = (visible @ b)[:, np.newaxis] + hidden @ c + visible @ W @ hidden.T
    p = np.sum(np.exp(beta * negative_energy), axis=1)
    return p / np.sum(p)


@pytest.mark.parametrize(
    "variant", ["reference", "cpu", pytest.param("cuda", marks=pytest.mark.simulator, id="simulator")]
)
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_transition_matrix_of_a_sweep_leaves_the_model_invariant(beta, variant, model):
    T, p = transition_matrix(variant, *model, beta), marginal(*model, beta)
    np.testing.assert_allclose(np.sum(T, axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(p @ T, p, rtol=0, atol=1e-12)
    assert np.max(np.abs(T - p)) > 0.01  # the next state does depend on the present one


@pytest.mark.parametrize("variant", ["reference", "cpu"])
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_chains_have_the_distribution_of_the_transition_matrix(beta, variant, model):
    n_chains, n_sweeps, first = 20_000, 3, 5
    v = np.tile(states(4)[first], (n_chains, 1))
    v, _ = getattr(gibbs_sweeps, variant)(v, *model, np.full(n_chains, beta), n_sweeps, **RANDOM)
    expected = np.linalg.matrix_power(transition_matrix(variant, *model, beta), n_sweeps)[first]
    frequency = np.bincount((v @ [8, 4, 2, 1]).astype(int), minlength=16) / n_chains
    standard_error = np.sqrt(expected * (1 - expected) / n_chains)
    assert np.all(np.abs(frequency - expected) < 5 * standard_error)
