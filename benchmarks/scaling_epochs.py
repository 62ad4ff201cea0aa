"""Seconds and peak memory of an epoch against the number of images, each in a process of its own.

The parent leaves the images in a file; the child has nothing else in memory, trains on a first batch so that everything
is compiled and imported, lets its peak begin anew, and then reads the file and trains: what the peak grows by is the
images and what training takes besides them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import vae_step
from benchmarks.harness import thread_variables
from benchmarks.memory import peak_resident_bytes, restart_peak
from benchmarks.mnist import N_FEATURES, load_rows
from benchmarks.scaling_curves import BYTES_PER_IMAGE
from scratchgen import VAE


def epochs(images: Sequence[int], backends: Sequence[str], threads: int) -> list[dict[str, Any]]:
    """Measure an epoch for each backend and number of images, print the table and return its rows."""
    rows, environment = [], os.environ | thread_variables(threads)
    print("\nbackend  images     seconds   ms a batch   peak memory   images alone, MB   on the GPU, MB")
    with tempfile.TemporaryDirectory() as folder:
        for n in images:
            file = Path(folder, "images.npy")
            np.save(file, load_rows(n)[0])
            for backend in backends:
                command = [sys.executable, "-m", "benchmarks.scaling_epochs", str(file), backend]
                child = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
                row = {"backend": backend, "images": n, **json.loads(child.stdout)}
                print(_line(row))
                rows.append(row)
    return rows


def _line(row: dict[str, Any]) -> str:
    ms = 1e3 * row["seconds"] / -(-row["images"] // vae_step.BATCH)
    megabytes = (row["peak_bytes"] / 1e6, row["images"] * BYTES_PER_IMAGE / 1e6, row["device_bytes"] / 1e6)
    memory = "{:13.0f} {:18.0f} {:16.0f}".format(*megabytes)
    return f"{row['backend']:7} {row['images']:7,} {row['seconds']:11.2f} {ms:12.2f} {memory}"


def measure_epoch(file: Path, backend: str) -> dict[str, float]:
    """Train for one epoch on the images in `file`, in this process; return seconds and by what its memory grew."""
    vae = VAE(N_FEATURES, (vae_step.N_HIDDEN,), vae_step.N_LATENT, backend=backend)
    vae.fit(np.zeros((2 * vae_step.BATCH, N_FEATURES), dtype=np.float32), epochs=1, progress=False)  # compiles
    before, device_before = restart_peak(), _device_bytes(vae)
    x = np.load(file)
    started = time.perf_counter()
    vae.fit(x, epochs=1, progress=False)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "peak_bytes": peak_resident_bytes() - before,
        "device_bytes": _device_bytes(vae) - device_before,
    }


def _device_bytes(vae: VAE) -> int:
    """Return what CuPy has taken of the GPU's memory, which it keeps: the peak."""
    xp = vae.backend.xp
    return xp.get_default_memory_pool().total_bytes() if xp.__name__ == "cupy" else 0


if __name__ == "__main__":
    print(json.dumps(measure_epoch(Path(sys.argv[1]), sys.argv[2])))
