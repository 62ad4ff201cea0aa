"""The only place that touches Numba's CPU compiler and its disk cache.

A kernel is declared with `cpu_kernel` and compiled at its first call, so that importing a kernel's module costs
nothing. Compiled code is cached on disk under a name that covers *all* sources of this package: Numba by itself looks
only at the file of the kernel, and would go on using a stale copy after an edit of ``scalar.py``.
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scratchgen.kernels import scalar

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "forceinline": True, "fastmath": False}
_registered: set[Callable[..., Any]] = set()


class CpuKernel:
    """A function that is compiled by Numba when it is first called.

    Attributes
    ----------
    function : callable
        The Python source of the kernel.
    """

    def __init__(self, function: Callable[..., Any], sums: bool) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._sums = sums

    @functools.cached_property
    def dispatcher(self) -> Any:
        """Return Numba's dispatcher, made on first use."""
        import numba

        register_scalar_functions()
        # "reassoc" lets LLVM vectorise a sum. It marks the instructions of this loop only: the scalar functions
        # that are inlined into it keep their strict arithmetic. Other fast-math flags would change results.
        fastmath = {"reassoc"} if self._sums else False
        dispatcher = numba.njit(self.function, error_model="numpy", nogil=True, fastmath=fastmath)
        _enable_cache(dispatcher)
        return dispatcher

    def __call__(self, *args: Any) -> Any:
        return self.dispatcher(*args)


def cpu_kernel(*, sums: bool = False) -> Callable[[Callable[..., Any]], CpuKernel]:
    """Declare a CPU kernel; `sums` says that it adds up many terms, whose order the compiler may then choose."""
    return lambda function: CpuKernel(function, sums)


def register_scalar_functions() -> None:
    """Make the functions of `scalar` known to Numba's CPU compiler (once each)."""
    from numba import types
    from numba.extending import intrinsic, overload, register_jitable

    overload = functools.partial(overload, jit_options=_OPTIONS)
    if not _registered:
        register_bit_casts(types, intrinsic, overload)
        overload(scalar.select)(lambda condition, a, b: lambda condition, a, b: a if condition else b)
        overload(scalar.as_uint32)(lambda w: lambda w: np.uint32(w))
        register_jitable(**_OPTIONS)(scalar.mul)
        register_jitable(**_OPTIONS)(scalar.sqrt)
        _registered.update(scalar.PRIMITIVES)
    register_new(_registered, types, overload, register_jitable(**_OPTIONS))


def register_bit_casts(types: Any, intrinsic: Any, overload: Any) -> None:
    """Implement `float_bits` and `bits_float` as LLVM bit casts for the target whose extension API is passed."""

    def bit_cast(targets: dict[Any, Any]) -> Any:
        @intrinsic
        def cast(typing_context: Any, x: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                return builder.bitcast(args[0], context.get_value_type(signature.return_type))

            return targets[x](x), codegen

        return cast

    float_to_int = bit_cast({types.float32: types.uint32, types.float64: types.uint64})
    int_to_float = bit_cast({types.uint32: types.float32, types.uint64: types.float64})
    overload(scalar.float_bits)(lambda x: lambda x: float_to_int(x))
    overload(scalar.bits_float)(lambda w: lambda w: int_to_float(w))


def register_new(registered: set[Callable[..., Any]], types: Any, overload: Any, register: Any) -> None:
    """Register the scalar functions that the target does not know yet."""
    for function in scalar.SCALAR_FUNCTIONS:
        if function not in registered:
            register(function)
            registered.add(function)
    for function, variants in scalar.BY_PRECISION.items():
        if function not in registered:
            _register_by_precision(function, variants, types, overload)
            registered.add(function)


def _register_by_precision(function: Any, variants: tuple[Any, Any], types: Any, overload: Any) -> None:
    single, double = variants
    compiled = {types.float32: lambda x: single(x), types.float64: lambda x: double(x)}
    # Numba compares the signatures, annotations included, of the typing function and of what it returns.
    # For any other type it returns None, which Numba reports as a typing error.
    overload(function)(lambda x: compiled.get(x))


# ---------------------------------------------------------------------------------------------------- disk cache


@functools.cache
def source_stamp() -> str:
    """Return a hash of all sources of this package: what a cached kernel depends on."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:20]


@functools.cache
def _cache_class() -> type:
    import numba
    from numba.core import caching

    class NamedByContent(caching.IndexDataCacheFile):
        """A folder of compiled functions, each in a file whose name tells everything that it depends on.

        Numba keeps an index of numbered files instead, and writes the index before the file: a process that is
        stopped in between, or another that reads in between, then finds old code under the new stamp.
        """

        def save(self, key: Any, data: Any) -> None:
            self._save_data(self._name(key), data)
            for path in Path(self._cache_path).glob("*.nb[ci]"):
                if source_stamp() not in path.name:  # compiled from sources that are no more
                    path.unlink(missing_ok=True)

        def load(self, key: Any) -> Any:
            try:
                return self._load_data(self._name(key))
            except OSError:
                return None

        def _name(self, key: Any) -> str:
            rest = (numba.__version__, self._index_name, key)  # of the index: module, function and line
            return f"{source_stamp()}-{hashlib.sha256(repr(rest).encode()).hexdigest()[:20]}.nbc"

    class Cache(caching.FunctionCache):
        def __init__(self, function: Callable[..., Any]) -> None:
            super().__init__(function)
            self._cache_file = NamedByContent(self.cache_path, self._impl.filename_base, source_stamp())

    return Cache


def _enable_cache(dispatcher: Any) -> None:
    try:
        dispatcher._cache = _cache_class()(dispatcher.py_func)
    except RuntimeError:  # Numba found no folder that it may write to
        _announce_uncached()


def kernels_are_cached() -> bool:
    """Say whether the disk cache holds kernels of the present sources; if not, first calls will compile for seconds."""
    try:
        folder = Path(_cache_class()(kernels_are_cached).cache_path)
    except RuntimeError:
        return False
    return any(folder.glob(f"{source_stamp()}-*.nbc"))


@functools.cache
def _announce_uncached() -> None:
    print("scratchgen: no writable cache folder; kernels are compiled anew in this process", file=sys.stderr)
