"""k sweeps of the heat bath through 2-D Ising lattices: the even sites given the odd ones, then the odd given the even.

    p(s = +1 | neighbours) = 1 / (1 + exp(-2 beta (m + h))),     m the sum of the four neighbours

===================  =====================  ===============================================================
symbol               shape                  meaning
===================  =====================  ===============================================================
spins                (n, L1, L2)            n independent chains of int8, -1 or +1; L1 and L2 even, periodic
inverse_temperature  (n,)                   beta of each chain
field                (n,)                   h of each chain, in units of the coupling
===================  =====================  ===============================================================

A site (row, column) is even where row + column is. No bond joins two sites of one sublattice, even or odd, so that all
of them may be drawn at once: this is block Gibbs sampling with two blocks.

Half step ``half`` of sweep s (0 even, 1 odd) takes draw ``draw[0] + 2 s + half``. The sites of a sublattice are its
units, counted along the rows: site (row, column) is unit ``row (L2 / 2) + column // 2``. It takes word unit % 4 of the
Philox block whose counter is (c0, c1) = (unit // 4, chain). One call with k sweeps is k calls with one.

References
----------
S. Geman, D. Geman: "Stochastic relaxation, Gibbs distributions, and the Bayesian restoration of images", IEEE Trans.
Pattern Anal. Mach. Intell. 6, 1984.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.gibbs_units import quad_words, unit_words
from scratchgen.kernels.ising_tables import N_SUMS, neighbour_sums, prob_up
from scratchgen.kernels.philox import Key
from scratchgen.kernels.philox_scalar import uniform32
from scratchgen.kernels.scalar import scalar
from scratchgen.typing import Array

_ONE = np.uint64(1)

# ----------------------------------------------------------------------------------------------------- reference


def _checkerboard_reference(
    spins: Array, inverse_temperature: Array, field: Array, n_sweeps: int, key: Key, draw: Array
) -> Array:
    """Return the spins after `n_sweeps`."""
    xp = namespace(spins, inverse_temperature, field)
    n, n_rows, n_columns = spins.shape
    up, down = xp.asarray(1, dtype=spins.dtype), xp.asarray(-1, dtype=spins.dtype)
    chain = xp.arange(n)[:, None, None]
    parity = (xp.arange(n_rows)[:, None] + xp.arange(n_columns)) % 2
    table = prob_up(neighbour_sums(inverse_temperature), inverse_temperature[:, None], field[:, None])  # (n, 5)
    for half in range(2 * n_sweeps):
        words = unit_words(n, n_rows * n_columns // 2, key, draw[0] + np.uint64(half), spins)
        u = xp.repeat(uniform32(words).reshape(n, n_rows, n_columns // 2), 2, axis=2)  # (n, L1, L2)
        m = sum(xp.roll(spins, step, axis) for axis in (1, 2) for step in (1, -1))
        drawn = xp.where(u < table[chain, (m + 4) // 2], up, down)
        spins = xp.where(parity == half % 2, drawn, spins)
    return spins


# ----------------------------------------------------------------------------------------------------------- cpu
# A chain lies in the cache as two arrays, one for each sublattice: units that follow one another do so in memory, and
# LLVM vectorises the loop along a row. The last unit of a row is repeated before the first, and the first after the
# last.


@scalar
def _uniforms(u: Any, chain: Any, draw: Any, k0: Any, k1: Any) -> None:
    for g in range(u.size // 4):
        w0, w1, w2, w3 = quad_words(chain, g, draw, k0, k1)
        u[4 * g], u[4 * g + 1] = uniform32(w0), uniform32(w1)
        u[4 * g + 2], u[4 * g + 3] = uniform32(w2), uniform32(w3)


@scalar
def _repeat_ends(up: Any) -> None:
    width = up.shape[1] - 2
    for row in range(up.shape[0]):
        up[row, 0], up[row, width + 1] = up[row, width], up[row, 1]


@scalar
def _half_step(target: Any, source: Any, half: Any, u: Any, table: Any) -> None:
    """Draw the sublattice `target` given `source`, both 1 for spin up and 0 for spin down."""
    # Choices, not table[n_up], which LLVM does not vectorise as well: 0.9 ns a spin and not 1.5 (64 x 64, float32).
    n_rows, width = target.shape[0], target.shape[1] - 2
    p0, p1, p2, p3, p4 = table[0], table[1], table[2], table[3], table[4]
    for row in range(n_rows):
        above, below = source[row - 1 if row > 0 else n_rows - 1], source[row + 1 if row < n_rows - 1 else 0]
        beside, drawn = source[row], target[row]
        other = 2 * ((row + half) % 2)  # one neighbour of unit j in its row is unit j, the other j - 1 or j + 1
        for j in range(width):
            n_up = above[j + 1] + below[j + 1] + beside[j + 1] + beside[j + other]
            low = p0 if n_up == 0 else p1
            high = p3 if n_up == 3 else p4
            p = low if n_up < 2 else (p2 if n_up == 2 else high)
            drawn[j + 1] = u[row * width + j] < p
    _repeat_ends(target)


@scalar
def _split(even: Any, odd: Any, spins: Any) -> None:
    for row in range(spins.shape[0]):
        first, second = (even, odd) if row % 2 == 0 else (odd, even)
        for j in range(spins.shape[1] // 2):
            first[row, j + 1], second[row, j + 1] = spins[row, 2 * j] > 0, spins[row, 2 * j + 1] > 0
    _repeat_ends(even)
    _repeat_ends(odd)


@scalar
def _join(spins: Any, even: Any, odd: Any) -> None:
    for row in range(spins.shape[0]):
        first, second = (even, odd) if row % 2 == 0 else (odd, even)
        for j in range(spins.shape[1] // 2):
            spins[row, 2 * j], spins[row, 2 * j + 1] = 2 * first[row, j + 1] - 1, 2 * second[row, j + 1] - 1


@cpu_kernel()
def _loop(
    begin: Any, end: Any, spins: Any, inverse_temperature: Any, field: Any, n_sweeps: Any, k0: Any, k1: Any, draw: Any,
    out: Any,
) -> None:  # fmt: skip
    _, n_rows, n_columns = spins.shape
    to_type = inverse_temperature.dtype.type
    even, odd = np.empty((n_rows, n_columns // 2 + 2), np.int8), np.empty((n_rows, n_columns // 2 + 2), np.int8)
    u = np.empty(4 * ((n_rows * n_columns // 2 + 3) // 4), np.float32)
    table = np.empty(N_SUMS, inverse_temperature.dtype)
    for i in range(begin, end):
        for k in range(N_SUMS):
            table[k] = prob_up(to_type(2 * k - 4), inverse_temperature[i], field[i])
        _split(even, odd, spins[i])
        step = draw[0]
        for _ in range(n_sweeps):
            _uniforms(u, i, step, k0, k1)
            _half_step(even, odd, 0, u, table)
            _uniforms(u, i, step + _ONE, k0, k1)
            _half_step(odd, even, 1, u, table)
            step += _ONE + _ONE
        _join(out[i], even, odd)


def _checkerboard_cpu(
    spins: Array, inverse_temperature: Array, field: Array, n_sweeps: int, key: Key, draw: Array
) -> Array:
    out = namespace(spins).empty_like(spins)
    per_chain = math.prod(spins.shape[1:]) * n_sweeps
    _loop.share(len(spins), per_chain, spins, inverse_temperature, field, n_sweeps, key[0], key[1], draw, out)
    return out


# ---------------------------------------------------------------------------------------------------------- cuda
# A block of threads takes a chain through all sweeps, and a thread draws quads, four units that share a Philox block.
# The spins stay in global memory, so that there is one way for all sizes: after a barrier, the threads of a block see
# what the others wrote.


@cuda.jit(device=True)
def _draw_spin(spins: Any, unit: Any, half: Any, word: Any, table: Any) -> None:
    n_rows, n_columns = spins.shape
    if unit < n_rows * n_columns // 2:
        row = unit // (n_columns // 2)
        column = 2 * (unit - row * (n_columns // 2)) + (row + half) % 2
        above, below = row - 1 if row > 0 else n_rows - 1, row + 1 if row < n_rows - 1 else 0
        left, right = column - 1 if column > 0 else n_columns - 1, column + 1 if column < n_columns - 1 else 0
        m = spins[above, column] + spins[below, column] + spins[row, left] + spins[row, right]
        spins[row, column] = 1 if uniform32(word) < table[(m + 4) // 2] else -1


@cuda_kernel
def _kernel(spins: Any, inverse_temperature: Any, field: Any, n_sweeps: Any, k0: Any, k1: Any, draw: Any) -> None:
    table = cuda.shared.array(N_SUMS, inverse_temperature.dtype)
    to_type = inverse_temperature.dtype.type
    n, n_rows, n_columns = spins.shape
    for i in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        for k in range(cuda.threadIdx.x, N_SUMS, cuda.blockDim.x):
            table[k] = prob_up(to_type(2 * k - 4), inverse_temperature[i], field[i])
        step = draw[0]
        for half in range(2 * n_sweeps):
            cuda.syncthreads()
            for g in range(cuda.threadIdx.x, (n_rows * n_columns // 2 + 3) // 4, cuda.blockDim.x):
                w0, w1, w2, w3 = quad_words(i, g, step, k0, k1)
                _draw_spin(spins[i], 4 * g, half, w0, table)
                _draw_spin(spins[i], 4 * g + 1, half, w1, table)
                _draw_spin(spins[i], 4 * g + 2, half, w2, table)
                _draw_spin(spins[i], 4 * g + 3, half, w3, table)
            step += _ONE
        cuda.syncthreads()  # the next chain overwrites the table


def _checkerboard_cuda(
    spins: Array, inverse_temperature: Array, field: Array, n_sweeps: int, key: Key, draw: Array
) -> Array:
    out = spins.copy()
    _kernel.launch_blocks(out.shape[0], out, inverse_temperature, field, n_sweeps, key[0], key[1], draw)
    return out


ising_checkerboard = Operation(_checkerboard_reference, _checkerboard_cpu, _checkerboard_cuda)
