"""Every operation in its three variants: against the reference, at odd sizes, at extreme arguments and with NaN."""

from __future__ import annotations

from typing import Any

import array_api_strict
import numpy as np
import pytest

from scratchgen.backend import simulating_cuda
from scratchgen.kernels import all_operations
from scratchgen.kernels._cuda import launch_shape

N_EPSILONS = 32  # of disagreement allowed between two variants: 4e-6 in float32, 7e-15 in float64

both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
all_variants = pytest.mark.parametrize(
    "variant", ["reference", "cpu", pytest.param("cuda", marks=pytest.mark.simulator, id="simulator")]
)


def launch_shapes() -> list[tuple[int, int]]:
    """(blocks, threads), beside the shape that an operation chooses: few threads, and several blocks."""
    return [(1, 1), (2, 4)] if simulating_cuda() else [(1, 1), (3, 64), (40, 256)]


def assert_agree(
    got: dict[str, np.ndarray], expected: dict[str, np.ndarray], scale: float = 1.0, context: Any = ""
) -> None:
    """`scale` is the size of the terms of a result: agreement is relative to ``abs(result) + scale``."""
    assert list(got) == list(expected)
    for name, value in expected.items():
        assert got[name].dtype == value.dtype, (name, context)
        if value.dtype.kind == "f":
            tolerance = N_EPSILONS * float(np.finfo(value.dtype).eps)
            message = f"{name} {context}"
            np.testing.assert_allclose(got[name], value, rtol=tolerance, atol=tolerance * scale, err_msg=message)
        else:
            np.testing.assert_array_equal(got[name], value)


def assert_same_bits(got: np.ndarray, expected: np.ndarray, context: Any = "") -> None:
    assert got.dtype == expected.dtype, context
    as_integer = np.dtype(f"u{got.dtype.itemsize}")
    np.testing.assert_array_equal(got.view(as_integer), expected.view(as_integer), err_msg=str(context))


# ---------------------------------------------------------------------------------------------- against the reference


@pytest.mark.parametrize("size", [(0, 3), (1, 1), (2, 7), (3, 31), (7, 33), (129, 785)], ids=str)
@both_types
def test_cpu_agrees_with_the_reference(case, dtype, size):
    arguments = case.make(dtype, size)
    expected, _ = case.run("reference", arguments)
    assert_agree(case.run("cpu", arguments)[0], expected)


def check_cuda_agrees_with_the_reference(case, dtype, size):
    arguments = case.make(dtype, size)
    expected, _ = case.run("reference", arguments)
    assert_agree(case.run("cuda", arguments)[0], expected)
    for shape in launch_shapes():
        with launch_shape(*shape):
            assert_agree(case.run("cuda", arguments)[0], expected, context=(case, shape))


def check_cuda_equals_cpu_in_bits(case, dtype, size):
    arguments = case.make(dtype, size)
    expected, got = case.run("cpu", arguments)[0], case.run("cuda", arguments)[0]
    for name in expected.keys() - case.sums:
        assert_same_bits(got[name], expected[name], (case, name))


@pytest.mark.simulator
@pytest.mark.parametrize("size", [(0, 3), (1, 1), (5, 33)], ids=str)
@both_types
def test_cuda_agrees_with_the_reference_at_every_launch_shape(case, dtype, size):
    check_cuda_agrees_with_the_reference(case, dtype, size)


@pytest.mark.simulator
@both_types
def test_cuda_equals_cpu_in_bits_where_nothing_is_summed(case, dtype):
    check_cuda_equals_cpu_in_bits(case, dtype, (5, 33))


@pytest.mark.gpu
@pytest.mark.parametrize("size", [(0, 3), (3, 31), (129, 785)], ids=str)
@both_types
def test_gpu_agrees_with_the_reference_and_with_the_bits_of_the_cpu(cases, dtype, size):
    for case in cases:
        check_cuda_agrees_with_the_reference(case, dtype, size)
        check_cuda_equals_cpu_in_bits(case, dtype, size)


@all_variants
@both_types
def test_extreme_arguments_keep_their_digits(extreme, dtype, variant):
    arguments = extreme.make(dtype)
    wide = {k: v.astype(np.longdouble) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    exact, _ = extreme.run("reference", wide)
    got, _ = extreme.run(variant, arguments)
    smallest_normal = float(np.finfo(dtype).tiny)
    assert_agree(got, {name: value.astype(dtype) for name, value in exact.items()}, scale=smallest_normal)
    assert not any(np.isnan(value).any() for value in got.values())


# ------------------------------------------------------------------------------------------------------- properties


def _float_arrays(arguments: dict[str, Any]) -> dict[str, np.ndarray]:
    return {k: v for k, v in arguments.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}


@all_variants
def test_nan_in_any_argument_reaches_a_result(case, variant):
    arguments = case.make(np.float32)
    for name, array in _float_arrays(arguments).items():
        if name in case.ignores:
            continue
        spoilt = array.copy()
        spoilt.reshape(-1)[-1] = np.nan
        expected, _ = case.run("reference", arguments | {name: spoilt})
        got, _ = case.run(variant, arguments | {name: spoilt})
        assert any(np.isnan(value).any() for value in got.values()), name
        assert_agree(got, expected, context=name)


@all_variants
def test_only_the_arguments_to_be_written_change(case, variant):
    arguments = case.make(np.float32)
    _, after = case.run(variant, arguments)
    for name in arguments.keys() - case.writes:
        np.testing.assert_array_equal(after[name], arguments[name], err_msg=name, strict=True)


@all_variants
def test_float32_stays_float32_beside_float64_scalars(case, variant):
    arguments = case.make(np.float32)
    scalars = {name: np.float64(value) for name, value in arguments.items() if isinstance(value, float)}
    expected, _ = case.run(variant, arguments)
    got, _ = case.run(variant, arguments | scalars)
    assert_agree(got, expected)


@both_types
def test_reference_runs_on_any_array_library(differentiable_case, dtype):
    case = differentiable_case
    arguments = case.make(dtype)
    expected, _ = case.run("reference", arguments)
    strict = {k: array_api_strict.asarray(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    returned = all_operations()[case.operation].reference(**strict)
    values = () if returned is None else returned if isinstance(returned, tuple) else (returned,)
    for name, value in zip(case.results, values, strict=False):
        np.testing.assert_array_equal(np.asarray(value), expected[name], strict=True, err_msg=name)
    for name in case.results[len(values) :]:
        np.testing.assert_array_equal(np.asarray(strict[name]), expected[name], strict=True, err_msg=name)
