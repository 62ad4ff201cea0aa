"""What a command says before it computes: which backend serves, and whether its kernels must be compiled first."""

from __future__ import annotations

from scratchgen.backend import Backend, resolve_backend, simulating_cuda
from scratchgen.kernels._cache import kernels_are_cached


def announce_backend(name: str) -> Backend:
    """Return the backend called `name`, and say what it is; ``auto`` is a working GPU if there is one.

    Raises
    ------
    BackendError
        The name is unknown, or the backend cannot work here.
    """
    backend = resolve_backend(name)
    remark = " (auto: no working GPU)" if name == "auto" and backend.name == "cpu" else _device_of(backend)
    print(f"backend: {backend.name}{remark}")
    if backend.name == "cpu" and not kernels_are_cached():
        print("compiling kernels (first run; cached afterwards)")
    return backend


def _device_of(backend: Backend) -> str:
    if backend.name != "cuda":
        return ""
    if simulating_cuda():
        return " (simulator)"
    runtime = backend.xp.cuda.runtime
    return f" ({runtime.getDeviceProperties(runtime.getDevice())['name'].decode()})"
