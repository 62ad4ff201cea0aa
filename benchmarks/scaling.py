"""How the cost grows: a training step with width and batch, Gibbs sweeps with chains, an epoch with its data.

The step is that of `vae_step`: a VAE 784-WIDTH-20 at batch 128, then 784-400-20 at other batches. Its matrix products
stand beside it, so that what bends with them is theirs (caches, threads), and what does not is ours (calls, passes over
arrays). Sweeps are those of an RBM 784-500, 10 a call. With each time stands the exponent between it and the one
before, log(time ratio) / log(size ratio): 1 where the cost is linear, 0 where it does not depend on the size. Where
there is a GPU all of it runs on `cuda` too, and the table says from which size on that is faster.

An epoch is `VAE.fit` of 784-400-20 on so many images, in a process of its own whose memory is measured: by how much the
peak of resident memory is above that before the images are made, beside the bytes of the images themselves.

``--plot FILE`` draws all of it; ``--largest`` leaves out larger sizes.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import gibbs, vae_step
from benchmarks.devices import synchronise_cuda
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.memory import peak_resident_bytes
from benchmarks.mnist import load_rows
from benchmarks.report import Benchmark, Ratio, command_line, run
from scratchgen import VAE, BackendError, get_backend

SIZES = {
    "width": (25, 50, 100, 200, 400, 800, 1600, 3200),
    "batch": (1, 8, 32, 128, 512, 2048, 8192),
    "chains": (1, 10, 100, 1_000, 10_000),
}
IMAGES = (1_000, 4_000, 16_000, 60_000)
PER = {"width": "a step of batch 128", "batch": "a step", "chains": "10 sweeps of all chains"}
OURS, PRODUCTS, GPU = "scratchgen", "its products", "scratchgen GPU"


# ------------------------------------------------------------------------------------------------------------- steps


def make_step(width: int, batch: int, backend: str) -> Callable[[], Any]:
    return vae_step.make_ours(_batches(batch), backend, width)


def make_products(width: int, batch: int) -> Callable[[], Any]:
    return vae_step.make_numpy_products(_batches(batch), n_hidden=width)


def _batches(batch: int) -> Any:
    n_batches = max(1, 4096 // batch)
    return load_rows(n_batches * batch)[0].reshape(n_batches, batch, -1)


def make_sweeps(n_chains: int, backend: str) -> Callable[[], Any]:
    return gibbs.make_ours(784, 500, n_chains, backend)


def has_gpu() -> bool:
    """Say whether the cuda backend works here."""
    try:
        get_backend("cuda")
    except BackendError:
        return False
    return True


def contenders(largest: int, gpu: bool) -> Iterator[Contender]:
    """Yield one for each size and each way to do it, named ``who, what size``."""
    for what, sizes in SIZES.items():
        for size in sizes:
            if size > largest:
                continue
            if what == "chains":
                makers = {OURS: partial(make_sweeps, size, "cpu"), GPU: partial(make_sweeps, size, "cuda")}
            else:
                shape = (size, vae_step.BATCH) if what == "width" else (vae_step.N_HIDDEN, size)
                makers = {
                    OURS: partial(make_step, *shape, "cpu"),
                    PRODUCTS: partial(make_products, *shape),
                    GPU: partial(make_step, *shape, "cuda"),
                }
            for who, make in makers.items():
                if who == GPU and not gpu:
                    continue
                wait = {"synchronise": synchronise_cuda} if who == GPU else {}
                yield Contender(f"{who}, {what} {size}", make, **wait)


def curves(record: dict[str, Any]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Return the points (size, seconds) of a record: by what grows, then by who does it."""
    found: dict[str, dict[str, list[tuple[int, float]]]] = {what: {} for what in SIZES}
    for row in record["contenders"]:
        who, _, rest = row["name"].partition(", ")
        what, size = rest.split()
        if "seconds" in row:
            found[what].setdefault(who, []).append((int(size), row["seconds"]["median"]))
    return found


def exponents(points: Sequence[tuple[int, float]]) -> list[float]:
    """Return log(time ratio) / log(size ratio) between each point and the next.

    >>> exponents([(1, 2.0), (10, 20.0), (100, 20.0)])
    [1.0, 0.0]
    """
    return [math.log(t2 / t1) / math.log(n2 / n1) for (n1, t1), (n2, t2) in pairwise(points)]


def break_even(cpu: Sequence[tuple[int, float]], gpu: Sequence[tuple[int, float]]) -> int | None:
    """Return the smallest size from which on the GPU is faster at every size.

    >>> break_even([(1, 1.0), (2, 2.0), (4, 4.0)], [(1, 3.0), (2, 1.9), (4, 2.0)])
    2
    """
    on_gpu, first = dict(gpu), None
    for size, seconds in cpu:
        if on_gpu.get(size, math.inf) >= seconds:
            first = None
        elif first is None:
            first = size
    return first


