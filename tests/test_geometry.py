from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgen.errors import InputError
from scratchgen.geometry import Geometry, same_geometries, same_geometry, same_padding

sizes, kernels, strides = st.integers(1, 40), st.integers(1, 7), st.integers(1, 5)


@given(size=sizes, kernel=kernels, stride=strides, before=st.integers(0, 8), after=st.integers(0, 8))
def test_grid_counts_the_windows_inside_the_padded_image(size, kernel, stride, before, after):
    padded = before + size + after
    starts = [start for start in range(0, padded, stride) if start + kernel <= padded]
    if starts:
        geometry = Geometry((size, 50), (kernel, 3), (stride, 2), (before, after, 0, 1))
        assert geometry.grid == (len(starts), 25)


@given(size=sizes, kernel=kernels, stride=strides)
def test_same_padding_is_the_least_that_gives_a_window_a_stride(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    n_windows = math.ceil(size / stride)
    assert same_geometry((size, size), kernel, stride).grid == (n_windows, n_windows)
    assert after - before in (0, 1)
    if before + after > 0:  # one zero less, and the last window does not fit
        assert before + after - 1 + size < (n_windows - 1) * stride + kernel


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "zeros"),
    [
        (28, 3, 1, (1, 1)),
        (28, 3, 2, (0, 1)),
        (14, 3, 2, (0, 1)),
        (7, 3, 2, (1, 1)),
        (28, 4, 1, (1, 2)),
        (5, 2, 3, (0, 0)),
        (6, 2, 3, (0, 0)),
        (32, 5, 2, (1, 2)),
    ],
)
def test_same_padding_is_that_of_tensorflow(size, kernel, stride, zeros):
    assert same_padding(size, kernel, stride) == zeros


def test_each_grid_is_the_image_of_the_next_geometry():
    geometries = same_geometries((28, 21), 3, (1, 2, 2))
    assert [geometry.image for geometry in geometries] == [(28, 21), (28, 21), (14, 11)]
    assert geometries[-1].grid == (7, 6)
    assert same_geometries((28, 28), 3, ()) == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": (8, 3)}, r"kernel \(8, 3\) does not fit into the image, which is \(7, 6\) with its padding: take"),
        ({"kernel": (3, 7)}, r"kernel \(3, 7\) does not fit"),
        ({"stride": (0, 1)}, r"each number in stride must be an integer >= 1, got 0"),
        ({"stride": (1, 1.5)}, r"each number in stride must be an integer >= 1, got 1.5"),
        ({"stride": 2}, r"stride must be a tuple of 2 integers, got 2"),
        ({"kernel": (3, 0)}, r"each number in kernel must be an integer >= 1, got 0"),
        ({"image": (5, -1)}, r"each number in image must be an integer >= 1, got -1"),
        ({"padding": (1, 1)}, r"padding must be a tuple of 4 integers, got \(1, 1\)"),
        ({"padding": (0, 0, -1, 0)}, r"each number in padding must be an integer >= 0, got -1"),
    ],
)
def test_geometry_that_makes_no_sense_is_an_error(changes, message):
    with pytest.raises(InputError, match=message):
        Geometry(**{"image": (5, 4), "kernel": (3, 3), "stride": (1, 1), "padding": (1, 1, 2, 0)} | changes)


@pytest.mark.parametrize("arguments", [(0, 3, 1), (5, 0, 1), (5, 3, 0)])
def test_same_padding_of_nothing_is_an_error(arguments):
    with pytest.raises(InputError, match="must be an integer >= 1, got 0"):
        same_padding(*arguments)
