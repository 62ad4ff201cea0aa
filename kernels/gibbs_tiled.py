"""Gibbs sweeps on CUDA whose weights do not fit into shared memory: all sweeps in one launch, eight chains a block.

The states of the eight chains are bytes in shared memory, one for each unit: bit t belongs to chain t. The weights stay
where they are and come through the caches. A thread adds up one unit j of the other layer for all eight chains, so that
each weight that it reads, next to those of its neighbours, serves eight times:

    total_t += W[i, j]  where bit t of byte i is set.

Then a thread draws a quad of one chain, the four units that share a Philox block. Units go through this in parts of
256: `totals`, (8, 256), holds their sums, and then their states until these are bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint8

from scratchgen.backend import namespace
from scratchgen.kernels._cuda import MAX_THREADS, cuda, cuda_kernel
from scratchgen.kernels.elementary import sigmoid
from scratchgen.kernels.gibbs_units import quad_words
from scratchgen.kernels.philox import Key
from scratchgen.kernels.philox_scalar import uniform32
from scratchgen.kernels.scalar import mul
from scratchgen.typing import Array

_CHAINS = 8  # of a block: the bits of a byte
_PART = MAX_THREADS  # units at a time; whole quads
_ONE, _TWO = np.uint64(1), np.uint64(2)


def tiled_shared_bytes(n_visible: int, n_hidden: int, itemsize: int) -> int:
    """Return how much shared memory the states and the totals of a block take."""
    return n_visible + n_hidden + _CHAINS * _PART * itemsize


@cuda.jit(device=True)
def _add_up_bits(totals: Any, place: Any, states: Any, W: Any, unit: Any) -> None:
    sums = cuda.local.array(_CHAINS, W.dtype)
    for t in range(_CHAINS):
        sums[t] = 0
    i, j = np.uint64(0), np.uint64(unit)  # of an index with a sign Numba would ask whether it is negative
    for _ in range(states.size):
        weight, bits = W[i, j], states[i]
        for t in range(_CHAINS):
            if bits & (1 << t):
                sums[t] += weight
        i += _ONE
    for t in range(_CHAINS):
        totals[t, place] = sums[t]


@cuda.jit(device=True)
def _add_up_numbers(totals: Any, place: Any, v: Any, first: Any, n_chains: Any, W: Any, unit: Any) -> None:
    sums = cuda.local.array(_CHAINS, W.dtype)
    for t in range(_CHAINS):
        sums[t] = 0
    i, j = np.uint64(0), np.uint64(unit)
    for _ in range(W.shape[0]):
        weight = W[i, j]
        for t in range(_CHAINS):  # of chains that there are not, the last one is added up again
            sums[t] += mul(v[np.uint64(first + min(t, n_chains - 1)), i], weight)
        i += _ONE
    for t in range(_CHAINS):
        totals[t, place] = sums[t]


@cuda.jit(device=True)
def _draw_unit(totals: Any, t: Any, start: Any, place: Any, bias: Any, beta: Any, word: Any) -> None:
    if start + place < bias.size:
        p = sigmoid(mul(beta, totals[t, place] + bias[start + place]))
        totals[t, place] = bias.dtype.type(uniform32(word) < p)


@cuda.jit(device=True)
def _draw_part(
    totals: Any, states: Any, start: Any, bias: Any, first: Any, n_chains: Any, inverse_temperature: Any,
    draw: Any, k0: Any, k1: Any,
) -> None:  # fmt: skip
    """Draw the units from `start` on, whose sums are in `totals`, and store them as bits."""
    cuda.syncthreads()
    n_quads = (min(_PART, states.size - start) + 3) // 4
    for item in range(cuda.threadIdx.x, n_chains * n_quads, cuda.blockDim.x):
        t = item // n_quads
        g = item - t * n_quads
        beta = inverse_temperature[first + t]
        w0, w1, w2, w3 = quad_words(first + t, start // 4 + g, draw, k0, k1)
        _draw_unit(totals, t, start, 4 * g, bias, beta, w0)
        _draw_unit(totals, t, start, 4 * g + 1, bias, beta, w1)
        _draw_unit(totals, t, start, 4 * g + 2, bias, beta, w2)
        _draw_unit(totals, t, start, 4 * g + 3, bias, beta, w3)
    cuda.syncthreads()
    for unit in range(start + cuda.threadIdx.x, min(start + _PART, states.size), cuda.blockDim.x):
        bits = 0
        for t in range(n_chains):
            bits |= (totals[t, unit - start] != 0) << t
        states[unit] = bits
    cuda.syncthreads()  # the next part overwrites the totals, and the next half step reads the states


@cuda_kernel
def _kernel(
    v: Any, W: Any, W_transposed: Any, b: Any, c: Any, inverse_temperature: Any, n_sweeps: Any, k0: Any, k1: Any,
    draw: Any, v_out: Any, h: Any,
) -> None:  # fmt: skip
    totals = cuda.shared.array((_CHAINS, _PART), W.dtype)
    states = cuda.shared.array(0, uint8)  # as large as the launch says
    n_visible, n_hidden = W.shape
    visible, hidden = states[:n_visible], states[n_visible : n_visible + n_hidden]
    for first in range(cuda.blockIdx.x * _CHAINS, v.shape[0], cuda.gridDim.x * _CHAINS):
        n_chains = min(_CHAINS, v.shape[0] - first)
        step = draw[0]
        for sweep in range(n_sweeps):
            for start in range(0, n_hidden, _PART):
                for unit in range(start + cuda.threadIdx.x, min(start + _PART, n_hidden), cuda.blockDim.x):
                    if sweep == 0:  # chains may start from any numbers
                        _add_up_numbers(totals, unit - start, v, first, n_chains, W, unit)
                    else:
                        _add_up_bits(totals, unit - start, visible, W, unit)
                _draw_part(totals, hidden, start, c, first, n_chains, inverse_temperature, step, k0, k1)
            for start in range(0, n_visible, _PART):
                for unit in range(start + cuda.threadIdx.x, min(start + _PART, n_visible), cuda.blockDim.x):
                    _add_up_bits(totals, unit - start, hidden, W_transposed, unit)
                _draw_part(totals, visible, start, b, first, n_chains, inverse_temperature, step + _ONE, k0, k1)
            step += _TWO
        for t in range(n_chains):
            for i in range(cuda.threadIdx.x, n_visible, cuda.blockDim.x):
                v_out[first + t, i] = (visible[i] >> t) & 1
            for j in range(cuda.threadIdx.x, n_hidden, cuda.blockDim.x):
                h[first + t, j] = (hidden[j] >> t) & 1
        cuda.syncthreads()  # the next chains overwrite the states


def sweep_in_tiles(
    v: Array, W: Array, b: Array, c: Array, inverse_temperature: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    """Return (v, h) after the sweeps."""
    xp = namespace(v, W)
    v_out, h = xp.empty_like(v), xp.empty((v.shape[0], W.shape[1]), dtype=v.dtype)
    W_transposed = xp.ascontiguousarray(W.T)  # neighbouring threads read neighbouring weights in both half steps
    _kernel.launch_blocks(
        -(-v.shape[0] // _CHAINS), v, W, W_transposed, b, c, inverse_temperature, n_sweeps, key[0], key[1], draw,
        v_out, h, shared_bytes=sum(W.shape),
    )  # fmt: skip
    return v_out, h
