"""The hidden units' part of the free energy and their probabilities, in one pass over the matrix product.

    a_ij = product_ij + bias_j,     total_i = sum_j softplus(a_ij),     p_ij = sigmoid(a_ij)

=======  ===========  ===============================================================
symbol   shape        meaning
=======  ===========  ===============================================================
product  (n, hidden)  v W, or (v / s^2) W for Gaussian visible units
bias     (hidden,)    c
total    (n,)         the log of the sum over the hidden states, with its sign: -F without E_v
p        (n, hidden)  p(h_j = 1 | v_i)
=======  ===========  ===============================================================

References
----------
P. Smolensky: "Information processing in dynamical systems: foundations of harmony theory", 1986.
"""

from __future__ import annotations

from typing import Any

from scratchgen.backend import namespace
from scratchgen.kernels import Operation, array_math
from scratchgen.kernels._cuda import block_sum, cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.elementary import sigmoid, softplus
from scratchgen.typing import Array


def _hidden_free_energy_reference(product: Array, bias: Array) -> tuple[Array, Array]:
    """Return (total, p); p is written over the product."""
    a = product + bias
    product[...] = array_math.sigmoid(a)
    return namespace(product, bias).sum(array_math.softplus(a), axis=1), product


@cpu_kernel(sums=True)
def _loop(product: Any, bias: Any, total: Any) -> None:
    for i in range(product.shape[0]):
        row = total.dtype.type(0)
        for j in range(product.shape[1]):
            a = product[i, j] + bias[j]
            row += softplus(a)
            product[i, j] = sigmoid(a)
        total[i] = row


def _hidden_free_energy_cpu(product: Array, bias: Array) -> tuple[Array, Array]:
    total = namespace(product, bias).empty(product.shape[0], dtype=product.dtype)
    _loop(product, bias, total)
    return total, product


@cuda_kernel
def _kernel(product: Any, bias: Any, total: Any) -> None:
    for i in range(cuda.blockIdx.x, product.shape[0], cuda.gridDim.x):  # a block takes a row
        partial = 0.0
        for j in range(cuda.threadIdx.x, product.shape[1], cuda.blockDim.x):
            a = product[i, j] + bias[j]
            partial += softplus(a)
            product[i, j] = sigmoid(a)
        row = block_sum(partial)
        if cuda.threadIdx.x == 0:
            total[i] = row


def _hidden_free_energy_cuda(product: Array, bias: Array) -> tuple[Array, Array]:
    total = namespace(product, bias).empty(product.shape[0], dtype=product.dtype)
    _kernel.launch_blocks(product.shape[0], product, bias, total)
    return total, product


hidden_free_energy_ = Operation(_hidden_free_energy_reference, _hidden_free_energy_cpu, _hidden_free_energy_cuda)
