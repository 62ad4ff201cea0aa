"""The CUDA kernels compiled to PTX, for the types with which the operations launch them: is the arithmetic strict?

Equal bits on every target rest on it: no product is contracted into a fused multiply-add, roots and quotients are those
of IEEE 754, and subnormal numbers are not flushed to zero.
"""

from __future__ import annotations

import gc
import re

import numpy as np
import pytest

from scratchgen.kernels import all_operations
from scratchgen.kernels._cuda import CudaKernel

pytestmark = pytest.mark.ptx

ARCHITECTURES = {"sm_75": (7, 5), "sm_80": (8, 0), "sm_90a": (9, 0, "a")}  # the last as it is linked on a device
INEXACT = r"\bfma\.\S+|\S+\.ftz\S*|\S+\.approx\S*|\bdiv\.full\S*"

# Kernels that add up in float64 whatever the type of their arrays; in any other, float64 beside float32 is a slip.
SUMMING = {
    "bernoulli_nll._nll_kernel",
    "bernoulli_nll._nll_with_grad_kernel",
    "bias_activation._backward_kernel",
    "free_energy._kernel",
    "latent._forward_kernel",
}
SUMMATION = {"cvt", "add", "mov", "ld", "st"}


def name_of(kernel):
    return f"{kernel.function.__module__.rpartition('.')[2]}.{kernel.function.__qualname__}"


@pytest.fixture(scope="module")
def launches(cases):
    """By operation, {(kernel, types of the arguments): the widest float among them} of all that the table launches."""
    found = {case.operation: {} for case in cases}

    def record(kernel, blocks, threads, arguments, shared_bytes=0):
        floats = [a for a in arguments if np.asarray(a).dtype.kind == "f"]
        types = tuple(map(kernel.dispatcher.typeof_pyval, arguments))
        found[case.operation][kernel, types] = max((x.dtype.itemsize for x in floats), default=0)

    # nothing is computed here, so that products of arrays that a kernel should have filled may warn
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(CudaKernel, "_launch", record)
        for case in cases:
            for dtype in (np.float32, np.float64):
                all_operations()[case.operation].cuda(**case.make(dtype))
    return found


@pytest.fixture(params=list(ARCHITECTURES))
def architecture(request, monkeypatch):
    """An architecture, which the compiler takes for that of the device that is not there."""
    from numba.cuda import dispatcher

    class Device:
        compute_capability = ARCHITECTURES[request.param][:2]

    monkeypatch.setattr(dispatcher, "get_current_device", Device)
    return request.param


def test_every_kernel_is_launched_by_the_table(launches):
    declared = {kernel for kernel in gc.get_objects() if isinstance(kernel, CudaKernel)}
    launched = {kernel for operation in launches.values() for kernel, _ in operation}
    assert {name_of(kernel) for kernel in declared - launched} == set()


@pytest.mark.filterwarnings("error")
def test_a_small_grid_is_no_reason_for_a_warning(launches):
    for kernel, _ in launches["adam_"]:
        kernel.dispatcher[1, 256]


def ptx_of(kernel, types, architecture):
    from numba import cuda

    fastmath = kernel.dispatcher.targetoptions["fastmath"]
    capability = ARCHITECTURES[architecture]
    if len(capability) == 2:
        return cuda.compile_ptx(kernel.function, types, fastmath=fastmath, cc=capability)[0]
    return linked_ptx(kernel, types, fastmath, capability)


def linked_ptx(kernel, argument_types, fastmath, capability):
    """Return the PTX after optimisation at link time, as numba-cuda makes it for a device: by its own steps."""
    from numba.cuda import types
    from numba.cuda.compiler import compile_cuda
    from numba.cuda.dispatcher import kernel_fixup

    options = {"fastmath": fastmath, "nvvm_options": {"fastmath": fastmath, "opt": 3}, "cc": capability[:2]}
    compiled = compile_cuda(kernel.function, types.void, argument_types, lto=True, **options)
    name = compiled.library._entry_name = compiled.fndesc.llvm_func_name
    kernel_fixup(compiled.library.get_function(name), False)
    return compiled.library.get_lto_ptx(capability)


@pytest.mark.parametrize("operation", sorted(name for name, o in all_operations().items() if o.cuda is not o.reference))
def test_arithmetic_is_strict(operation, architecture, launches):
    assert launches[operation]
    for (kernel, types), width in launches[operation].items():
        ptx = ptx_of(kernel, types, architecture)
        assert f".target {architecture}" in ptx
        assert re.findall(INEXACT, ptx) == [], name_of(kernel)
        if width == np.dtype(np.float32).itemsize:
            in_float64 = {instruction.partition(".")[0] for instruction in re.findall(r"\b[a-z][\w.]*\.f64\b", ptx)}
            assert in_float64 <= (SUMMATION if name_of(kernel) in SUMMING else set()), name_of(kernel)
