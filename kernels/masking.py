"""Set so many elements of each row to zero: those with the lowest keys.

    y_ij = 0 where fewer than n_masked keys of row i are lower than key_ij,     y_ij = x_ij elsewhere

======  =======  =========================================
symbol  shape    meaning
======  =======  =========================================
x       (n, D)   any numbers
keys    (n, D)   float64; equal ones of a row share a fate
======  =======  =========================================

On a GPU the keys of a row are compared each with each, O(n D^2) without memory: CuPy's partition sorts, and the host
waits for it.
"""

from __future__ import annotations

from typing import Any

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.typing import Array


def _mask_lowest_reference(x: Array, keys: Array, n_masked: int) -> Array:
    """Return y; `n_masked` is from 1 to D."""
    xp = namespace(x, keys)
    highest_masked = xp.partition(keys, n_masked - 1, axis=1)[:, n_masked - 1 : n_masked]
    return xp.where(keys > highest_masked, x, xp.zeros_like(x))


@cuda_kernel
def _kernel(x: Any, keys: Any, n_masked: Any, y: Any) -> None:
    n_columns = x.shape[1]
    for i in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):  # a block takes a row
        for j in range(cuda.threadIdx.x, n_columns, cuda.blockDim.x):
            n_lower = 0
            for other in range(n_columns):
                n_lower += keys[i, other] < keys[i, j]
            y[i, j] = 0 if n_lower < n_masked else x[i, j]


def _mask_lowest_cuda(x: Array, keys: Array, n_masked: int) -> Array:
    y = namespace(x, keys).empty_like(x)
    _kernel.launch_blocks(x.shape[0], x, keys, n_masked, y)
    return y


mask_lowest = Operation(_mask_lowest_reference, _mask_lowest_reference, _mask_lowest_cuda)
