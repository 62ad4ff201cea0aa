"""k sweeps of block Gibbs sampling in a restricted Boltzmann machine: h given v, then v given h, k times.

    p(h_j = 1 | v) = sigmoid(beta (c_j + (v W)_j)),     p(v_i = 1 | h) = sigmoid(beta (b_i + (W h)_i))

===================  =====================  ===============================================================
symbol               shape                  meaning
===================  =====================  ===============================================================
v                    (n, n_visible)         visible units of n independent chains, 0/1 (at the start any number)
W                    (n_visible, n_hidden)  couplings
b, c                 (n_visible,)           biases of the visible and, (n_hidden,), of the hidden units
inverse_temperature  (n,)                   beta of each chain
===================  =====================  ===============================================================

Half step ``half`` of sweep s (0 hidden, 1 visible) takes draw ``draw[0] + 2 s + half`` and the uniforms of
`sample_bernoulli_units_`: one call with k sweeps is k calls with one. Memory is linear in n.

There are three ways through the sweeps. *Products*: a matrix product for each half step, and one pass over it. *One
kernel*: weights and states stay in fast memory for all sweeps; no library is called. *Tiles*, on a GPU: one kernel in
which the states alone stay in fast memory, and each weight that is read serves several chains. `gibbs_path` chooses.

References
----------
P. Smolensky: "Information processing in dynamical systems: foundations of harmony theory", 1986.
"""

from __future__ import annotations

from typing import Literal

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels.gibbs_shared import SHARED_BYTES, shared_bytes, sweep_in_shared_memory
from scratchgen.kernels.gibbs_tables import sweep_with_tables, table_bytes
from scratchgen.kernels.gibbs_tiled import sweep_in_tiles, tiled_shared_bytes
from scratchgen.kernels.gibbs_units import sample_bernoulli_units_
from scratchgen.kernels.matmul import matmul
from scratchgen.kernels.philox import Key
from scratchgen.typing import Array

# Microseconds for one sweep of one chain: tables | products on one thread, float32, the best of 8 to 40 runs on a core
# with 1 MiB of second-level cache.
#                       64-32         144-100       256-128       784-100
#   size of the tables  64 KiB        450 KiB       1 MiB         2.4 MiB
#   1 chain, k = 100    0.18 | 3.5    0.62 | 4.6    1.5 | 5.8     3.3 | 9.4
#   64 chains, k = 1    0.26 | 0.24   0.78 | 0.82   1.9 | 1.5     4.1 | 3.5
#   100 chains, k = 10  0.14 | 0.18   0.50 | 0.71   1.1 | 1.4     2.6 | 3.3
# Tables win where they are used often enough to pay for being filled: beyond half the cache, one sweep of a batch does
# not pay.
_CACHE_BYTES = 512 * 1024
_READ_AGAIN_BYTES = 256 * 1024  # of weights that each block of a GPU reads in each half step, through its caches


def gibbs_path(
    n_visible: int, n_hidden: int, itemsize: int, variant: Literal["cpu", "cuda"]
) -> Literal["one kernel", "tiles", "products"]:
    """Say which way `gibbs_sweeps` goes: one kernel where what it keeps fits into fast memory.

    It does not depend on the numbers of chains and sweeps, so that these do not change a chain. The limits for a CPU
    are measured. Those for CUDA are not, until they can be on a GPU: beyond shared memory, tiles save the launches and
    the passes over products, which count most where products are small.
    """
    if variant == "cpu":
        return "one kernel" if table_bytes(n_visible, n_hidden, itemsize) <= _CACHE_BYTES else "products"
    if shared_bytes(n_visible, n_hidden, itemsize) <= SHARED_BYTES:
        return "one kernel"
    weights, states = n_visible * n_hidden * itemsize, tiled_shared_bytes(n_visible, n_hidden, itemsize)
    return "tiles" if weights <= _READ_AGAIN_BYTES and states <= SHARED_BYTES else "products"


def _sweeps_reference(
    v: Array, W: Array, b: Array, c: Array, inverse_temperature: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    """Return the visible units after `n_sweeps` (at least 1) and the hidden units that they were drawn from."""
    return _sweep_by_products("reference", v, W, b, c, inverse_temperature, n_sweeps, key, draw)


def _sweep_by_products(
    variant: Literal["reference", "cpu", "cuda"],
    v: Array, W: Array, b: Array, c: Array, inverse_temperature: Array, n_sweeps: int, key: Key, draw: Array,
) -> tuple[Array, Array]:  # fmt: skip
    sample_ = getattr(sample_bernoulli_units_, variant)
    xp = namespace(v, W, b, c)
    v_out, h = xp.empty_like(v), xp.empty((v.shape[0], W.shape[1]), dtype=v.dtype)
    product_v, product_h = xp.empty_like(v_out), xp.empty_like(h)
    for sweep in range(n_sweeps):
        matmul(v, W, out=product_h)
        sample_(h, product_h, c, inverse_temperature, key, draw, 2 * sweep)
        matmul(h, W.T, out=product_v)
        sample_(v_out, product_v, b, inverse_temperature, key, draw, 2 * sweep + 1)
        v = v_out
    return v_out, h


def _sweeps_cpu(
    v: Array, W: Array, b: Array, c: Array, inverse_temperature: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    if gibbs_path(W.shape[0], W.shape[1], W.dtype.itemsize, "cpu") == "one kernel":
        return sweep_with_tables(v, W, b, c, inverse_temperature, n_sweeps, key, draw)
    return _sweep_by_products("cpu", v, W, b, c, inverse_temperature, n_sweeps, key, draw)


def _sweeps_cuda(
    v: Array, W: Array, b: Array, c: Array, inverse_temperature: Array, n_sweeps: int, key: Key, draw: Array
) -> tuple[Array, Array]:
    path = gibbs_path(W.shape[0], W.shape[1], W.dtype.itemsize, "cuda")
    if path == "one kernel":
        return sweep_in_shared_memory(v, W, b, c, inverse_temperature, n_sweeps, key, draw)
    if path == "tiles":
        return sweep_in_tiles(v, W, b, c, inverse_temperature, n_sweeps, key, draw)
    return _sweep_by_products("cuda", v, W, b, c, inverse_temperature, n_sweeps, key, draw)


gibbs_sweeps = Operation(_sweeps_reference, _sweeps_cpu, _sweeps_cuda)
