"""Draw the Bernoulli units of one layer given the other: one pass over the matrix product, the uniforms drawn inside.

    p_ij = sigmoid(inverse_temperature_i (product_ij + bias_j)),     state_ij = 1 if u_ij < p_ij else 0

===================  ==========  ==================================================================
symbol               shape       meaning
===================  ==========  ==================================================================
states               (n, units)  what is drawn, 0 or 1
product              (n, units)  v W for the hidden units, h W^T for the visible ones, a row a chain; then p
bias                 (units,)    c or b
inverse_temperature  (n,)        factor of the energy of each chain; 1 is the model itself
half                 ()          which draw after ``draw[0]``: 0 hidden, 1 visible, + 2 for each sweep before
===================  ==========  ==================================================================

The uniform of unit j of chain i is a float32, whatever the type of the arrays: word j % 4 of the Philox block whose
counter is (c0, c1) = (j // 4, i). Four units that share a block are called a quad. The three variants compute the same
sigmoid, so that equal products give equal states.

References
----------
G. E. Hinton: "Training products of experts by minimizing contrastive divergence", Neural Computation 14, 2002.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.elementary import sigmoid
from scratchgen.kernels.philox import Key
from scratchgen.kernels.philox_scalar import SHIFT_32, random_words, uniform32
from scratchgen.kernels.scalar import mul, scalar
from scratchgen.typing import Array


@scalar
def quad_words(chain: Any, quad: Any, draw: Any, k0: Any, k1: Any) -> Any:
    """Return the words of units 4 quad, ..., 4 quad + 3 of a chain."""
    return random_words((np.uint64(chain) << SHIFT_32) | np.uint64(quad), draw, k0, k1)


# ----------------------------------------------------------------------------------------------------- reference


def unit_words(n_chains: int, n_units: int, key: Key, draw: Any, like: Array) -> Array:
    """Return word j % 4 of block (c0, c1) = (j // 4, i) for unit j of chain i, (n_chains, n_units).

    It is an array of the library of `like`.
    """
    xp = namespace(like)
    chain, quad = xp.arange(n_chains, dtype=np.uint64), xp.arange(-(-n_units // 4), dtype=np.uint64)
    words = xp.stack(random_words((chain[:, None] << SHIFT_32) | quad, draw, *key), axis=-1)  # (n_chains, quads, 4)
    return words.reshape(n_chains, 4 * quad.size)[:, :n_units]


def _sample_reference(
    states: Array, product: Array, bias: Array, inverse_temperature: Array, key: Key, draw: Array, half: int
) -> None:
    """Write the states, and the probability over the product."""
    n, n_units = product.shape
    u = uniform32(unit_words(n, n_units, key, draw[0] + np.uint64(half), product))
    product[...] = sigmoid(inverse_temperature[:, None] * (product + bias))
    states[...] = u < product


# ----------------------------------------------------------------------------------------------------------- cpu


@cpu_kernel()
def _loop(
    first: Any, end: Any,
    states: Any, product: Any, bias: Any, inverse_temperature: Any, k0: Any, k1: Any, draw: Any, half: Any,
) -> None:  # fmt: skip
    # Two loops a row, because LLVM vectorises each better than one that does four units at a time: the uniforms stay
    # in the first-level cache, and 0.7 ns a unit become 0.85 otherwise (float32; in float64 1.3 become 1.75).
    one, zero = product.dtype.type(1), product.dtype.type(0)
    n_quads = (product.shape[1] + 3) // 4
    u = np.empty(4 * n_quads, dtype=np.float32)
    for i in range(first, end):
        for g in range(n_quads):
            w0, w1, w2, w3 = quad_words(i, g, draw[0] + half, k0, k1)
            u[4 * g], u[4 * g + 1] = uniform32(w0), uniform32(w1)
            u[4 * g + 2], u[4 * g + 3] = uniform32(w2), uniform32(w3)
        for j in range(product.shape[1]):
            p = sigmoid(mul(inverse_temperature[i], product[i, j] + bias[j]))
            product[i, j] = p
            states[i, j] = one if u[j] < p else zero


def _sample_cpu(
    states: Array, product: Array, bias: Array, inverse_temperature: Array, key: Key, draw: Array, half: int
) -> None:
    _loop.share(*product.shape, states, product, bias, inverse_temperature, key[0], key[1], draw, np.uint64(half))


# ---------------------------------------------------------------------------------------------------------- cuda


@scalar
def _sample_unit(states: Any, product: Any, i: Any, j: Any, bias: Any, inverse_temperature: Any, word: Any) -> None:
    p = sigmoid(mul(inverse_temperature[i], product[i, j] + bias[j]))
    product[i, j] = p
    states[i, j] = product.dtype.type(uniform32(word) < p)


@cuda_kernel
def _kernel(
    states: Any, product: Any, bias: Any, inverse_temperature: Any, k0: Any, k1: Any, draw: Any, half: Any
) -> None:
    n_units = product.shape[1]
    for i in range(cuda.blockIdx.x, product.shape[0], cuda.gridDim.x):  # a block takes a chain, a thread a quad
        for g in range(cuda.threadIdx.x, (n_units + 3) // 4, cuda.blockDim.x):
            w0, w1, w2, w3 = quad_words(i, g, draw[0] + half, k0, k1)
            _sample_unit(states, product, i, 4 * g, bias, inverse_temperature, w0)
            if 4 * g + 1 < n_units:
                _sample_unit(states, product, i, 4 * g + 1, bias, inverse_temperature, w1)
            if 4 * g + 2 < n_units:
                _sample_unit(states, product, i, 4 * g + 2, bias, inverse_temperature, w2)
            if 4 * g + 3 < n_units:
                _sample_unit(states, product, i, 4 * g + 3, bias, inverse_temperature, w3)


def _sample_cuda(
    states: Array, product: Array, bias: Array, inverse_temperature: Array, key: Key, draw: Array, half: int
) -> None:
    _kernel.launch_blocks(
        product.shape[0], states, product, bias, inverse_temperature, key[0], key[1], draw, np.uint64(half)
    )


sample_bernoulli_units_ = Operation(_sample_reference, _sample_cpu, _sample_cuda)
