"""Bernoulli draws: out[e] = 1 if u_e < p_e else 0, the uniform drawn inside the kernel.

The uniform of element e is that of `fill_uniform` in float32, whatever the type of the array: word e % 4 of block
e // 4, its upper 24 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.philox import Key, fill_uniform
from scratchgen.kernels.philox_scalar import random_words, uniform32
from scratchgen.kernels.scalar import scalar
from scratchgen.typing import Array


def _fill_bernoulli_reference(out: Array, probability: Array, key: Key, draw: Array) -> None:
    u = namespace(out).empty(out.size, dtype=np.float32)
    fill_uniform.reference(u, key, draw)
    out.reshape(-1)[...] = u < probability.reshape(-1)


@scalar
def _store_block(out: Any, probability: Any, block: Any, draw: Any, k0: Any, k1: Any) -> None:
    one = out.dtype.type(1)
    zero = out.dtype.type(0)
    w0, w1, w2, w3 = random_words(np.uint64(block), draw, k0, k1)
    e = 4 * block
    out[e] = one if uniform32(w0) < probability[e] else zero
    if e + 1 < out.size:
        out[e + 1] = one if uniform32(w1) < probability[e + 1] else zero
    if e + 2 < out.size:
        out[e + 2] = one if uniform32(w2) < probability[e + 2] else zero
    if e + 3 < out.size:
        out[e + 3] = one if uniform32(w3) < probability[e + 3] else zero


@cpu_kernel()
def _loop(first: Any, end: Any, out: Any, probability: Any, k0: Any, k1: Any, draw: Any) -> None:
    one = out.dtype.type(1)
    zero = out.dtype.type(0)
    part, p = out[4 * first : 4 * end], probability[4 * first : 4 * end]
    n_whole = part.size // 4
    for i in range(n_whole):  # the body of _store_block without its tests, so that LLVM vectorises it
        w0, w1, w2, w3 = random_words(np.uint64(first + i), draw[0], k0, k1)
        part[4 * i] = one if uniform32(w0) < p[4 * i] else zero
        part[4 * i + 1] = one if uniform32(w1) < p[4 * i + 1] else zero
        part[4 * i + 2] = one if uniform32(w2) < p[4 * i + 2] else zero
        part[4 * i + 3] = one if uniform32(w3) < p[4 * i + 3] else zero
    if n_whole < end - first:
        _store_block(out, probability, first + n_whole, draw[0], k0, k1)


def _fill_bernoulli_cpu(out: Array, probability: Array, key: Key, draw: Array) -> None:
    flat, p = out.reshape(-1), probability.reshape(-1)
    _loop.share(-(-out.size // 4), 4, flat, p, key[0], key[1], draw)


@cuda_kernel
def _kernel(out: Any, probability: Any, k0: Any, k1: Any, draw: Any) -> None:
    for i in range(cuda.grid(1), (out.size + 3) // 4, cuda.gridsize(1)):
        _store_block(out, probability, i, draw[0], k0, k1)


def _fill_bernoulli_cuda(out: Array, probability: Array, key: Key, draw: Array) -> None:
    _kernel.launch(-(-out.size // 4), out.reshape(-1), probability.reshape(-1), key[0], key[1], draw)


fill_bernoulli = Operation(_fill_bernoulli_reference, _fill_bernoulli_cpu, _fill_bernoulli_cuda)
