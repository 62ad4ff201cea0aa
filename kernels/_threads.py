"""The cores share a large array, or many chains: each takes a part, in a thread that lives as long as the call.

Numba's own parallel loops keep threads that spin when their work is done, in the way of those of the linear algebra
library: a training step took 52 ms with them instead of 3. A thread that is started for one call costs about 0.1 ms
and leaves nothing behind. Kernels release Python's lock while they run.

What stands between the products of a step is not shared: the threads of the linear algebra library wait awake for the
next product and keep their cores. Adam's update of 0.65 million parameters takes 0.32 ms there by itself, 0.40 ms with
a second thread that is kept and 0.68 ms with one that is started for it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from threading import Thread

SMALLEST_PART = 2**19  # random numbers: half a millisecond


def n_threads() -> int:
    """Return how many threads may work at a time: the cores of this process, or NUMBA_NUM_THREADS where that is set."""
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


def share(work: Callable[[int, int], None], n: int, smallest: int) -> None:
    """Call ``work(first, end)`` for parts that make up 0, ..., n - 1, at the same time, each of at least `smallest`.

    What a part computes must not depend on how many there are. An error of a part is raised when all have ended.
    """
    n_parts = min(n // smallest, n_threads()) if n >= 2 * smallest else 1
    if n_parts == 1:
        work(0, n)
        return
    errors = []

    def run(first: int, end: int) -> None:
        try:
            work(first, end)
        except BaseException as error:
            errors.append(error)

    own, *others = pairwise(n * i // n_parts for i in range(n_parts + 1))
    threads = [Thread(target=run, args=part, name="scratchgen-share") for part in others]
    for thread in threads:
        thread.start()
    run(*own)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def share_blocks(work: Callable[[int, int], None], size: int, per_block: int) -> None:
    """Call ``work(first, end)`` for parts of the blocks of Philox that make `size` random numbers."""
    share(work, -(-size // per_block), SMALLEST_PART // per_block)


def share_chains(work: Callable[[int, int], None], n: int, per_chain: int) -> None:
    """Call ``work(first, end)`` for parts of `n` chains, each of which draws so many random numbers."""
    share(work, n, -(-SMALLEST_PART // max(per_chain, 1)))
