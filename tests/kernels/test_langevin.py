"""The Langevin kernels: a step is the written-out expression, bounds are exact, k steps are k times one, in bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen import Stream, densities
from scratchgen.kernels.densities_scalar import gaussian_mixture_gradient, rings_gradient
from scratchgen.kernels.langevin import langevin_step_

DRIFT, NOISE = 0.3, 0.8
UNBOUNDED = (np.inf, -np.inf, np.inf)
BOUNDED = (0.5, -0.7, 0.9)
DENSITIES = {
    "gaussian": densities.gaussian((0.5, -0.2), ((1.0, 0.4), (0.4, 0.5))),
    "mixture": densities.eight_gaussians(),
    "rings": densities.three_rings(),
    "double well": densities.DoubleWell(),
}

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
all_backends = pytest.mark.parametrize(
    "backend", ["numpy", "cpu", pytest.param("cuda", marks=pytest.mark.simulator, id="simulator")]
)
every_density = pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)


def arrays(shape, dtype, seed=4):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((2, *shape)).astype(dtype)


def step(stream, x, gradient, bounds=UNBOUNDED, drift=DRIFT, noise=NOISE):
    out = np.full_like(x, 7)
    with stream.draws() as (key, draw):
        langevin_step_.on(stream.backend)(out, x, gradient, drift, noise, *bounds, key, draw)
    return out


def expression(stream, x, gradient):
    to_type = x.dtype.type
    return x - to_type(DRIFT) * gradient + to_type(NOISE) * stream.normal(x.shape, x.dtype)


# ------------------------------------------------------------------------------------------------------------ one step


@all_backends
@both_types
@pytest.mark.parametrize("shape", [(0,), (1,), (2,), (3,), (4,), (7, 3), (2, 3, 5)], ids=str)
def test_a_step_is_the_expression_with_the_normals_of_the_stream(shape, dtype, backend):
    x, gradient = arrays(shape, dtype)
    streams = [Stream(9, backend), Stream(9, "numpy")]
    for stream in streams:
        stream.uniform(3)  # the draw is not the first
    np.testing.assert_array_equal(step(streams[0], x, gradient), expression(streams[1], x, gradient), strict=True)


@given(rows=st.integers(0, 40), columns=st.integers(0, 40), seed=st.integers(0, 2**64 - 1))
def test_a_step_of_any_size_has_the_same_bits_compiled(rows, columns, seed):
    for dtype in (np.float32, np.float64):
        x, gradient = arrays((rows, columns), dtype)
        expected = expression(Stream(seed, "numpy"), x, gradient)
        np.testing.assert_array_equal(step(Stream(seed), x, gradient), expected, strict=True)


@all_backends
@both_types
def test_gradient_is_clipped_before_the_step_and_the_state_after_the_noise(dtype, backend):
    x, gradient = arrays((9, 15), dtype)
    bound, low, high = map(dtype, BOUNDED)
    free = expression(Stream(9, "numpy"), x, np.clip(gradient, -bound, bound))
    got = step(Stream(9, backend), x, gradient, BOUNDED)
    np.testing.assert_array_equal(got, np.clip(free, low, high), strict=True)
    for cut in (free < low, free > high, gradient < -bound, gradient > bound):
        assert cut.any()
        assert not cut.all()


@all_backends
def test_without_scales_the_state_stays_where_it_is(backend):
    x, gradient = arrays((5, 7), np.float32)
    np.testing.assert_array_equal(step(Stream(9, backend), x, gradient, drift=0.0, noise=0.0), x)


@all_backends
def test_nan_passes_the_bounds_and_infinity_does_not(backend):
    x = np.zeros(4, np.float32)
    gradient = np.array([np.nan, np.inf, -np.inf, 0], np.float32)
    got = step(Stream(9, backend), x, gradient, (1.0, -1.0, 1.0), drift=0.5, noise=0.0)
    np.testing.assert_array_equal(got, np.array([np.nan, -0.5, 0.5, 0], np.float32))
    beyond = step(Stream(9, backend), np.array([np.nan, np.inf, -np.inf], np.float32), x[:3], BOUNDED, noise=0.0)
    np.testing.assert_array_equal(beyond, np.array([np.nan, 0.9, -0.7], np.float32))


# ------------------------------------------------------------------------------------------------------------- k steps


@all_backends
@both_types
@every_density
def test_k_steps_are_k_times_one_with_the_gradient_of_the_density(density, dtype, backend):
    for n in (4, 5) if backend == "cuda" else (5, 301):  # pairs of chains, one without a partner, more than a tile
        x, _ = arrays((n, 2), dtype)
        together, one_by_one, written_out = Stream(9, backend), Stream(9, backend), Stream(9, "numpy")
        at_once = density.langevin(together, x, 3, 0.02, 0.2)
        in_turns, by_hand = x, x
        for _ in range(3):
            in_turns = density.langevin(one_by_one, in_turns, 1, 0.02, 0.2)
            by_hand = step(written_out, by_hand, -density.grad_log_density(by_hand), drift=0.02, noise=0.2)
        np.testing.assert_array_equal(at_once, in_turns, strict=True)
        np.testing.assert_array_equal(at_once, by_hand, strict=True)
        assert together.state() == one_by_one.state() == written_out.state()


@pytest.mark.parametrize("backend", ["numpy", "cpu"])
@both_types
@every_density
def test_a_chain_depends_on_its_place_and_not_on_the_number_of_chains(density, dtype, backend):
    x, _ = arrays((600, 2), dtype)
    all_chains = density.langevin(Stream(9, backend), x, 3, 0.02, 0.2)
    for n in (1, 2, 255, 257):
        np.testing.assert_array_equal(density.langevin(Stream(9, backend), x[:n], 3, 0.02, 0.2), all_chains[:n])


def test_far_from_all_terms_the_gradient_is_that_of_the_nearest():
    table = np.array([[-1.0, 0.0, 0.0, 1.0, 0.0, 1.0], [-1.0, 10.0, 0.0, 1.0, 0.0, 1.0]], np.float32)
    far = np.array([-1e4], np.float32)  # both exponents are below -10^7, whose exponential is 0
    np.testing.assert_array_equal(gaussian_mixture_gradient(far, far, table), [far, far])


def test_a_ring_has_no_gradient_at_the_origin_and_a_full_one_beside_it():
    table = np.array([[0.0, 2.0, 4.0]])
    x0, x1 = np.array([0.0, 1e-8]), np.array([0.0, 0.0])
    g0, g1 = rings_gradient(x0, x1, table)
    np.testing.assert_allclose(g0, [0.0, 4 * (1e-8 - 2)], rtol=1e-14)
    np.testing.assert_array_equal(g1, 0.0)
