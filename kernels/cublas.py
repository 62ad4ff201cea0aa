"""Matrix products of CuPy arrays by cuBLAS, called past CuPy, so that they can be captured into a CUDA graph.

CuPy refuses its own cuBLAS calls while a stream is captured, because a handle can be in a state that a graph does not
support. Ours are not: scalars lie on the host, and each handle has one stream and its own workspace for good.

cuBLAS stores matrices by columns. One that is stored by rows is to it the transposed one, so that out = a b of three
matrices stored by rows is asked for as out^T = b^T a^T, with no flag. A factor that is stored by columns, as a
transposed view is, gets the flag "transposed" instead of a copy.

References
----------
NVIDIA: "cuBLAS library", `cublasGemmEx`, `cublasSetStream`, `cublasSetWorkspace` and "CUDA graphs support".
CuPy: issue 6290, "Improve stream capture support".
"""

from __future__ import annotations

import ctypes
import functools
import threading
import warnings
import weakref
from typing import Any, NamedTuple

from scratchgen.backend import Precision
from scratchgen.errors import BackendError, BackendWarning
from scratchgen.typing import Array

WORKSPACE_BYTES = 32 * 2**20  # what "cuBLAS library", `cublasSetWorkspace`, recommends for an H100

# The numbers of the enumerations cublasOperation_t, cudaDataType_t, cublasComputeType_t and cublasGemmAlgo_t.
_AS_STORED, _TRANSPOSED = 0, 1
_DATA_TYPES = {"float32": 0, "float64": 1, "float16": 2}
_COMPUTE_TYPES = {"float32": 68, "tf32": 77, "float16": 68, "float64": 70}
_DEFAULT_ALGORITHM = -1
_LARGEST = 2**31 - 1  # of its int


# --------------------------------------------------------------------------------------- matrices as cuBLAS sees them


class Layout(NamedTuple):
    """How a matrix is stored: by columns or by rows, and the elements from one of them to the next."""

    by_columns: bool
    stride: int


class GemmArguments(NamedTuple):
    """The arguments of `cublasGemmEx` that follow from shapes and strides; its first factor is our second."""

    b_flag: int
    a_flag: int
    n_columns: int
    n_rows: int
    n_inner: int
    b_stride: int
    a_stride: int
    out_stride: int


