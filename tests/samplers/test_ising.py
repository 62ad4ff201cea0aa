"""The Ising samplers against full enumeration of a 4 x 4 lattice, and what they refuse."""

from __future__ import annotations

from typing import Any, NamedTuple

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import Stream
from scratchgen.backend import Backend
from scratchgen.errors import BackendError, InputError
from scratchgen.samplers import ising

SIDE, N_SITES = 4, 16
STEPS = {"checkerboard": ising.checkerboard_step, "metropolis": ising.metropolis_step}
# temperature, field, and the sweeps in which a chain forgets its start; without a field that need not include its sign,
# which is up in one half of the chains and down in the other
CONDITIONS = {
    "ordered": (1.6, 0.0, 200),
    "critical": (2.269, 0.0, 200),
    "disordered": (4.0, 0.0, 200),
    "field": (2.269, 0.1, 1000),
}

both_steps = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def bonds(n_rows: int, n_columns: int) -> list[tuple[int, int]]:
    """From each site to the next in its row and in its column: 2 N pairs."""
    site = np.arange(n_rows * n_columns).reshape(n_rows, n_columns)
    right = [(site[r, c], site[r, (c + 1) % n_columns]) for r in range(n_rows) for c in range(n_columns)]
    return right + [(site[r, c], site[(r + 1) % n_rows, c]) for r in range(n_rows) for c in range(n_columns)]


def random_spins(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), shape)


# ------------------------------------------------------------------------------------------------------- observables


@given(sides=st.tuples(st.integers(2, 7), st.integers(2, 7)), n=st.integers(1, 3), field=st.floats(-2, 2))
def test_energy_counts_each_bond_of_the_periodic_lattice_once(sides: tuple[int, int], n: int, field: float) -> None:
    spins = random_spins(n, *sides)
    flat = spins.reshape(n, -1).astype(float)
    energy = -sum(flat[:, i] * flat[:, j] for i, j in bonds(*sides)) - field * flat.sum(axis=1)
    np.testing.assert_allclose(ising.energy_per_spin(spins, field), energy / flat.shape[1], rtol=0, atol=1e-14)
    np.testing.assert_allclose(ising.magnetisation(spins), flat.mean(axis=1), rtol=0, atol=1e-15)


def test_known_configurations_have_their_energy_and_magnetisation() -> None:
    rows, columns = np.indices((4, 6))
    patterns = [np.ones((4, 6)), -np.ones((4, 6)), (-1.0) ** (rows + columns), (-1.0) ** rows]
    np.testing.assert_array_equal(ising.energy_per_spin(np.stack(patterns)), [-2, -2, 2, 0])
    np.testing.assert_array_equal(ising.energy_per_spin(np.stack(patterns), [0.5, 0.5, 0.5, 1]), [-2.5, -1.5, 2, 0])
    np.testing.assert_array_equal(ising.magnetisation(np.stack(patterns)), [1, -1, 0, 0])


# -------------------------------------------------------------------------------------------- against enumeration


class Moments(NamedTuple):
    """Per spin: of the energy, the magnetisation, and Metropolis' probability of acceptance."""

    energy: np.ndarray
    energy_deviation_squared: np.ndarray  # N beta^2 times its mean is the specific heat
    absolute_magnetisation: np.ndarray
    magnetisation: np.ndarray
    magnetisation_squared: np.ndarray


def moments(energy: Any, magnetisation: Any, mean_energy: float) -> Moments:
    return Moments(energy, (energy - mean_energy) ** 2, abs(magnetisation), magnetisation, magnetisation**2)


@pytest.fixture(scope="module")
def states() -> np.ndarray:
    """All 65,536 configurations, (2^16, 16)."""
    return 2.0 * (np.arange(2**N_SITES)[:, None] >> np.arange(N_SITES) & 1) - 1


def exact_moments(states: np.ndarray, temperature: float, field: float) -> tuple[Moments, float]:
    """Return the moments, and the mean probability that Metropolis accepts."""
    coupled = np.zeros((N_SITES, N_SITES))
    for i, j in bonds(SIDE, SIDE):
        coupled[i, j] += 1
        coupled[j, i] += 1
    local = states @ coupled + field
    energy = -0.5 * (states * (local + field)).sum(axis=1) / N_SITES
    p = np.exp(-(energy - energy.min()) * N_SITES / temperature)
    p /= p.sum()
    acceptance = np.minimum(1, np.exp(-2 * states * local / temperature)).mean(axis=1)
    values = moments(energy, states.mean(axis=1), p @ energy)
    return Moments(*(p @ value for value in values)), float(p @ acceptance)


