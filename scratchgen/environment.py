"""What the bits of a training run depend on besides its seed: the library that multiplies matrices, and how it does so.

OpenBLAS chooses its routines by the type of the processor core, and splits sums among its threads.
"""

from __future__ import annotations

import numpy as np

from scratchgen.backend import Backend
from scratchgen.kernels._blas_threads import blas_library


def describe_environment(backend: Backend) -> str:
    """Return library, core type and thread count of the matrix products on `backend`.

    >>> from scratchgen import get_backend
    >>> describe_environment(get_backend("cpu"))  # doctest: +SKIP
    'openblas for Haswell, 2 threads'
    """
    if backend.xp is not np:
        return backend.name if backend.precision == "float32" else f"{backend.name}, {backend.precision} products"
    library = blas_library()
    if library is None:  # such as Apple's Accelerate, which does not tell
        return "an unknown library"
    found = library.info()  # the number of threads is asked anew each time
    return f"{found['internal_api']} for {found.get('architecture', 'any core')}, {found['num_threads']} threads"
