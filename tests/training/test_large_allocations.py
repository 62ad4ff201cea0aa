"""How many large arrays one training step on a CPU makes: a step that makes more of them has grown a temporary.

NumPy asks for the memory of every array, temporaries of expressions included, through a handler (NEP 49). One that
counts takes its place here. Who adds a large array to a step, or saves one, must change a number below, and can see in
the difference what it costs. Arrays that stay from step to step are made by the first steps, which are not counted.

Activations of a batch are larger than `LARGE` here, and twice as large ones smaller than the 256 kB from which on NumPy
puts results into temporaries that nobody needs any more, which it does not do on every platform.
"""

from __future__ import annotations

import ctypes
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy._core import _multiarray_umath

import scratchgen as sg
from scratchgen.models.model import Model
from scratchgen.training.graphs import PlainStep

LARGE = 64 * 1024  # bytes
N_VISIBLE, N_HIDDEN, BATCH, K = 240, 160, 128, 5
VISIBLE, HIDDEN = 4 * BATCH * N_VISIBLE, 4 * BATCH * N_HIDDEN  # bytes of a layer for a batch
KEYS = 8 * 10_000  # of the numbers that the order of the replay buffer comes from
X = np.random.default_rng(0).integers(0, 2, (BATCH, N_VISIBLE)).astype(np.float32)
MODELS: dict[str, Callable[[], Model]] = {
    "VAE": lambda: sg.VAE(N_VISIBLE, (N_HIDDEN,), 20),
    "RBM, CD-1": lambda: sg.RBM(N_VISIBLE, N_HIDDEN),
    "EBM, five Langevin steps": lambda: sg.EnergyModel(N_VISIBLE, (N_HIDDEN, N_HIDDEN), dynamics=sg.Langevin(K)),
}
EXPECTED = {  # by bytes
    "VAE": {HIDDEN: 4, VISIBLE: 2},
    "RBM, CD-1": {HIDDEN: 1, VISIBLE: 1, 2 * HIDDEN: 1, 2 * VISIBLE: 1},  # twice: data and samples are one batch
    "EBM, five Langevin steps": {
        HIDDEN: 8 * K,
        VISIBLE: 2 * K + 5,
        2 * HIDDEN: 6,
        2 * VISIBLE: 1,
        KEYS: 4,
        2 * KEYS: 1,
    },
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the C library has another name there")


class _Allocator(ctypes.Structure):
    """`PyDataMemAllocator`: each function gets the context first."""

    _fields_ = (
        ("context", ctypes.c_void_p),
        ("malloc", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)),
        ("calloc", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)),
        ("realloc", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)),
        ("free", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)),
    )


class _Handler(ctypes.Structure):
    """`PyDataMem_Handler`."""

    _fields_ = (("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("allocator", _Allocator))


_sizes: list[int] = []  # of the arrays made while counting


@cache
def _counting_handler() -> tuple[Any, Callable[[Any], Any], Any]:
    """Return the handler in a capsule, NumPy's function that sets one, and what must live as long as any array."""
    libc = ctypes.CDLL(None)
    for name, arguments in (("malloc", 1), ("calloc", 2)):
        getattr(libc, name).restype = ctypes.c_void_p
        getattr(libc, name).argtypes = [ctypes.c_size_t] * arguments
    libc.realloc.restype, libc.realloc.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]

    def count(size: int) -> None:
        if size >= LARGE:
            _sizes.append(size)

    types = dict(_Allocator._fields_)
    allocator = _Allocator(
        None,
        types["malloc"](lambda _, size: (count(size), libc.malloc(size))[1]),
        types["calloc"](lambda _, n, size: (count(n * size), libc.calloc(n, size))[1]),
        types["realloc"](lambda _, pointer, size: (count(size), libc.realloc(pointer, size))[1]),
        types["free"](lambda _, pointer, size: libc.free(pointer)),
    )
    handler, name = _Handler(b"counting", 1, allocator), ctypes.c_char_p(b"mem_handler")
    python = ctypes.pythonapi
    python.PyCapsule_New.restype = ctypes.py_object
    python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    table = python.PyCapsule_GetPointer(_multiarray_umath._ARRAY_API, None)
    functions = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))
    set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(functions[304])  # PyDataMem_SetHandler
    return python.PyCapsule_New(ctypes.addressof(handler), name, None), set_handler, (handler, name, libc)


@contextmanager
def counted() -> Iterator[list[int]]:
    """Give the list of the bytes of each large array that is made within the context."""
    capsule, set_handler, _ = _counting_handler()
    _sizes.clear()
    before = set_handler(capsule)
    try:
        yield _sizes
    finally:
        set_handler(before)


def sizes_of_a_step(model: Model, extra: Callable[[Any, int], Any] = lambda terms, n: None) -> Counter[int]:
    """Count the large arrays of a step by their bytes, after two in which kernels were compiled and arrays kept."""
    step = PlainStep(model)
    for _ in range(2):
        step(X, lambda terms, n: None)
    with counted() as sizes:
        step(X, extra)
    return Counter(sizes)


@pytest.mark.parametrize("name", MODELS)
def test_a_step_makes_no_more_large_arrays_than_it_did(name: str) -> None:
    assert sizes_of_a_step(MODELS[name]()) == EXPECTED[name]


def test_each_langevin_step_makes_the_same() -> None:
    shorter, longer = (
        sizes_of_a_step(sg.EnergyModel(N_VISIBLE, (N_HIDDEN, N_HIDDEN), dynamics=sg.Langevin(n))) for n in (1, 2)
    )
    assert longer - shorter == {VISIBLE: 2, HIDDEN: 8}


@pytest.mark.parametrize(
    ("extra", "size"),
    [
        (X.copy, X.nbytes),
        (lambda: X + 1, X.nbytes),
        (lambda: np.zeros(LARGE, np.uint8), LARGE),
        (lambda: X.T @ X, 4 * N_VISIBLE**2),
    ],
    ids=["copy", "temporary", "zeros", "product"],
)
def test_what_is_added_to_a_step_is_seen(extra: Callable[[], Any], size: int) -> None:
    without = sizes_of_a_step(MODELS["VAE"]())
    with_it = sizes_of_a_step(MODELS["VAE"](), lambda terms, n: extra())
    assert with_it - without == {size: 1}
