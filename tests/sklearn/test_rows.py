"""Rows of a result do not depend on their batch, for any type, shape and place in the batch."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.sklearn.rows import row_products, without_rounding_of_sums

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
