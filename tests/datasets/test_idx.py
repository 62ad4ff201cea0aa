from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scratchgen.datasets.idx import parse_idx
from scratchgen.errors import FileFormatError

PATH = Path("some/folder/images-idx3-ubyte.gz")
Writer = Callable[[np.ndarray], bytes]

ANY_ARRAY = arrays(np.uint8, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))


def test_known_bytes_give_the_known_array() -> None:
    contents = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])
    np.testing.assert_array_equal(parse_idx(contents, PATH), np.array([[1, 2, 3], [4, 5, 255]], np.uint8), strict=True)


@given(array=ANY_ARRAY)
def test_an_array_of_any_shape_survives_the_round_trip(idx_bytes: Writer, array: np.ndarray) -> None:
    np.testing.assert_array_equal(parse_idx(idx_bytes(array), PATH), array, strict=True)


@given(array=arrays(np.uint8, array_shapes(max_dims=3, max_side=4)))
def test_a_file_cut_at_any_point_is_refused_by_name(idx_bytes: Writer, array: np.ndarray) -> None:
    contents = idx_bytes(array)
    for length in range(len(contents)):
        with pytest.raises(FileFormatError, match=PATH.name):
            parse_idx(contents[:length], PATH)


@given(array=ANY_ARRAY, surplus=st.binary(min_size=1, max_size=9))
def test_bytes_after_the_end_are_refused(idx_bytes: Writer, array: np.ndarray, surplus: bytes) -> None:
    with pytest.raises(FileFormatError, match=PATH.name):
        parse_idx(idx_bytes(array) + surplus, PATH)


@pytest.mark.parametrize("position", [0, 1])
def test_a_start_that_is_not_two_zero_bytes_is_refused(idx_bytes: Writer, position: int) -> None:
    contents = bytearray(idx_bytes(np.zeros((2, 3), np.uint8)))
    contents[position] = 1
    with pytest.raises(FileFormatError, match="not an idx file"):
        parse_idx(bytes(contents), PATH)


@given(element_type=st.integers(0, 255).filter(lambda element_type: element_type != 8))
def test_elements_that_are_not_unsigned_bytes_are_refused(idx_bytes: Writer, element_type: int) -> None:
    contents = bytearray(idx_bytes(np.zeros(3, np.uint8)))
    contents[2] = element_type
    with pytest.raises(FileFormatError, match=f"idx type {element_type:02x}"):
        parse_idx(bytes(contents), PATH)


# The number of elements is 0 modulo 2^64, or 0 beside sizes whose product no array can have.
@pytest.mark.parametrize("shape", [(2**31, 2**31, 4), (0, 2**32 - 1, 2**32 - 1, 2**32 - 1), (0,) * 255])
def test_sizes_beyond_what_an_array_can_have_are_refused(shape: tuple[int, ...]) -> None:
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    with pytest.raises(FileFormatError, match=PATH.name):
        parse_idx(header, PATH)


@given(st.builds(lambda start, rest: start + rest, st.sampled_from([b"", b"\0\0\x08"]), st.binary(max_size=40)))
def test_arbitrary_bytes_give_an_array_of_their_length_or_the_one_error(contents: bytes) -> None:
    try:
        array = parse_idx(contents, PATH)
    except FileFormatError:
        return
    assert len(contents) == 4 + 4 * array.ndim + array.size
