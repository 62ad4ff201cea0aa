"""How the cost grows: a training step with width and batch, Gibbs sweeps with chains, an epoch with its data.

The step is that of `vae_step`: a VAE 784-WIDTH-20 at batch 128, then 784-400-20 at other batches. Sweeps are those of
an RBM 784-500, 10 a call. The matrix products stand beside both, so that what bends with them is theirs (caches,
threads), and what does not is ours (calls, passes over arrays). With each time stands the exponent between it and the
one before, log(time ratio) / log(size ratio): 1 where the cost is linear, 0 where it does not depend on the size; a
sentence says where it is not linear and why (`benchmarks.scaling_curves`). Where there is a GPU all of it runs on
`cuda` too, and the table says from which size on that is faster.

An epoch is `VAE.fit` of 784-400-20 on so many images, in a process of its own whose memory is measured
(`benchmarks.scaling_epochs`).

``--plot FILE`` draws all of it; ``--largest`` leaves out larger sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import gibbs, vae_step
from benchmarks.devices import on_gpu, synchronise_cuda
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.mnist import load_rows
from benchmarks.report import Benchmark, Ratio, command_line, run
from benchmarks.scaling_curves import (
    GPU,
    GPU_CAPTURED,
    OURS,
    PER,
    PRODUCTS,
    break_even,
    curves,
    epoch_curves,
    explanation,
    explanation_of_memory,
    exponents,
)
from benchmarks.scaling_epochs import epochs
from benchmarks.scaling_plot import plot
from scratchgen import BackendError, get_backend

SIZES = {
    "width": (25, 50, 100, 200, 400, 800, 1600, 3200),
    "batch": (1, 8, 32, 128, 512, 2048, 8192),
    "chains": (1, 10, 100, 1_000, 10_000),
}
IMAGES = (1_000, 4_000, 16_000, 60_000)
RBM_SHAPE = (784, 500)
_STEPS_A_CALL = 10  # on a GPU


def make_step(width: int, batch: int, backend: str, captured: bool = False) -> Callable[[], Any]:
    return vae_step.make_ours(_batches(batch), backend, width, captured)


def make_products(width: int, batch: int) -> Callable[[], Any]:
    return vae_step.make_numpy_products(_batches(batch), n_hidden=width)


def _batches(batch: int) -> np.ndarray:
    n_batches = max(1, 4096 // batch)
    return load_rows(n_batches * batch)[0].reshape(n_batches, batch, -1)


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
            if size <= largest:
                yield from _chains(size, gpu) if what == "chains" else _steps(what, size, gpu)


def _steps(what: str, size: int, gpu: bool) -> Iterator[Contender]:
    shape = (size, vae_step.BATCH) if what == "width" else (vae_step.N_HIDDEN, size)
    yield Contender(f"{OURS}, {what} {size}", partial(make_step, *shape, "cpu"))
    yield Contender(f"{PRODUCTS}, {what} {size}", partial(make_products, *shape))
    for who, captured in ((GPU, False), (GPU_CAPTURED, True)) if gpu else ():
        make = partial(make_step, *shape, "cuda", captured)
        yield on_gpu(f"{who}, {what} {size}", make, synchronise_cuda, _STEPS_A_CALL)


def _chains(size: int, gpu: bool) -> Iterator[Contender]:
    yield Contender(f"{OURS}, chains {size}", partial(gibbs.make_ours, *RBM_SHAPE, size, "cpu"))
    yield Contender(f"{PRODUCTS}, chains {size}", partial(gibbs.make_products, *RBM_SHAPE, size))
    if gpu:
        make = partial(gibbs.make_ours, *RBM_SHAPE, size, "cuda")
        yield Contender(f"{GPU}, chains {size}", make, synchronise_cuda)


def print_curves(record: dict[str, Any]) -> None:
    """Print each curve with its exponents, and what they say."""
    for what, by_whom in curves(record).items():
        print(f"\nms for {PER[what]}, and the exponent since the size before, against {what}")
        for who, points in by_whom.items():
            slopes = ["", *(f"({slope:.2f})" for slope in exponents(points))]
            cells = [f"{n:,}: {1e3 * t:.3g} {slope}".rstrip() for (n, t), slope in zip(points, slopes, strict=True)]
            print(f"{who:23} {'  '.join(cells)}")
        print(explanation(what, by_whom))
        for who in (GPU, GPU_CAPTURED):
            if who in by_whom:
                size = break_even(by_whom[OURS], by_whom[who])
                print(f"{who} is faster " + (f"from {what} {size:,} on" if size else "at none of these sizes"))
    print()
    print(explanation("images", epoch_curves(record, "seconds")))
    print(explanation_of_memory(epoch_curves(record, "peak_bytes")[OURS]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("scaling", __doc__, rounds=5, calls=3, threads=available_cores())
    parser.add_argument("--largest", type=int, default=10**9, help="size to end at (default: all)")
    parser.add_argument("--plot", type=Path, help="draw the curves into this file")
    options = parser.parse_args(arguments)
    gpu = has_gpu()
    all_contenders = list(contenders(options.largest, gpu))
    ours = [contender.name for contender in all_contenders if contender.name.startswith(f"{OURS},")]
    backends = ("cpu", "cuda") if gpu else ("cpu",)
    benchmark = Benchmark(
        name="scaling",
        title=__doc__.splitlines()[0],
        unit="ms",
        per="step, or 10 sweeps",
        contenders=all_contenders,
        ratios=[Ratio(name, name.replace(OURS, PRODUCTS)) for name in ours],
        details={
            "step": "VAE, float32, Adam",
            "GPU": "yes" if gpu else "none here",
            "epochs": epochs([n for n in IMAGES if n <= options.largest], backends, options.threads),
        },
    )
    record = run(benchmark, options)
    print_curves(record)
    if options.plot:
        plot(record, options.plot)


if __name__ == "__main__":
    main()