def assert_mean(name: str, series: np.ndarray, expected: float) -> None:
    """Compare the mean of a series (times, chains) with its expectation, within five standard errors.

    Chains are independent: the spread of their means over time gives the standard error, however correlated they are
    in time.
    """
    chain_means = series.mean(axis=0)
    standard_error = chain_means.std(ddof=1) / np.sqrt(len(chain_means))
    effective_sample_size = series.var() / standard_error**2
    assert effective_sample_size > 2_500, name
    assert abs(chain_means.mean() - expected) < 5 * standard_error, name


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
@both_steps
def test_moments_of_the_4_by_4_lattice_are_those_of_the_enumeration(
    step: Any, condition: tuple[float, float, int], states: np.ndarray
) -> None:
    temperature, field, n_sweeps = condition
    expected, acceptance_rate = exact_moments(states, temperature, field)
    stream, n = Stream(1), 3_000
    start = 2 * stream.bernoulli(0.5, shape=(n, 1, 1)) - 1
    state, _ = step(stream, ising.init(np.tile(start, (1, SIDE, SIDE))), 1 / temperature, field, n_sweeps)
    series, accepted = [], []
    for _ in range(20):
        state, info = step(stream, state, 1 / temperature, field, n_sweeps=2)
        energy, magnetisation = ising.energy_per_spin(state.spins, field), ising.magnetisation(state.spins)
        series.append(moments(energy, magnetisation, expected.energy))
        accepted.append(info[0])
    for name, values, value in zip(Moments._fields, zip(*series, strict=True), expected, strict=True):
        assert_mean(name, np.array(values), value)
    if step is ising.metropolis_step:
        assert_mean("acceptance", np.array(accepted), acceptance_rate)


def test_the_enumeration_has_the_known_limits(states: np.ndarray) -> None:
    cold, _ = exact_moments(states, 0.2, 0.0)
    hot, acceptance = exact_moments(states, 1e9, 0.0)
    assert cold.energy == pytest.approx(-2)
    assert cold.absolute_magnetisation == pytest.approx(1)
    assert hot.energy == pytest.approx(0, abs=1e-8)
    assert hot.energy_deviation_squared == pytest.approx(2 / N_SITES)  # 2 N independent bonds
    assert hot.magnetisation_squared == pytest.approx(1 / N_SITES)
    assert acceptance == pytest.approx(1)


# ------------------------------------------------------------------------------------------------------------- steps


@both_steps
def test_one_step_of_three_sweeps_is_three_steps_and_takes_six_draws(step: Any, backend: Backend) -> None:
    spins = random_spins(3, 4, 6)
    one, three = Stream(3, backend), Stream(3, backend)
    together, _ = step(one, ising.init(spins), 0.4, n_sweeps=3)
    state = ising.init(spins)
    for _ in range(3):
        state, _ = step(three, state, 0.4)
    np.testing.assert_array_equal(together.spins, state.spins, strict=True)
    assert one.draw == three.draw == 6


@both_steps
def test_the_state_is_not_modified_and_the_next_is_int8_whatever_the_spins_were(step: Any) -> None:
    transposed = random_spins(3, 6, 4).astype(np.float64).transpose(0, 2, 1)
    state = ising.init(transposed)
    before = state.spins.copy()
    after, info = step(Stream(0), state, 0.3)
    np.testing.assert_array_equal(state.spins, before, strict=True)
    np.testing.assert_array_equal(state.spins, transposed)
    assert (after.spins.dtype, after.spins.shape, info[0].shape) == (np.int8, (3, 4, 6), (3,))
    assert after.spins.flags.c_contiguous


def test_changed_is_the_fraction_of_spins_that_differ() -> None:
    state = ising.init(random_spins(5, 4, 4))
    after, info = ising.checkerboard_step(Stream(0), state, 0.1)
    np.testing.assert_array_equal(info.changed, (after.spins != state.spins).reshape(5, -1).mean(axis=1))


def test_metropolis_accepts_everything_at_infinite_temperature() -> None:
    _, info = ising.metropolis_step(Stream(0), ising.init(random_spins(5, 4, 4)), 0.0, n_sweeps=3)
    np.testing.assert_array_equal(info.acceptance_rate, 1)


