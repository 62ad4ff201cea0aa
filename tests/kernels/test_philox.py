"""Philox, its uniforms and normals: known answers, the layout, equal bits on every variant, exact mathematics."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.kernels.philox import fill_normal, fill_uniform, fill_words
from scratchgen.kernels.philox_scalar import (
    normal_pair32,
    normal_pair64,
    philox4x32,
    random_words,
    uniform32,
    uniform64,
)

from .sweeps import largest_error

KEY = (np.uint64(0xDEADBEEF), np.uint64(0x01234567))
SIZES = [0, 1, 2, 3, 4, 5, 1023]
FILLS = [(fill_words, np.uint32), *((fill, dtype) for fill in (fill_uniform, fill_normal) for dtype in "fd")]
FILL_IDS = ["words", "uniform32", "uniform64", "normal32", "normal64"]
EXTREME_WORDS = [0, 1, 2**8 - 1, 2**29, 2**29 - 1, 2**30, 2**31 - 1, 2**31, 2**31 + 1, 3 * 2**30, 2**32 - 2, 2**32 - 1]

words32 = st.integers(0, 2**32 - 1)


def filled(fill, dtype, size, *, variant="reference", draw=7, key=KEY):
    out = np.full(size, 7, dtype)  # no uniform; a word or normal with probability 2^-32
    getattr(fill, variant)(out, key, np.array([draw], np.uint64))
    return out


# ------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("counter", "key", "output"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_known_answers_of_random123(counter, key, output):
    assert [int(w) for w in philox4x32(*map(np.uint64, counter), *map(np.uint64, key))] == output


def philox_of_python_integers(c, k):
    for _ in range(10):
        (h0, l0), (h1, l1) = divmod(0xD2511F53 * c[0], 2**32), divmod(0xCD9E8D57 * c[2], 2**32)
        c = [h1 ^ c[1] ^ k[0], l1, h0 ^ c[3] ^ k[1], l0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


@given(block=st.integers(0, 2**64 - 1), draw=st.integers(0, 2**60 - 1), key=st.tuples(words32, words32))
def test_counter_holds_block_and_draw_of_which_the_low_halves_come_first(block, draw, key):
    counter = [block % 2**32, block >> 32, draw % 2**32, draw >> 32]
    words = random_words(np.uint64(block), np.uint64(draw), *map(np.uint64, key))
    assert [int(w) for w in words] == philox_of_python_integers(counter, list(key))


@given(draw=st.integers(0, 2**60 - 1), key=st.tuples(words32, words32), variant=st.sampled_from(["reference", "cpu"]))
def test_word_e_is_word_e_mod_4_of_block_e_div_4(draw, key, variant):
    words = filled(fill_words, np.uint32, 11, variant=variant, draw=draw, key=tuple(map(np.uint64, key)))
    blocks = [philox_of_python_integers([b, 0, draw % 2**32, draw >> 32], list(key)) for b in range(3)]
    assert words.tolist() == [word for block in blocks for word in block][:11]


# ------------------------------------------------------------------------------------------------------------ layout


@pytest.mark.parametrize("variant", ["cpu", pytest.param("cuda", marks=pytest.mark.simulator, id="simulator")])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("fill", "dtype"), FILLS, ids=FILL_IDS)
@pytest.mark.parametrize("draw", [0, 2**32 + 1, 2**60 - 1])
def test_fills_are_equal_in_bits_on_all_variants(fill, dtype, size, variant, draw):
    expected = filled(fill, dtype, size, draw=draw)
    np.testing.assert_array_equal(filled(fill, dtype, size, variant=variant, draw=draw), expected, strict=True)


@pytest.mark.parametrize("variant", ["reference", "cpu"])
@pytest.mark.parametrize(("fill", "dtype"), FILLS, ids=FILL_IDS)
def test_an_element_depends_on_key_draw_and_place_but_not_on_the_size(fill, dtype, variant):
    longest = filled(fill, dtype, 1023, variant=variant)
    for size in SIZES:
        np.testing.assert_array_equal(filled(fill, dtype, size, variant=variant), longest[:size], strict=True)
    np.testing.assert_array_equal(filled(fill, dtype, (31, 33), variant=variant).reshape(-1), longest)
    for other in ({"draw": 8}, {"draw": 7 + 2**32}, {"key": (KEY[0], np.uint64(0))}, {"key": (KEY[1], KEY[0])}):
        assert np.mean(filled(fill, dtype, 1023, variant=variant, **other) == longest) < 0.01


def test_uniform_32_is_the_upper_24_bits_of_its_word():
    words = filled(fill_words, np.uint32, 1023)
    np.testing.assert_array_equal(filled(fill_uniform, "f", 1023), (words >> 8) * 2.0**-24)


def test_uniform_64_is_the_upper_53_bits_of_its_two_words():
    low, high = filled(fill_words, np.uint32, 1024).astype(np.uint64).reshape(-1, 2).T
    np.testing.assert_array_equal(filled(fill_uniform, "d", 512), ((high << 32 | low) >> 11) * 2.0**-53)


def test_normal_32_takes_words_0_1_and_2_3_of_a_block_as_pairs():
    radius_word, angle_word = filled(fill_words, np.uint32, 1024).astype(np.uint64).reshape(-1, 2).T
    pairs = np.stack(normal_pair32(radius_word, angle_word), axis=-1)
    np.testing.assert_array_equal(filled(fill_normal, "f", 1024), pairs.reshape(-1), strict=True)


def test_normal_64_takes_its_radius_from_words_0_1_and_its_angle_from_words_2_3():
    words = filled(fill_words, np.uint32, 1024).astype(np.uint64).reshape(-1, 4).T
    pairs = np.stack(normal_pair64(*words), axis=-1)
    np.testing.assert_array_equal(filled(fill_normal, "d", 512), pairs.reshape(-1), strict=True)


# --------------------------------------------------------------------------------------------------- exact mathematics


def test_largest_uniforms_are_below_one():
    last = np.uint64(2**32 - 1)
    assert float(uniform32(last)) == 1 - 2.0**-24
    assert float(uniform64(last, last)) == 1 - 2.0**-53


def exact_normals(k, n_bits, turns):
    """Return the Box-Muller pair for u = (k + 1) 2^-n_bits and an angle in turns, in extended precision."""
    half_pi = np.longdouble("1.57079632679489661923132169163975144")
    radius = np.sqrt(-2 * np.log((k.astype(np.longdouble) + 1) * np.longdouble(2) ** -n_bits))
    quarter, rest = np.divmod(turns.astype(np.longdouble) * 4, 1)
    cosine, sine = np.cos(rest * half_pi), np.sin(rest * half_pi)
    quarter = quarter.astype(int)
    x = np.choose(quarter, [cosine, -sine, -cosine, sine])
    y = np.choose(quarter, [sine, cosine, -sine, -cosine])
    return radius * x, radius * y


@pytest.fixture
def words():
    """Words for the radius and the angle: all pairs of extreme ones, and random ones."""
    random = np.random.default_rng(0).integers(0, 2**32, (2, 100_000), dtype=np.uint64)
    extreme = np.array(EXTREME_WORDS, np.uint64)
    return np.concatenate([np.stack(np.meshgrid(extreme, extreme)).reshape(2, -1), random], axis=1)


def test_normals_32_are_exact_to_1e_6(words):
    radius_word, angle_word = words
    exact = exact_normals(radius_word, 32, angle_word / 2.0**32)
    for got, expected in zip(normal_pair32(radius_word, angle_word), exact, strict=True):
        assert got.dtype == np.float32
        assert np.max(np.abs(got - expected)) < 1e-6


ALL_WORDS, A_QUARTER_TURN = [(0, 2**32)], [(0, 2**30)]
NO_TURN, SOME_RADIUS = np.uint64(0), np.uint64(12345678)
RADIUS = float(normal_pair32(SOME_RADIUS, NO_TURN)[0])


def exact_radius(word):
    near_one = -np.log1p(-(2.0**32 - 1 - word) * 2.0**-32)
    return np.sqrt(2 * np.where(word < 2.0**31, -np.log((word + 1) * 2.0**-32), near_one))


SWEPT = {  # compiled function of a word, what it should be, all words, and its largest error in units
    "radius": (lambda w: normal_pair32(w, NO_TURN)[0], exact_radius, ALL_WORDS, 1.5),
    "cosine": (
        lambda w: normal_pair32(SOME_RADIUS, w)[0],
        lambda w: RADIUS * np.cos(2 * np.pi * 2.0**-32 * w),
        A_QUARTER_TURN,
        2.7,
    ),
    "sine": (
        lambda w: normal_pair32(SOME_RADIUS, w)[1],
        lambda w: RADIUS * np.sin(2 * np.pi * 2.0**-32 * w),
        A_QUARTER_TURN,
        2.7,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("function", "truth", "ranges", "units"), SWEPT.values(), ids=SWEPT)
def test_documented_error_of_box_muller_is_the_largest_over_all_words(function, truth, ranges, units):
    found = largest_error(numba.njit(function, error_model="numpy"), truth, lambda n: n, ranges)
    assert math.ceil(10 * found) / 10 == units, found


def test_a_quarter_turn_more_turns_the_pair_exactly(words):
    radius_word, angle_word = words
    x, y = normal_pair32(radius_word, angle_word)
    turned_x, turned_y = normal_pair32(radius_word, (angle_word + np.uint64(2**30)) & np.uint64(2**32 - 1))
    np.testing.assert_array_equal(turned_x, -y)
    np.testing.assert_array_equal(turned_y, x)


def test_normals_64_are_exact_to_4e_15(words):
    low, high = words
    radius, angle = (high << 32 | low) >> 11, (low << 32 | high) >> 11
    exact = exact_normals(radius, 53, angle * 2.0**-53)
    for got, expected in zip(normal_pair64(low, high, high, low), exact, strict=True):
        assert got.dtype == np.float64
        assert np.max(np.abs(got - expected)) < 4e-15


def test_normals_have_the_moments_of_a_standard_normal():
    x = filled(fill_normal, "d", 2**18, variant="cpu")
    standard_error = x.size**-0.5
    assert abs(np.mean(x)) < 5 * standard_error
    assert abs(np.mean(x**2) - 1) < 5 * standard_error * 2**0.5
    assert abs(np.mean(x[::2] * x[1::2])) < 5 * standard_error * 2**0.5
