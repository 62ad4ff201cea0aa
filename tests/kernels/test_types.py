"""Compiling for the CPU: no float64 slips into float32 arithmetic, and loops over many numbers are vectorised."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scratchgen.kernels import _cache, _jit, all_operations, philox_scalar, scalar
from scratchgen.kernels._jit import CpuKernel


@pytest.fixture
def compiled(monkeypatch):
    """The code of all kernels that are called while the fixture lives, compiled afresh: {kernel: LLVM functions}."""
    code = {}

    def call(self, *arguments):
        fresh = CpuKernel(self.function, self._sums).dispatcher
        fresh(*arguments)
        (llvm,) = fresh.inspect_llvm().values()
        functions = re.findall(r"^define .*?^}", llvm, flags=re.DOTALL | re.MULTILINE)
        code[self] = [f for f in functions if "cpython" not in f.partition("\n")[0]]  # that one unpacks Python floats

    monkeypatch.setattr(_cache, "enable", lambda *args: None)
    monkeypatch.setattr(CpuKernel, "__call__", call)
    monkeypatch.setattr(CpuKernel, "share", lambda self, n, per_item, *arguments: self(0, n, *arguments))
    return code


def has_cpu_kernel(case):
    operation = all_operations()[case.operation]
    return operation.cpu is not operation.reference


def test_float32_kernels_compute_in_float32(cases, compiled):
    once = {case.operation: case for case in cases if has_cpu_kernel(case)}  # a kernel serves all variations
    for case in once.values():
        case.run("cpu", case.make(np.float32))
    assert len(compiled) >= len(once)
    assert [kernel.__module__ for kernel, llvm in compiled.items() if "double" in "".join(llvm)] == []


@pytest.mark.parametrize(
    "operation",
    [
        "adam_",
        "bernoulli_nll",
        "bernoulli_nll_with_grad",
        "bias_activation_backward_",
        "bias_activation_forward_",
        "descend_",
        "fill_bernoulli",
        "fill_normal",
        "fill_uniform",
        "fill_words",
        "hidden_free_energy_",
        "langevin_gaussian_mixture",
        "langevin_step_",
        "reparameterise_kl_forward",
        "sample_bernoulli_units_",
        "sgd_",
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_loops_over_many_numbers_are_vectorised(operation, dtype, cases, compiled):
    case = next(case for case in cases if case.operation == operation)
    case.run("cpu", case.make(dtype))
    ((kernel, llvm),) = compiled.items()
    multiplied = re.findall(r"fmul <\d+ x |mul (?:nuw )?(?:nsw )?<\d+ x i64>", "".join(llvm))  # vectors of numbers
    assert multiplied, kernel.__qualname__


@pytest.mark.parametrize(
    ("function", "arguments", "result"),
    [
        (philox_scalar.philox4x32, ["uint64"] * 6, "UniTuple(uint64 x 4)"),
        (philox_scalar.random_words, ["uint64"] * 4, "UniTuple(uint64 x 4)"),
        (philox_scalar.uniform32, ["uint64"], "float32"),
        (philox_scalar.exponential32, ["uint64"], "float32"),
        (philox_scalar.normal_pair32, ["uint64"] * 2, "UniTuple(float32 x 2)"),
        (philox_scalar.top_53_bits, ["uint64"] * 2, "uint64"),
        (philox_scalar.uniform64, ["uint64"] * 2, "float64"),
        (philox_scalar.exponential64, ["uint64"] * 2, "float64"),
        (philox_scalar.normal_pair64, ["uint64"] * 4, "UniTuple(float64 x 2)"),
        (scalar.mul, ["float32"] * 2, "float32"),
        (scalar.sqrt, ["float32"], "float32"),
    ],
)
def test_scalar_functions_return_their_precision(function, arguments, result):
    import numba

    _jit.register_scalar_functions()
    dispatcher = numba.njit(function)
    dispatcher.compile(tuple(getattr(numba.types, name) for name in arguments))
    (compiled,) = dispatcher.overloads.values()
    assert str(compiled.signature.return_type) == result
