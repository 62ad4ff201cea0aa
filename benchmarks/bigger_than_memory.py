"""Train on data that are larger than the memory they are given: peak resident memory, rate of reading, time a batch.

Writes .npy shards of float32 rows, uniform in [0, 1], of 784 columns, and lets the system forget them, so that they
come from the disk. A process of its own then makes one pass of `fit` over them with a VAE 784-64-8 in batches of 512,
and says how large it has been at most, before and after. Beside it stand the same batches from the first shard, read
into memory: what a step would cost if the data were there. It fails where the peak is above 1 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import peak_resident_bytes
from benchmarks.report import add_out, start_record, write

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


def train(folder: Path) -> dict[str, float]:
    """Make the pass, and return what it took: bytes, seconds a batch."""
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
    return {
        "data_bytes": n_bytes,
        "batches": steps,
        "peak_bytes_before": before,
        "peak_bytes_after": after,
        "bytes_a_second": round(n_bytes / seconds),
        "seconds_a_batch": round(seconds / steps, 6),
        "seconds_a_batch_in_memory": round(statistics.median(_per_step(seconds_of_fit, shard) for _ in range(3)), 6),
    }


def _per_step(seconds_of_fit: Callable[[Any], tuple[float, int]], x: np.ndarray) -> float:
    seconds, steps = seconds_of_fit(x)
    return seconds / steps


def table(found: Mapping[str, float]) -> str:
    """Return what is printed."""
    on_disk, in_memory = found["seconds_a_batch"], found["seconds_a_batch_in_memory"]
    rows = (
        ("data", f"{found['data_bytes'] / 1e9:.2f}", f"GB in {found['batches']} batches"),
        ("peak resident memory, before", f"{found['peak_bytes_before'] / 1e6:.0f}", "MB (compiled, one small epoch)"),
        ("                      after", f"{found['peak_bytes_after'] / 1e6:.0f}", "MB"),
        ("read", f"{found['bytes_a_second'] / 1e6:.0f}", "MB/s"),
        ("time a batch, from the disk", f"{1e3 * on_disk:.2f}", "ms"),
        ("              from memory", f"{1e3 * in_memory:.2f}", "ms"),
        ("              ratio", f"{on_disk / in_memory:.2f}", ""),
    )
    return "\n".join(f"{label:34}{number:>12} {unit}".rstrip() for label, number, unit in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bigger_than_memory", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20, help="of data to write (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where to write them; they are removed afterwards")
    add_out(parser, "bigger_than_memory")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)  # how the script calls itself
    options = parser.parse_args(arguments)
    if options.train:
        print(json.dumps(train(options.train)))
        return
    record = start_record("bigger_than_memory", __doc__.splitlines()[0], options, {})
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        require_room(Path(folder), 1e9 * options.gigabytes)
        started = time.perf_counter()
        written = write_shards(Path(folder), 1e9 * options.gigabytes)
        print(f"wrote {written / 1e9:.2f} GB in {time.perf_counter() - started:.0f} s", file=sys.stderr)
        command = [sys.executable, "-m", "benchmarks.bigger_than_memory", "--train", folder]
        child = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    record |= {"details": json.loads(child.stdout), "contenders": [], "ratios": []}
    print(table(record["details"]))
    write(options.out, "bigger_than_memory", record)
    print(f"\nwritten to {options.out}")
    if record["details"]["peak_bytes_after"] > LIMIT:
        raise SystemExit(f"the peak of resident memory is above {LIMIT / 1e6:.0f} MB")


def require_room(folder: Path, n_bytes: float) -> None:
    """Refuse to fill the disk."""
    free = shutil.disk_usage(folder).free
    if free < 1.1 * n_bytes:
        raise SystemExit(
            f"{n_bytes / 1e9:.0f} GB of data need a folder with more room than {free / 1e9:.0f} GB: give another by "
            "--folder, or fewer --gigabytes"
        )


if __name__ == "__main__":
    main()
