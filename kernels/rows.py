"""Rows of a matrix by their numbers, in the order of the numbers: the batch of a training step.

They lie anywhere in memory, and to fetch them is to wait for it: on a CPU several cores wait at a time.

=======  ======  ==============================================
symbol   shape   meaning
=======  ======  ==============================================
x        (n, D)  all rows
numbers  (m,)    from 0 to n - 1, which is not checked
batch    (m, D)  batch[i] = x[numbers[i]]
=======  ======  ==============================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.typing import Array


def _take_rows_reference(x: Array, numbers: Array) -> Array:
    """Return the batch."""
    return namespace(x, numbers).take(x, numbers, axis=0)


@cpu_kernel()
def _loop(first: Any, end: Any, x: Any, numbers: Any, batch: Any) -> None:
    for i in range(first, end):
        number = numbers[i]
        for j in range(x.shape[1]):
            batch[i, j] = x[number, j]


def _take_rows_cpu(x: Array, numbers: Array) -> Array:
    batch = np.empty((len(numbers), x.shape[1]), dtype=x.dtype)
    _loop.share(*batch.shape, x, numbers, batch)
    return batch


take_rows = Operation(_take_rows_reference, _take_rows_cpu, _take_rows_reference)
