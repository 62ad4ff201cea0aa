"""A stand-in for CuPy and cuBLAS on a machine without a GPU.

It computes with NumPy, refuses what CuPy refuses, what it does not have (`cupy_names.json`) too, and counts. Its arrays
are no NumPy arrays: they cannot be mixed with them, and everything that makes the host wait is counted: a value that
leaves the device, a sort, a result whose size depends on values. Numba's kernels run in the simulator, and
`cublasGemmEx` is a function that reads matrices by address, stored by columns.

While a stream is captured nothing is computed: what is asked for goes to a tape, with the arrays and the numbers that
it was asked with, and the results are NaN until the tape is played.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scratchgen.backend import Backend
from scratchgen.kernels import _cuda, cublas
from scratchgen.training import graphs

LARGE = 256  # bytes: above a bias of these small models, below the activations of a batch
BY_CUBLAS = ("matmul", "dot", "vdot", "einsum", "tensordot")  # in CuPy
WAITING = {"argpartition", "argsort", "lexsort", "partition", "sort"}  # Thrust waits for its stream when it has sorted
WAITING |= {"argwhere", "compress", "extract", "flatnonzero", "nonzero", "unique"}  # how large is the result?
MOST_JOINED = 8  # CuPy sends the addresses of more arrays to the device
NAMES = json.loads(Path(__file__).with_name("cupy_names.json").read_text())


@dataclass
class Counts:
    """What a device was asked to do.

    Attributes
    ----------
    launches : Counter
        Launches of Numba kernels by name.
    array_launches : int
        Kernels of the array library: one for each operation on arrays, for each copy and each filling.
    products : int
        Calls of `cublasGemmEx`.
    host_reads, uploads : list
        How a value came to the host or else made it wait, and how an array of the host went to the device.
    large_allocations : int
        New arrays of more than `LARGE` bytes.
    """

    launches: Counter[str] = field(default_factory=Counter)
    array_launches: int = 0
    products: int = 0
    host_reads: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    large_allocations: int = 0


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the stand-in."""

    __hash__ = None

    def __init__(self, values: Any, device: Device) -> None:
        self.values = np.asarray(values)
        self.device = device

    def __getattr__(self, name: str) -> Any:
        if name in ("item", "tolist", "get", "tobytes"):
            return lambda *args: getattr(self._read(name), name)(*args)
        if name not in NAMES["ndarray"]:
            raise AttributeError(f"CuPy's arrays have no attribute {name!r}")
        attribute = getattr(self.values, name)
        if not callable(attribute):
            return self.device.wrap(attribute)
        return self.device.wrapped(attribute, arguments=NAMES["ndarray"][name])

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.values.ctypes.data)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        address, dtype = self.values.ctypes.data, self.values.dtype.str
        return {"shape": self.shape, "strides": self.strides, "typestr": dtype, "data": (address, False), "version": 3}

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("implicit conversion to a NumPy array")

    def _read(self, how: str) -> np.ndarray:
        self.device.wait(how)
        return self.values

    def __float__(self) -> float:
        return float(self._read("float"))

    def __int__(self) -> int:
        return int(self._read("int"))

    def __bool__(self) -> bool:
        return bool(self._read("bool"))

    def __index__(self) -> int:
        return int(self._read("index"))

    def __getitem__(self, index: Any) -> DeviceArray:
        plain = self.device.unwrap(index)
        if isinstance(index, DeviceArray):
            if plain.dtype == bool:
                self.device.wait("boolean index")
            return self.device.computed(lambda: self.values[plain])
        plain = plain if isinstance(plain, tuple) else (plain,)
        return self.device.wrap(
            self.values[plain if any(i is ... for i in plain) else (*plain, ...)]
        )  # a view of one number, too

    def __setitem__(self, index: Any, value: Any) -> None:
        index, value = self.device.unwrap(index), self.device.unwrap(value)
        self.device.counts.array_launches += 1
        self.device.do(lambda: self.values.__setitem__(index, value))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc.__name__ not in NAMES["cupy"]:
            raise TypeError(f"CuPy has no {ufunc.__name__!r}")
        return self.device.wrapped(getattr(ufunc, method), ufunc.__name__)(*inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return getattr(self.device.module, function.__name__)(*args, **options)


class Device:
    """The stand-in: a module in CuPy's place, the counts, and the tape of a capture."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.tape: list[Callable[[], Any]] | None = None
        self.kept: list[Any] = []  # the memory of captures: a tape holds addresses
        self.converted: list[int] = []  # the addresses of which Numba has been asked to make a view
        self.module = _Module(self)
        self.backend = Backend("cuda", self.module, "cuda")

    def wait(self, why: str) -> None:
        """Count that the host waits."""
        assert self.tape is None, f"{why}: the host cannot wait while a stream is captured"
        self.counts.host_reads.append(why)

    def upload(self, how: str) -> None:
        """Count that the host sends an array."""
        assert self.tape is None, f"{how}: the host cannot send arrays while a stream is captured"
        self.counts.uploads.append(how)

    def do(self, action: Callable[[], Any]) -> None:
        """Do what has no result: now, or when the tape is played."""
        if self.tape is None:
            action()
        else:
            self.tape.append(action)

    def computed(self, function: Callable[[], Any]) -> DeviceArray:
        """Return the new array that `function` computes: now, or when the tape is played."""
        self.counts.array_launches += 1
        with np.errstate(all="ignore" if self.tape is not None else None):
            values = np.array(function())
        if self.tape is not None:
            self.tape.append(lambda: np.copyto(values, function()))
            values.fill(np.nan if values.dtype.kind == "f" else 0)
        return self.wrap(values)

    def unwrap(self, x: Any) -> Any:
        if isinstance(x, DeviceArray):
            return x.values
        if isinstance(x, np.ndarray) and x.ndim > 0:
            raise TypeError("an array of NumPy among those of the device")
        if type(x) in (tuple, list):
            return type(x)(map(self.unwrap, x))
        return x

    def wrap(self, x: Any) -> Any:
        if not isinstance(x, np.ndarray | np.generic):
            return x
        if isinstance(x, np.ndarray) and x.flags.owndata:
            self.counts.large_allocations += x.nbytes > LARGE
            self.kept += [x] * (self.tape is not None)
        return DeviceArray(x, self)

    def wrapped(
        self, function: Callable[..., Any], name: str = "", arguments: list[str] | None = None
    ) -> Callable[..., Any]:
        """Return a function of NumPy's as one of device arrays, which takes the named arguments that CuPy's takes."""
        name = name or function.__name__

        def call(*args: Any, **options: Any) -> Any:
            if arguments is not None and (unknown := set(options) - set(arguments)):
                raise TypeError(f"CuPy's {name} takes no {', '.join(sorted(unknown))}")
            if name in BY_CUBLAS:
                raise NotImplementedError("calling cuBLAS API during stream capture is currently unsupported")
            if name in WAITING:
                self.wait(name)
            if name in ("concatenate", "stack") and len(args[0]) > MOST_JOINED:
                self.upload(name)
            plain = [self.unwrap(x) for x in args]
            plain_options = {key: self.unwrap(value) for key, value in options.items()}
            out = options.get("out")
            if out is not None:
                self.counts.array_launches += 1
                self.do(lambda: function(*plain, **plain_options))
                return out[0] if isinstance(out, tuple) else out
            if name in ("reshape", "transpose", "ravel", "squeeze", "broadcast_to"):
                result = function(*plain, **plain_options)
                of = function.__self__ if isinstance(getattr(function, "__self__", None), np.ndarray) else plain[0]
                if np.may_share_memory(result, of):
                    return self.wrap(result)
            return self.computed(lambda: function(*plain, **plain_options))

        return call

    def convert(self, interface: dict[str, Any], sync: bool) -> np.ndarray:
        """Return what a kernel of the simulator takes, made from an address as Numba makes a view."""
        assert not sync
        (address, _), shape, strides = interface["data"], interface["shape"], interface["strides"]
        self.converted.append(address)
        dtype = np.dtype(interface["typestr"])
        n_bytes = sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + dtype.itemsize
        memory = (ctypes.c_char * (n_bytes if 0 not in shape else 0)).from_address(address)
        return np.ndarray(shape, dtype, memory, strides=strides)


class _Stream:
    def __init__(self, device: Device | None = None, **_: Any) -> None:
        self.device = device
        self.ptr = 0 if device is None else 1

    def __enter__(self) -> _Stream:
        self.device.module.cuda.stream = self
        return self

    def __exit__(self, *_: Any) -> None:
        self.device.module.cuda.stream = self.device.module.cuda.null

    def synchronize(self) -> None:
        pass

    def begin_capture(self) -> None:
        self.device.tape = []

    def end_capture(self) -> Any:
        tape, self.device.tape = self.device.tape, None
        return SimpleNamespace(launch=lambda: [action() for action in tape])


class _Module(ModuleType):
    """NumPy's functions under CuPy's name."""

    ndarray = DeviceArray

    def __init__(self, device: Device) -> None:
        super().__init__("cupy")
        self._device = device
        self.cuda = SimpleNamespace(
            Device=lambda: _Gpu(),
            get_device_id=lambda: 0,
            get_current_stream=lambda: self.cuda.stream,
            Stream=lambda non_blocking: _Stream(device),
            Memory=lambda size: SimpleNamespace(ptr=0, size=size),
            MemoryPool=lambda: SimpleNamespace(malloc=None),
            using_allocator=_no_context,
            null=_Stream(),
            stream=_Stream(),
        )

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES["cupy"]:
            raise AttributeError(f"CuPy has no {name!r}")
        attribute = getattr(np, name)
        if isinstance(attribute, type) or not callable(attribute):
            return attribute
        return self._device.wrapped(attribute, arguments=NAMES["cupy"][name])

    def asnumpy(self, x: DeviceArray) -> np.ndarray:
        return x._read("asnumpy").copy()

    def asarray(self, x: Any, dtype: Any = None, order: str | None = None) -> DeviceArray:
        if isinstance(x, DeviceArray):
            return DeviceArray(np.asarray(x.values, dtype=dtype, order=order), self._device)
        self._device.upload("asarray")
        return DeviceArray(np.array(x, dtype=dtype, order=order), self._device)

    def empty(self, shape: Any, dtype: Any = float) -> DeviceArray:
        # NaN, so that an element that nobody writes is seen
        return self._device.wrap(np.full(shape, np.nan if np.dtype(dtype).kind == "f" else 0, dtype))

    def empty_like(self, x: DeviceArray) -> DeviceArray:
        return self.empty(x.shape, x.dtype)


class _Gpu(nullcontext):
    cublas_handle = 1


@contextmanager
def _no_context(_: Any) -> Iterator[None]:
    yield


class StandInCublas:
    """`cublasGemmEx` on memory of the host: matrices stored by columns, given by their addresses.

    Its functions are called through ctypes, as those of the library are.

    Attributes
    ----------
    calls : list of tuple
        The arguments of each call of `cublasGemmEx`.
    n_destroyed : int
        Handles that were given back.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self.calls: list[tuple[Any, ...]] = []
        self.n_destroyed = 0
        number, address = ctypes.c_int, ctypes.c_void_p
        succeed = {"cublasCreate_v2": (address,), "cublasSetStream_v2": (address, address)}
        succeed |= {"cublasSetWorkspace_v2": (address, address, ctypes.c_size_t)}
        for name, arguments in succeed.items():
            setattr(self, name, ctypes.CFUNCTYPE(number, *arguments)(lambda *_: 0))
        self.cublasDestroy_v2 = ctypes.CFUNCTYPE(number, address)(self._destroy)
        matrix = (address, number, number)
        arguments = (address, *[number] * 5, address, *matrix, *matrix, address, *matrix, number, number)
        self.cublasGemmEx = ctypes.CFUNCTYPE(number, *arguments)(self._gemm)

    def _destroy(self, _: Any) -> int:
        self.n_destroyed += 1
        return 0

    def _gemm(self, *call: Any) -> int:
        _, flag_a, flag_b, m, n, k, _, a, a_type, lda, b, b_type, ldb, _, c, c_type, ldc, *_ = call
        first = _by_address(a, a_type, lda, *((k, m) if flag_a else (m, k)))
        second = _by_address(b, b_type, ldb, *((n, k) if flag_b else (k, n)))
        out = _by_address(c, c_type, ldc, m, n)

        def multiply() -> None:
            factors = (first.T if flag_a else first), (second.T if flag_b else second)
            out[...] = np.matmul(*(factor.astype(out.dtype) for factor in factors))

        self.calls.append(call)
        self.device.counts.products += 1
        self.device.do(multiply)
        return 0


def _by_address(address: int, type_number: int, stride: int, rows: int, columns: int) -> np.ndarray:
    assert stride >= max(rows, 1)  # what cuBLAS asks of a leading dimension
    dtype = np.dtype([np.float32, np.float64, np.float16][type_number])
    n_bytes = ((columns - 1) * stride + rows) * dtype.itemsize
    memory = np.frombuffer((ctypes.c_char * n_bytes).from_address(address), dtype)
    return np.lib.stride_tricks.as_strided(memory, (rows, columns), (dtype.itemsize, stride * dtype.itemsize))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """The stand-in, in the places of CuPy and cuBLAS."""
    device = Device()
    launch = _cuda.CudaKernel._launch

    def counted(kernel: Any, blocks: int, threads: int, args: tuple[Any, ...], shared_bytes: int = 0) -> None:
        name = f"{kernel.function.__module__.rpartition('.')[2]}.{kernel.function.__name__}"
        device.counts.launches[name] += 1
        plain = tuple(_cuda.kept_view(x) if isinstance(x, DeviceArray) else x for x in args)
        device.do(lambda: launch(kernel, blocks, threads, plain, shared_bytes))

    library = cublas.declared(StandInCublas(device))
    monkeypatch.setitem(sys.modules, "cupy", device.module)
    monkeypatch.setattr(_cuda.CudaKernel, "_launch", counted)
    monkeypatch.setattr(_cuda.cuda, "from_cuda_array_interface", device.convert, raising=False)
    monkeypatch.setattr(_cuda, "_views", {})
    monkeypatch.setattr(cublas, "library", lambda: library)
    monkeypatch.setattr(cublas, "_of_thread", cublas._OfThread())
    graphs._capture_stream.cache_clear()
    with _cuda.launch_shape(1, 1):  # the simulator needs a thread of the host for each of its own
        yield device
    graphs._capture_stream.cache_clear()
