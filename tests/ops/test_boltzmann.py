from __future__ import annotations

import itertools

import numpy as np
import pytest

from scratchgen.ops.boltzmann import RBMParams, energy, free_energy_forward


def machine(gaussian: bool) -> RBMParams:
    generator = np.random.Generator(np.random.PCG64(0))
    log_sigma = generator.normal(size=4) if gaussian else ()
    return RBMParams(generator.normal(size=(4, 3)), generator.normal(size=4), generator.normal(size=3), log_sigma)


@pytest.mark.parametrize("gaussian", [False, True])
def test_free_energy_is_minus_log_sum_over_hidden_states(gaussian):
    params = machine(gaussian)
    v = np.random.Generator(np.random.PCG64(1)).uniform(size=(5, 4))
    energies = [energy(params, v, np.tile(h, (5, 1))) for h in itertools.product((0.0, 1.0), repeat=3)]
    expected = -np.logaddexp.reduce(-np.array(energies), axis=0)
    np.testing.assert_allclose(free_energy_forward(params, v)[0], expected, rtol=1e-13)


def test_energy_of_a_state_worked_by_hand():
    params = RBMParams(np.array([[2.0], [-1.0]]), np.array([0.5, 0.25]), np.array([-3.0]))
    v, h = np.array([[1.0, 1.0]]), np.array([[1.0]])
    assert energy(params, v, h) == pytest.approx(-(0.5 + 0.25) + 3.0 - (2.0 - 1.0))
    gaussian = params._replace(log_sigma=np.log([2.0, 1.0]))
    by_hand = (1 - 0.5) ** 2 / 8 + (1 - 0.25) ** 2 / 2 + 3.0 - (2.0 / 4 - 1.0)
    assert energy(gaussian, v, h) == pytest.approx(by_hand)


@pytest.mark.parametrize("a", [1e4, -1e4])
def test_free_energy_is_finite_for_saturated_hidden_units(a):
    params = RBMParams(np.full((1, 1), a), np.zeros(1), np.zeros(1))
    free_energy, cache = free_energy_forward(params, np.ones((1, 1)))
    assert free_energy == -max(a, 0.0)
    assert cache.p_h == (a > 0)
