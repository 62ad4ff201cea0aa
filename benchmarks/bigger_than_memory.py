"""Train on data that are larger than the memory they are given: peak resident memory, rate of reading, time a batch.

Writes .npy shards of float32 rows, uniform in [0, 1], of 784 columns, and lets the system forget them, so that they
come from the disk. A process of its own then makes one pass of `fit` over them with a VAE 784-64-8 in batches of 512,
and says how large it has been at most, before and after. Beside it stand the same batches from the first shard, read
into memory: what a step would cost if the data were there. It fails where the peak is above 1 GB.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import peak_resident_bytes

COLUMNS, BATCH = 784, 512
SHARD_ROWS, CHUNK_ROWS = 65_536, 4_096  # 206 MB, 13 MB
LIMIT = 10**9  # bytes of resident memory


def write_shards(folder: Path, n_bytes: float) -> int:
    """Write shards until they have `n_bytes`; return how many they have."""
    generator, written = np.random.default_rng(0), 0
    while written < n_bytes:
        path = folder / f"{written // (4 * SHARD_ROWS * COLUMNS):05d}.npy"
        chunk = generator.random((CHUNK_ROWS, COLUMNS), dtype=np.float32)
        with path.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (SHARD_ROWS, COLUMNS)}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, SHARD_ROWS, CHUNK_ROWS):
                file.write(np.roll(chunk, start // CHUNK_ROWS, axis=1).tobytes())
            file.flush()
            os.fsync(file.fileno())
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        written += 4 * SHARD_ROWS * COLUMNS
    return written


def train(folder: Path) -> None:
    """Make the pass, and print what it took."""
    from scratchgen import VAE, Adam

    def seconds_of_fit(x: Any) -> tuple[float, int]:
        started, first = time.perf_counter(), vae.step
        vae.fit(x, epochs=1, batch_size=BATCH, progress=False)
        return time.perf_counter() - started, vae.step - first

    vae = VAE(COLUMNS, (64,), 8, seed=0)
    vae.fit(np.zeros((2 * BATCH, COLUMNS), dtype=np.float32), epochs=1, optimizer=Adam(1e-3), progress=False)
    before = peak_resident_bytes()
    seconds, steps = seconds_of_fit(folder)
    after, n_bytes = peak_resident_bytes(), sum(path.stat().st_size for path in folder.glob("*.npy"))
    shard = np.load(min(folder.glob("*.npy")))
    in_memory = statistics.median(_per_step(seconds_of_fit, shard) for _ in range(3))
    print(f"data                                {n_bytes / 1e9:10.2f} GB in {steps} batches")
    print(f"peak resident memory, before        {before / 1e6:10.0f} MB (compiled, one epoch on a small array)")
    print(f"                      after         {after / 1e6:10.0f} MB")
    print(f"read                                {n_bytes / seconds / 1e6:10.0f} MB/s")
    print(f"time a batch, from the disk         {1e3 * seconds / steps:10.2f} ms")
    print(f"              from memory           {1e3 * in_memory:10.2f} ms")
    print(f"              ratio                 {seconds / steps / in_memory:10.2f}")
    if after > LIMIT:
        raise SystemExit(f"the peak of resident memory is above {LIMIT / 1e6:.0f} MB")


def _per_step(seconds_of_fit: Callable[[Any], tuple[float, int]], x: np.ndarray) -> float:
    seconds, steps = seconds_of_fit(x)
    return seconds / steps


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bigger_than_memory", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20, help="of data to write (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where to write them; they are removed afterwards")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.train:
        train(options.train)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        started = time.perf_counter()
        written = write_shards(Path(folder), 1e9 * options.gigabytes)
        print(f"wrote {written / 1e9:.2f} GB in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        command = [sys.executable, "-m", "benchmarks.bigger_than_memory", "--train", folder]
        raise SystemExit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
