"""What the bits of a training run depend on besides its seed: the library that multiplies matrices, and how it does so.

OpenBLAS chooses its routines by the type of the processor core, and splits sums among its threads.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from scratchgen.backend import Backend


def describe_environment(backend: Backend) -> str:
    """Return library, core type and thread count of the matrix products on `backend`.

    >>> from scratchgen import get_backend
    >>> describe_environment(get_backend("cpu"))  # doctest: +SKIP
    'openblas for Haswell, 2 threads'
    """
    if backend.xp is not np:
        return backend.name if backend.precision == "float32" else f"{backend.name}, {backend.precision} products"
    libraries = [library for library in _thread_pools().info() if library["user_api"] == "blas"]
    if not libraries:  # such as Apple's Accelerate, which does not tell
        return "an unknown library"
    own = min(libraries, key=lambda library: "numpy" not in library["filepath"])  # SciPy brings a second one
    return f"{own['internal_api']} for {own.get('architecture', 'any core')}, {own['num_threads']} threads"


@cache
def _thread_pools() -> Any:
    """Find the libraries once; their thread counts are asked anew each time."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
