from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pytest

from scratchgen.kernels import elementary
from scratchgen.kernels._jit import register_scalar_functions

from .sweeps import largest_error

ALL = (-np.inf, np.inf)


@dataclass(frozen=True)
class Entry:
    """A function, the same in the precision of its argument's type, its domain, and its largest error in units."""

    function: Callable[[Any], Any]
    truth: Callable[[Any], Any]
    domain: tuple[float, float]
    units: float


def quarter_turns(t: Any) -> Any:
    return 2 * np.arctan(np.ones((), t.dtype)) * t


ENTRIES = {
    "exp": Entry(elementary.exp, np.exp, ALL, 1.0),
    "sigmoid": Entry(elementary.sigmoid, lambda x: 1 / (1 + np.exp(-x)), ALL, 1.9),
    "tanh": Entry(elementary.tanh, np.tanh, ALL, 2.1),
    "log": Entry(elementary.log, np.log, ALL, 1.0),
    "log1p": Entry(elementary.log1p, np.log1p, (-0.5, 1.0), 1.4),
    "softplus": Entry(elementary.softplus, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), ALL, 2.1),
    "cos_quarter": Entry(elementary.cos_quarter, lambda t: np.cos(quarter_turns(t)), (-0.5, 0.5), 1.2),
    "sin_quarter": Entry(elementary.sin_quarter, lambda t: np.sin(quarter_turns(t)), (-0.5, 0.5), 1.4),
}
WIDER: dict[Any, Any] = {np.float32: np.float64, np.float64: np.longdouble}
INTEGERS: dict[Any, Any] = {np.float32: np.uint32, np.float64: np.uint64}

every_function = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
everywhere_defined = pytest.mark.parametrize(
    "entry",
    [entry for entry in ENTRIES.values() if entry.domain == ALL],
    ids=[k for k, c in ENTRIES.items() if c.domain == ALL],
)
both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def random_numbers(dtype: Any, domain: tuple[float, float], n: int) -> np.ndarray:
    """Return floats of all magnitudes, subnormal ones included, and as many where the functions bend or saturate."""
    rng = np.random.default_rng(0)
    low, high = np.clip(domain, np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype)
    bits = INTEGERS[dtype]
    positive = rng.integers(0, high.view(bits), n, dtype=bits, endpoint=True).view(dtype)
    negative = -rng.integers(0, (-low).view(bits), n, dtype=bits, endpoint=True).view(dtype)
    saturation = -1.05 * np.log(np.finfo(dtype).smallest_subnormal)
    uniform = [rng.uniform(-scale, scale, n).astype(dtype) for scale in (1, 4, 25, saturation)]
    numbers = np.concatenate([positive, negative, *uniform, dtype([0, -0.0, low, high])])
    return numbers[(numbers >= low) & (numbers <= high)]


def all_kinds_of_numbers(dtype: Any, n: int) -> np.ndarray:
    """Return random bit patterns, among them NaNs with a payload (made quiet), and every special value."""
    bits = INTEGERS[dtype]
    quiet = bits(1) << bits(np.finfo(dtype).nmant - 1)
    patterns = np.random.default_rng(1).integers(0, np.iinfo(bits).max, n, dtype=bits, endpoint=True)
    numbers = np.where(np.isnan(patterns.view(dtype)), patterns | quiet, patterns).view(dtype)
    limits = np.finfo(dtype)
    special = [0, 80, 1e4, limits.smallest_subnormal, limits.smallest_normal, limits.max, np.inf, np.nan]
    return np.concatenate([dtype(special), -dtype(special), numbers])


def compiled_loop(function: Callable[[Any], Any]) -> Any:
    register_scalar_functions()

    def loop(x: Any, y: Any) -> None:
        for i in range(x.size):
            y[i] = function(x[i])

    return numba.njit(loop, error_model="numpy")


def assert_equal_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype
    bits = INTEGERS[expected.dtype.type]
    agree = (actual.view(bits) == expected.view(bits)) | (np.isnan(actual) & np.isnan(expected))
    assert agree.all(), (actual[~agree][:5], expected[~agree][:5])


