"""Time contenders that do the same work: each in a process of its own, all in turns, A B C A B C ...

A turn is a warm-up of untimed calls, then the timed ones; its result is the median of those, in seconds a unit of work.
A round is one turn of each contender. Whatever slows the machine for a while thus slows all of them, and a ratio of two
contenders is taken within each round before the median over the rounds.

Each contender has its own process because thread pools disturb one another: the threads of OpenBLAS and of OpenMP spin
for a while after their last piece of work, in the way of whoever comes next. A contender that waits for its turn is
asleep, and `REST_SECONDS` lie between two turns.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

from scratchgen.errors import BackendError

REST_SECONDS = 0.05  # OpenBLAS's threads spin for 2^26 cycles, some 25 ms
WARM_UP_CALLS = 5  # at the start of a turn: the caches hold another contender's data
WARM_UP_SECONDS = 0.05  # at least: threads that wake may share one core for a tick of the scheduler, 4 ms
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_LIBRARIES = ("scratchgen", "numpy", "numba", "sklearn", "torch", "rbms", "torchebm", "cupy", "numba_cuda")


def _nothing() -> None:
    """Return at once: a CPU has done its work when a call returns."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes
    ----------
    name : str
    make : callable
        Called once, in the contender's own process: a function of a module, or a `functools.partial` of one, which
        imports and prepares what it needs, checks that the work is the same as everybody's, and returns the function
        that is timed. Where it raises ModuleNotFoundError or BackendError, the contender is absent: the table says why.
    synchronise : callable
        Called after each timed call; returns when a device has finished.
    units : float
        How many units of work one call does: elements, or steps.
    warm_up : int
        Untimed calls at the start of a turn, at least; 0 where a call is so long that its start does not matter.
    at_most : float, optional
        Seconds a unit that it should take at most.
    """

    name: str
    make: Callable[[], Callable[[], Any]]
    synchronise: Callable[[], Any] = _nothing
    units: float = 1
    warm_up: int = WARM_UP_CALLS
    at_most: float | None = None


@dataclass(frozen=True)
class Spread:
    """A median with its quartiles."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least two values."""
        lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, lower, upper)


@dataclass(frozen=True)
class Timing:
    """What was measured of one contender.

    Attributes
    ----------
    name : str
    seconds : list of float
        One number a round: the median of its calls, in seconds a unit.
    libraries : dict
        Versions of what the contender had loaded.
    thread_pools : list of dict
        Its thread pools with their numbers of threads, as they were found, not as they were asked for.
    absent : str, optional
        Why there are no numbers.
    failed : bool
        It is absent by an error that nobody foresaw.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    libraries: dict[str, str] = field(default_factory=dict)
    thread_pools: list[dict[str, Any]] = field(default_factory=list)
    absent: str | None = None
    failed: bool = False


def measure(contenders: Sequence[Contender], rounds: int, calls: int, threads: int) -> list[Timing]:
    """Return the timings of `contenders` over `rounds` rounds of `calls` timed calls, with `threads` threads each.

    One that fails while it is prepared is absent, and its error is printed: those who do not share it are measured.
    """
    timings, turns = [], {}
    with _threads_of_children(threads), ExitStack() as processes:
        for contender in contenders:
            print(f"preparing {contender.name}", file=sys.stderr)
            executor = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
            process = processes.enter_context(executor)
            try:
                libraries, thread_pools = process.submit(_prepare, contender, calls).result()
            except (ModuleNotFoundError, BackendError) as error:
                timings.append(Timing(contender.name, absent=str(error)))
                continue
            except Exception as error:  # a peer's, on a machine or in a version that nobody has tried
                traceback.print_exception(error)
                timings.append(Timing(contender.name, absent=f"failed: {type(error).__name__}", failed=True))
                continue
            turns[contender.name] = _turn_of(process)
            timings.append(Timing(contender.name, [], libraries, thread_pools))
        seconds = interleave(turns, rounds)
    for timing in timings:
        timing.seconds.extend(seconds.get(timing.name, []))
    return timings


def in_a_process(function: Callable[[], Any], threads: int) -> Any:
    """Return what `function` returns in a new process with so many threads."""
    with _threads_of_children(threads), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function).result()


@contextmanager
def _threads_of_children(threads: int) -> Iterator[None]:
    """Set the variables that libraries read when they are loaded, for processes that start within the context."""
    before = dict(os.environ)
    os.environ |= thread_variables(threads)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def thread_variables(threads: int) -> dict[str, str]:
    """Return what a process must find in its environment, so that its libraries use so many threads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


def interleave(turns: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Return what each turn gave in each round, with a rest before each."""
    from tqdm import trange

    results: dict[str, list[float]] = {name: [] for name in turns}
    for _ in trange(rounds, unit="round", leave=False, disable=None):
        for name, turn in turns.items():
            time.sleep(REST_SECONDS)
            results[name].append(turn())
    return results


def time_calls(
    call: Callable[[], Any],
    synchronise: Callable[[], Any],
    calls: int,
    clock: Callable[[], float] = time.perf_counter,
    warm_up: int = WARM_UP_CALLS,
) -> list[float]:
    """Return the seconds that each of `calls` calls took, after a warm-up of at least so many that are not timed."""
    n_untimed, ready = 0, clock() + WARM_UP_SECONDS
    while n_untimed < warm_up or (warm_up and clock() < ready):
        call()
        n_untimed += 1
    synchronise()
    seconds = []
    for _ in range(calls):
        started = clock()
        call()
        synchronise()
        seconds.append(clock() - started)
    return seconds


def ratios(numerator: Timing, denominator: Timing) -> list[float]:
    """Return the ratio of two contenders in each round; none where one of them is absent."""
    if numerator.absent or denominator.absent:
        return []
    return [a / b for a, b in zip(numerator.seconds, denominator.seconds, strict=True)]


# ------------------------------------------------------------------------------------------ in a contender's process

_turn: Callable[[], float]


def _turn_of(process: ProcessPoolExecutor) -> Callable[[], float]:
    return lambda: process.submit(_take_turn).result()


def _prepare(contender: Contender, calls: int) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Make the contender's function, run one turn of it that is not counted, and say what is loaded."""
    global _turn
    from threadpoolctl import threadpool_info

    call = contender.make()
    _turn = partial(_median_call, call, contender, calls)
    _turn()
    pools = [
        {key: pool[key] for key in ("internal_api", "version", "architecture", "num_threads") if pool.get(key)}
        for pool in threadpool_info()
    ]
    return _loaded_libraries(), pools


def _loaded_libraries() -> dict[str, str]:
    """Return the versions of what this process has loaded, those of CUDA included that came with it."""
    loaded = {name: sys.modules[name] for name in _LIBRARIES if name in sys.modules}
    versions = {name: getattr(module, "__version__", None) or version(name) for name, module in loaded.items()}
    if "torch" in loaded and loaded["torch"].version.cuda:
        versions["CUDA of torch"] = loaded["torch"].version.cuda
    if "cupy" in loaded:
        versions["CUDA of cupy"] = str(loaded["cupy"].cuda.runtime.runtimeGetVersion())
    return versions


def _median_call(call: Callable[[], Any], contender: Contender, calls: int) -> float:
    seconds = time_calls(call, contender.synchronise, calls, warm_up=contender.warm_up)
    return statistics.median(seconds) / contender.units


def _take_turn() -> float:
    return _turn()
