"""A training step, and the same on a GPU as a CUDA graph: recorded once, then started anew with one call.

A graph holds its kernels, the addresses of their arrays and the numbers that the host gave them. What changes from step
to step is therefore seen by a replay in one of these ways:

=========================  ==============================================================================
the rows of a batch        are copied to an array that stays
random numbers             kernels read the draw of the stream on the device, and the graph moves it on
rates of the optimiser     lie in an array, which the host sets before each step without waiting
schedules of the loss      are held: a step at which they have another value than in the graph is made anew
the terms of the loss      are written to arrays that stay
=========================  ==============================================================================

A batch with another number of rows than asked for, as the last of an epoch may be, is a step without a graph; so is
one at which a schedule moves on. The logger ``scratchgen.training`` says at level INFO after each epoch how many steps
were replayed and how many were not, and at level DEBUG when a graph is captured.

Capturing is off unless the environment variable ``SCRATCHGEN_CUDA_GRAPHS`` is 1. Where it is asked for and cannot be
done (`Model.captured_values`), a `BackendWarning` at the beginning of training says why.

References
----------
NVIDIA: "CUDA C++ programming guide", "CUDA graphs"; CuPy: `cupy.cuda.Stream.begin_capture`, `cupy.cuda.Graph.launch`.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from scratchgen.errors import BackendError, BackendWarning
from scratchgen.kernels import cublas
from scratchgen.typing import Array

if TYPE_CHECKING:
    from scratchgen.models.model import Model

Record = Callable[[Any, int], None]
Step = Callable[[Any, Record], None]
_log = logging.getLogger("scratchgen.training")


def training_step(model: Model, batch_size: int) -> Step:
    """Return the function (batch, record) that takes one step and hands the terms of the loss to `record`.

    `record` is called with the terms and the number of examples, and copies what it keeps. An error that it raises
    comes before the parameters change, but for a step that is replayed: on a GPU nobody looks at the terms of each.

    Warns
    -----
    BackendWarning
        CUDA graphs are asked for, and this model or this installation cannot have them.
    """
    if os.environ.get("SCRATCHGEN_CUDA_GRAPHS", "0") != "1" or model.backend.xp.__name__ != "cupy":
        return PlainStep(model)
    try:
        if cublas.library() is None:
            raise BackendError("cuBLAS could not be loaded")
        model.captured_values()
    except BackendError as error:
        warnings.warn(f"training goes on without CUDA graphs: {error}", BackendWarning, stacklevel=3)
        return PlainStep(model)
    return CapturedStep(model, batch_size)


class PlainStep:
    """A step, operation by operation.

    Attributes
    ----------
    gradient, grads
        What the optimiser follows: the flat buffer and its named views.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.gradient, self.grads = model.empty_grads()

    def __call__(self, batch: Any, record: Record) -> None:
        """Take a step."""
        record(self.evaluate_(batch), len(batch))
        self.model.optimizer.begin_step_(self.model.optimizer_state)
        self.follow_gradient_()
        self.model.step += 1

    def evaluate_(self, batch: Any) -> Any:
        """Draw the noise, fill the gradient, and return the terms."""
        stream = self.model.streams["training_noise"]
        return self.model.training_terms_(self.model.draw_data(batch, stream), stream, self.grads)

    def follow_gradient_(self) -> None:
        """Change the parameters, with the rates that are set."""
        model = self.model
        model.optimizer.move_(model.theta, self.gradient, model.optimizer_state, model.backend)


