"""Ten epochs of MNIST for the VAE of `vae_step`, from images in the memory of the host, beside PyTorch.

The model is 784-400-20; batch 128, float32, Adam at 1e-3. A call is what a user calls, `fit` for ten epochs: shuffling,
picking rows, steps, the mean loss of each epoch, and on a GPU the copy of the images to it. Starting up is no part of
it: every contender has imported, compiled and taken its first steps before. PyTorch shuffles on the device, adds up the
loss there and reads it once an epoch, as ours does.

On a GPU, where one is at hand, our steps are replayed from a CUDA graph (captured), which each `fit` captures anew, or
made operation by operation (plain).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks import vae_step
from benchmarks.devices import require_torch_device, synchronise_cuda, synchronise_torch
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.mnist import load_rows
from benchmarks.report import Benchmark, Ratio, command_line, run
from benchmarks.steps import step_like

N_IMAGES, N_EPOCHS, BATCH = 60_000, 10, vae_step.BATCH
LIMIT = 4.0  # seconds, on a GPU


def make_ours(x: np.ndarray, backend: str = "cpu", captured: bool = False) -> Callable[[], Any]:
    vae = vae_step.make_model(backend)
    step_like(vae, vae.backend.asarray(x[:BATCH]), captured)  # absent where `fit` would go on without a graph
    vae.fit(x[: 3 * BATCH + len(x) % BATCH], epochs=1, batch_size=BATCH, progress=False)
    return partial(vae.fit, x, epochs=N_EPOCHS, batch_size=BATCH, progress=False)


def make_torch(x: np.ndarray, compiled: bool | str = False, device: str = "cpu") -> Callable[[], Any]:
    import torch

    require_torch_device(device)
    step = vae_step.make_torch_step(x[: 3 * BATCH].reshape(3, BATCH, -1), True, compiled, device)

    def train(images: np.ndarray, n_epochs: int) -> None:
        rows = torch.from_numpy(images).to(device)
        for _ in range(n_epochs):
            total = torch.zeros((), device=device)
            for indices in torch.randperm(len(rows), device=device).split(BATCH):
                total += len(indices) * step(rows[indices])
            float(total)

    train(x[: 3 * BATCH + len(x) % BATCH], 1)
    return partial(train, x, N_EPOCHS)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("mnist_epochs", __doc__, rounds=3, calls=1, threads=available_cores())
    options = parser.parse_args(arguments)
    x, data = load_rows(N_IMAGES)
    ours, fused, compiled = "scratchgen", "PyTorch eager, fused Adam", "torch.compile, fused Adam"
    captured, plain, gpu_fused, gpu_graphs = (
        f"GPU: {name}"
        for name in ("scratchgen, captured", "scratchgen, plain", fused, "torch.compile, reduce-overhead")
    )
    long = partial(Contender, warm_up=0)
    benchmark = Benchmark(
        name="mnist_epochs",
        title=__doc__.splitlines()[0],
        unit="s",
        per="ten epochs",
        contenders=[
            long(ours, partial(make_ours, x)),
            long(fused, partial(make_torch, x)),
            long(compiled, partial(make_torch, x, True)),
            long(captured, partial(make_ours, x, "cuda", captured=True), synchronise_cuda, at_most=LIMIT),
            long(plain, partial(make_ours, x, "cuda"), synchronise_cuda),
            long(gpu_fused, partial(make_torch, x, False, "cuda"), synchronise_torch),
            long(gpu_graphs, partial(make_torch, x, "reduce-overhead", "cuda"), synchronise_torch),
        ],
        ratios=[
            Ratio(fused, ours),
            Ratio(compiled, ours),
            *(Ratio(peer, captured) for peer in (gpu_fused, gpu_graphs, plain)),
        ],
        details={"model": "VAE 784-400-20, Bernoulli, float32, Adam", "batch": BATCH, "images": len(x), "data": data},
    )
    run(benchmark, options)


if __name__ == "__main__":
    main()
