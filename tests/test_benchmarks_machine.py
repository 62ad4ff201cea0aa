"""What a record of a benchmark says of the machine: enough to judge the figures, and nothing that names it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SMI = {
    ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"): "NVIDIA H200, 580.65.06\n",
    ("nvidia-smi",): "| NVIDIA-SMI 580.65.06   Driver Version: 580.65.06    CUDA Version: 13.0     |\n",
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.machine")


def test_a_record_names_gpu_driver_cuda_and_commit(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = SMI | {
        ("git", "rev-parse", "HEAD"): "0123abc\n",
        ("git", "status", "--porcelain", "--", ".", ":(exclude)README.md", ":(exclude)benchmarks/results"): " M a.py\n",
    }
    monkeypatch.setattr(machine, "_output", lambda *command: answers[command])
    described = machine.describe_machine()
    assert described["gpu"] == {"name": "NVIDIA H200", "driver": "580.65.06", "cuda": "13.0"}
    assert described["code"] == {"commit": "0123abc", "changed_since": True}
    assert "-cores-nvidia-h200" in machine.machine_name(described)


@pytest.mark.parametrize("error", [FileNotFoundError(), subprocess.CalledProcessError(9, "nvidia-smi")])
def test_where_there_is_no_gpu_and_no_git_a_record_says_so(
    machine: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: str) -> str:
        raise error

    monkeypatch.setattr(machine, "_output", fail)
    described = machine.describe_machine()
    assert described["gpu"] is described["code"] is None


def test_a_record_says_how_much_all_cores_help(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_cores", lambda: 4)
    monkeypatch.setattr(machine, "in_a_process", lambda function, threads: {1: 0.9, 4: 0.3}[threads])
    assert machine.product_speed_up() == 3.0
    report = importlib.import_module("benchmarks.report")
    options = report.command_line("a", "b", rounds=2, calls=1, threads=1).parse_args([])
    assert report.start_record("a", "b", options, {})["machine"]["product_speed_up_before"] == 3.0


def test_a_product_is_timed_with_the_threads_that_are_asked_for(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.in_a_process(partial(os.getenv, "OPENBLAS_NUM_THREADS"), 3) == "3"
    monkeypatch.setattr(machine, "_SECONDS_OF_PRODUCTS", 0.01)
    assert 0 < machine._seconds_of_product() < 1


def test_variables_that_change_the_figures_are_kept_without_paths_and_identifiers(machine: Any) -> None:
    kept = machine.tuning_variables(
        {
            "SCRATCHGEN_CUDA_GRAPHS": "1",
            "SCRATCHGEN_DATA": "/home/somebody/data",
            "CUDA_VISIBLE_DEVICES": "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,1",
            "NUMBA_NUM_THREADS": "2",
            "OPENBLAS_CORETYPE": "Haswell",
            "HOSTNAME": "a-name",
            "CUDA_PATH": "C:\\CUDA",
        }
    )
    assert kept == {
        "CUDA_PATH": "(a path)",
        "CUDA_VISIBLE_DEVICES": "(a GPU),1",
        "NUMBA_NUM_THREADS": "2",
        "OPENBLAS_CORETYPE": "Haswell",
        "SCRATCHGEN_CUDA_GRAPHS": "1",
        "SCRATCHGEN_DATA": "(a path)",
    }


def test_committed_records_are_called_what_their_machine_is(machine: Any) -> None:
    for path in (ROOT / "benchmarks" / "results").glob("amd-*.json"):
        names = {machine.machine_name(record["machine"]) for record in json.loads(path.read_text()).values()}
        assert names == {path.stem}
