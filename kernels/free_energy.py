"""The hidden units' part of the free energy and their probabilities, in one pass over the matrix product.

    a_ij = product_ij + bias_j,     total_i = sum_j softplus(a_ij),     p_ij = sigmoid(a_ij)

=======  ===========  ===============================================================
symbol   shape        meaning
=======  ===========  ===============================================================
total    (n,)         the log of the sum over the hidden states, with its sign: -F without E_v
product  (n, hidden)  v W, or (v / s^2) W for Gaussian visible units; then p
bias     (hidden,)    c
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


def _hidden_free_energy_reference(total: Array, product: Array, bias: Array) -> None:
    """Write the total, and p over the product."""
    a = product + bias
    product[...] = array_math.sigmoid(a)
    total[...] = namespace(product, bias).sum(array_math.softplus(a), axis=1)


@cpu_kernel(sums=True)
def _loop(first: Any, end: Any, total: Any, product: Any, bias: Any) -> None:
    for i in range(first, end):
        row = total.dtype.type(0)
        for j in range(product.shape[1]):
            a = product[i, j] + bias[j]
            row += softplus(a)
            product[i, j] = sigmoid(a)
        total[i] = row


def _hidden_free_energy_cpu(total: Array, product: Array, bias: Array) -> None:
    _loop.share(*product.shape, total, product, bias)


@cuda_kernel
def _kernel(total: Any, product: Any, bias: Any) -> None:
    for i in range(cuda.blockIdx.x, product.shape[0], cuda.gridDim.x):  # a block takes a row
        partial = 0.0
        for j in range(cuda.threadIdx.x, product.shape[1], cuda.blockDim.x):
            a = product[i, j] + bias[j]
            partial += softplus(a)
            product[i, j] = sigmoid(a)
        row = block_sum(partial)
        if cuda.threadIdx.x == 0:
            total[i] = row


def _hidden_free_energy_cuda(total: Array, product: Array, bias: Array) -> None:
    _kernel.launch_blocks(product.shape[0], total, product, bias)


hidden_free_energy_ = Operation(_hidden_free_energy_reference, _hidden_free_energy_cpu, _hidden_free_energy_cuda)
