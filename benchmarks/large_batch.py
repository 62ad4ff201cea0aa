"""How much of a machine's rate of matrix products a training step of a VAE reaches at batch 8,192.

The model is that of `vae_step`, 784-400-20. The rate is that of a square product large enough to reach it, timed beside
the 11 products of one step, in our memory layout and by our own way to multiply, and the step itself. All times are for
10^9 floating-point operations of products, of which one of (m, k) by (k, n) has 2 m k n. What else a step does counts
as nothing: the time of the square product over that of the step is the share of the rate that is left.

On a GPU, where one is at hand, the square product is PyTorch's, in float32 and with factors rounded to TF32, and the
step is replayed from a CUDA graph.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks import vae_step
from benchmarks.devices import make_several, require_torch_device, synchronise_cuda, synchronise_torch
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.mnist import N_FEATURES, load_rows
from benchmarks.report import Benchmark, Ratio, command_line, run
from scratchgen import Stream, get_backend
from scratchgen.backend import Backend, Precision
from scratchgen.kernels.matmul import matmul
from scratchgen.typing import Array

BATCH, N_BATCHES = 8192, 2
SQUARE, SQUARE_ON_GPU = 2048, 8192  # rows
SHARE = 0.6  # of the rate, which the products should reach on a GPU
_STEPS_A_CALL = 5  # on a GPU


def make_step(batches: np.ndarray, backend: str, precision: Precision = "float32") -> Callable[[], Any]:
    chosen = get_backend(backend, precision=precision)
    return vae_step.make_ours(batches, chosen, captured=chosen.name == "cuda")


def make_products(batches: np.ndarray, backend: str, precision: Precision = "float32") -> Callable[[], Any]:
    chosen = get_backend(backend, precision=precision)
    steps = [
        [tuple(moved(array, chosen) for array in arrays) for arrays in step]
        for step in vae_step.products_of_step(batches)
    ]
    endless = itertools.cycle(steps)

    def multiply() -> None:
        for a, b, out in next(endless):
            matmul(a, b, out, precision)

    return multiply


def moved(array: np.ndarray, backend: Backend) -> Array:
    """Return `array` on `backend`, a transposed view as one."""
    return backend.asarray(array) if array.flags.c_contiguous else backend.asarray(array.T).T


def make_square(size: int) -> Callable[[], Any]:
    a, b = (Stream(seed).normal((size, size)) for seed in range(2))
    return partial(np.matmul, a, b, out=np.empty_like(a))


def make_torch_square(size: int, precision: Precision) -> Callable[[], Any]:
    import torch

    require_torch_device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    a, b = (torch.randn(size, size, device="cuda") for _ in range(2))
    return partial(torch.mm, a, b, out=torch.empty_like(a))


def gigaflop_of_step() -> float:
    """Return the 10^9 floating-point operations of the products of one step."""
    products = next(vae_step.products_of_step(np.empty((1, BATCH, N_FEATURES), dtype=np.float32)))
    return sum(2e-9 * a.shape[0] * a.shape[1] * b.shape[1] for a, b, _ in products)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("large_batch", __doc__, rounds=10, calls=1, threads=available_cores())
    options = parser.parse_args(arguments)
    rows, data = load_rows(N_BATCHES * BATCH)
    batches = rows.reshape(N_BATCHES, BATCH, N_FEATURES)
    of_step, square_on_gpu = gigaflop_of_step(), 2e-9 * SQUARE_ON_GPU**3
    square, products, ours = f"a square product, {SQUARE} rows, NumPy", "its 11 products, NumPy", "scratchgen"
    contenders = [
        Contender(square, partial(make_square, SQUARE), units=2e-9 * SQUARE**3),
        Contender(products, partial(make_products, batches, "cpu"), units=of_step, warm_up=1),
        Contender(ours, partial(make_step, batches, "cpu"), units=of_step, warm_up=1),
    ]
    ratios = [Ratio(square, products), Ratio(products, ours)]
    for precision in ("float32", "tf32"):
        square, products, ours = (
            f"GPU {precision}: {name}"
            for name in (f"a square product, {SQUARE_ON_GPU} rows, PyTorch", "its 11 products", "scratchgen, captured")
        )
        makers = (partial(make, batches, "cuda", precision) for make in (make_products, make_step))
        contenders += [
            Contender(square, partial(make_torch_square, SQUARE_ON_GPU, precision), synchronise_torch, square_on_gpu),
            *(
                Contender(name, partial(make_several, make, _STEPS_A_CALL), synchronise_cuda, _STEPS_A_CALL * of_step)
                for name, make in zip((products, ours), makers, strict=True)
            ),
        ]
        ratios += [Ratio(square, products, at_least=SHARE), Ratio(products, ours)]
    benchmark = Benchmark(
        name="large_batch",
        title=__doc__.splitlines()[0],
        unit="µs",
        per="10^9 operations of products",
        contenders=contenders,
        ratios=ratios,
        details={
            "model": "VAE 784-400-20, Bernoulli, float32, Adam",
            "batch": BATCH,
            "10^9 operations a step": round(of_step, 2),
            "data": data,
        },
    )
    run(benchmark, options)


if __name__ == "__main__":
    main()
