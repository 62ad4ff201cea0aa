"""Corruptions: how many features they change, and to what."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgen as sg
from scratchgen.corruptions import GaussianNoise, IndependentMasking, Masking, SaltAndPepper

ALL = pytest.mark.parametrize(
    "corruption", [Masking(0.3), IndependentMasking(0.3), GaussianNoise(0.3), SaltAndPepper(0.3, -1.0, 2.0)]
)
TWOS = np.full((400, 50), 2.0)


@ALL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_result_is_a_new_array_of_the_same_type_and_the_batch_is_left_alone(corruption, dtype, backend):
    x = np.full((5, 8), 0.5, dtype)
    corrupted = corruption(x, sg.Stream(0, backend))
    assert (corrupted.shape, corrupted.dtype) == (x.shape, x.dtype)
    assert (corrupted != x).any()
    assert (x == 0.5).all()


@ALL
def test_backends_corrupt_alike_and_each_draw_differs(corruption):
    plain, compiled = (sg.Stream(4, name) for name in ("numpy", "cpu"))
    first = corruption(TWOS, plain)
    np.testing.assert_allclose(first, corruption(TWOS, compiled), rtol=1e-12)
    assert (corruption(TWOS, plain) != first).any()


@pytest.mark.parametrize("corruption", [Masking(0.0), IndependentMasking(0.0), GaussianNoise(0.0), SaltAndPepper(0.0)])
def test_level_zero_changes_nothing_but_gives_a_copy(corruption):
    corrupted = corruption(TWOS, sg.Stream(0))
    np.testing.assert_array_equal(corrupted, TWOS)
    assert not np.shares_memory(corrupted, TWOS)


def test_level_one_leaves_nothing():
    stream = sg.Stream(0)
    assert not Masking(1.0)(TWOS, stream).any()
    assert not IndependentMasking(1.0)(TWOS, stream).any()
    assert set(np.unique(SaltAndPepper(1.0)(TWOS, stream))) == {0.0, 1.0}


@given(
    st.floats(0, 1), st.integers(1, 9), st.integers(1, 40), st.sampled_from(["float32", "float64"]), st.integers(0, 99)
)
def test_masking_hides_a_fixed_number_of_features_in_each_example(proportion, n, n_features, dtype, seed):
    x = np.ones((n, n_features), dtype)
    hidden = Masking(proportion)(x, sg.Stream(seed, "numpy")) == 0
    assert (hidden.sum(axis=1) == round(proportion * n_features)).all()


def assert_binomial(counts, n, p):
    """Each count has mean n p and variance n p (1 - p): allow 5 standard deviations."""
    assert np.abs(counts - n * p).max() < 5 * math.sqrt(n * p * (1 - p))


def test_masking_hides_every_feature_and_every_pair_as_often():
    hidden = (Masking(0.3)(TWOS, sg.Stream(1)) == 0).astype(float)
    assert_binomial(hidden.sum(axis=0), 400, 0.3)
    pairs = (hidden.T @ hidden)[np.triu_indices(50, 1)]
    assert_binomial(pairs, 400, 15 * 14 / (50 * 49))


def test_independent_masking_hides_features_independently():
    hidden = (IndependentMasking(0.3)(TWOS, sg.Stream(1)) == 0).astype(float)
    assert_binomial(hidden.sum(axis=0), 400, 0.3)
    assert_binomial(hidden.sum(axis=1), 50, 0.3)
    assert len(set(hidden.sum(axis=1))) > 5
    assert_binomial((hidden.T @ hidden)[np.triu_indices(50, 1)], 400, 0.09)


def test_gaussian_noise_has_its_standard_deviation():
    noise = GaussianNoise(0.3)(TWOS, sg.Stream(1)) - TWOS
    assert abs(noise.mean()) < 5 * 0.3 / math.sqrt(noise.size)
    assert noise.std() == pytest.approx(0.3, abs=5 * 0.3 / math.sqrt(2 * noise.size))


def test_salt_and_pepper_sets_as_many_features_low_as_high():
    corrupted = SaltAndPepper(0.3, low=-1.0, high=5.0)(TWOS, sg.Stream(1))
    assert set(np.unique(corrupted)) == {-1.0, 2.0, 5.0}
    for value, p in ((-1.0, 0.15), (5.0, 0.15), (2.0, 0.7)):
        assert_binomial((corrupted == value).sum(), corrupted.size, p)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Masking(1.5), r"proportion must be in \[0, 1\], got 1.5"),
        (lambda: Masking(-0.1), r"proportion must be in \[0, 1\], got -0.1"),
        (lambda: Masking(float("nan")), r"proportion must be in \[0, 1\], got nan"),
        (lambda: Masking(True), r"proportion must be in \[0, 1\], got True"),
        (lambda: IndependentMasking("half"), r"probability must be in \[0, 1\], got 'half'"),
        (lambda: GaussianNoise(-1.0), "sigma must be a finite number >= 0, got -1.0"),
        (lambda: GaussianNoise(float("inf")), "sigma must be a finite number >= 0, got inf"),
        (lambda: SaltAndPepper(2), r"probability must be in \[0, 1\], got 2"),
        (lambda: SaltAndPepper(0.1, 1.0, 0.0), "low < high, got 1.0, 0.0"),
        (lambda: SaltAndPepper(0.1, None), "low and high must be finite numbers"),
    ],
)
def test_levels_outside_their_range_are_refused(make, message):
    with pytest.raises(sg.InputError, match=message):
        make()


@ALL
@pytest.mark.parametrize(
    ("x", "got"),
    [
        ([[0.5, 1.0]], "list"),
        (np.full(4, 0.5), r"float64 of shape \(4,\)"),
        (np.zeros((2, 3), int), r"int64 of shape \(2, 3\)"),
    ],
    ids=["list", "1-D", "integers"],
)
def test_what_is_no_batch_is_refused(corruption, x, got):
    message = rf"x must be an array \(n, n_visible\) of floating-point numbers, got {got}"
    with pytest.raises(sg.InputError, match=message):
        corruption(x, sg.Stream(0))
