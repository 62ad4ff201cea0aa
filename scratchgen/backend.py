"""Backends: which array library holds the data and which kernel variant works on it.

========  =======  ==============================================  ==========================
name      arrays   kernels                                         for
========  =======  ==============================================  ==========================
numpy     NumPy    the reference variants: array code, no compiler  reading, debugging, teaching
cpu       NumPy    Numba on the CPU                                 work on a CPU (default)
cuda      CuPy     Numba on CUDA                                    work on a GPU
========  =======  ==============================================  ==========================

There is no global "current backend". Pure mathematics infers its array library from its inputs with `namespace`;
what cannot be inferred (creation, random numbers, kernels, transfers) takes a `Backend`.
"""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np

from scratchgen.errors import BackendError
from scratchgen.typing import Array

KernelVariant = Literal["reference", "cpu", "cuda"]
Precision = Literal["float32", "tf32", "float16"]
BACKEND_NAMES = ("numpy", "cpu", "cuda")
PRECISIONS = ("float32", "tf32", "float16")

_INSTALL_CUDA = 'pip install "scratchgen[cuda13]" (or [cuda12] for a driver older than 580)'


@dataclass(frozen=True)
class Backend:
    """An array library and the kernel variant that goes with it.

    Attributes
    ----------
    name : {"numpy", "cpu", "cuda"}
    xp : module
        The array namespace: ``numpy`` or ``cupy``.
    variant : {"reference", "cpu", "cuda"}
        The variant of each kernel that serves this backend; a backend names it and does not hold it.
    precision : {"float32", "tf32", "float16"}
        What dense and convolutional layers round the factors of their products to; all else, such as the chains of a
        Boltzmann machine, is done in the type of the arrays. `scratchgen.kernels.matmul` states the errors.
    """

    name: str
    xp: Any = field(repr=False, compare=False)
    variant: KernelVariant = field(repr=False)
    precision: Precision = "float32"

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        """Return `x` as a C-contiguous array of this backend, copied to or from the device where that is needed."""
        if self.xp is np and not isinstance(x, np.ndarray):
            x = to_numpy(x)
        return self.xp.asarray(x, dtype=dtype, order="C")


@functools.cache
def simulating_cuda() -> bool:
    """Say whether Numba's CUDA simulator is switched on (Numba, too, reads the variable once)."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1"


def get_backend(name: str | Backend, precision: Precision = "float32") -> Backend:
    """Return the backend called `name`.

    Parameters
    ----------
    name : {"numpy", "cpu", "cuda"} or Backend
        A backend is returned as it is.
    precision : {"float32", "tf32", "float16"}
        Less than float32 lets the layers of a model on ``cuda`` use tensor cores, for float32 arrays:
        ``VAE(..., backend=get_backend("cuda", precision="tf32"))``. Parameters, gradients and sums stay in float32.

    Raises
    ------
    BackendError
        The name or the precision is unknown, or ``cuda`` cannot work here: the message says what is missing and how to
        install it. There is no silent fall-back.
    """
    if precision not in PRECISIONS:
        raise BackendError(f"unknown precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
    if precision != "float32" and name != "cuda":
        raise BackendError(f"precision={precision!r} is for get_backend('cuda', ...), got {name!r}")
    if isinstance(name, Backend):
        return name
    if name not in BACKEND_NAMES:
        raise BackendError(f"unknown backend {name!r}: choose one of {', '.join(BACKEND_NAMES)}")
    return _named_backend(name, precision)


@cache
def _named_backend(name: str, precision: Precision) -> Backend:
    if name == "numpy":
        return Backend("numpy", np, "reference")
    if name == "cpu":
        return Backend("cpu", np, "cpu")
    return Backend("cuda", _cuda_namespace(), "cuda", precision)


def _cuda_namespace() -> Any:
    """Import CuPy and find a device; under the simulator NumPy stands in CuPy's place."""
    if simulating_cuda():
        return np
    try:
        import cupy
    except ImportError as error:
        raise BackendError(f"backend 'cuda' needs CuPy, which is not installed: {_INSTALL_CUDA}") from error
    try:
        n_devices = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy raises a different class for each way in which the driver can be missing
        raise BackendError(f"backend 'cuda' finds no working NVIDIA driver: {error}") from error
    if n_devices == 0:
        raise BackendError("backend 'cuda' finds no NVIDIA GPU on this machine: use backend='cpu'")
    try:
        import numba_cuda  # noqa: F401  (the package that provides numba.cuda)
    except ImportError as error:
        raise BackendError(f"backend 'cuda' needs numba-cuda, which is not installed: {_INSTALL_CUDA}") from error
    return cupy


