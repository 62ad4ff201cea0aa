"""The order of random keys: a random permutation, on a GPU without a library's sort, which makes the host wait.

The keys are independent and uniform over all 2^64 values. The first bits of each are its bucket, and there are at least
as many buckets as keys, so that one holds a single key on average. Then

    rank of i = keys in lower buckets + keys of its own bucket that come before it,     order[rank of i] = i

costs O(n); equal keys keep the order of their numbers. Threads enter a bucket in no certain order, but which keys are
in it, and how many, does not depend on that, and nothing else is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.typing import Array


def _order_reference(keys: Array) -> Array:
    """Return the numbers 0, ..., n - 1 in the order of the uint64 `keys`, as int64."""
    return namespace(keys).argsort(keys, kind="stable")


@cuda_kernel
def _enter_kernel(keys: Any, shift: Any, count: Any, last: Any, entered_before: Any) -> None:
    """Count the keys of each bucket, and chain them: the last one to enter, and before each the one before it."""
    for i in range(cuda.grid(1), keys.size, cuda.gridsize(1)):
        bucket = keys[i] >> shift
        cuda.atomic.add(count, bucket, 1)
        entered_before[i] = cuda.atomic.exch(last, bucket, i)


@cuda_kernel
def _rank_kernel(keys: Any, shift: Any, n_up_to: Any, count: Any, last: Any, entered_before: Any, order: Any) -> None:
    for i in range(cuda.grid(1), keys.size, cuda.gridsize(1)):
        bucket = keys[i] >> shift
        rank = n_up_to[bucket] - count[bucket]
        other = last[bucket]
        while other >= 0:
            if keys[other] < keys[i] or (keys[other] == keys[i] and other < i):
                rank += 1
            other = entered_before[other]
        order[rank] = i


def _order_cuda(keys: Array) -> Array:
    xp, n = namespace(keys), keys.size
    n_bits = max(1, (n - 1).bit_length())
    shift = np.uint64(64 - n_bits)
    count, last = xp.zeros(2**n_bits, dtype=np.int64), xp.full(2**n_bits, -1, dtype=np.int64)
    entered_before, order = (xp.empty(n, dtype=np.int64) for _ in range(2))
    _enter_kernel.launch(n, keys, shift, count, last, entered_before)
    _rank_kernel.launch(n, keys, shift, xp.cumsum(count), count, last, entered_before, order)
    return order


order_of_keys = Operation(_order_reference, _order_reference, _order_cuda)
