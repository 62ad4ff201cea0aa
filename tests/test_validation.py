"""Checks of input: what passes unchanged, and what is said about the rest."""

from __future__ import annotations

import math
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from scratchgen import InputError
from scratchgen.backend import Backend, get_backend
from scratchgen.validation import (
    check_choice,
    check_count,
    check_dtype,
    check_float_array,
    check_matrix,
    check_widths,
    is_finite_number,
)

CPU = get_backend("cpu")
NOT_DATA: dict[str, tuple[Any, str]] = {
    "one example": (
        np.zeros(3),
        r"x must have shape \(n, 3\), got \(3,\); reshape one example with x.reshape\(1, -1\)",
    ),
    "three dimensions": (np.zeros((2, 3, 3)), r"x must have shape \(n, 3\), got \(2, 3, 3\)$"),
    "other columns": (np.zeros((2, 4)), r"x must have shape \(n, 3\), got \(2, 4\)$"),
    "no rows": (np.zeros((0, 3)), "x has no rows"),
    "a number": (0.5, r"must have shape \(n, 3\), got \(\)"),
    "ragged": ([[1.0, 2.0, 3.0], [1.0]], "x must be a rectangular array of numbers"),
    "texts": ([["a", "b", "c"]], "x must hold real numbers, got dtype <U1"),
    "nothing": (None, "x must hold real numbers, got dtype object"),
    "complex": (np.zeros((1, 3), complex), "x must hold real numbers, got dtype complex128"),
    "dates": (np.zeros((1, 3), "datetime64[s]"), "x must hold real numbers"),
    "NaN": (np.array([[0, 0, 0], [0, math.nan, 0], [math.inf, 0, 0]]), r"in 2 row\(s\), the first of them row 1"),
    "-inf": (np.array([[0, -math.inf, 0]]), r"in 1 row\(s\), the first of them row 0"),
    "beyond float32": (np.array([[0, 0, -1e39]]), "which float32 cannot hold: scale it"),
}


# -------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("<f4"), ">f4", "f4"])
def test_names_of_float_types_are_understood_in_any_spelling(dtype: Any) -> None:
    assert check_dtype(dtype) == "float32"


@pytest.mark.parametrize("dtype", ["float16", "int32", int, "real", None, 3, "complex64", ""])
def test_other_types_are_refused(dtype: Any) -> None:
    with pytest.raises(InputError, match="dtype must be one of float32, float64, got "):
        check_dtype(dtype)


def test_counts_are_integers_of_at_least_the_least() -> None:
    assert check_count("n", 1) == 1
    assert type(check_count("n", np.int64(5))) is int
    assert check_count("n", 0, least=0) == 0
    for bad in (0, -1, 1.0, True, "1", None, np.float64(2), math.nan):
        with pytest.raises(InputError, match="n must be an integer >= 1, got "):
            check_count("n", bad)


@pytest.mark.parametrize("value", [0, -3, 1.5, np.float32(2), np.int8(-1), 10**300])
def test_finite_numbers(value: Any) -> None:
    assert is_finite_number(value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, "1", None, 10**400, 1j, np.ones(1), np.bool_(1)]
)
def test_what_is_no_finite_number(value: Any) -> None:
    assert not is_finite_number(value)


def test_widths_are_a_tuple_of_counts_and_one_count_stands_for_one_layer() -> None:
    assert check_widths("hidden", [4, np.int64(5)]) == (4, 5)
    assert check_widths("hidden", 7) == (7,)
    assert check_widths("hidden", ()) == ()
    for bad in ("400", None, 4.0, {4, 5}):
        with pytest.raises(InputError, match="hidden must be a tuple of layer widths"):
            check_widths("hidden", bad)
    for bad in ((0,), (4, 2.0), ("4",), True, -1):
        with pytest.raises(InputError, match="each width in hidden must be an integer >= 1"):
            check_widths("hidden", bad)


def test_a_choice_is_refused_with_the_choices() -> None:
    assert check_choice("likelihood", "gaussian", ("bernoulli", "gaussian")) == "gaussian"
    for bad in ("gauss", None, 1, ["gaussian"]):
        with pytest.raises(InputError, match="likelihood must be one of 'bernoulli', 'gaussian', got "):
            check_choice("likelihood", bad, ("bernoulli", "gaussian"))


# ----------------------------------------------------------------------------------------------------------- data


@pytest.mark.parametrize("name", NOT_DATA)
def test_what_is_no_matrix_of_data_is_refused_with_the_reason(backend: Backend, name: str) -> None:
    x, message = NOT_DATA[name]
    with pytest.raises(InputError, match=message):
        check_matrix("x", x, 3, backend, "float32")


@given(
    npst.arrays(
        st.sampled_from(["float16", "float32", "float64", "int8", "uint8", "int64", "bool", ">f8", ">i2"]),
        st.tuples(st.integers(1, 4), st.just(3)),
        elements=st.integers(0, 1),
    )
)
def test_numbers_of_any_type_become_contiguous_floats_and_stay_as_they_were(x: np.ndarray) -> None:
    before = x.copy()
    for given_array in (x, np.asfortranarray(x), x[::-1], x.tolist(), array_api_strict.asarray(x.astype("float64"))):
        for dtype in ("float32", "float64"):
            found = check_matrix("x", given_array, 3, CPU, dtype, unit_range=True)
            assert found.dtype == dtype
            assert found.dtype.isnative
            assert found.flags.c_contiguous
            np.testing.assert_array_equal(found, np.asarray(given_array).astype("float64"))
    np.testing.assert_array_equal(x, before)


def test_data_that_fit_are_not_copied(backend: Backend) -> None:
    x = np.ones((2, 3), dtype=np.float32)
    assert check_matrix("x", x, 3, backend, "float32") is x


@pytest.mark.parametrize(
    ("low", "high", "advice"),
    [
        (0, 255, "divide by 255"),
        (-1, 1, "scale it, or choose a Gaussian model"),
        (0, 300, "scale it"),
        (-0.1, 0, "scale"),
    ],
)
def test_bernoulli_data_outside_0_to_1_are_refused_with_advice(low: float, high: float, advice: str) -> None:
    x = np.array([[low, 0, high]], dtype=float)
    with pytest.raises(
        InputError, match=rf"in \[0, 1\] for a Bernoulli model, got values in \[{low}, {high}\]: {advice}"
    ):
        check_matrix("x", x, 3, CPU, "float32", unit_range=True)
    check_matrix("x", x, 3, CPU, "float32")


def test_large_values_that_float64_holds_are_taken_in_float64() -> None:
    assert check_matrix("x", np.full((1, 3), 1e39), 3, CPU, "float64").max() == 1e39


def test_a_float_array_keeps_its_type_and_other_numbers_become_float64() -> None:
    for dtype in ("float32", "float64"):
        x = np.ones((2, 3), dtype)
        assert check_float_array("x", x) is x
    for other in ([1, 2], np.array([True, False]), np.zeros(2, "uint8")):
        assert check_float_array("x", other).dtype == "float64"


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (0.5, r"x must be an array with at least one element, got shape \(\)"),
        (np.zeros((0, 3)), r"at least one element, got shape \(0, 3\)"),
        ([1.0, math.nan], "x has NaN or infinite values"),
        (["a"], "x must hold real numbers"),
    ],
)
def test_what_is_no_float_array_is_refused(x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_float_array("x", x)
