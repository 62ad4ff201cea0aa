"""Gibbs sweeps of a small model on CUDA: all sweeps in one launch, with weights and states in shared memory.

Each layer has one more unit there, which is always 1: its weights are the biases of the other layer. The memory holds

    weights  [ W  b ]  (size_v, size_h)     then the states of `tile` chains: (tile, size_v) and (tile, size_h),
             [ c  . ]                       size = 4 n_quads + 1.

A thread draws a quad of one chain, the four units 4 g + q that share a Philox block. Unit 4 g + q lies at place
q n_quads + g. Neighbouring threads, with neighbouring g, then read neighbouring places in one half step and places an
odd distance apart in the other: in both, different banks of the memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels._cuda import MAX_BLOCKS, MAX_THREADS, cuda, cuda_kernel
from scratchgen.kernels.elementary import sigmoid
from scratchgen.kernels.gibbs_units import quad_words
from scratchgen.kernels.philox import Key
from scratchgen.kernels.philox_scalar import uniform32
from scratchgen.kernels.scalar import mul
from scratchgen.typing import Array

SHARED_BYTES = 48 * 1024  # of a block; there is more, but no switch for it in Numba
_ONE, _TWO, _THREE = np.uint64(1), np.uint64(2), np.uint64(3)


def _size(n_units: int) -> int:
    return 4 * -(-n_units // 4) + 1


def shared_bytes(n_visible: int, n_hidden: int, itemsize: int, tile: int = 1) -> int:
    """Return how much shared memory the weights and the states of `tile` chains take."""
    size_v, size_h = _size(n_visible), _size(n_hidden)
    return (size_v * size_h + tile * (size_v + size_h)) * itemsize


def _chains_per_block(n_chains: int, n_visible: int, n_hidden: int, itemsize: int) -> int:
    """Return the tile: few chains go to many multiprocessors, many fill the threads of each block."""
    to_spread = -(-n_chains // MAX_BLOCKS)
    to_fill_threads = -(-MAX_THREADS // -(-max(n_visible, n_hidden) // 4))
    state_bytes = shared_bytes(n_visible, n_hidden, itemsize, 2) - shared_bytes(n_visible, n_hidden, itemsize, 1)
    to_fill_memory = (SHARED_BYTES - shared_bytes(n_visible, n_hidden, itemsize, 0)) // state_bytes
    return max(1, min(to_spread, to_fill_threads, to_fill_memory))


@cuda.jit(device=True)
def _place(unit: Any, n_quads: Any) -> Any:
    return (unit % 4) * n_quads + unit // 4


@cuda.jit(device=True)
def _half_step(
    shared: Any, source: Any, target: Any, first: Any, n_chains: Any, inverse_temperature: Any,
    draw: Any, k0: Any, k1: Any,
) -> None:  # fmt: skip
    """Draw the states of the target layer. A layer is (start of its states, its size, distance of its weights)."""
    source_start, source_size, source_stride = source
    target_start, target_size, target_stride = target
    to_type = shared.dtype.type
    n_quads = target_size // 4
    for item in range(cuda.threadIdx.x, n_chains * n_quads, cuda.blockDim.x):
        t = item // n_quads
        g = item - t * n_quads
        # Unsigned, or Numba would ask of each index whether it is negative: six instructions to every load.
        state, source_step = np.uint64(source_start + t * source_size), np.uint64(source_stride)
        weight, quarter = np.uint64(g * target_stride), np.uint64(n_quads * target_stride)
        a0, a1, a2, a3 = to_type(0), to_type(0), to_type(0), to_type(0)
        for _ in range(source_size):
            a0 += mul(shared[state], shared[weight])
            a1 += mul(shared[state], shared[weight + quarter])
            a2 += mul(shared[state], shared[weight + _TWO * quarter])
            a3 += mul(shared[state], shared[weight + _THREE * quarter])
            state += _ONE
            weight += source_step
        beta = inverse_temperature[first + t]
        w0, w1, w2, w3 = quad_words(first + t, g, draw, k0, k1)
        drawn = target_start + t * target_size + g
        shared[drawn] = to_type(uniform32(w0) < sigmoid(mul(beta, a0)))
        shared[drawn + n_quads] = to_type(uniform32(w1) < sigmoid(mul(beta, a1)))
        shared[drawn + 2 * n_quads] = to_type(uniform32(w2) < sigmoid(mul(beta, a2)))
        shared[drawn + 3 * n_quads] = to_type(uniform32(w3) < sigmoid(mul(beta, a3)))


@cuda.jit(device=True)
def _load_parameters(shared: Any, W: Any, b: Any, c: Any, size_v: Any, size_h: Any) -> None:
    for i in range(cuda.threadIdx.x, shared.size, cuda.blockDim.x):
        shared[i] = 0  # units that only fill a quad have no weights
    cuda.syncthreads()
    n_visible, n_hidden = W.shape
    for e in range(cuda.threadIdx.x, W.size, cuda.blockDim.x):
        i = e // n_hidden
        j = e - i * n_hidden
        shared[_place(i, size_v // 4) * size_h + _place(j, size_h // 4)] = W[i, j]
    for i in range(cuda.threadIdx.x, n_visible, cuda.blockDim.x):
        shared[_place(i, size_v // 4) * size_h + size_h - 1] = b[i]
    for j in range(cuda.threadIdx.x, n_hidden, cuda.blockDim.x):
        shared[(size_v - 1) * size_h + _place(j, size_h // 4)] = c[j]


@cuda_kernel
def _kernel(
    v: Any, W: Any, b: Any, c: Any, inverse_temperature: Any, n_sweeps: Any, k0: Any, k1: Any, draw: Any,
    tile: Any, v_out: Any, h: Any,
) -> None:  # fmt: skip
    shared = cuda.shared.array(0, W.dtype)  # as large as the launch says
    n_visible, n_hidden = W.shape
    n_quads_v, n_quads_h = (n_visible + 3) // 4, (n_hidden + 3) // 4
    size_v, size_h = 4 * n_quads_v + 1, 4 * n_quads_h + 1
    start_v = size_v * size_h
    start_h = start_v + tile * size_v
    visible, hidden = (start_v, size_v, size_h), (start_h, size_h, 1)
    _load_parameters(shared, W, b, c, size_v, size_h)
    for t in range(cuda.threadIdx.x, tile, cuda.blockDim.x):
        shared[start_v + (t + 1) * size_v - 1] = 1
        shared[start_h + (t + 1) * size_h - 1] = 1
    for first in range(cuda.blockIdx.x * tile, v.shape[0], cuda.gridDim.x * tile):
        n_chains = min(tile, v.shape[0] - first)
        for t in range(n_chains):
            for i in range(cuda.threadIdx.x, n_visible, cuda.blockDim.x):
                shared[start_v + t * size_v + _place(i, n_quads_v)] = v[first + t, i]
        step = draw[0]
        for _ in range(n_sweeps):
            cuda.syncthreads()
            _half_step(shared, visible, hidden, first, n_chains, inverse_temperature, step, k0, k1)
            cuda.syncthreads()
            _half_step(shared, hidden, visible, first, n_chains, inverse_temperature, step + _ONE, k0, k1)
            step += _TWO
        cuda.syncthreads()
        for t in range(n_chains):
            for i in range(cuda.threadIdx.x, n_visible, cuda.blockDim.x):
                v_out[first + t, i] = shared[start_v + t * size_v + _place(i, n_quads_v)]
            for j in range(cuda.threadIdx.x, n_hidden, cuda.blockDim.x):
                h[first + t, j] = shared[start_h + t * size_h + _place(j, n_quads_h)]
        cuda.syncthreads()  # the next chains overwrite the states


def sweep_in_shared_memory(
    v: Array, W: Array, b: Array, c: Array, inverse_temperature: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    """Return (v, h) after the sweeps."""
    xp, itemsize = namespace(v, W), v.dtype.itemsize
    n_visible, n_hidden = W.shape
    v_out, h = xp.empty_like(v), xp.empty((v.shape[0], n_hidden), dtype=v.dtype)
    tile = _chains_per_block(v.shape[0], n_visible, n_hidden, itemsize)
    _kernel.launch_blocks(
        -(-v.shape[0] // tile), v, W, b, c, inverse_temperature, n_sweeps, key[0], key[1], draw, tile, v_out, h,
        shared_bytes=shared_bytes(n_visible, n_hidden, itemsize, tile),
    )  # fmt: skip
    return v_out, h
