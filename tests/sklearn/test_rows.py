"""Rows of a result do not depend on their batch, for any type, shape and place in the batch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.backend import get_backend
from scratchgen.nn.mlp import mlp_forward, mlp_initialise_, mlp_layout
from scratchgen.nn.parameters import allocate
from scratchgen.random import Stream
from scratchgen.sklearn.rows import mlp_by_example, row_products, without_rounding_of_sums

SIZES = st.sampled_from([(1, 1), (3, 2), (7, 5), (64, 100), (65, 33), (301, 1), (2, 300), (300, 257)])
DTYPES = st.sampled_from([np.float32, np.float64])
SEEDS = st.integers(0, 2**32 - 1)
N_ROWS = 37


@given(SIZES, DTYPES, SEEDS, st.integers(0, N_ROWS - 1), st.integers(1, N_ROWS))
def test_a_row_of_the_product_is_the_same_in_every_batch(
    size: tuple[int, int], dtype: type, seed: int, start: int, length: int
) -> None:
    generator = np.random.default_rng(seed)
    v, W = generator.random((N_ROWS, size[0])).astype(dtype), generator.standard_normal(size).astype(dtype)
    whole = row_products(v, W)
    assert whole.dtype == dtype
    np.testing.assert_allclose(whole, v.astype(np.float64) @ W, rtol=0, atol=2 * size[0] * np.finfo(dtype).eps)
    part = slice(start, start + length)
    np.testing.assert_array_equal(row_products(v[part], W), whole[part])
    np.testing.assert_array_equal(row_products(v[part].copy(), W), whole[part])
    np.testing.assert_array_equal(row_products(v[::-1], W), whole[::-1])


@given(
    st.lists(st.sampled_from([1, 2, 7, 33, 100]), min_size=2, max_size=4),
    st.sampled_from(["numpy", "cpu"]),
    DTYPES,
    SEEDS,
    st.integers(1, 5),
    st.integers(0, N_ROWS - 1),
    st.integers(1, N_ROWS),
)
def test_what_a_network_makes_of_an_example_is_the_same_in_every_batch(
    widths: list[int], backend_name: str, dtype: type, seed: int, k: int, start: int, length: int
) -> None:
    backend = get_backend(backend_name)
    _, layers = allocate(mlp_layout(widths), np, "float64")
    mlp_initialise_(layers, Stream(seed, backend))
    activations = ("tanh", "softplus", "linear")[: len(layers)]
    x = np.random.default_rng(seed).standard_normal((N_ROWS, k, widths[0])).astype(dtype)
    before, whole = x.copy(), mlp_by_example(layers, x, activations, backend)
    assert (whole.dtype, whole.shape) == (dtype, (N_ROWS, k, widths[-1]))
    expected = mlp_forward(layers, x.reshape(-1, widths[0]).astype(np.float64), activations)[0]
    atol = 1e-4 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(whole.reshape(expected.shape), expected, rtol=0, atol=atol)
    for part in (slice(start, start + length), slice(None, None, -1)):
        np.testing.assert_array_equal(mlp_by_example(layers, x[part], activations, backend), whole[part])
    np.testing.assert_array_equal(x, before)


@given(SIZES, DTYPES, SEEDS, st.integers(-1000, 900))
def test_sums_of_the_rounded_couplings_are_exact_in_any_order(
    size: tuple[int, int], dtype: type, seed: int, exponent: int
) -> None:
    generator = np.random.default_rng(seed)
    W = generator.standard_normal(size) * 10.0 ** generator.uniform(-9, 0, size)
    W = np.ldexp(W, exponent if dtype is np.float64 else exponent // 10).astype(dtype)
    rounded = without_rounding_of_sums(W)
    column = rounded[:, 0]
    exact = sum(map(Fraction, column.tolist()), Fraction(0))
    for terms in (column, column[::-1], np.sort(column), generator.permutation(column)):
        assert Fraction(float(np.cumsum(terms)[-1])) == exact
    assert Fraction(float((np.ones((1, size[0])) @ rounded)[0, 0])) == exact


@given(SIZES, SEEDS)
def test_rounding_the_couplings_costs_no_more_than_summing_them(size: tuple[int, int], seed: int) -> None:
    W = np.random.default_rng(seed).standard_normal(size)
    moved = np.abs(without_rounding_of_sums(W) - W).max()
    assert moved <= np.abs(W).sum(axis=0).max() * np.finfo(np.float64).eps


@pytest.mark.parametrize("W", [np.zeros((3, 2)), np.array([[0.5, -2.0], [8.0, 0.25]])])
def test_couplings_of_few_bits_are_left_as_they_are(W: np.ndarray) -> None:
    before = W.copy()
    np.testing.assert_array_equal(without_rounding_of_sums(W), W)
    np.testing.assert_array_equal(W, before)
