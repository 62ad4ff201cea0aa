"""What a record says of the machine it was made on, and nothing that tells which machine that is.

Neither names of hosts nor paths go into a record: of a variable that holds a path it says only that.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import in_a_process

ROOT = Path(__file__).parent.parent
_TUNING_VARIABLES = (  # how they begin
    "CUBLAS_",
    "CUDA_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "NUMBA_",
    "NVIDIA_TF32_",
    "OMP_",
    "OPENBLAS_",
    "SCRATCHGEN_",
)
_SECONDS_OF_PRODUCTS = 0.5
_WRITTEN_HERE = ("README.md", "benchmarks/results")  # by the benchmarks: no change of what is measured


def describe_machine() -> dict[str, Any]:
    """Return what a reader needs to know: processor, GPU, system, code, variables, and how busy it was."""
    import llvmlite.binding

    return {
        "processor": _processor_name(),
        "microarchitecture": llvmlite.binding.get_host_cpu_name(),
        "cores": available_cores(),
        "gpu": find_gpu(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "code": find_commit(),
        "variables": tuning_variables(os.environ),
        "load_average_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def product_speed_up() -> float:
    """Return how many times as fast all cores make a product of the size of a layer as one does, at this moment.

    A virtual machine may have fewer cores at times than it says, which no load average tells: near 1, threads that
    share a product wait for each other.
    """
    alone, together = (in_a_process(_seconds_of_product, threads) for threads in (1, available_cores()))
    return round(alone / together, 2)


def _seconds_of_product() -> float:
    x, W = np.ones((128, 784), dtype=np.float32), np.ones((784, 400), dtype=np.float32)
    start, seconds = time.perf_counter(), []
    while time.perf_counter() < start + _SECONDS_OF_PRODUCTS:
        begun = time.perf_counter()
        np.matmul(x, W)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def machine_name(machine: Mapping[str, Any]) -> str:
    """Return what the results file of a machine is called: processor, cores, GPU, and OpenBLAS's routines if chosen.

    >>> machine_name({"processor": "AMD EPYC", "microarchitecture": "znver5", "cores": 2, "variables": {}})
    'amd-epyc-znver5-2-cores'
    """
    parts = [machine["processor"], machine["microarchitecture"], f"{machine['cores']} cores"]
    if gpu := machine.get("gpu"):
        parts.append(gpu["name"])
    if core := machine["variables"].get("OPENBLAS_CORETYPE"):
        parts.append(f"{core} blas")
    return re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tuning_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that change what is measured, without the paths and the identifiers among their values."""
    chosen = {name: value for name, value in sorted(environment.items()) if name.startswith(_TUNING_VARIABLES)}
    return {name: _anonymous(value) for name, value in chosen.items()}


def _anonymous(value: str) -> str:
    if "/" in value or "\\" in value:
        return "(a path)"
    return re.sub(r"(GPU|MIG)-[0-9a-f-]+", r"(a \1)", value)


def find_gpu() -> dict[str, str] | None:
    """Return name and driver of the GPU, and the CUDA version that the driver supports; None where there is none."""
    try:
        listed = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
        header = _output("nvidia-smi")
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [row.rpartition(",") for row in listed.splitlines() if row.strip()]
    if not rows:
        return None
    version = re.search(r"CUDA[^:|]*Version:\s*([\d.]+)", header)
    return {
        "name": " + ".join(name.strip() for name, _, _ in rows),
        "driver": rows[0][2].strip(),
        "cuda": version[1] if version else "unknown",
    }


def find_commit() -> dict[str, Any] | None:
    """Return the commit of the checkout, and whether files differ from it; None where git or its data are missing."""
    unchanged = [f":(exclude){path}" for path in _WRITTEN_HERE]
    try:
        commit = _output("git", "rev-parse", "HEAD")
        changes = _output("git", "status", "--porcelain", "--", ".", *unchanged)
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.strip(), "changed_since": bool(changes.strip())}


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout


def _processor_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
