from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scratchgen.backend import Backend, get_backend
from scratchgen.commands import announcements
from scratchgen.commands.announcements import announce_backend


def _resolve_to(monkeypatch: pytest.MonkeyPatch, backend: Backend, cached: bool = True) -> None:
    monkeypatch.setattr(announcements, "resolve_backend", lambda name: backend)
    monkeypatch.setattr(announcements, "kernels_are_cached", lambda: cached)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_auto_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _resolve_to(monkeypatch, get_backend("cpu"))
    assert announce_backend("auto").name == "cpu"
    assert _lines(capsys) == ["backend: cpu (auto: no working GPU)"]


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    runtime = SimpleNamespace(getDevice=lambda: 1, getDeviceProperties=lambda i: {"name": f"GPU {i}".encode()})
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setattr(announcements, "simulating_cuda", lambda: False)
    _resolve_to(monkeypatch, Backend("cuda", cupy, "cuda"), cached=False)
    announce_backend("auto")
    assert _lines(capsys) == ["backend: cuda (GPU 1)"]


def test_the_simulator_is_not_passed_off_as_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(announcements, "simulating_cuda", lambda: True)
    _resolve_to(monkeypatch, Backend("cuda", None, "cuda"))
    announce_backend("cuda")
    assert _lines(capsys) == ["backend: cuda (simulator)"]


@pytest.mark.parametrize(
    ("name", "cached", "compiles"), [("cpu", False, True), ("cpu", True, False), ("numpy", False, False)]
)
def test_compiling_is_announced_where_it_will_happen(
    name: str, cached: bool, compiles: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _resolve_to(monkeypatch, get_backend(name), cached)
    announce_backend(name)
    assert any("compiling" in line for line in _lines(capsys)) == compiles


def test_the_cache_counts_as_filled_once_a_kernel_was_compiled(tmp_path: Path) -> None:
    script = (
        "import numpy as np, scratchgen as sg\n"
        "from scratchgen.kernels._cache import kernels_are_cached\n"
        "from scratchgen.kernels.sgd import sgd_\n"
        "print(kernels_are_cached())\n"
        "sgd_.cpu(np.ones(2, 'f4'), np.ones(2, 'f4'), np.zeros(2, 'f4'), np.ones(1, 'f4'), 0.0)\n"
        "print(kernels_are_cached())\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for expected in ("False\nTrue\n", "True\nTrue\n"):
        answer = subprocess.run(
            [sys.executable, "-P", "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert answer.stdout == expected
