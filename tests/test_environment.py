"""What is said about the library that multiplies matrices."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from scratchgen import environment
from scratchgen.backend import Backend, get_backend
from scratchgen.environment import describe_environment

OPENBLAS = {"internal_api": "openblas", "num_threads": 2, "architecture": "Haswell"}
CASES: list[tuple[dict[str, Any] | None, str]] = [
    (OPENBLAS, "openblas for Haswell, 2 threads"),
    ({"internal_api": "mkl", "num_threads": 2}, "mkl for any core, 2 threads"),
    (None, "an unknown library"),
]


@pytest.mark.parametrize(("found", "expected"), CASES)
def test_library_core_and_threads_are_told(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any] | None, expected: str
) -> None:
    library = None if found is None else SimpleNamespace(info=lambda: found)
    monkeypatch.setattr(environment, "blas_library", lambda: library)
    assert describe_environment(get_backend("cpu")) == expected


def test_a_change_of_the_number_of_threads_is_seen() -> None:
    with threadpool_limits(1, "blas"):
        assert describe_environment(get_backend("numpy")).endswith((", 1 threads", "an unknown library"))


def test_matrix_products_on_a_device_are_not_those_of_the_processor() -> None:
    assert describe_environment(Backend("cuda", SimpleNamespace(), "cuda")) == "cuda"


def test_the_precision_of_products_on_a_gpu_is_part_of_it() -> None:
    described = [describe_environment(Backend("cuda", object(), "cuda", p)) for p in ("float32", "tf32", "float16")]
    assert described == ["cuda", "cuda, tf32 products", "cuda, float16 products"]