class CapturedStep:
    """A step that is captured as soon as two in a row could share a graph, and replayed from then on.

    Attributes
    ----------
    n_replayed, n_made : int
        Steps taken by a replay, and those made operation by operation.
    """

    def __init__(self, model: Model, batch_size: int) -> None:
        self.model = model
        self.batch_size = batch_size
        self.plain = PlainStep(model)
        self.n_replayed = self.n_made = 0
        self._logged = 0, 0
        self._before: Any = None
        self._captured: _Graph | None = None
        self._gave_up = False

    def __call__(self, batch: Any, record: Record) -> None:
        """Take a step."""
        present = self._what_a_graph_would_hold(batch)
        if present is not None and self._captured is not None and self._captured.holds == present:
            self._replay(self._captured, batch, record)
            return
        self.n_made += 1
        before, self._before = self._before, present
        if present is None or present != before:
            self.plain(batch, record)
        else:
            self._capture(batch, record, present)

    def _what_a_graph_would_hold(self, batch: Any) -> Any:
        """Return what must be the same at every replay, or None if there can be none."""
        model = self.model
        if self._gave_up or len(batch) != self.batch_size:
            return None
        arrays = {"theta": model.theta} | model.optimizer_state.arrays | model.own_state().arrays
        addresses = [array.data.ptr for array in (*arrays.values(), model.optimizer_state.rates)]
        # the stream itself, not its address: as long as it is compared, no other can take its place
        return (
            batch.shape,
            batch.dtype,
            model.optimizer,
            model.streams["training_noise"],
            addresses,
            model.captured_values(),
        )

    def log_epoch(self, epoch: int) -> None:
        """Say how many steps since the last call were replayed and how many were made."""
        replayed, made = self.n_replayed - self._logged[0], self.n_made - self._logged[1]
        self._logged = self.n_replayed, self.n_made
        _log.info("epoch %d: %d steps replayed from a CUDA graph, %d made without one", epoch, replayed, made)

    def _replay(self, captured: _Graph, batch: Any, record: Record) -> None:
        self.n_replayed += 1
        captured.x[...] = batch
        self.model.optimizer.begin_step_(self.model.optimizer_state)
        captured.graph.launch()
        self.model.step += 1
        record(captured.terms, len(batch))

    def _capture(self, batch: Any, record: Record, present: Any) -> None:
        """Take a step on a stream of its own, in memory of its own, then record it once more without taking it."""
        import cupy

        pool, stream = cupy.cuda.MemoryPool(), _capture_stream(cupy.cuda.get_device_id(), threading.get_ident())
        cupy.cuda.get_current_stream().synchronize()  # the two streams know nothing of each other
        self._captured = None  # frees the memory of an earlier graph, which runs no more
        with stream, cupy.cuda.using_allocator(pool.malloc):
            x = cupy.array(batch)
            self.plain(x, record)  # after it kernels are compiled, the handle of cuBLAS is made, memory is in the pool
            stream.synchronize()
            if self._what_a_graph_would_hold(batch) != present:
                return  # a schedule has moved on with the step just taken: the graph would hold its next value
            try:
                stream.begin_capture()
                terms = self.plain.evaluate_(x)
                self.plain.follow_gradient_()
                graph = stream.end_capture()
            except Exception as error:  # of CuPy, of Numba or of a library below: something cannot be captured
                self._give_up(stream, error)
                return
            handle = cublas.current_handle()
        self._captured = _Graph(graph, x, terms, present, pool, handle)
        _log.debug("step %d was captured into a CUDA graph", self.model.step - 1)

    def _give_up(self, stream: Any, error: Exception) -> None:
        with suppress(Exception):  # the capture is invalid, which ending it says again
            stream.end_capture()
        self._gave_up = True
        warnings.warn(
            f"this training step cannot be captured into a CUDA graph ({type(error).__name__}: {error}): training goes "
            "on without one",
            BackendWarning,
            stacklevel=4,
        )


@functools.cache
def _capture_stream(device: int, thread: int) -> Any:
    """Return the stream that captures on this device for this thread: what another thread does must not get recorded.

    One for good: a handle of cuBLAS belongs to it.
    """
    import cupy

    return cupy.cuda.Stream(non_blocking=True)


class _Graph:
    """A captured step: the graph, its input and its terms, what it holds, and the memory of what lies between.

    The memory pool must live as long, for the graph writes to arrays that Python has long since freed; so must the
    handle, in whose workspace its products are made.
    """

    def __init__(self, graph: Any, x: Array, terms: Any, holds: Any, pool: Any, handle: cublas.Handle) -> None:
        self.graph, self.x, self.terms, self.holds, self.pool, self.handle = graph, x, terms, holds, pool, handle
