"""The threads of the linear algebra library, to which the parts of a kernel's work are given.

OpenBLAS keeps a thread for each further core, which waits awake for the next product: a thread of anybody else has to
fight it for the core. But these threads also run a function that is given to them, by what every build with POSIX
threads exports:

    gotoblas_pthread(n, function, jobs, stride)     calls function(jobs + i stride) for i = 0, ..., n - 1,

the first in the thread that calls, each other one in a thread of the library, and returns when all have ended. Several
threads of a program may do so at a time, as they may multiply matrices.

NumPy's library is used, whose threads the products between the kernels run in. It has as many as it was told to have
(``OPENBLAS_NUM_THREADS``, `threadpoolctl`).
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from scratchgen.kernels import _cache

SMALLEST_PART = 8192  # elements, 0.1 to 1 ns each: handing over takes 0.3 µs, and what another core has to fetch more
_RUN, _COUNT = "scratchgen_run_jobs", "scratchgen_count_blas_threads"  # names of the two functions in compiled code


@functools.cache
def blas_library() -> Any:
    """Return what `threadpoolctl` knows of NumPy's linear algebra library, or None where that does not tell."""
    from threadpoolctl import ThreadpoolController

    found = [library for library in ThreadpoolController().lib_controllers if library.user_api == "blas"]
    return min(found, key=lambda library: "numpy" not in library.filepath, default=None)  # SciPy brings a second one


@functools.cache
def can_share() -> bool:
    """Say whether NumPy's library takes functions; then make it known to compiled code."""
    library = blas_library()
    if library is None or library.internal_api != "openblas" or library.threading_layer != "pthreads":
        return False
    run, count = getattr(library.dynlib, "gotoblas_pthread", None), _count_function(library)
    if run is None or count is None:
        return False
    import llvmlite.binding

    for name, function in ((_RUN, run), (_COUNT, count)):
        llvmlite.binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return True


def _count_function(library: Any) -> Any:
    """Return the library's function that counts its threads: builds add to its name in front and behind."""
    names = [
        f"{front}openblas_get_num_threads{behind}" for front in ("", "scipy_") for behind in ("", "64_", "_64", "64")
    ]
    return next((getattr(library.dynlib, name) for name in names if hasattr(library.dynlib, name)), None)


def launcher(dispatcher: Any) -> Any:
    """Return ``launch(n, per_item, *args)``, compiled, which shares the items 0, ..., n - 1 of a kernel's work.

    A part is ``dispatcher(first, end, *args)`` for at least `SMALLEST_PART` elements, `per_item` of which make an item.
    """
    import numba

    run_parts = _run_parts()

    def launch(n: Any, per_item: Any, *args: Any) -> None:
        if run_parts(dispatcher, n, n * per_item // SMALLEST_PART, args):
            raise MemoryError("a kernel found no memory for what it needs besides its arguments")

    launch = numba.njit(launch, nogil=True, no_cfunc_wrapper=True)
    _cache.enable(launch, dispatcher.py_func, "shared")
    return launch


@functools.cache
def _run_parts() -> Any:
    """Return ``run_parts(kernel, n, most_parts, args)`` for use in compiled code.

    It calls ``kernel(first, end, *args)`` for parts of the range of `n`, one for each thread of the library but at most
    `most_parts`, and returns whether one failed. All is done in one function of the intermediate language, which has
    the code of the kernel once: to compile it takes a tenth of a second.
    """
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    pointer, int32 = ir.IntType(8).as_pointer(), ir.IntType(32)
    count_type, run_type = ir.FunctionType(int32, []), ir.FunctionType(int32, [int32, pointer, pointer, int32])

    @intrinsic
    def run_parts(typing_context: Any, kernel: Any, n: Any, most_parts: Any, args: Any) -> Any:
        kernel_signature = kernel.get_call_type(typing_context, (types.intp, types.intp, *args), {})

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            _, n_value, n_parts, args_value = values
            integer = context.get_value_type(types.intp)
            count = cgutils.get_or_insert_function(builder.module, count_type, _COUNT)
            for limit in (n_value, builder.sext(builder.call(count, []), integer)):
                n_parts = builder.select(builder.icmp_signed("<", limit, n_parts), limit, n_parts)
            n_parts = builder.select(builder.icmp_signed("<", n_parts, integer(1)), integer(1), n_parts)

            work_type = ir.LiteralStructType([integer, integer, int32, context.get_value_type(args)])
            job_type = ir.LiteralStructType([work_type.as_pointer(), integer])  # the work, and the number of the part
            work = cgutils.alloca_once(builder, work_type)
            for i, value in enumerate((n_value, n_parts, int32(0), args_value)):
                builder.store(value, cgutils.gep_inbounds(builder, work, 0, i))
            jobs = builder.alloca(job_type, size=n_parts)
            with cgutils.for_range(builder, n_parts) as loop:
                job = builder.gep(jobs, [loop.index])
                builder.store(work, cgutils.gep_inbounds(builder, job, 0, 0))
                builder.store(loop.index, cgutils.gep_inbounds(builder, job, 0, 1))

            part = define_part(context, builder.module, kernel.dispatcher, kernel_signature, job_type)
            first_job = builder.bitcast(jobs, pointer)
            with builder.if_else(builder.icmp_signed("==", n_parts, integer(1))) as (alone, together):
                with alone:
                    builder.call(part, [first_job])
                with together:
                    run = cgutils.get_or_insert_function(builder.module, run_type, _RUN)
                    stride = int32(context.get_abi_sizeof(job_type))
                    function = builder.bitcast(part, pointer)
                    builder.call(run, [builder.trunc(n_parts, int32), function, first_job, stride])
            return builder.icmp_signed("!=", builder.load(cgutils.gep_inbounds(builder, work, 0, 2)), int32(0))

        return types.boolean(kernel, types.intp, types.intp, args), codegen

    def define_part(context: Any, module: Any, dispatcher: Any, signature: Any, job_type: Any) -> Any:
        """Return the function of a job that calls the kernel for its part, and stores 1 in the work if that fails."""
        compiled = dispatcher.get_compile_result(signature)
        context.add_linking_libs([compiled.library])
        kernel = context.declare_function(module, compiled.fndesc)

        part = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), module.get_unique_name("scratchgen_part"))
        part.linkage = "internal"
        part.attributes.add("noinline")
        builder = ir.IRBuilder(part.append_basic_block())
        job = builder.bitcast(part.args[0], job_type.as_pointer())
        work, number = (builder.load(cgutils.gep_inbounds(builder, job, 0, i)) for i in (0, 1))
        n, n_parts, args = (builder.load(cgutils.gep_inbounds(builder, work, 0, i)) for i in (0, 1, 3))
        next_number = builder.add(number, number.type(1))
        first, end = (builder.sdiv(builder.mul(n, k), n_parts) for k in (number, next_number))
        call = context.call_conv.call_function
        values = [first, end, *cgutils.unpack_tuple(builder, args)]
        status, _ = call(builder, kernel, signature.return_type, signature.args, values)
        with builder.if_then(status.is_error, likely=False):
            builder.store(int32(1), cgutils.gep_inbounds(builder, work, 0, 2))
        builder.ret_void()
        return part

    return run_parts
