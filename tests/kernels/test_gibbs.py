"""Gibbs kernels: the uniform of each unit, half steps against their definition, whole chains, the rule, memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.backend import get_backend, to_numpy
from scratchgen.kernels import gibbs_shared
from scratchgen.kernels._cuda import launch_shape
from scratchgen.kernels.gibbs_sweeps import gibbs_path, gibbs_sweeps
from scratchgen.kernels.gibbs_units import sample_bernoulli_units_
from scratchgen.kernels.philox_scalar import philox4x32

KEY = (np.uint64(0x2545F491), np.uint64(0x4F6CDD1D))
CLOSE = {np.float32: 1e-6, np.float64: 1e-12}  # to a probability: the order of a sum moves it by less

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
simulator = pytest.param("cuda", marks=pytest.mark.simulator, id="simulator")
gpu = pytest.param("cuda", marks=pytest.mark.gpu, id="gpu")
all_variants = pytest.mark.parametrize("variant", ["reference", "cpu", simulator])


@pytest.fixture(params=["one kernel", "tiles", "products"])
def path(request, monkeypatch):
    """All ways through the sweeps, for models that are small enough for each; on a CPU tiles are one kernel."""
    if request.param == "products":
        monkeypatch.setattr("scratchgen.kernels.gibbs_sweeps._CACHE_BYTES", 0)
        monkeypatch.setattr("scratchgen.kernels.gibbs_sweeps._READ_AGAIN_BYTES", 0)
    if request.param != "one kernel":
        request.getfixturevalue("nothing_fits")
    return request.param


@pytest.fixture
def nothing_fits(monkeypatch):
    """The weights of no model fit into the shared memory of a GPU."""
    monkeypatch.setattr("scratchgen.kernels.gibbs_sweeps.shared_bytes", lambda *sizes: 2**20)


def run(operation, variant, *arguments):
    """Call a variant with copies of the arrays on its backend; return NumPy arrays."""
    backend = get_backend({"reference": "numpy"}.get(variant, variant))
    copies = [backend.asarray(a.copy()) if isinstance(a, np.ndarray) else a for a in arguments]
    return [to_numpy(result) for result in operation.on(backend)(*copies)]


def sample(variant, product, bias, inverse_temperature, draw, half=0):
    """Return states and probabilities, with a storage for the states that holds something else."""
    backend = get_backend({"reference": "numpy"}.get(variant, variant))
    arrays = [backend.asarray(a.copy()) for a in (np.full_like(product, 7), product, bias, inverse_temperature)]
    sample_bernoulli_units_.on(backend)(*arrays, KEY, backend.asarray(draw_number(draw)), half)
    return [to_numpy(a) for a in arrays[:2]]


def draw_number(n):
    return np.array([n], np.uint64)


def uniforms(n_chains, n_units, draw):
    """The uniform of unit j of chain i: word j % 4 of counter (j // 4, i, draw), its upper 24 bits."""
    i, j = np.indices((n_chains, n_units))
    counter = (np.uint64(j // 4), np.uint64(i), np.uint64(draw % 2**32), np.uint64(draw >> 32))
    return (np.choose(j % 4, philox4x32(*counter, *KEY)) >> 8) / 2**24


def model(dtype, n_visible, n_hidden, n_chains, scale=1.0):
    """(v, W, b, c, inverse_temperature), v binary."""
    rng = np.random.default_rng(5)
    v = rng.integers(0, 2, (n_chains, n_visible))
    W, b, c = (scale * rng.standard_normal(s) for s in ((n_visible, n_hidden), n_visible, n_hidden))
    return [a.astype(dtype) for a in (v, W, b, c, rng.uniform(0.3, 1.5, n_chains))]


def probability(product, bias, inverse_temperature):
    a = inverse_temperature[:, np.newaxis].astype(np.float64) * (product + bias)
    return 1 / (1 + np.exp(-a))


def count_close(states, p, u):
    """Assert that the states are ``u < p`` wherever the two differ by more than rounding; return how many do not."""
    close = np.abs(u - p) < CLOSE[states.dtype.type]
    np.testing.assert_array_equal(states[~close], (u < p)[~close])
    return np.count_nonzero(close)


# --------------------------------------------------------------------------------------------------------- half step


@all_variants
@both_types
@pytest.mark.parametrize("n_units", [1, 2, 3, 4, 5, 8, 33])
@pytest.mark.parametrize("n_chains", [1, 3])
@pytest.mark.parametrize("draw", [6, 2**32 - 2])  # with the second, the half is carried into the high word
def test_unit_is_one_where_its_uniform_is_below_its_probability(n_chains, n_units, draw, dtype, variant):
    rng = np.random.default_rng(n_units)
    product, bias = 2 * rng.standard_normal((n_chains, n_units)), rng.standard_normal(n_units)
    product, bias, beta = (a.astype(dtype) for a in (product, bias, rng.uniform(0.3, 1.5, n_chains)))
    states, p = sample(variant, product, bias, beta, draw, half=3)
    np.testing.assert_array_equal(states, (uniforms(n_chains, n_units, draw + 3) < p).astype(dtype), strict=True)
    np.testing.assert_allclose(p, probability(product.astype(np.float64), bias, beta), rtol=8 * np.finfo(dtype).eps)


@all_variants
@both_types
def test_unit_is_zero_where_its_uniform_equals_its_probability(dtype, variant):
    u = uniforms(2, 500, 0)
    logit = np.log(u) - np.log1p(-u)
    states, p = sample(variant, logit.astype(dtype), np.zeros(500, dtype), np.ones(2, dtype), 0)
    assert np.count_nonzero(p == u) > 50
    assert not states[p == u].any()


@all_variants
def test_probability_zero_never_draws_one_and_probability_one_always(variant):
    product = np.repeat([[-200.0], [200.0]], 1023, axis=1).astype(np.float32)
    states, p = sample(variant, product, np.zeros(1023, np.float32), np.ones(2, np.float32), 0)
    assert p.tolist() == states.tolist() == [[0] * 1023, [1] * 1023]


# ------------------------------------------------------------------------------------------------------------ sweeps


def check_half_steps(variant, dtype, n_visible, n_hidden, n_chains, n_sweeps):
    """Sweep by sweep, each half step from the state that the variant itself has reached."""
    v, W, b, c, beta = model(dtype, n_visible, n_hidden, n_chains, scale=0.5)
    wide = W.astype(np.float64)
    n_close = 0
    for sweep in range(n_sweeps):
        draw = 2**32 - 3 + 2 * sweep  # the draws pass from the low word into the high one
        v_new, h = run(gibbs_sweeps, variant, v, W, b, c, beta, 1, KEY, draw_number(draw))
        assert v_new.dtype == h.dtype == dtype
        n_close += count_close(h, probability(v @ wide, c, beta), uniforms(*h.shape, draw))
        n_close += count_close(v_new, probability(h @ wide.T, b, beta), uniforms(*v.shape, draw + 1))
        v = v_new
    n_drawn = n_sweeps * n_chains * (n_visible + n_hidden)
    assert n_close <= 1 + 4 * CLOSE[dtype] * n_drawn  # twice what is expected


@both_types
@pytest.mark.parametrize("variant", ["reference", "cpu"])
@pytest.mark.parametrize("size", [(1, 1), (13, 7), (64, 30), (98, 131)], ids=str)
def test_half_steps_of_sweeps_are_drawn_from_the_conditionals(size, variant, dtype, path):
    check_half_steps(variant, dtype, *size, n_chains=7, n_sweeps=4)


@pytest.mark.simulator
@both_types
@pytest.mark.usefixtures("nothing_fits")
def test_tiles_of_several_parts_and_blocks_are_drawn_from_the_conditionals(dtype):
    assert gibbs_path(6, 261, np.dtype(dtype).itemsize, "cuda") == "tiles"
    check_half_steps("cuda", dtype, 6, 261, n_chains=10, n_sweeps=2)  # 256 and 5 units, 8 and 2 chains


@pytest.mark.simulator
@both_types
@pytest.mark.parametrize("size", [(1, 1), (13, 7)], ids=str)
def test_half_steps_of_cuda_sweeps_are_drawn_from_the_conditionals(size, dtype, path):
    check_half_steps("cuda", dtype, *size, n_chains=3, n_sweeps=2)


@pytest.mark.gpu
@both_types
@pytest.mark.parametrize("size", [(1, 1), (62, 33), (784, 11), (144, 100), (300, 200), (784, 500)], ids=str)
def test_half_steps_of_sweeps_on_a_gpu_are_drawn_from_the_conditionals(size, dtype):
    check_half_steps("cuda", dtype, *size, n_chains=3000, n_sweeps=3)


@all_variants
@both_types
def test_sweeps_draw_zero_where_the_uniform_equals_the_probability(dtype, variant, path):
    u_h, u_v = uniforms(1, 90, 0), uniforms(1, 70, 1)
    b, c = ((np.log(u) - np.log1p(-u))[0].astype(dtype) for u in (u_v, u_h))
    v, W, beta = np.ones((1, 70), dtype), np.zeros((70, 90), dtype), np.ones(1, dtype)
    v_new, h = run(gibbs_sweeps, variant, v, W, b, c, beta, 1, KEY, draw_number(0))
    n_equal = 0
    for states, u, bias in ((h, u_h, c), (v_new, u_v, b)):
        _, p = sample(variant, np.zeros_like(states), bias, beta, 0)
        np.testing.assert_array_equal(states, u < p)
        n_equal += np.count_nonzero(u == p)
    assert n_equal > 10


@all_variants
@both_types
def test_k_sweeps_are_k_times_one_sweep(dtype, variant, path):
    v, *parameters = model(dtype, 10, 7, n_chains=3)
    v[1] = np.linspace(-1, 2, 10)  # greys start a chain like states
    together = run(gibbs_sweeps, variant, v, *parameters, 4, KEY, draw_number(9))
    for sweep in range(4):
        v, h = run(gibbs_sweeps, variant, v, *parameters, 1, KEY, draw_number(9 + 2 * sweep))
    np.testing.assert_array_equal(together[0], v, strict=True)
    np.testing.assert_array_equal(together[1], h, strict=True)


@pytest.mark.parametrize("variant", ["cpu", simulator])
@both_types
def test_a_chain_does_not_depend_on_the_chains_beside_it(dtype, variant):
    v, W, b, c, beta = model(dtype, 10, 7, n_chains=5)
    v[3] = np.linspace(-1, 2, 10)
    all_v, all_h = run(gibbs_sweeps, variant, v, W, b, c, beta, 3, KEY, draw_number(9))
    for n in (1, 4):
        few_v, few_h = run(gibbs_sweeps, variant, v[:n], W, b, c, beta[:n], 3, KEY, draw_number(9))
        np.testing.assert_array_equal(all_v[:n], few_v)
        np.testing.assert_array_equal(all_h[:n], few_h)


@pytest.mark.parametrize("variant", [simulator, gpu])
@pytest.mark.parametrize("shape", [None, (1, 1), (2, 4), (1, 32)], ids=str)
def test_chains_do_not_depend_on_launch_shape_and_chains_of_a_block(shape, variant, monkeypatch):
    arguments = (*model(np.float32, 10, 7, n_chains=5), 2, KEY, draw_number(9))
    expected = run(gibbs_sweeps, variant, *arguments)  # one chain a block
    monkeypatch.setattr(gibbs_shared, "MAX_BLOCKS", 2)  # three chains a block, and two in the last
    if shape is None:
        got = run(gibbs_sweeps, variant, *arguments)
    else:
        with launch_shape(*shape):
            got = run(gibbs_sweeps, variant, *arguments)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])


@pytest.mark.parametrize("variant", [simulator, gpu])
@pytest.mark.usefixtures("nothing_fits")
def test_a_chain_in_tiles_depends_on_neither_launch_shape_nor_the_chains_beside_it(variant):
    v, W, b, c, beta = model(np.float32, 10, 7, n_chains=10)
    v[9] = np.linspace(-1, 2, 10)
    all_v, all_h = run(gibbs_sweeps, variant, v, W, b, c, beta, 3, KEY, draw_number(9))
    for shape, n in (((1, 1), 10), ((2, 4), 9), ((1, 32), 8), ((3, 8), 3)):
        with launch_shape(*shape):
            few_v, few_h = run(gibbs_sweeps, variant, v[:n], W, b, c, beta[:n], 3, KEY, draw_number(9))
        np.testing.assert_array_equal(few_v, all_v[:n])
        np.testing.assert_array_equal(few_h, all_h[:n])


@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    n_chains=st.integers(0, 4),
    n_sweeps=st.integers(1, 3),
    start=st.sampled_from(["states", "greys", "both"]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_cpu_equals_the_reference_in_bits_where_sums_are_exact(size, n_chains, n_sweeps, start, dtype):
    v, W, b, c, beta = model(dtype, *size, n_chains)
    if start != "states":
        v[: n_chains if start == "greys" else 1] += 0.25
    W, b, c = (np.round(4 * a) / 4 for a in (W, b, c))
    arguments = (v, W, b, c, beta, n_sweeps, KEY, draw_number(1))
    expected = run(gibbs_sweeps, "reference", *arguments)
    assert gibbs_path(*size, W.itemsize, "cpu") == "one kernel"
    for got, value in zip(run(gibbs_sweeps, "cpu", *arguments), expected, strict=True):
        np.testing.assert_array_equal(got, value, strict=True)


# ------------------------------------------------------------------------------------------------- the rule, memory


@pytest.mark.parametrize(
    ("n_visible", "n_hidden", "dtype", "cpu", "cuda"),
    [
        (64, 32, np.float32, "one kernel", "one kernel"),
        (64, 32, np.float64, "one kernel", "one kernel"),
        (64, 128, np.float32, "one kernel", "one kernel"),
        (64, 128, np.float64, "one kernel", "tiles"),
        (128, 128, np.float32, "one kernel", "tiles"),
        (128, 128, np.float64, "products", "tiles"),
        (256, 256, np.float32, "products", "tiles"),
        (257, 256, np.float32, "products", "products"),
        (45_000, 1, np.float32, "products", "products"),  # states that do not fit
        (784, 500, np.float32, "products", "products"),
    ],
)
def test_path_is_one_kernel_where_weights_or_else_states_fit_into_fast_memory(n_visible, n_hidden, dtype, cpu, cuda):
    for size in ((n_visible, n_hidden), (n_hidden, n_visible)):
        assert gibbs_path(*size, np.dtype(dtype).itemsize, "cpu") == cpu
        assert gibbs_path(*size, np.dtype(dtype).itemsize, "cuda") == cuda


@given(
    n_visible=st.integers(1, 2000),
    n_hidden=st.integers(1, 200),
    n_chains=st.integers(0, 10**6),
    itemsize=st.sampled_from([4, 8]),
)
def test_chains_of_a_block_fit_into_shared_memory(n_visible, n_hidden, n_chains, itemsize):
    tile = gibbs_shared._chains_per_block(n_chains, n_visible, n_hidden, itemsize)
    assert tile >= 1
    if gibbs_path(n_visible, n_hidden, itemsize, "cuda") == "one kernel":
        assert gibbs_shared.shared_bytes(n_visible, n_hidden, itemsize, tile) <= 48 * 1024


@pytest.mark.parametrize("variant", ["reference", "cpu"])
def test_memory_holds_no_array_of_chains_by_visible_by_hidden(variant):
    n, n_visible, n_hidden = 100, 300, 200
    arguments = (*model(np.float32, n_visible, n_hidden, n), 2, KEY, draw_number(0))
    sweep = getattr(gibbs_sweeps, variant)
    sweep(*arguments)  # compiled
    tracemalloc.start()
    try:
        sweep(*arguments)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < n * n_visible * n_hidden
