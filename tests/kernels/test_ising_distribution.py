"""What the Ising kernels sample: transition matrices of small lattices, of which all states are enumerated."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from scratchgen.kernels.ising_checkerboard import ising_checkerboard
from scratchgen.kernels.ising_metropolis import ising_metropolis
from scratchgen.kernels.ising_tables import prob_flip_down, prob_flip_up, prob_up

RANDOM = {"key": (np.uint64(0x2545F491), np.uint64(0x4F6CDD1D)), "draw": np.array([0], np.uint64)}

conditions = pytest.mark.parametrize(("beta", "field"), [(0.2, 0.0), (0.44, 0.0), (0.6, -0.3)])


class Lattice:
    """All states of a periodic lattice, (2^N, N), and the four neighbours of each site, (N, 4)."""

    def __init__(self, n_rows, n_columns):
        sites = np.arange(n_rows * n_columns).reshape(n_rows, n_columns)
        row, column = np.indices(sites.shape).reshape(2, -1)
        self.states = np.array(list(itertools.product([-1.0, 1.0], repeat=sites.size)))
        self.even = (row + column) % 2 == 0
        left, right = sites[row, column - 1], sites[row, (column + 1) % n_columns]
        above, below = sites[row - 1, column], sites[(row + 1) % n_rows, column]
        self.neighbours = np.stack([left, right, above, below], axis=1)
        self.bonds = [(i, j) for i in range(sites.size) for j in (right[i], below[i])]
        self.sums = self.states[:, self.neighbours].sum(axis=2)  # (2^N, N)

    def boltzmann(self, beta, field):
        energy = -sum(self.states[:, i] * self.states[:, j] for i, j in self.bonds) - field * self.states.sum(axis=1)
        weight = np.exp(-beta * (energy - energy.min()))
        return weight / weight.sum()


def draw_sites(lattice, drawn, beta, field, sums=None):
    """The matrix of a step that draws the sites `drawn` at once, each given its neighbours before the step."""
    sums = lattice.sums if sums is None else sums
    up = prob_up(sums, np.float64(beta), np.float64(field))
    T = np.ones((len(up), len(up)))
    for i in range(lattice.states.shape[1]):
        target = lattice.states[:, i]
        if drawn[i]:
            T *= np.where(target == 1, up[:, i, np.newaxis], 1 - up[:, i, np.newaxis])
        else:
            T *= lattice.states[:, i, np.newaxis] == target
    return T


def sweep(lattice, beta, field):
    return draw_sites(lattice, lattice.even, beta, field) @ draw_sites(lattice, ~lattice.even, beta, field)


def metropolis_update(lattice, beta, field):
    """The matrix of one update of a site drawn at random."""
    n_states, n_sites = lattice.states.shape
    arguments = lattice.sums, np.float64(beta), np.float64(field)
    accept = np.where(lattice.states == 1, prob_flip_down(*arguments), prob_flip_up(*arguments)) / n_sites
    T, state = np.zeros((n_states, n_states)), np.arange(n_states)
    for i in range(n_sites):
        T[state, state ^ (1 << (n_sites - 1 - i))] += accept[:, i]
    return T + np.diag(1 - T.sum(axis=1))


# --------------------------------------------------------------------------------------------------------- invariance


@conditions
@pytest.mark.parametrize("sides", [(2, 2), (2, 4), (4, 2)], ids=str)
def test_each_half_step_of_the_checkerboard_leaves_the_boltzmann_distribution_invariant(sides, beta, field):
    lattice = Lattice(*sides)
    p = lattice.boltzmann(beta, field)
    for drawn in (lattice.even, ~lattice.even):
        T = draw_sites(lattice, drawn, beta, field)
        np.testing.assert_allclose(T.sum(axis=1), 1, rtol=1e-13)
        np.testing.assert_allclose(p @ T, p, rtol=0, atol=1e-12)
    assert np.max(np.abs(sweep(lattice, beta, field) - p)) > 0.01  # the next state does depend on the present one


@conditions
def test_heat_bath_of_each_site_leaves_the_4_by_4_boltzmann_distribution_invariant(beta, field):
    lattice = Lattice(4, 4)
    p = lattice.boltzmann(beta, field)
    up = prob_up(lattice.sums, np.float64(beta), np.float64(field))
    for i in range(16):
        flipped = np.arange(2**16) ^ (1 << (15 - i))
        stays = np.where(lattice.states[:, i] == 1, up[:, i], 1 - up[:, i])  # whichever of the two states it came from
        np.testing.assert_allclose((p + p[flipped]) * stays, p, rtol=0, atol=1e-12)


@conditions
@pytest.mark.parametrize("sides", [(2, 3), (3, 3), (2, 4)], ids=str)
def test_metropolis_update_is_in_detailed_balance_and_reaches_every_state(sides, beta, field):
    lattice = Lattice(*sides)
    T, p = metropolis_update(lattice, beta, field), lattice.boltzmann(beta, field)
    assert T.min() >= -1e-15  # to rounding
    np.testing.assert_allclose(p[:, np.newaxis] * T, (p[:, np.newaxis] * T).T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.matrix_power(T, 2**20), np.tile(p, (p.size, 1)), rtol=0, atol=1e-8)


WRONG = {
    "the factor 2 is dropped": lambda lattice, beta: draw_sites(lattice, lattice.even, beta / 2, 0.1),
    "no wrap at the boundary": lambda lattice, beta: draw_sites(
        lattice, lattice.even, beta, 0.1, lattice.sums - lattice.states[:, lattice.neighbours[:, 0]]
    ),
    "both sublattices at once": lambda lattice, beta: draw_sites(lattice, np.ones(8, bool), beta, 0.1),
    "another sign of the field": lambda lattice, beta: draw_sites(lattice, lattice.even, beta, -0.1),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_step_does_not_leave_the_boltzmann_distribution_invariant(wrong):
    lattice = Lattice(2, 4)
    p = lattice.boltzmann(0.4, 0.1)
    assert np.max(np.abs(p @ wrong(lattice, 0.4) - p)) > 1e-3


# -------------------------------------------------------------------------------------------------------- frequencies


@pytest.mark.parametrize("variant", ["reference", "cpu"])
@pytest.mark.parametrize(
    ("algorithm", "sides"), [("checkerboard", (2, 2)), ("metropolis", (2, 2)), ("metropolis", (2, 3))]
)
@conditions
def test_chains_have_the_distribution_of_the_transition_matrix(beta, field, algorithm, sides, variant):
    n, start, lattice = 20_000, 1, Lattice(*sides)
    n_sites = lattice.states.shape[1]
    spins = np.tile(lattice.states[start].reshape(sides).astype(np.int8), (n, 1, 1))
    arguments = spins, np.full(n, beta), np.full(n, field), 2
    if algorithm == "checkerboard":
        spins = getattr(ising_checkerboard, variant)(*arguments, **RANDOM)
        T = np.linalg.matrix_power(sweep(lattice, beta, field), 2)
    else:
        spins, _ = getattr(ising_metropolis, variant)(*arguments, **RANDOM)
        T = np.linalg.matrix_power(metropolis_update(lattice, beta, field), 2 * n_sites)
    code = (spins.reshape(n, n_sites) > 0) @ (1 << np.arange(n_sites)[::-1])
    frequency = np.bincount(code, minlength=2**n_sites) / n
    standard_error = np.sqrt((T[start] * (1 - T[start]) + 1 / n) / n)  # 1 / n: where hardly one chain is expected
    assert np.all(np.abs(frequency - T[start]) < 5 * standard_error)
