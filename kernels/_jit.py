"""CPU kernels: compiled by Numba at their first call, so that importing a kernel's module costs nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchgen.kernels import _cache, _threads, scalar

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
        """Return what calls the compiled kernel, made on first use."""
        dispatcher = self.compiler()
        _cache.enable(dispatcher, self.function)
        return dispatcher

    def compiler(self, **options: Any) -> Any:
        """Return a new dispatcher of Numba's, which compiles the kernel when it is called."""
        import numba

        register_scalar_functions()
        # "reassoc" lets LLVM vectorise a sum. It marks the instructions of this loop only: the scalar functions
        # that are inlined into it keep their strict arithmetic. Other fast-math flags would change results.
        fastmath = {"reassoc"} if self._sums else False
        return numba.njit(self.function, error_model="numpy", nogil=True, fastmath=fastmath, **options)

    @functools.cached_property
    def _launcher(self) -> Callable[..., None]:
        return _threads.launcher(self)

    def __call__(self, *args: Any) -> Any:
        return self.dispatcher(*args)

    def share(self, n: int, per_item: int, *args: Any) -> None:
        """Call the kernel with (first, end, *args) for parts that make up 0, ..., n - 1, on several cores at a time.

        Parameters
        ----------
        n : int
            Items of work. What becomes of one must not depend on which others are in its part.
        per_item : int
            About so many elements are computed for an item: a few are not worth a second core.
        """
        self._launcher(n, per_item, *args)


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
