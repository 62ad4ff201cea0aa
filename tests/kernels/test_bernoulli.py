"""Bernoulli draws: exactly the comparison of the stream's float32 uniforms with the probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from scratchgen.kernels.bernoulli import fill_bernoulli
from scratchgen.kernels.philox import fill_uniform

KEY = (np.uint64(11), np.uint64(12))
DRAW = np.array([2**32 + 3], np.uint64)

all_variants = pytest.mark.parametrize(
    "variant", ["reference", "cpu", pytest.param("cuda", marks=pytest.mark.simulator, id="simulator")]
)
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def uniforms(size):
    u = np.empty(size, np.float32)
    fill_uniform.reference(u, KEY, DRAW)
    return u


def draws(variant, probability, dtype=None):
    out = np.full(probability.shape, 7, dtype or probability.dtype)
    getattr(fill_bernoulli, variant)(out, probability, KEY, DRAW)
    return out


@all_variants
@both_types
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 1023])
def test_draw_is_one_where_the_uniform_is_below_the_probability(variant, dtype, size):
    probability = np.random.default_rng(1).random(size).astype(dtype)
    expected = (uniforms(size) < probability).astype(dtype)
    np.testing.assert_array_equal(draws(variant, probability), expected, strict=True)


@all_variants
@both_types
def test_draw_changes_exactly_where_the_probability_passes_the_uniform(variant, dtype):
    u = uniforms(101).astype(dtype)
    assert not draws(variant, u).any()
    assert draws(variant, np.nextafter(u, dtype(1))).all()


@all_variants
def test_probability_zero_never_draws_one_and_probability_one_always(variant):
    assert not draws(variant, np.zeros(1023, np.float32)).any()
    assert draws(variant, np.ones(1023, np.float32)).all()


@all_variants
def test_draws_may_have_another_type_and_any_shape(variant):
    probability = np.random.default_rng(1).random((3, 7))
    expected = (uniforms((3, 7)) < probability).astype(np.float32)
    np.testing.assert_array_equal(draws(variant, probability, np.float32), expected, strict=True)
