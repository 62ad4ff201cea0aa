"""Copies to a GPU beside its computing, on streams that are made up and as early or late as CUDA lets them be."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scratchgen.backend import Backend
from scratchgen.training.read_ahead import N_BATCHES, deliver

_lock = threading.RLock()


class Work:
    """What a stream was asked to do: done at most once, after what it has to wait for."""

    def __init__(self, do: Callable[[], Any], after: list[Work]) -> None:
        self.do, self.after, self.done = do, after, False

    def finish(self) -> None:
        with _lock:
            if not self.done:
                self.done = True
                for work in self.after:
                    work.finish()
                self.do()


class FakeStream:
    """Does its work at once where it is eager; else when somebody waits for it."""

    def __init__(self, eager: bool) -> None:
        self.eager, self.last, self.waits = eager, Work(lambda: None, []), []

    def ask(self, do: Callable[[], Any]) -> None:
        with _lock:
            self.last = Work(do, [self.last, *self.waits])
            self.waits = []
            if self.eager:
                self.last.finish()

    def synchronize(self) -> None:
        self.last.finish()

    def wait_event(self, event: FakeEvent) -> None:
        self.waits.append(event.work)

    def __enter__(self) -> None:
        """Be the current stream: nothing here asks which that is."""

    def __exit__(self, *_: Any) -> None:
        """Cease to be it."""


class FakeEvent:
    def __init__(self, disable_timing: bool) -> None:
        self.work = Work(lambda: None, [])

    def record(self, stream: FakeStream) -> None:
        stream.ask(lambda: None)
        self.work = stream.last

    def synchronize(self) -> None:
        self.work.finish()


class DeviceArray:
    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __getitem__(self, rows: slice) -> DeviceArray:
        return DeviceArray(self.values[rows])

    def set(self, host: np.ndarray, stream: FakeStream) -> None:
        stream.ask(lambda: self.values.__setitem__(..., host))


class FakeDevice:
    """It cannot be waited for as a whole: that would break the capture of another thread."""

    def __enter__(self) -> None:
        """Be the current device."""

    def __exit__(self, *_: Any) -> None:
        """Cease to be it."""


def fake_backend(monkeypatch: pytest.MonkeyPatch, compute: FakeStream, copies: FakeStream) -> Backend:
    cuda = SimpleNamespace(
        Device=FakeDevice,
        Event=FakeEvent,
        Stream=lambda non_blocking: copies,
        get_current_stream=lambda: compute,
    )
    empty = lambda shape, dtype: DeviceArray(np.full(shape, np.nan, dtype))  # noqa: E731
    fake = SimpleNamespace(cuda=cuda, empty=empty)
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(empty_pinned=np.empty))
    return Backend("cuda", fake, "cuda")


@pytest.mark.parametrize("early", ["copies", "kernels", "neither"])
def test_a_batch_is_complete_when_kernels_read_it_and_stays_until_they_have(
    early: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = FakeStream(early == "kernels")
    backend = fake_backend(monkeypatch, compute, FakeStream(early == "copies"))
    batches = [np.full((8 if i < 4 * N_BATCHES else 3, 2), i, dtype=np.float32) for i in range(4 * N_BATCHES + 1)]
    read: list[np.ndarray] = []
    for batch in deliver(iter(batches), backend):
        compute.ask(lambda batch=batch: read.append(batch.values.copy()))
    assert compute.last.done  # the end of a pass has waited for it
    for found, expected in zip(read, batches, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_pass_that_is_left_waits_for_copies_and_kernels_before_their_buffers_are_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compute, copies = FakeStream(False), FakeStream(False)
    backend = fake_backend(monkeypatch, compute, copies)
    delivery = deliver(iter(np.zeros((3 * N_BATCHES, 8, 2), dtype=np.float32)), backend)
    next(delivery)
    compute.ask(lambda: None)
    delivery.close()
    assert compute.last.done
    assert copies.last.done
