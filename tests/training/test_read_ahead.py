"""The background thread: order, bound, errors, and that it ends; and copies to a GPU on a stream of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from scratchgen.backend import get_backend
from scratchgen.training.read_ahead import N_BATCHES, deliver, read_ahead


def test_items_come_in_their_order_and_the_thread_ends(n_readers: Callable[[], int]) -> None:
    assert list(read_ahead(iter(range(100)), 3)) == list(range(100))
    assert list(read_ahead(iter([]), 1)) == []
    assert n_readers() == 0


def test_items_are_computed_in_another_thread_and_none_before_the_first_is_asked_for() -> None:
    computed_by = []
    items = read_ahead((computed_by.append(threading.current_thread().name) for _ in range(3)), 2)
    assert computed_by == []
    assert len(list(items)) == 3
    assert set(computed_by) == {"scratchgen-read-ahead"}


@pytest.mark.parametrize("n", [1, 2, 4])
def test_so_many_items_are_computed_ahead_and_no_more(n: int) -> None:
    reached, too_many, allowed = threading.Event(), threading.Event(), n

    def items() -> Iterator[int]:
        for i in range(20):
            if i + 1 == allowed:
                reached.set()
            if i + 1 > allowed:
                too_many.set()
            yield i

    for i, _ in enumerate(read_ahead(items(), n)):
        if allowed <= 20:
            assert reached.wait(60)  # it does read ahead
        assert not too_many.is_set()
        reached.clear()
        allowed = i + 1 + n


def test_an_error_comes_after_the_items_before_it_and_ends_the_thread(n_readers: Callable[[], int]) -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    ahead = read_ahead(items(), 4)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
    assert n_readers() == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_thread_ends_with_a_loop_that_is_left(error: type[BaseException], n_readers: Callable[[], int]) -> None:
    endless = read_ahead(iter(int, 1), 2)
    next(endless)
    assert n_readers() == 1
    with pytest.raises(error):
        endless.throw(error)
    assert n_readers() == 0


def test_a_closed_generator_ends_the_thread_and_gives_back_what_it_read(n_readers: Callable[[], int]) -> None:
    given_back = []

    def items() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            given_back.append(True)

    ahead = read_ahead(items(), 2)
    next(ahead)
    ahead.close()
    assert n_readers() == 0
    del ahead
    assert given_back == [True]


@pytest.mark.gpu
def test_batches_on_a_gpu_are_those_of_the_host_while_kernels_are_slow() -> None:
    import cupy

    rng = np.random.default_rng(0)
    batches = [rng.random((512, 784), dtype=np.float32) for _ in range(50)] + [rng.random((5, 784), dtype=np.float32)]
    slow = cupy.ones((4096, 4096), dtype=np.float32)
    copies, busy = [], []
    for batch in deliver(iter(batches), get_backend("cuda")):
        busy.append(slow @ slow)  # the host is far ahead of the device from here on
        copies.append(batch.copy())
        busy = busy[-1:]
    for copied, batch in zip(copies, batches, strict=True):
        np.testing.assert_array_equal(cupy.asnumpy(copied), batch)


def test_no_more_batches_than_stated_are_alive() -> None:
    alive, most = [], []

    class Batch:
        def __init__(self) -> None:
            alive.append(1)
            most.append(len(alive))

        def __del__(self) -> None:
            alive.pop()

    for batch in deliver((Batch() for _ in range(50)), get_backend("numpy")):  # type: ignore[misc]
        del batch
    assert max(most) <= N_BATCHES
    assert not alive
