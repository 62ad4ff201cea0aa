"""The cores share the work of a kernel: every item is computed once, and is what one thread alone makes of it."""

from __future__ import annotations

import ctypes
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from scratchgen import Stream
from scratchgen.kernels import _blas_threads, _threads
from scratchgen.kernels._jit import CpuKernel, cpu_kernel
from scratchgen.kernels._threads import share

needs_blas_threads = pytest.mark.skipif(
    not _blas_threads.can_share(), reason="NumPy's linear algebra library takes no functions"
)


@cpu_kernel()
def note_part(first, end, firsts, ends):
    for i in range(first, end):
        firsts[i], ends[i] = first, end


@cpu_kernel()
def fail_from_50_on(first, end, x):
    for i in range(first, end):
        if i >= 50:
            raise ValueError("there is no such item")
        x[i] = 1


def parts(n, per_item):
    firsts, ends = np.full((2, n), -1)
    note_part.share(n, per_item, firsts, ends)
    return sorted(set(zip(firsts.tolist(), ends.tolist(), strict=True)))


# ------------------------------------------------------------------------------- in the threads of the matrix library


@needs_blas_threads
@given(n=st.integers(0, 200), per_item=st.sampled_from([0, 1, 41, 512, 4096, 10**6]), n_threads=st.integers(1, 5))
def test_parts_follow_each_other_and_are_not_too_small(n, per_item, n_threads):
    with threadpool_limits(n_threads):
        got = parts(n, per_item)
    assert [i for first, end in got for i in range(first, end)] == list(range(n))
    assert len(got) == max(min(n, 1), min(n, n_threads, n * per_item // _blas_threads.SMALLEST_PART))
    sizes = [end - first for first, end in got]
    assert not sizes or max(sizes) - min(sizes) <= 1


@needs_blas_threads
def test_parts_run_at_the_same_time():
    usleep = ctypes.CDLL(None).usleep
    usleep.argtypes, usleep.restype = [ctypes.c_uint], ctypes.c_int

    @cpu_kernel()
    def meet(first, end, here, met):
        here[first] = 1
        for _ in range(10_000):
            if here.sum() == here.size:
                break
            usleep(1000)
        met[first] = here.sum()

    here, met = np.zeros((2, 2), dtype=np.int64)
    with threadpool_limits(2), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(_blas_threads._cache, "enable", lambda *_: None)  # the address is one of this process
        meet.share(2, 10**6, here, met)
    assert met.tolist() == [2, 2]


@needs_blas_threads
@pytest.mark.parametrize("n_threads", [2, 3])
def test_a_part_that_fails_is_heard_of_when_the_others_have_ended(n_threads):
    x = np.zeros(100)
    with threadpool_limits(n_threads), pytest.raises(MemoryError, match="a kernel found no memory"):
        fail_from_50_on.share(100, 10**6, x)
    assert x[:50].all()


@needs_blas_threads
def test_several_threads_of_a_program_share_work_and_multiply_at_the_same_time():
    a = Stream(0).normal((150, 150))

    def work(seed):
        return [(a @ a, Stream(seed).normal(40_000)) for _ in range(100)]

    with threadpool_limits(2), ThreadPoolExecutor(4) as executor:
        product = a @ a
        for seed, results in enumerate(executor.map(work, range(4))):
            for got, drawn in results:
                np.testing.assert_array_equal(got, product)
                np.testing.assert_array_equal(drawn, Stream(seed).normal(40_000))


@needs_blas_threads
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_of_a_fork_shares_work_too():
    with threadpool_limits(2):
        here = Stream(0).normal(40_000)
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        child = context.Process(target=lambda: queue.put(Stream(0).normal(40_000)))
        child.start()
        there = queue.get()
        child.join(60)
    np.testing.assert_array_equal(there, here)
    assert child.exitcode == 0


def loaded(user_api, filepath):
    return SimpleNamespace(user_api=user_api, filepath=filepath)


OPENMP, OF_SCIPY, OF_NUMPY = (
    loaded("openmp", "libgomp.so"),
    loaded("blas", "scipy.libs/b"),
    loaded("blas", "numpy.libs/a"),
)


@pytest.mark.parametrize(
    ("libraries", "expected"),
    [([OPENMP, OF_SCIPY, OF_NUMPY], OF_NUMPY), ([OPENMP, OF_SCIPY], OF_SCIPY), ([OPENMP], None), ([], None)],
    ids=["NumPy's", "the only one", "no linear algebra", "none"],
)
def test_the_library_is_the_one_that_numpy_multiplies_with(monkeypatch, libraries, expected):
    monkeypatch.setattr("threadpoolctl.ThreadpoolController", lambda: SimpleNamespace(lib_controllers=libraries))
    assert _blas_threads.blas_library.__wrapped__() is expected


@pytest.mark.parametrize(
    "library",
    [
        None,
        SimpleNamespace(internal_api="mkl", threading_layer="intel"),
        SimpleNamespace(internal_api="openblas", threading_layer="openmp"),
        SimpleNamespace(internal_api="openblas", threading_layer="pthreads", dynlib=object()),
        SimpleNamespace(
            internal_api="openblas", threading_layer="pthreads", dynlib=SimpleNamespace(gotoblas_pthread=print)
        ),
    ],
    ids=["none that is known", "MKL", "OpenMP", "without the function", "without a count"],
)
def test_other_libraries_are_let_be(monkeypatch, library):
    monkeypatch.setattr(_blas_threads, "blas_library", lambda: library)
    assert not _blas_threads.can_share.__wrapped__()


# -------------------------------------------------------------------------------------------------- in threads of ours


@pytest.fixture
def own_threads(monkeypatch):
    """Share the work of all kernels among so many threads that are started for it, however small it is."""

    def start(n_threads):
        monkeypatch.setattr(_blas_threads, "can_share", lambda: False)
        monkeypatch.setattr(_threads, "n_threads", lambda: n_threads)
        monkeypatch.setattr(_threads, "SMALLEST_PART", 1)
        monkeypatch.setattr(CpuKernel, "_launcher", property(_threads.launcher))

    return start


@given(n=st.integers(0, 200), smallest=st.integers(1, 50), n_threads=st.integers(1, 5))
def test_parts_of_threads_follow_each_other_and_are_not_too_small(n, smallest, n_threads):
    parts = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(_threads, "n_threads", lambda: n_threads)
        share(lambda start, end: parts.append((start, end)), n, smallest)
    assert len(parts) == max(1, min(n_threads, n // smallest))
    assert [i for start, end in sorted(parts) for i in range(start, end)] == list(range(n))
    assert len(parts) == 1 or min(end - start for start, end in parts) >= smallest


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_thread_is_raised_after_the_others_have_ended(monkeypatch, failing):
    monkeypatch.setattr(_threads, "n_threads", lambda: 2)
    done = []

    def work(start, end):
        if start == 50 * failing:
            raise RuntimeError(f"part {failing}")
        done.append(start)

    with pytest.raises(RuntimeError, match=f"part {failing}"):
        share(work, 100, 10)
    assert done == [50 * (1 - failing)]
    assert not [thread for thread in threading.enumerate() if thread.name == "scratchgen-share"]


def test_as_many_threads_as_numba_was_given():
    import numba

    assert _threads.n_threads() == numba.config.NUMBA_NUM_THREADS >= 1


def test_without_threads_of_a_library_a_large_work_gets_threads_of_its_own(own_threads):
    own_threads(3)
    assert parts(100, 1) == [(0, 33), (33, 66), (66, 100)]


# ------------------------------------------------------------------------------------------------ of all the operations


@pytest.fixture
def whatever_its_size(monkeypatch):
    """Share every work; say how many were."""
    shared, as_it_is = [], CpuKernel.share

    def share_all(kernel, n, per_item, *args):
        shared.append(n)
        as_it_is(kernel, n, 10**6, *args)

    monkeypatch.setattr(CpuKernel, "share", share_all)
    return shared


def can_be_shared(case):
    if case.operation == "bias_activation_backward_":
        return case.variation == "pixels"  # the sums of few rows are those of one thread
    return case.operation not in {"mask_lowest", "order_of_keys"}  # which are NumPy's


@needs_blas_threads
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_results_are_the_same_with_any_number_of_threads(case, dtype, whatever_its_size):
    arguments = case.make(dtype, (37, 33))
    with threadpool_limits(1):
        expected, _ = case.run("cpu", arguments)
    for n_threads in (2, 3):
        with threadpool_limits(n_threads):
            got, _ = case.run("cpu", arguments)
        for name, value in expected.items():
            np.testing.assert_array_equal(got[name], value, strict=True)
    assert (max(whatever_its_size, default=0) > 1) == can_be_shared(case)


def test_results_are_the_same_in_threads_of_ours(case, own_threads, whatever_its_size):
    arguments = case.make(np.float32, (37, 33))
    expected, _ = case.run("cpu", arguments)
    own_threads(3)
    got, _ = case.run("cpu", arguments)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, strict=True)