def layout_of(x: Array) -> Layout | None:
    """Return how the matrix `x` is stored, or None where neither its rows nor its columns are contiguous."""
    (rows, columns), (down, across) = x.shape, (stride // x.itemsize for stride in x.strides)
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return Layout(False, down if rows > 1 else columns)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return Layout(True, across if columns > 1 else rows)
    return None


def gemm_arguments(out: Array, a: Array, b: Array) -> GemmArguments:
    """Return what makes cuBLAS write a b to `out`, which is stored by rows.

    Raises
    ------
    BackendError
        A size or a stride is no number of 32 bits: ctypes would cut it.
    """
    layouts = [layout for layout in map(layout_of, (b, a, out)) if layout is not None]
    if len(layouts) < 3 or layouts[2].by_columns:
        raise ValueError("a factor has no contiguous axis, or the product is not stored by rows")
    b_flag, a_flag = (_TRANSPOSED if layout.by_columns else _AS_STORED for layout in layouts[:2])
    numbers = out.shape[1], out.shape[0], a.shape[1], layouts[0].stride, layouts[1].stride, layouts[2].stride
    if max(numbers) > _LARGEST:
        raise BackendError(
            f"the product of matrices of shapes {a.shape} and {b.shape} is too large: cuBLAS counts rows, columns and "
            "strides in 32 bits, and they must be below 2**31. Multiply fewer rows at a time"
        )
    return GemmArguments(b_flag, a_flag, *numbers)


# ------------------------------------------------------------------------------------------------------------- products


def multiply(a: Array, b: Array, out: Array | None, precision: Precision) -> Array:
    """Return the product of CuPy arrays, as `scratchgen.kernels.matmul.matmul` describes it.

    What is not made for cuBLAS, such as stacks of matrices, is left to CuPy.
    """
    import cupy

    types = {x.dtype.name for x in (a, b, out) if x is not None}
    if len(types) > 1 or not types <= {"float32", "float64"} or max(a.ndim, b.ndim) > 2 or library() is None:
        return cupy.matmul(a, b, out=out)
    if out is None:
        out = cupy.empty((*a.shape[:-1], *b.shape[1:]), dtype=a.dtype)
    matrix = out if a.ndim == 2 else out[None, ...]
    matrix = matrix if b.ndim == 2 else matrix[..., None]
    multiply_matrices(matrix, a if a.ndim == 2 else a[None, :], b if b.ndim == 2 else b[:, None], precision)
    return out


def multiply_matrices(out: Array, a: Array, b: Array, precision: Precision) -> None:
    """Write the product of the matrices `a` and `b` to the matrix `out`."""
    import cupy

    if a.shape[1] != b.shape[0] or out.shape != (a.shape[0], b.shape[1]):
        raise ValueError(f"matrices of shapes {a.shape} and {b.shape} have no product of shape {out.shape}")
    if out.size == 0:
        return
    if a.shape[1] == 0:
        out.fill(0)
        return
    if precision == "float16" and a.dtype == cupy.float32:
        a, b = a.astype(cupy.float16), b.astype(cupy.float16)
    layout = layout_of(out)
    if layout is None:
        contiguous = cupy.empty(out.shape, dtype=out.dtype)
        multiply_matrices(contiguous, a, b, precision)
        out[...] = contiguous
        return
    if layout.by_columns:
        out, a, b = out.T, b.T, a.T
    a, b = (x if layout_of(x) is not None else cupy.ascontiguousarray(x) for x in (a, b))
    current_handle().gemm(out, a, b, precision)


class Handle:
    """A cuBLAS handle for one device, thread and stream, with its workspace.

    Both are given back when nobody has it any more: neither the thread, which has ended, nor a graph that holds the
    address of the workspace. At the end of the process they are left as they are: their context may be gone before.
    """

    def __init__(self, stream: int) -> None:
        import cupy

        self.library = library()
        assert self.library is not None  # multiply has seen to it
        self.handle = ctypes.c_void_p()
        self.workspace = cupy.cuda.Memory(WORKSPACE_BYTES)  # not from CuPy's pool: a graph may hold its address
        check(self.library.cublasCreate_v2(ctypes.byref(self.handle)))
        given_back = weakref.finalize(self, _give_back, self.library, self.handle, self.workspace, cupy.cuda.Device())
        given_back.atexit = False
        check(self.library.cublasSetStream_v2(self.handle, stream))  # resets the workspace: it comes first
        check(self.library.cublasSetWorkspace_v2(self.handle, self.workspace.ptr, WORKSPACE_BYTES))

    def gemm(self, out: Array, a: Array, b: Array, precision: Precision) -> None:
        """Write a b to `out`, which is stored by rows."""
        double = out.dtype.name == "float64"
        number = ctypes.c_double if double else ctypes.c_float
        in_type, out_type = _DATA_TYPES[a.dtype.name], _DATA_TYPES[out.dtype.name]
        compute_type = _COMPUTE_TYPES["float64" if double else precision]
        g = gemm_arguments(out, a, b)
        assert self.library is not None
        check(
            self.library.cublasGemmEx(
                self.handle, g.b_flag, g.a_flag, g.n_columns, g.n_rows, g.n_inner, ctypes.byref(number(1.0)),
                b.data.ptr, in_type, g.b_stride, a.data.ptr, in_type, g.a_stride, ctypes.byref(number(0.0)),
                out.data.ptr, out_type, g.out_stride, compute_type, _DEFAULT_ALGORITHM,
            )
        )  # fmt: skip


def _give_back(library: Any, handle: Any, workspace: Any, device: Any) -> None:
    with device:
        library.cublasDestroy_v2(handle)  # waits for the device: nothing uses the workspace, which is freed next


class _OfThread(threading.local):
    """The handles of a thread by device and stream; they are dropped when it ends."""

    def __init__(self) -> None:
        self.handles: dict[tuple[int, int], Handle] = {}


_of_thread = _OfThread()


def current_handle() -> Handle:
    """Return the handle of this thread for the present device and stream."""
    import cupy

    key = cupy.cuda.get_device_id(), cupy.cuda.get_current_stream().ptr
    if key not in _of_thread.handles:
        _of_thread.handles[key] = Handle(key[1])
    return _of_thread.handles[key]


def check(status: int) -> None:
    """Raise where cuBLAS returned another status than success."""
    if status != 0:
        raise BackendError(f"cuBLAS failed with status {status}: see cublasStatus_t in its documentation")


# -------------------------------------------------------------------------------------------------------------- library


@functools.cache
def library() -> Any:
    """Return the cuBLAS library that CuPy has loaded, or None, with a warning, where only CuPy finds it.

    Raises
    ------
    BackendError
        CuPy finds none either.
    """
    import cupy

    try:
        _ = cupy.cuda.Device().cublas_handle  # makes CuPy load its own: a library that is loaded is found first
    except ImportError as error:
        raise BackendError(f'cuBLAS is not installed: pip install "cupy-cuda13x[ctk]" (or 12x). {error}') from error
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        found = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
    except (ImportError, OSError, RuntimeError) as error:
        warnings.warn(
            f"cuBLAS could not be loaded ({error}): matrix products are CuPy's own, in float32 or float64",
            BackendWarning,
            stacklevel=2,
        )
        return None
    return declared(found)


def declared(found: Any) -> Any:
    """Tell ctypes the signatures of the functions that are called here."""
    handle, pointer, size, integer = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    found.cublasCreate_v2.argtypes = [ctypes.POINTER(handle)]
    found.cublasDestroy_v2.argtypes = [handle]
    found.cublasSetStream_v2.argtypes = [handle, pointer]
    found.cublasSetWorkspace_v2.argtypes = [handle, pointer, size]
    matrix = [pointer, integer, integer]  # address, type, stride
    found.cublasGemmEx.argtypes = [
        handle, *[integer] * 5, pointer, *matrix, *matrix, pointer, *matrix, integer, integer,
    ]  # fmt: skip
    for name in ("Create_v2", "Destroy_v2", "SetStream_v2", "SetWorkspace_v2", "GemmEx"):
        getattr(found, f"cublas{name}").restype = integer
    return found
