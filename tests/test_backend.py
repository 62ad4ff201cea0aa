"""Backends by name, what is said where one cannot work, and which library arrays belong to."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import array_api_strict
import numpy as np
import pytest

from scratchgen import backend as module
from scratchgen.backend import Backend, get_backend, namespace, resolve_backend, to_numpy
from scratchgen.errors import BackendError


class FakeArray:
    """Stands for an array on a device."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that gives this machine so many GPUs, or none of what they need."""
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    module._named_backend.cache_clear()

    def set_up(n_devices: int | Exception | None, numba_cuda: bool = True) -> None:
        cupy: Any = None  # which makes `import cupy` fail
        if n_devices is not None:
            cupy = ModuleType("cupy")
            cupy.ndarray, cupy.asnumpy = FakeArray, lambda x: x.values
            cupy.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: _result(n_devices)))
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setitem(sys.modules, "numba_cuda", ModuleType("numba_cuda") if numba_cuda else None)

    yield set_up
    module._named_backend.cache_clear()


def _result(value: int | Exception) -> int:
    if isinstance(value, Exception):
        raise value
    return value


# ------------------------------------------------------------------------------------------------------- by name


@pytest.mark.parametrize(("name", "variant"), [("numpy", "reference"), ("cpu", "cpu")])
def test_a_backend_names_its_arrays_and_its_kernels(name: str, variant: str) -> None:
    backend = get_backend(name)
    assert (backend.name, backend.xp, backend.variant) == (name, np, variant)
    assert get_backend(name) is backend
    assert get_backend(backend) is backend
    with pytest.raises(dataclasses.FrozenInstanceError):
        backend.name = "cuda"


@pytest.mark.parametrize("name", ["gpu", "CPU", "", None, 3, [], np])
def test_an_unknown_backend_is_refused_with_the_names_of_the_known(name: Any) -> None:
    with pytest.raises(BackendError, match=r"unknown backend .* numpy, cpu, cuda"):
        get_backend(name)


def test_cuda_without_cupy_names_the_command_that_installs_it(machine: Any) -> None:
    machine(None)
    with pytest.raises(BackendError, match=r'CuPy, which is not installed: pip install "scratchgen\[cuda13\]"'):
        get_backend("cuda")


def test_cuda_without_numba_cuda_names_the_command_that_installs_it(machine: Any) -> None:
    machine(1, numba_cuda=False)
    with pytest.raises(BackendError, match=r'numba-cuda, which is not installed: pip install "scratchgen\[cuda13\]"'):
        get_backend("cuda")


def test_cuda_without_a_driver_or_a_device_says_so(machine: Any) -> None:
    machine(OSError("libcuda.so not found"))
    with pytest.raises(BackendError, match=r"no working NVIDIA driver: libcuda\.so not found"):
        get_backend("cuda")
    machine(0)
    with pytest.raises(BackendError, match="no NVIDIA GPU on this machine: use backend='cpu'"):
        get_backend("cuda")


def test_a_backend_that_failed_is_tried_again(machine: Any) -> None:
    machine(0)
    with pytest.raises(BackendError):
        get_backend("cuda")
    machine(1)
    assert get_backend("cuda").variant == "cuda"


def test_auto_takes_a_working_gpu_and_else_the_cpu(machine: Any) -> None:
    for broken in (None, 0, OSError("no driver")):
        machine(broken)
        assert resolve_backend("auto").name == "cpu"
    machine(1)
    assert resolve_backend("auto").name == "cuda"
    assert resolve_backend("numpy").name == "numpy"


def test_under_the_simulator_numpy_stands_in_place_of_cupy_and_auto_does_not_take_it(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(1)
    monkeypatch.setattr("scratchgen.backend.simulating_cuda", lambda: True)
    assert (get_backend("cuda").xp, get_backend("cuda").variant) == (np, "cuda")
    assert resolve_backend("auto").name == "cpu"


# -------------------------------------------------------------------------------------------------------- arrays


def test_the_namespace_is_that_of_the_arrays_whatever_numbers_stand_beside_them() -> None:
    strict = array_api_strict.asarray([1.0])
    assert namespace(np.ones(2), np.float32(1), None, 2.0) is np
    assert namespace(strict, strict, None, 2.0, 3) is strict.__array_namespace__()
    assert namespace(2.0) is namespace(None) is namespace() is np


def test_mixed_libraries_are_refused_by_name() -> None:
    with pytest.raises(BackendError, match=r"mixed \(array_api_strict, numpy\): move one with backend\.asarray"):
        namespace(np.ones(2), array_api_strict.asarray([1.0]))


def test_arrays_of_the_device_are_known_and_not_mixed_with_numpys(machine: Any) -> None:
    machine(1)
    on_device = FakeArray([1.0, 2.0])
    assert namespace(on_device, 2.0) is get_backend("cuda").xp
    assert to_numpy(on_device).tolist() == [1.0, 2.0]
    assert get_backend("cpu").asarray(on_device, dtype="float32").dtype == np.float32
    with pytest.raises(BackendError, match=r"mixed \(cupy, numpy\)"):
        namespace(on_device, np.ones(2))


@pytest.mark.parametrize("thing", ["text", [1.0], (1.0,), {}])
def test_what_is_no_array_has_no_namespace(thing: Any) -> None:
    with pytest.raises(BackendError, match="expected an array, got "):
        namespace(thing)


def test_to_numpy_copies_only_what_it_must() -> None:
    x = np.arange(3.0)
    assert to_numpy(x) is x
    assert to_numpy([1, 2]).tolist() == to_numpy(array_api_strict.asarray([1, 2])).tolist() == [1, 2]


@pytest.mark.parametrize("x", [np.arange(12.0).reshape(3, 4).T, [[1, 2], [3, 4]], 5.0, array_api_strict.asarray([2.0])])
def test_asarray_gives_contiguous_arrays_of_the_same_values_and_dimensions(backend: Backend, x: Any) -> None:
    found = backend.asarray(x, dtype="float32")
    assert found.flags.c_contiguous
    assert found.dtype == np.float32
    assert found.shape == np.shape(to_numpy(x))
    np.testing.assert_array_equal(found, to_numpy(x))


def test_asarray_does_not_copy_an_array_that_fits(backend: Backend) -> None:
    x = np.ones((2, 3), dtype=np.float32)
    assert backend.asarray(x, dtype="float32") is x
