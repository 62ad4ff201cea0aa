"""The cores share the work of a kernel: each takes a part, at the same time.

The parts run in the threads of the linear algebra library, where that takes them: between two products these wait awake
and keep their cores, so that other threads are in their way and they in that of others. Between two products, on two
cores, Adam's update of 0.65 million parameters took 0.14 ms by itself and takes 0.07 ms in these threads. On another
machine it took 0.32 ms by itself, 0.40 ms with a second thread of our own that is kept and 0.68 ms with one that is
started for it; and Numba's parallel loops, whose threads spin too, made a training step take 52 ms instead of 3.

Elsewhere a large work is shared with threads that are started for it, which costs about 0.1 ms, and a smaller one is
not shared.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from threading import Thread
from typing import TYPE_CHECKING, Any

from scratchgen.kernels import _blas_threads

if TYPE_CHECKING:
    from scratchgen.kernels._jit import CpuKernel

SMALLEST_PART = 2**19  # elements that pay for a thread of their own: half a millisecond


def launcher(kernel: CpuKernel) -> Callable[..., None]:
    """Return ``launch(n, per_item, *args)``, which shares the work of the kernel as `CpuKernel.share` says."""
    if _blas_threads.can_share():
        inner = kernel.compiler(no_cpython_wrapper=True, no_cfunc_wrapper=True)  # nobody calls it from outside
        launch: Callable[..., None] = _blas_threads.launcher(inner)
        return launch
    dispatcher = kernel.dispatcher

    def launch_in_new_threads(n: int, per_item: int, *args: Any) -> None:
        share(lambda first, end: dispatcher(first, end, *args), n, -(-SMALLEST_PART // max(per_item, 1)))

    return launch_in_new_threads


def n_threads() -> int:
    """Return how many threads may work at a time: the cores of this process, or NUMBA_NUM_THREADS where that is set."""
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


def share(work: Callable[[int, int], None], n: int, smallest: int) -> None:
    """Call ``work(first, end)`` for parts that make up 0, ..., n - 1, at the same time, each of at least `smallest`.

    An error of a part is raised when all have ended.
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
