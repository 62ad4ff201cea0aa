"""Batches that are read, checked and copied by a background thread while the model computes."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

import numpy as np

from scratchgen.backend import Backend, DeviceCopies
from scratchgen.typing import Array

N_BATCHES = 4  # in memory at once, the one in use included

T = TypeVar("T")


def deliver(batches: Iterator[np.ndarray], backend: Backend) -> Generator[Array, None, None]:
    """Yield `batches`, made on the host in a background thread, on `backend`.

    At most `N_BATCHES` of them exist at a time, and on a GPU as many copies. There a batch is overwritten by a later
    one after the next has been asked for.
    """
    if backend.xp is np:
        yield from read_ahead(batches, N_BATCHES)
        return
    with contextlib.closing(DeviceCopies(N_BATCHES)) as copies:
        # The innermost ends first: nobody sends any more when the copies are closed.
        with contextlib.closing(read_ahead(map(copies.send, batches), N_BATCHES)) as sent:
            for copy in sent:
                yield copies.receive(copy)
                copies.release(copy)


def read_ahead(items: Iterator[T], n: int) -> Generator[T, None, None]:
    """Yield `items`, which a thread computes in advance, in their order; at most `n` of them exist at a time.

    An error in the thread is raised here, after the items that came before it. The thread ends with this generator:
    when that is exhausted, closed, or left by an error or Ctrl-C, within the time that one item takes.
    """
    free = threading.Semaphore(n)
    ready: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def compute() -> None:
        try:
            while True:
                free.acquire()  # before the item is computed, so that no more than n are in memory
                if stopped.is_set():
                    return
                ready.put((next(items),))
        except StopIteration:
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    thread = threading.Thread(target=compute, name="scratchgen-read-ahead", daemon=True)
    thread.start()
    try:
        while (found := ready.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
            del found
            free.release()
    finally:
        stopped.set()
        free.release()
        thread.join()
        found = None  # an error whose traceback holds this frame would keep what the thread held