def print_curves(record: dict[str, Any]) -> None:
    for what, by_whom in curves(record).items():
        print(f"\nms for {PER[what]}, and the exponent since the size before, against {what}")
        for who, points in by_whom.items():
            slopes = ["", *(f"({slope:.2f})" for slope in exponents(points))]
            cells = [f"{n:,}: {1e3 * t:.3g} {slope}".rstrip() for (n, t), slope in zip(points, slopes, strict=True)]
            print(f"{who:15} {'  '.join(cells)}")
        if GPU in by_whom:
            size = break_even(by_whom[OURS], by_whom[GPU])
            print(f"the GPU is faster from {what} {size:,} on" if size else "the GPU is never faster")


# ----------------------------------------------------------------------------------------------------- epochs of data


def measure_epoch(n_images: int, backend: str) -> None:
    """Train for one epoch, in this process; print its seconds and by how many bytes the peak memory grew."""
    vae = VAE(784, (vae_step.N_HIDDEN,), vae_step.N_LATENT, backend=backend)
    vae.fit(load_rows(vae_step.BATCH)[0], epochs=1, progress=False)  # compiles
    before = peak_resident_bytes()
    x = load_rows(n_images)[0]
    started = time.perf_counter()
    vae.fit(x, epochs=1, progress=False)
    print(time.perf_counter() - started, peak_resident_bytes() - before)


def epochs(images: Sequence[int], threads: int) -> list[dict[str, float]]:
    """Return seconds and peak memory of an epoch for each number of images."""
    rows = []
    print("\nimages     seconds   ms a batch   peak memory   images alone, MB")
    for n in images:
        command = [sys.executable, "-m", "benchmarks.scaling", f"--epoch={n}", f"--threads={threads}"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, peak = map(float, output.split())
        ms = 1e3 * seconds / -(-n // vae_step.BATCH)
        print(f"{n:6,} {seconds:11.2f} {ms:12.2f} {peak / 1e6:13.0f} {n * 784 * 4 / 1e6:18.0f}")
        rows.append({"images": n, "seconds": seconds, "peak_bytes": peak})
    return rows


# ---------------------------------------------------------------------------------------------------------- pictures


def plot(record: dict[str, Any], path: Path) -> None:
    """Draw time against width, batch and chains, and epoch time and memory against the number of images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(2, 2)
    for axes, (what, by_whom) in zip(panels.flat, curves(record).items(), strict=False):
        for who, points in by_whom.items():
            sizes, seconds = zip(*points, strict=True)
            axes.loglog(sizes, [1e3 * t for t in seconds], marker="o", label=who)
        n, t = points[-1]
        axes.loglog([n / 30, n], [1e3 * t / 30, 1e3 * t], ":", color="grey", label="linear")
        axes.set(xlabel=what, ylabel=f"ms for {PER[what]}")
        _finish(axes, sizes)
    rows, axes = record["details"]["epochs"], panels[1, 1]
    images = [row["images"] for row in rows]
    axes.loglog(images, [row["seconds"] for row in rows], marker="o", label="seconds of an epoch")
    axes.loglog(images, [row["peak_bytes"] / 1e6 for row in rows], marker="s", label="peak memory, MB")
    axes.loglog(images, [n * 784 * 4 / 1e6 for n in images], ":", color="grey", label="the images alone, MB")
    axes.set(xlabel="images")
    _finish(axes, images)
    figure.savefig(path, dpi=150)


def _finish(axes: Any, sizes: Sequence[int]) -> None:
    """Put ticks where the sizes are, and a legend."""
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.legend(fontsize="small")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("scaling", __doc__, rounds=5, calls=3, threads=available_cores())
    parser.add_argument("--largest", type=int, default=10**9, help="size to end at (default: all)")
    parser.add_argument("--plot", type=Path, help="draw the curves into this file")
    parser.add_argument("--epoch", type=int, help=argparse.SUPPRESS)  # how the script calls itself
    options = parser.parse_args(arguments)
    if options.epoch is not None:
        measure_epoch(options.epoch, "cpu")
        return
    images = [n for n in IMAGES if n <= options.largest]
    gpu = has_gpu()
    all_contenders = list(contenders(options.largest, gpu))
    names = {contender.name for contender in all_contenders}
    pairs = [(name, name.replace(OURS, PRODUCTS)) for name in names if name.startswith(f"{OURS},")]
    benchmark = Benchmark(
        name="scaling",
        title=__doc__.splitlines()[0],
        unit="ms",
        per="call",
        contenders=all_contenders,
        ratios=[Ratio(ours, products) for ours, products in sorted(pairs) if products in names],
        details={
            "step": "VAE, float32, Adam",
            "GPU": "yes" if gpu else "none here",
            "epochs": epochs(images, options.threads),
        },
    )
    record = run(benchmark, options)
    print_curves(record)
    if options.plot:
        plot(record, options.plot)


if __name__ == "__main__":
    main()