@both_steps
def test_one_number_stands_for_all_chains(step: Any) -> None:
    state = ising.init(random_spins(3, 4, 4))
    one, _ = step(Stream(0), state, 0.4, 0.1)
    each, _ = step(Stream(0), state, np.full(3, 0.4), [0.1, 0.1, 0.1])
    np.testing.assert_array_equal(one.spins, each.spins)


# ------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("spins", "message"),
    [
        (np.ones((4, 4)), r"spins must have shape \(n, L1, L2\), both sides at least 2, got \(4, 4\)"),
        (np.ones((2, 1, 4)), "both sides at least 2"),
        (np.zeros((2, 4, 4)), r"must be -1 or \+1, got values in \[0, 0\]: .* 2 \* x - 1"),
        (np.ones((2, 4, 4), bool) ^ np.eye(4, dtype=bool), r"must be -1 or \+1"),
        (np.full((2, 4, 4), 255, np.uint8), r"must be -1 or \+1"),
        (np.full((2, 4, 4), np.nan), r"must be -1 or \+1, got values in \[nan, nan\]"),
        (np.full((2, 4, 4), "up"), "must hold real numbers"),
    ],
)
@pytest.mark.parametrize("function", [ising.init, ising.energy_per_spin, ising.magnetisation])
def test_what_are_no_spins_is_refused(function: Any, spins: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        function(spins)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inverse_temperature": -0.1}, r"inverse_temperature must lie in \[0, 1e\+06\], got -0.1"),
        ({"inverse_temperature": np.nan}, "inverse_temperature must lie in .* got nan"),
        ({"inverse_temperature": np.inf}, "inverse_temperature must lie in .* got inf"),
        ({"inverse_temperature": [0.1, 0.2, np.nan]}, "inverse_temperature must lie in .* got nan"),
        ({"inverse_temperature": [0.1, 0.2]}, r"one number or one for each of the 3 chains, got shape \(2,\)"),
        ({"inverse_temperature": "cold"}, "inverse_temperature must hold real numbers"),
        ({"inverse_temperature": 1.0, "field": np.nan}, r"field must lie in \[-1e\+06, 1e\+06\], got nan"),
        ({"inverse_temperature": 1.0, "field": np.zeros((3, 1))}, "field must be one number or one for each"),
        ({"inverse_temperature": 1.0, "n_sweeps": 0}, "n_sweeps must be an integer >= 1, got 0"),
    ],
)
@both_steps
def test_parameters_out_of_range_are_refused_and_take_no_draw(step: Any, arguments: Any, message: str) -> None:
    stream = Stream(0)
    with pytest.raises(InputError, match=message):
        step(stream, ising.init(random_spins(3, 4, 4)), **arguments)
    assert stream.draw == 0


def test_the_largest_parameters_are_computed_without_a_warning(backend: Backend) -> None:
    for step in STEPS.values():
        for field in (-1e6, 1e6):
            state, _ = step(Stream(0, backend), ising.init(random_spins(2, 2, 2)), 1e6, field, n_sweeps=20)
            np.testing.assert_array_equal(state.spins, np.sign(field))


@pytest.mark.parametrize("sides", [(3, 4), (4, 3), (5, 5)], ids=str)
def test_odd_sides_are_for_metropolis_only(sides: tuple[int, int]) -> None:
    state = ising.init(random_spins(2, *sides))
    with pytest.raises(InputError, match=r"the checkerboard needs even sides, got .* use metropolis_step"):
        ising.checkerboard_step(Stream(0), state, 0.4)
    ising.metropolis_step(Stream(0), state, 0.4)


@both_steps
def test_a_state_that_no_function_returned_is_refused(step: Any) -> None:
    spins = random_spins(2, 4, 4)
    for state in (spins, ising.State(spins.astype(float)), ising.State(spins[0])):
        with pytest.raises(InputError, match=r"init\(spins\)"):
            step(Stream(0), state, 0.4)


@both_steps
def test_spins_of_another_array_library_than_the_stream_are_refused(step: Any) -> None:
    state = ising.State(array_api_strict.asarray(random_spins(2, 4, 4)))
    with pytest.raises(BackendError, match="not arrays of the stream's backend 'cpu'"):
        step(Stream(0), state, 0.4)
