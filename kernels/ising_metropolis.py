"""k sweeps of single-spin Metropolis updates of 2-D Ising lattices, each of a site drawn at random.

    p(accept) = min(1, exp(-beta dE)),     dE = 2 s (m + h) for the flip of a spin s whose neighbours sum to m

===================  =====================  ===============================================================
symbol               shape                  meaning
===================  =====================  ===============================================================
spins                (n, L1, L2)            n independent chains of int8, -1 or +1; periodic, sides at least 2
inverse_temperature  (n,)                   beta of each chain
field                (n,)                   h of each chain, in units of the coupling
===================  =====================  ===============================================================

A sweep is as many updates as there are sites. **Sites are drawn at random**, not visited in a fixed order, although
that costs a second random number: the chain is then reversible, and for every beta > 0 it reaches every state. In a
fixed order it need not, because a flip with dE <= 0 is always accepted: without a field, the states of a 3 x 3 lattice
fall into five classes, and such a chain never leaves the one that it starts in. At beta = 0 all flips are accepted, in
either order; on an even number of sites a sweep then keeps the parity of the number of spins up.

Sweep s takes draw ``draw[0] + 2 s`` for the sites of its updates, and the draw after that to accept or reject them.
Update t takes word t % 4 of the Philox block whose counter is (c0, c1) = (t // 4, chain), in both draws. Its site is
``floor(word L1 L2 / 2^32)``, counted along the rows; the probabilities of two sites differ by 2^-32 at most. One call
with k sweeps is k calls with one.

References
----------
N. Metropolis, A. W. Rosenbluth, M. N. Rosenbluth, A. H. Teller, E. Teller: "Equation of state calculations by fast
computing machines", J. Chem. Phys. 21, 1953.
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
from scratchgen.kernels.ising_tables import N_SUMS, neighbour_sums, prob_flip_down, prob_flip_up
from scratchgen.kernels.philox import Key
from scratchgen.kernels.philox_scalar import SHIFT_32, uniform32
from scratchgen.kernels.scalar import scalar
from scratchgen.typing import Array

_ONE, _TWO = np.uint64(1), np.uint64(2)

# ----------------------------------------------------------------------------------------------------- reference


def _metropolis_reference(
    spins: Array, inverse_temperature: Array, field: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    """Return the spins after `n_sweeps`, and how many updates of each chain were accepted, (n,)."""
    xp = namespace(spins, inverse_temperature, field)
    n, n_rows, n_columns = spins.shape
    n_sites = n_rows * n_columns
    spins, chain = spins.copy(), xp.arange(n)
    arguments = neighbour_sums(inverse_temperature), inverse_temperature[:, None], field[:, None]
    table = xp.stack([prob_flip_up(*arguments), prob_flip_down(*arguments)], axis=1)  # (n, 2, 5)
    n_accepted = xp.zeros(n, dtype=np.int64)
    for sweep in range(n_sweeps):
        first = draw[0] + np.uint64(2 * sweep)
        site = (unit_words(n, n_sites, key, first, spins) * np.uint64(n_sites) >> SHIFT_32).astype(np.int64)
        u = uniform32(unit_words(n, n_sites, key, first + _ONE, spins))
        for t in range(n_sites):
            row, column = site[:, t] // n_columns, site[:, t] % n_columns
            s = spins[chain, row, column]
            m = spins[chain, row - 1, column] + spins[chain, (row + 1) % n_rows, column]
            m = m + spins[chain, row, column - 1] + spins[chain, row, (column + 1) % n_columns]
            accepted = u[:, t] < table[chain, (s + 1) // 2, (m + 4) // 2]
            spins[chain, row, column] = xp.where(accepted, -s, s)
            n_accepted += accepted
    return spins, n_accepted


# ---------------------------------------------------------------------------------------------------- cpu and cuda
# An update depends on the one before: one thread takes a chain through all sweeps.


@scalar
def _fill_table(table: Any, inverse_temperature: Any, field: Any) -> None:
    to_type = table.dtype.type
    for k in range(N_SUMS):
        table[0, k] = prob_flip_up(to_type(2 * k - 4), inverse_temperature, field)
        table[1, k] = prob_flip_down(to_type(2 * k - 4), inverse_temperature, field)


@scalar
def _update(spins: Any, site_word: Any, word: Any, table: Any) -> Any:
    """Flip a spin if that is accepted; return 1 if it was, else 0."""
    n_rows, n_columns = spins.shape
    site = np.int64(site_word * np.uint64(spins.size) >> SHIFT_32)
    row = site // n_columns
    column = site - row * n_columns
    above, below = row - 1 if row > 0 else n_rows - 1, row + 1 if row < n_rows - 1 else 0
    left, right = column - 1 if column > 0 else n_columns - 1, column + 1 if column < n_columns - 1 else 0
    s = spins[row, column]
    m = spins[above, column] + spins[below, column] + spins[row, left] + spins[row, right]
    accepted = uniform32(word) < table[(s + 1) // 2, (m + 4) // 2]
    spins[row, column] = -s if accepted else s
    return 1 if accepted else 0


@scalar
def _run_chain(spins: Any, chain: Any, n_sweeps: Any, k0: Any, k1: Any, draw: Any, table: Any) -> Any:
    """Return the number of accepted updates."""
    n_accepted = 0
    for _ in range(n_sweeps):
        for g in range((spins.size + 3) // 4):
            a0, a1, a2, a3 = quad_words(chain, g, draw, k0, k1)
            b0, b1, b2, b3 = quad_words(chain, g, draw + _ONE, k0, k1)
            left = spins.size - 4 * g
            n_accepted += _update(spins, a0, b0, table)
            if left > 1:
                n_accepted += _update(spins, a1, b1, table)
            if left > 2:
                n_accepted += _update(spins, a2, b2, table)
            if left > 3:
                n_accepted += _update(spins, a3, b3, table)
        draw += _TWO
    return n_accepted


@cpu_kernel()
def _loop(
    first: Any, end: Any, spins: Any, inverse_temperature: Any, field: Any, n_sweeps: Any, k0: Any, k1: Any, draw: Any,
    n_accepted: Any,
) -> None:  # fmt: skip
    table = np.empty((2, N_SUMS), inverse_temperature.dtype)
    for i in range(first, end):
        _fill_table(table, inverse_temperature[i], field[i])
        n_accepted[i] = _run_chain(spins[i], i, n_sweeps, k0, k1, draw[0], table)


@cuda_kernel
def _kernel(
    spins: Any, inverse_temperature: Any, field: Any, n_sweeps: Any, k0: Any, k1: Any, draw: Any, n_accepted: Any
) -> None:
    table = cuda.local.array((2, N_SUMS), inverse_temperature.dtype)
    for i in range(cuda.grid(1), spins.shape[0], cuda.gridsize(1)):
        _fill_table(table, inverse_temperature[i], field[i])
        n_accepted[i] = _run_chain(spins[i], i, n_sweeps, k0, k1, draw[0], table)


def _metropolis_cpu(
    spins: Array, inverse_temperature: Array, field: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    out, n_accepted = spins.copy(), np.empty(spins.shape[0], dtype=np.int64)
    per_chain = 2 * math.prod(spins.shape[1:]) * n_sweeps
    _loop.share(len(spins), per_chain, out, inverse_temperature, field, n_sweeps, key[0], key[1], draw, n_accepted)
    return out, n_accepted


def _metropolis_cuda(
    spins: Array, inverse_temperature: Array, field: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    out, n_accepted = spins.copy(), namespace(spins).empty(spins.shape[0], dtype=np.int64)
    _kernel.launch(out.shape[0], out, inverse_temperature, field, n_sweeps, key[0], key[1], draw, n_accepted)
    return out, n_accepted


ising_metropolis = Operation(_metropolis_reference, _metropolis_cpu, _metropolis_cuda)