def resolve_backend(name: str) -> Backend:
    """Return the backend called `name`, where ``auto`` is a working GPU if there is one and else the CPU.

    Raises
    ------
    BackendError
        As for `get_backend`.
    """
    if name not in ("auto", *BACKEND_NAMES):
        raise BackendError(f"unknown backend {name!r}: choose one of auto, {', '.join(BACKEND_NAMES)}")
    if name != "auto":
        return get_backend(name)
    try:
        return get_backend("cuda") if not simulating_cuda() else get_backend("cpu")
    except BackendError:
        return get_backend("cpu")


def namespace(*arrays: Array) -> Any:
    """Return the array library of `arrays` (NumPy, CuPy or any array-API library).

    Python's numbers and None belong to any library; NumPy's where there is nothing else.

    Raises
    ------
    BackendError
        The arrays belong to different libraries: nothing is moved implicitly.
    """
    if set(map(type, arrays)) == {np.ndarray}:  # eight times a training step: a quarter of the time of the general way
        return np
    found = {_namespace_of(x) for x in arrays if x is not None and not isinstance(x, float | int)}
    if len(found) > 1:
        names = ", ".join(sorted(xp.__name__ for xp in found))
        raise BackendError(f"arrays of different libraries were mixed ({names}): move one with backend.asarray(x)")
    return found.pop() if found else np


def _namespace_of(x: Array) -> Any:
    if isinstance(x, np.ndarray | np.generic):
        return np
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(x, cupy.ndarray):
        return cupy
    if hasattr(x, "__array_namespace__"):
        return x.__array_namespace__()
    raise BackendError(f"expected an array, got {type(x).__name__}")


def to_numpy(x: Any) -> np.ndarray:
    """Return `x` as a NumPy array, copied from the device where that is needed."""
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(x, cupy.ndarray):
        return cupy.asnumpy(x)
    return np.asarray(x)


class DeviceCopies:
    """Copies of host batches to the GPU, made on a CUDA stream of their own while the current stream computes.

    Batch i uses slot i modulo `n_slots`: a pinned buffer on the host, without which a copy is not asynchronous, and a
    buffer on the device. `send` may run in another thread; batch i + n_slots is sent after batch i was released. No
    batch is larger than the first.
    """

    def __init__(self, n_slots: int) -> None:
        import cupy

        self._device = cupy.cuda.Device()  # in a new thread it would be device 0
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._slots: list[_Slot | None] = [None] * n_slots
        self._n_sent = 0

    def send(self, x: np.ndarray) -> tuple[_Slot, int]:
        """Start the copy of `x`, which may change once this has returned; return its slot and number of rows."""
        index, n = self._n_sent % len(self._slots), len(x)
        self._n_sent += 1
        with self._device, self._stream:
            slot = self._slots[index] = self._slots[index] or _Slot.like(x)
            slot.copied.synchronize()  # the host waits: this buffer's last copy must have left it
            slot.host[:n] = x
            self._stream.wait_event(slot.used)  # the copy waits: kernels may still read this buffer's last batch
            slot.device[:n].set(slot.host[:n], stream=self._stream)
            slot.copied.record(self._stream)
        return slot, n

    def receive(self, sent: tuple[_Slot, int]) -> Array:
        """Return the batch on the device; what the current stream does from now on waits for its copy."""
        slot, n = sent
        self._compute_stream().wait_event(slot.copied)
        return slot.device[:n]

    def release(self, sent: tuple[_Slot, int]) -> None:
        """Let the slot be used again, when the current stream has done what it was asked for so far."""
        sent[0].used.record(self._compute_stream())

    def close(self) -> None:
        """Wait for the copies and kernels under way: their buffers are about to be given back.

        The device as a whole is not waited for: that would break the capture of another thread's step.
        """
        for stream in (self._stream, self._compute_stream()):
            stream.synchronize()

    @staticmethod
    def _compute_stream() -> Any:
        import cupy

        return cupy.cuda.get_current_stream()


@dataclass(frozen=True)
class _Slot:
    host: np.ndarray
    device: Array
    copied: Any  # event after the last copy
    used: Any  # event after the kernels that read it

    @classmethod
    def like(cls, x: np.ndarray) -> _Slot:
        import cupy
        import cupyx

        events = (cupy.cuda.Event(disable_timing=True) for _ in range(2))
        return cls(cupyx.empty_pinned(x.shape, x.dtype), cupy.empty(x.shape, x.dtype), *events)