def errors_in_units(actual: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return the errors in units in the last place of the exact value; infinite where only one value is finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = exact.astype(actual.dtype)
        errors = np.abs(actual - exact) / np.spacing(np.abs(rounded)).astype(exact.dtype)
    same = (actual == rounded) | (np.isnan(actual) & np.isnan(rounded))
    return np.where(np.isfinite(actual) & np.isfinite(rounded), errors, np.where(same, 0, np.inf))


@pytest.mark.slow
@every_function
def test_documented_error_in_float32_is_the_largest_over_the_whole_domain(entry: Entry) -> None:
    low, high = np.float32(entry.domain)
    ranges = [(0, int(high.view(np.uint32)) + 1), (2**31, int(low.view(np.uint32)) + 1)]  # both signs, NaNs apart
    found = largest_error(entry.function, entry.truth, lambda n: n.astype(np.uint32).view(np.float32), ranges)
    assert math.ceil(10 * found) / 10 == entry.units, found


@every_function
@pytest.mark.parametrize(
    "dtype",
    [
        np.float32,
        pytest.param(
            np.float64,
            marks=pytest.mark.skipif(
                np.finfo(np.longdouble).nmant <= 52, reason="needs a longdouble that is wider than float64"
            ),
        ),
    ],
)
def test_error_at_random_numbers_stays_within_the_documented_units(entry: Entry, dtype: Any) -> None:
    x = random_numbers(dtype, entry.domain, 20_000)
    with np.errstate(all="ignore"):
        exact = entry.truth(x.astype(WIDER[dtype]))
    errors = errors_in_units(entry.function(x), exact)
    assert errors.max() <= entry.units, x[errors.argmax()]


@every_function
@both_precisions
def test_array_scalar_and_compiled_forms_are_equal_in_bits(entry: Entry, dtype: Any) -> None:
    numbers = random_numbers(dtype, entry.domain, 1000)
    if entry.domain == ALL:
        numbers = np.concatenate([all_kinds_of_numbers(dtype, 1000), numbers])
    expected = entry.function(numbers)
    loop = compiled_loop(entry.function)
    for size in (1, 15, numbers.size):
        y = np.empty(size, dtype)
        loop(numbers[:size], y)
        assert_equal_bits(y, expected[:size])
    scalars = [entry.function(x) for x in numbers[:300]]
    assert {type(y) for y in scalars} == {dtype}
    assert_equal_bits(np.array(scalars), expected[:300])


@every_function
@pytest.mark.parametrize("precision", [numba.float32, numba.float64], ids=str)
def test_compiled_form_returns_the_type_of_its_argument(entry: Entry, precision: Any) -> None:
    register_scalar_functions()
    function = entry.function
    compiled = numba.njit(lambda x: function(x), error_model="numpy")
    compiled.compile((precision,))
    assert compiled.overloads[(precision,)].signature.return_type == precision


@every_function
@both_precisions
def test_loops_are_vectorised(entry: Entry, dtype: Any) -> None:
    loop = compiled_loop(entry.function)
    array = numba.typeof(np.empty(0, dtype))
    loop.compile((array, array))
    kind = "float" if dtype == np.float32 else "double"
    code = loop.inspect_llvm((array, array))
    assert re.search(rf"fmul <\d+ x {kind}>", code)
    assert not re.search(rf"call {kind} @(?!llvm\.fabs)", code), "a call of a scalar library function is left"


@everywhere_defined
@both_precisions
def test_every_number_is_answered_without_a_warning(entry: Entry, dtype: Any) -> None:
    x = all_kinds_of_numbers(dtype, 10_000)
    y = entry.function(x)
    expected_nan = np.isnan(x) | (x < 0) if entry.function is elementary.log else np.isnan(x)
    np.testing.assert_array_equal(np.isnan(y), expected_nan)
    for number in x[:300]:
        entry.function(number)


@both_precisions
@pytest.mark.parametrize(
    ("function", "x", "limit"),
    [
        (elementary.exp, -np.inf, 0),
        (elementary.exp, -1e4, 0),
        (elementary.exp, 0, 1),
        (elementary.exp, 1e4, np.inf),
        (elementary.sigmoid, -np.inf, 0),
        (elementary.sigmoid, -1e4, 0),
        (elementary.sigmoid, 0, 0.5),
        (elementary.sigmoid, 1e4, 1),
        (elementary.softplus, -np.inf, 0),
        (elementary.softplus, -1e4, 0),
        (elementary.softplus, 1e4, 1e4),
        (elementary.softplus, np.inf, np.inf),
        (elementary.tanh, -np.inf, -1),
        (elementary.tanh, 0, 0),
        (elementary.tanh, 1e4, 1),
        (elementary.log, -1, np.nan),
        (elementary.log, 0, -np.inf),
        (elementary.log, 1, 0),
        (elementary.log, np.inf, np.inf),
    ],
)
def test_limits_are_exact(function: Callable[[Any], Any], x: float, limit: float, dtype: Any) -> None:
    np.testing.assert_equal(function(dtype(x)), dtype(limit))


@both_precisions
def test_exp_is_finite_up_to_the_logarithm_of_the_largest_number(dtype: Any) -> None:
    logarithm = np.log(WIDER[dtype](np.finfo(dtype).max))
    below = dtype(logarithm)
    if below > logarithm:
        below = np.nextafter(below, dtype(0))
    assert np.isfinite(elementary.exp(below))
    assert np.isposinf(elementary.exp(np.nextafter(below, dtype(np.inf))))
