"""Ising kernels: each update against its definition with the uniforms of Philox, written out site by site."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.backend import get_backend, to_numpy
from scratchgen.kernels.ising_checkerboard import ising_checkerboard
from scratchgen.kernels.ising_metropolis import ising_metropolis
from scratchgen.kernels.philox_scalar import philox4x32

KEY = (np.uint64(0x2545F491), np.uint64(0x4F6CDD1D))
OPERATIONS = {"checkerboard": ising_checkerboard, "metropolis": ising_metropolis}

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
both_operations = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
simulator = pytest.param("cuda", marks=pytest.mark.simulator, id="simulator")
gpu = pytest.param("cuda", marks=pytest.mark.gpu, id="gpu")
all_variants = pytest.mark.parametrize("variant", ["reference", "cpu", simulator])


def run(operation, variant, spins, beta, field, n_sweeps, draw):
    """Return the results of a variant as NumPy arrays, the spins first."""
    backend = get_backend({"reference": "numpy"}.get(variant, variant))
    arrays = map(backend.asarray, (spins, beta, field))
    results = operation.on(backend)(*arrays, n_sweeps, KEY, backend.asarray(np.array([draw], np.uint64)))
    return [to_numpy(result) for result in (results if isinstance(results, tuple) else (results,))]


def chains(dtype, n, n_rows, n_columns, largest_beta=0.6):
    """(spins, inverse_temperature, field) of n chains."""
    rng = np.random.default_rng(n_rows + 10 * n_columns)
    spins = rng.choice(np.array([-1, 1], np.int8), (n, n_rows, n_columns))
    return spins, rng.uniform(0.1, largest_beta, n).astype(dtype), rng.uniform(-0.5, 0.5, n).astype(dtype)


def word(unit, chain, draw):
    counter = (np.uint64(c) for c in (unit // 4, chain, draw % 2**32, draw >> 32))
    return int(philox4x32(*counter, *KEY)[unit % 4])


def local_field(spins, row, column, field):
    """The sum of the four neighbours of a site, and the field."""
    n_rows, n_columns = spins.shape
    neighbours = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return sum(int(spins[r % n_rows, c % n_columns]) for r, c in neighbours) + float(field)


def below(u, p):
    """Whether u < p, for a p that is known to rounding only: the chosen draws are never as near as that."""
    assert abs(u - p) > 1e-6
    return u < p


def heat_bath_sweep(spins, chain, beta, field, draw):
    for half in (0, 1):
        unit = 0
        for row, column in np.ndindex(spins.shape):
            if (row + column) % 2 == half:
                p = 1 / (1 + math.exp(-2 * float(beta) * local_field(spins, row, column, field)))
                spins[row, column] = 1 if below((word(unit, chain, draw + half) >> 8) / 2**24, p) else -1
                unit += 1


def metropolis_sweep(spins, chain, beta, field, draw):
    n_accepted = 0
    for t in range(spins.size):
        row, column = divmod(word(t, chain, draw) * spins.size >> 32, spins.shape[1])
        energy_change = 2 * int(spins[row, column]) * local_field(spins, row, column, field)
        p = math.exp(-float(beta) * energy_change)
        if below((word(t, chain, draw + 1) >> 8) / 2**24, p):
            spins[row, column] *= -1
            n_accepted += 1
    return n_accepted


# ------------------------------------------------------------------------------------------------------- definitions


@all_variants
@both_types
@pytest.mark.parametrize("sides", [(2, 2), (2, 6), (6, 2), (4, 4), (4, 10)], ids=str)
@pytest.mark.parametrize("draw", [6, 2**32 - 2])  # with the second, the draw is carried into the high word
def test_checkerboard_spin_is_up_where_its_uniform_is_below_its_conditional_probability(draw, sides, dtype, variant):
    spins, beta, field = chains(dtype, 3, *sides)
    (got,) = run(ising_checkerboard, variant, spins, beta, field, 2, draw)
    expected = spins.copy()
    for i in range(3):
        heat_bath_sweep(expected[i], i, beta[i], field[i], draw)
        heat_bath_sweep(expected[i], i, beta[i], field[i], draw + 2)
    np.testing.assert_array_equal(got, expected, strict=True)
    assert (got != spins).any()


@all_variants
@both_types
@pytest.mark.parametrize("sides", [(2, 2), (2, 3), (3, 3), (5, 4)], ids=str)
@pytest.mark.parametrize("draw", [6, 2**32 - 2])
def test_metropolis_flips_a_random_site_where_its_uniform_is_below_exp_minus_beta_de(draw, sides, dtype, variant):
    spins, beta, field = chains(dtype, 3, *sides)
    got, n_accepted = run(ising_metropolis, variant, spins, beta, field, 2, draw)
    expected, n_expected = spins.copy(), np.zeros(3, np.int64)
    for i in range(3):
        for first in (draw, draw + 2):
            n_expected[i] += metropolis_sweep(expected[i], i, beta[i], field[i], first)
    np.testing.assert_array_equal(got, expected, strict=True)
    np.testing.assert_array_equal(n_accepted, n_expected, strict=True)
    assert (got != spins).any()


@all_variants
@both_operations
def test_cold_chains_stay_in_a_ground_state_and_follow_a_strong_field(operation, variant):
    spins = np.stack([np.ones((4, 4)), -np.ones((4, 4)), -np.ones((4, 4))]).astype(np.int8)
    beta, field = np.full(3, 1e6, np.float32), np.array([0, 0, 1e6], np.float32)
    got = run(operation, variant, spins, beta, field, 20, 0)[0]
    np.testing.assert_array_equal(got[:2], spins[:2])
    assert (got[2] == 1).all()


# ----------------------------------------------------------------------------------------------------- whole chains


@all_variants
@both_operations
def test_sweeps_in_one_call_are_calls_with_one_sweep(operation, variant):
    spins, beta, field = chains(np.float32, 3, 4, 6)
    together = run(operation, variant, spins, beta, field, 3, 9)
    one_by_one, counts = spins, []
    for sweep in range(3):
        one_by_one, *rest = run(operation, variant, one_by_one, beta, field, 1, 9 + 2 * sweep)
        counts.append(rest)
    np.testing.assert_array_equal(together[0], one_by_one, strict=True)
    np.testing.assert_array_equal(together[1:], np.sum(counts, axis=0))


@all_variants
@both_operations
def test_a_chain_does_not_depend_on_the_chains_beside_it(operation, variant):
    spins, beta, field = chains(np.float32, 5, 4, 6)
    alone = run(operation, variant, spins[:2], beta[:2], field[:2], 2, 9)[0]
    np.testing.assert_array_equal(run(operation, variant, spins, beta, field, 2, 9)[0][:2], alone)


@given(
    half_sides=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    n=st.integers(0, 3),
    n_sweeps=st.integers(1, 3),
    largest_beta=st.sampled_from([0.1, 0.6, 50.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@both_operations
def test_cpu_equals_the_reference_in_bits(operation, half_sides, n, n_sweeps, largest_beta, dtype):
    odd = operation is ising_metropolis  # which may have odd sides
    n_rows, n_columns = (2 * half + odd for half in half_sides)
    arguments = (*chains(dtype, n, n_rows, n_columns, largest_beta), n_sweeps, 5)
    for got, expected in zip(run(operation, "cpu", *arguments), run(operation, "reference", *arguments), strict=True):
        np.testing.assert_array_equal(got, expected, strict=True)


@pytest.mark.parametrize("variant", [gpu])
@both_operations
@both_types
@pytest.mark.parametrize(("n", "side"), [(3, 130), (2000, 8)])
def test_gpu_equals_cpu_in_bits_on_more_sites_than_threads_and_more_chains_than_blocks(
    n, side, dtype, operation, variant
):
    arguments = (*chains(dtype, n, side, side), 5, 7)
    for got, expected in zip(run(operation, variant, *arguments), run(operation, "cpu", *arguments), strict=True):
        np.testing.assert_array_equal(got, expected, strict=True)
