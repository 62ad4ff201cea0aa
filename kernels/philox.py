"""Fill an array with words, uniforms or normals of one Philox draw.

Element e of a fill depends only on (key, draw, e): on neither threads nor launch shape nor backend. The layout:

=================  =======================  ======================================================
type               block                    words
=================  =======================  ======================================================
word, uniform 32   e // 4                   e % 4
normal 32          e // 4                   (0, 1) and (2, 3) are pairs: cosine, sine
uniform 64         e // 2                   (0, 1) or (2, 3)
normal 64          e // 2                   radius (0, 1), angle (2, 3): cosine, sine
=================  =======================  ======================================================

`out` is C-contiguous; `key` is a pair of uint64 holding 32 bits each; `draw` is an array of one uint64, read on the
device, so that a captured CUDA graph draws fresh numbers at each replay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import CudaKernel, cuda, cuda_kernel
from scratchgen.kernels._jit import CpuKernel, cpu_kernel
from scratchgen.kernels.philox_scalar import normal_pair32, normal_pair64, random_words, uniform32, uniform64
from scratchgen.kernels.scalar import scalar
from scratchgen.typing import Array

Key = tuple[np.uint64, np.uint64]


@scalar
def _store_4(out: Any, start: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    """Store up to four elements, as many as there is room for."""
    room = out.size - start
    if room > 0:
        out[start] = a
    if room > 1:
        out[start + 1] = b
    if room > 2:
        out[start + 2] = c
    if room > 3:
        out[start + 3] = d


@scalar
def _word_block(block: Any, draw: Any, k0: Any, k1: Any) -> Any:
    w0, w1, w2, w3 = random_words(block, draw, k0, k1)
    return np.uint32(w0), np.uint32(w1), np.uint32(w2), np.uint32(w3)


@scalar
def _uniform_block_32(block: Any, draw: Any, k0: Any, k1: Any) -> Any:
    w0, w1, w2, w3 = random_words(block, draw, k0, k1)
    return uniform32(w0), uniform32(w1), uniform32(w2), uniform32(w3)


@scalar
def _uniform_block_64(block: Any, draw: Any, k0: Any, k1: Any) -> Any:
    w0, w1, w2, w3 = random_words(block, draw, k0, k1)
    return uniform64(w0, w1), uniform64(w2, w3)


@scalar
def normal_block32(block: Any, draw: Any, k0: Any, k1: Any) -> Any:
    """Return the four float32 normals of a block: elements 4 block, ..., 4 block + 3 of a fill."""
    w0, w1, w2, w3 = random_words(block, draw, k0, k1)
    a, b = normal_pair32(w0, w1)
    c, d = normal_pair32(w2, w3)
    return a, b, c, d


@scalar
def normal_block64(block: Any, draw: Any, k0: Any, k1: Any) -> Any:
    """Return the two float64 normals of a block: elements 2 block and 2 block + 1 of a fill."""
    w0, w1, w2, w3 = random_words(block, draw, k0, k1)
    return normal_pair64(w0, w1, w2, w3)


# ----------------------------------------------------------------------------------------------------- reference


def _reference(block_function: Any) -> Callable[..., None]:
    def fill(out: Array, key: Key, draw: Array) -> None:
        xp = namespace(out)
        per_block = _elements_per_block(out)
        blocks = xp.arange(-(-out.size // per_block), dtype=xp.uint64)
        values = xp.stack(block_function(blocks, draw[0], key[0], key[1]), axis=-1)
        out.reshape(-1)[...] = values.reshape(-1)[: out.size]

    return fill


def _elements_per_block(out: Array) -> int:
    return 16 // out.dtype.itemsize


# ----------------------------------------------------------------------------------------------------------- cpu
# A call makes the blocks first, ..., end - 1. The main loop stores whole blocks without a test and counts from 0, where
# Numba sees that no index is negative: else LLVM does not vectorise it. The last block of the array is stored with one.


def _cpu_by_four(block_function: Any) -> CpuKernel:
    @cpu_kernel()
    def loop(first: Any, end: Any, out: Any, k0: Any, k1: Any, draw: Any) -> None:
        part = out[4 * first : 4 * end]
        n_whole = part.size // 4
        for i in range(n_whole):
            a, b, c, d = block_function(np.uint64(first + i), draw[0], k0, k1)
            part[4 * i], part[4 * i + 1], part[4 * i + 2], part[4 * i + 3] = a, b, c, d
        if n_whole < end - first:
            a, b, c, d = block_function(np.uint64(first + n_whole), draw[0], k0, k1)
            _store_4(part, 4 * n_whole, a, b, c, d)

    return loop


def _cpu_by_two(block_function: Any) -> CpuKernel:
    @cpu_kernel()
    def loop(first: Any, end: Any, out: Any, k0: Any, k1: Any, draw: Any) -> None:
        part = out[2 * first : 2 * end]
        n_whole = part.size // 2
        for i in range(n_whole):
            part[2 * i], part[2 * i + 1] = block_function(np.uint64(first + i), draw[0], k0, k1)
        if n_whole < end - first:
            part[2 * n_whole] = block_function(np.uint64(first + n_whole), draw[0], k0, k1)[0]

    return loop


def _cpu(loop_32: CpuKernel, loop_64: CpuKernel | None = None) -> Callable[..., None]:
    def fill(out: Array, key: Key, draw: Array) -> None:
        loop = loop_64 if loop_64 is not None and out.dtype == np.float64 else loop_32
        flat, per_block = out.reshape(-1), _elements_per_block(out)
        loop.share(-(-out.size // per_block), per_block, flat, key[0], key[1], draw)

    return fill


# ---------------------------------------------------------------------------------------------------------- cuda
# One thread makes one block.


def _cuda_by_four(block_function: Any) -> CudaKernel:
    @cuda_kernel
    def kernel(out: Any, k0: Any, k1: Any, draw: Any) -> None:
        for i in range(cuda.grid(1), (out.size + 3) // 4, cuda.gridsize(1)):
            a, b, c, d = block_function(np.uint64(i), draw[0], k0, k1)
            _store_4(out, 4 * i, a, b, c, d)

    return kernel


def _cuda_by_two(block_function: Any) -> CudaKernel:
    @cuda_kernel
    def kernel(out: Any, k0: Any, k1: Any, draw: Any) -> None:
        for i in range(cuda.grid(1), (out.size + 1) // 2, cuda.gridsize(1)):
            a, b = block_function(np.uint64(i), draw[0], k0, k1)
            out[2 * i] = a
            if 2 * i + 1 < out.size:
                out[2 * i + 1] = b

    return kernel


def _cuda(kernel_32: CudaKernel, kernel_64: CudaKernel | None = None) -> Callable[..., None]:
    def fill(out: Array, key: Key, draw: Array) -> None:
        kernel = kernel_64 if kernel_64 is not None and out.dtype == np.float64 else kernel_32
        kernel.launch(-(-out.size // _elements_per_block(out)), out.reshape(-1), key[0], key[1], draw)

    return fill


def _by_dtype(block_32: Any, block_64: Any) -> Callable[..., None]:
    fill_32, fill_64 = _reference(block_32), _reference(block_64)

    def fill(out: Array, key: Key, draw: Array) -> None:
        (fill_64 if out.dtype == np.float64 else fill_32)(out, key, draw)

    return fill


fill_words = Operation(_reference(_word_block), _cpu(_cpu_by_four(_word_block)), _cuda(_cuda_by_four(_word_block)))

fill_uniform = Operation(
    _by_dtype(_uniform_block_32, _uniform_block_64),
    _cpu(_cpu_by_four(_uniform_block_32), _cpu_by_two(_uniform_block_64)),
    _cuda(_cuda_by_four(_uniform_block_32), _cuda_by_two(_uniform_block_64)),
)

fill_normal = Operation(
    _by_dtype(normal_block32, normal_block64),
    _cpu(_cpu_by_four(normal_block32), _cpu_by_two(normal_block64)),
    _cuda(_cuda_by_four(normal_block32), _cuda_by_two(normal_block64)),
)
