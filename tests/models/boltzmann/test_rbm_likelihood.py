"""log Z, log p and its gradient as an RBM gives them, against sums over all states and integrals on a grid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.inference import ais
from scratchgen.inference.exact_sampling import exact_samples


@pytest.mark.parametrize("size", [(4, 3), (3, 5)], ids=["fewer hidden", "fewer visible"])
def test_log_partition_by_all_three_methods(size, random_rbm, joint):
    rbm = random_rbm(*size, backend="cpu")
    log_z = float(np.logaddexp.reduce(-joint(rbm).energy, axis=None))
    assert rbm.log_partition() == pytest.approx(log_z, rel=1e-12)
    estimate = rbm.annealed_importance_sampling(stream=sg.Stream(3))
    assert abs(estimate.log_partition - log_z) < 5 * estimate.standard_error < 0.1
    assert rbm.log_partition("ais", stream=sg.Stream(3)) == estimate.log_partition
    assert log_z - 1 < rbm.log_partition("mean-field") < log_z


@pytest.mark.parametrize("sigma", [0.6, "learned"])
def test_log_partition_of_gaussian_units_by_all_three_methods(sigma, random_rbm, joint, grid):
    rbm = random_rbm(2, 2, scale=0.5, visible="gaussian", sigma=sigma)
    points, volume = grid(20, 201, 2)
    log_z = float(np.logaddexp.reduce(-joint(rbm, points).energy, axis=None) + np.log(volume))
    assert rbm.log_partition() == pytest.approx(log_z, rel=1e-10)
    estimate = rbm.annealed_importance_sampling()
    assert abs(estimate.log_partition - log_z) < 5 * estimate.standard_error < 0.1
    assert log_z - 1 < rbm.log_partition("mean-field") < log_z
    # the density integrates to 1
    assert volume * np.exp(rbm.log_likelihood(points)).sum() == pytest.approx(1, rel=1e-9)


def test_forward_and_reverse_annealing_bracket_log_z(random_rbm, backend):
    rbm, n = random_rbm(4, 3, scale=2, backend=backend), 2000
    few = np.linspace(0, 1, 4)  # so that what each chain gives for log Z errs visibly
    samples = exact_samples(*rbm.machine[:3], sg.Stream(1, backend), n)
    forward = rbm.annealed_importance_sampling(n, few)
    reverse = rbm.reverse_annealed_importance_sampling(samples, few)
    log_z = rbm.log_partition()
    margins = [5 * estimate.log_weights.std() / np.sqrt(n) for estimate in (forward, reverse)]
    assert forward.log_weights.mean() + margins[0] < log_z < reverse.log_weights.mean() - margins[1]
    for estimate in (forward, reverse):
        assert abs(estimate.log_partition - log_z) < 5 * estimate.standard_error


def test_annealing_goes_from_and_to_the_base_of_the_data(random_rbm):
    rbm, few, x = random_rbm(4, 3), np.linspace(0, 1, 4), np.eye(4)
    W, b, c, _ = rbm.machine
    rbm.base_bias[...] = [-2, -0.5, 0.3, 1]
    stream, same = sg.Stream(1, "numpy"), sg.Stream(1, "numpy")
    for estimate, expected in (
        (
            rbm.annealed_importance_sampling(9, few, stream),
            ais.annealed_importance_sampling(W, b, c, same, 9, few, rbm.base_bias),
        ),
        (
            rbm.reverse_annealed_importance_sampling(x, few, stream),
            ais.reverse_annealed_importance_sampling(W, b, c, same, x, few, rbm.base_bias),
        ),
    ):
        np.testing.assert_array_equal(estimate.log_weights, expected.log_weights)


def test_probabilities_of_all_states_sum_to_one_and_are_those_of_the_joint(random_rbm, joint, states, backend):
    rbm = random_rbm(4, 3, backend=backend)
    p = np.exp(rbm.log_likelihood(states(4)))
    assert p.sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(p, joint(rbm).p.sum(axis=1), rtol=1e-11)


@given(n_visible=st.integers(1, 7), n_hidden=st.integers(1, 7), scale=st.floats(0, 30))
def test_probabilities_sum_to_one_for_machines_of_all_shapes(n_visible, n_hidden, scale):
    rbm = sg.RBM(n_visible, n_hidden, dtype="float64", backend="numpy")
    rbm.theta[...] = scale * sg.Stream(0, "numpy").normal(rbm.theta.shape, "float64")
    v = np.array(list(itertools.product((0.0, 1.0), repeat=n_visible)))
    assert np.exp(rbm.log_likelihood(v)).sum() == pytest.approx(1, rel=1e-9)
    assert (rbm.pseudo_log_likelihood(v) <= 0).all()


def test_a_given_log_partition_is_taken(random_rbm, states):
    rbm = random_rbm(4, 3)
    expected = rbm.log_likelihood(states(4)) + rbm.log_partition() - 7.0
    np.testing.assert_allclose(rbm.log_likelihood(states(4), log_partition=7.0), expected, rtol=1e-12)


def test_a_model_too_large_to_be_enumerated_says_how_large_and_names_ais():
    rbm = sg.RBM(40, 26)
    x = np.zeros((2, 40))
    for call in (rbm.log_partition, lambda: rbm.log_likelihood(x), lambda: rbm.log_likelihood_gradient(x)):
        with pytest.raises(sg.InputError, match=r"at most 25 units .* 40 visible and 26 hidden units.*\(AIS\)"):
            call()
    assert np.isfinite(rbm.log_likelihood(x, rbm.log_partition("mean-field"))).all()


def test_pseudo_log_likelihood_sums_the_conditionals_of_single_units(random_rbm, joint, states, backend):
    rbm = random_rbm(4, 3, backend=backend)
    p_v = joint(rbm).p.sum(axis=1)
    p = {tuple(v): p for v, p in zip(states(4), p_v, strict=True)}

    def conditionals(v):
        flipped = [tuple(np.where(np.arange(4) == i, 1 - v, v)) for i in range(4)]
        return sum(np.log(p[tuple(v)] / (p[tuple(v)] + p[other])) for other in flipped)

    np.testing.assert_allclose(rbm.pseudo_log_likelihood(states(4)), [conditionals(v) for v in states(4)], rtol=1e-11)


def test_log_likelihood_gradient_is_that_of_finite_differences(kind, random_rbm, some_rows, backend):
    rbm = random_rbm(4, 3, backend=backend, **kind)
    x, step = some_rows(rbm), 1e-5
    flat, gradient = rbm.empty_grads()
    for view, exact in zip(gradient, rbm.log_likelihood_gradient(x), strict=True):
        if not isinstance(view, tuple):  # a fixed sigma is no parameter
            view[...] = exact
    differences = np.empty_like(flat)
    for i in range(flat.size):
        rbm.theta[i] += step
        above = -rbm.free_energy(x).mean() - rbm.log_partition()
        rbm.theta[i] -= 2 * step
        differences[i] = (above + rbm.free_energy(x).mean() + rbm.log_partition()) / (2 * step)
        rbm.theta[i] += step
    np.testing.assert_allclose(flat, differences, rtol=1e-6, atol=1e-9)
