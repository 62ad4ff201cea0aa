"""The only place that touches Numba's CUDA compiler, launches, streams and views of CuPy arrays.

A kernel is declared with `cuda_kernel` and launched with `CudaKernel.launch`. Under Numba's simulator arrays are
NumPy's, views are the identity and the stream is 0, so that every launch runs on a machine without a GPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import cuda as cuda  # the kernels' own import of it
from numba import float64

from scratchgen.backend import simulating_cuda
from scratchgen.kernels import scalar
from scratchgen.kernels._jit import register_bit_casts, register_new
from scratchgen.typing import Array

MAX_THREADS = 256  # per block: the size of the shared array of `block_sum`
MAX_VIEWS = 4096  # that are kept: an energy-based step of many Langevin steps has some hundreds
MAX_BLOCKS = 1056  # eight for each of the 132 multiprocessors of an H100; loops stride over what is left

_registered: set[Callable[..., Any]] = set()
_forced_shape: list[tuple[int, int]] = []
_views: dict[tuple[Any, ...], Any] = {}


class CudaKernel:
    """A function that is compiled by Numba for CUDA when it is first launched.

    Attributes
    ----------
    function : callable
        The Python source of the kernel.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)  # type: ignore[arg-type]  # launched, not called
        self.function = function

    @functools.cached_property
    def dispatcher(self) -> Any:
        """Return Numba's dispatcher, made on first use. No fast-math: it would turn on approximate square roots."""
        if not simulating_cuda():
            from numba.cuda.core import config

            config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a batch of 20 latent variables is small, and nobody can help it
            register_scalar_functions()
        return cuda.jit(self.function)

    def launch(self, n_items: int, *args: Any) -> None:
        """Launch with at least one thread, and at most one an item; the kernel strides over the rest."""
        blocks, threads = _forced_shape[-1] if _forced_shape else _shape_for(n_items)
        self._launch(blocks, threads, args)

    def launch_blocks(self, n_blocks: int, *args: Any, shared_bytes: int = 0) -> None:
        """Launch with one block a row (up to a limit: the kernel strides over the rest).

        `shared_bytes` is the size of the block's dynamic shared memory, ``cuda.shared.array(0, dtype)``.
        """
        blocks, threads = _forced_shape[-1] if _forced_shape else (min(n_blocks, MAX_BLOCKS), _full_block())
        self._launch(max(blocks, 1), threads, args, shared_bytes)

    def _launch(self, blocks: int, threads: int, args: tuple[Any, ...], shared_bytes: int = 0) -> None:
        self.dispatcher[blocks, threads, _stream(), shared_bytes](*(_view(x) for x in args))


def cuda_kernel(function: Callable[..., Any]) -> CudaKernel:
    """Declare a CUDA kernel."""
    return CudaKernel(function)


@contextmanager
def launch_shape(blocks: int, threads: int) -> Iterator[None]:
    """Use this launch shape for every kernel inside the block: the result must not depend on it.

    `threads` is a power of two up to 256.
    """
    _forced_shape.append((blocks, threads))
    try:
        yield
    finally:
        _forced_shape.pop()


def _full_block() -> int:
    return 8 if simulating_cuda() else MAX_THREADS  # the simulator runs a Python thread for each CUDA thread


def _shape_for(n_items: int) -> tuple[int, int]:
    threads = _full_block()
    limit = 2 if simulating_cuda() else MAX_BLOCKS
    return max(1, min(-(-n_items // threads), limit)), threads


def _stream() -> Any:
    """Return CuPy's current stream for Numba, so that the launches of both are in one order."""
    if simulating_cuda():
        return 0
    import cupy

    return _external_stream(cupy.cuda.get_current_stream().ptr)


@functools.lru_cache(maxsize=16)
def _external_stream(pointer: int) -> Any:
    return cuda.external_stream(pointer) if pointer else cuda.default_stream()


def _view(x: Any) -> Any:
    """Return a Numba view of a CuPy array; scalars, tuples and the simulator's arrays are passed as they are."""
    if simulating_cuda() or not hasattr(x, "__cuda_array_interface__"):
        return x
    return kept_view(x)


def kept_view(x: Array) -> Any:
    """Return the Numba view of a CuPy array: the one made before, as making it takes as long as several launches.

    A view owns no memory. It is an address with a shape, strides and a type, and all of them are what it is found by:
    when the memory has been freed and the next array there has the same of each, it is the view of that one, too. One
    of memory that nobody has any more is never found.
    """
    key = x.data.ptr, x.shape, x.strides, x.dtype
    view = _views.get(key)
    if view is None:
        if len(_views) >= MAX_VIEWS:
            _views.clear()
        # no synchronisation, which a captured graph forbids: whoever wrote the array did so on the same stream
        view = _views[key] = cuda.from_cuda_array_interface(x.__cuda_array_interface__, sync=False)
    return view


def register_scalar_functions() -> None:
    """Make the functions of `scalar` known to Numba's CUDA compiler (once each)."""
    from numba.cuda import libdevice, types
    from numba.cuda.extending import intrinsic, overload, register_jitable

    if not _registered:
        register_bit_casts(types, intrinsic, overload)
        overload(scalar.select)(lambda condition, a, b: lambda condition, a, b: a if condition else b)
        overload(scalar.as_uint32)(lambda w: lambda w: np.uint32(w))
        multiply = {
            types.float32: lambda a, b: libdevice.fmul_rn(a, b),
            types.float64: lambda a, b: libdevice.dmul_rn(a, b),
        }
        overload(scalar.mul)(lambda a, b: multiply.get(a))
        root = {types.float32: lambda x: libdevice.fsqrt_rn(x), types.float64: lambda x: libdevice.dsqrt_rn(x)}
        overload(scalar.sqrt)(lambda x: root.get(x))
        _registered.update(scalar.PRIMITIVES)
    register_new(_registered, types, overload, register_jitable)


@cuda.jit(device=True)
def block_sum(value: Any) -> Any:
    """Return the sum of `value` over all threads of a block, which must all call this: in float64, in a fixed order."""
    partial = cuda.shared.array(MAX_THREADS, dtype=float64)
    thread = cuda.threadIdx.x
    cuda.syncthreads()  # nobody may still be reading the sum of the row before
    partial[thread] = value
    cuda.syncthreads()
    stride = cuda.blockDim.x // 2
    while stride > 0:
        if thread < stride:
            partial[thread] += partial[thread + stride]
        cuda.syncthreads()
        stride //= 2
    return partial[0]
