"""One training step of a VAE, beside PyTorch and beside its matrix products alone.

On a GPU, where one is at hand, the same stands beside PyTorch on it, `torch.compile` with CUDA graphs included; our
step is there replayed from a CUDA graph (captured), and made operation by operation (plain). Everybody there is waited
for once in 50 steps, as in training, where nobody waits for each.

The model is 784-400-20, ReLU, Bernoulli likelihood on MNIST intensities; batch 128, float32, Adam at 1e-3. A step draws
the noise and computes loss, gradient and update. All contenders go round the same batches, which are gathered before:
picking the rows of a batch is part of nobody's step.

Before it is timed, each PyTorch contender gets our initial parameters and takes three steps with our noise; its losses
must be ours, all but the first after its own gradients and updates. The products are those of one step, in our memory
layout and into arrays that exist: what a step would cost if everything but BLAS were free.

PyTorch comes with ``pip install -e ".[bench]"``; without it its rows are absent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.devices import on_gpu, require_torch_device, synchronise_cuda, synchronise_torch
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.mnist import load_rows
from benchmarks.products import Product, by_numpy, by_torch
from benchmarks.report import Benchmark, Ratio, command_line, run
from benchmarks.steps import steps_over
from scratchgen import VAE, ScratchgenError, Stream
from scratchgen.backend import Backend

N_VISIBLE, N_HIDDEN, N_LATENT, BATCH = 784, 400, 20, 128
N_BATCHES = 64  # 26 MB: more than stays in the caches of a core
_SAME = 1e-4  # relative difference of losses


def make_ours(
    batches: np.ndarray, backend: str | Backend = "cpu", n_hidden: int = N_HIDDEN, captured: bool = False
) -> Callable[[], Any]:
    return steps_over(make_model(backend, n_hidden), batches, captured)


def make_torch(batches: np.ndarray, fused: bool, compiled: bool | str, device: str = "cpu") -> Callable[[], Any]:
    import torch

    step = make_torch_step(batches[:3], fused, compiled, device)
    endless = itertools.cycle(torch.from_numpy(batches).to(device))
    return lambda: step(next(endless))


def make_torch_step(batches: np.ndarray, fused: bool, compiled: bool | str, device: str) -> Callable[..., Any]:
    """Return the step of PyTorch's model, after it has taken those on `batches` as ours does."""
    from benchmarks import torch_vae

    require_torch_device(device)
    vae = make_model("numpy")
    model = torch_vae.VAE(N_VISIBLE, N_HIDDEN, N_LATENT).to(device)
    _copy_parameters(vae, model)
    step = torch_vae.training_step(model, fused, compiled)
    check_same_steps(vae, step, batches, device)
    return step


def make_numpy_products(batches: np.ndarray, only_large: bool = False, n_hidden: int = N_HIDDEN) -> Callable[[], Any]:
    return by_numpy(products_of_step(batches, only_large, n_hidden))


def make_torch_products(batches: np.ndarray, device: str = "cpu") -> Callable[[], Any]:
    return by_torch(products_of_step(batches), device)


# -------------------------------------------------------------------------------------------------- what they share


def make_model(backend: str | Backend, n_hidden: int = N_HIDDEN) -> VAE:
    return VAE(N_VISIBLE, (n_hidden,), N_LATENT, likelihood="bernoulli", seed=0, dtype="float32", backend=backend)


def take_step(vae: VAE, x: np.ndarray, gradient: np.ndarray, grads: Any) -> float:
    """Take the step that `VAE.fit` takes; return the loss before it."""
    terms, _ = vae.evaluate_terms_and_grads(x, vae.draw_noise(x), out=grads)
    vae.optimizer.step_(vae.theta, gradient, vae.optimizer_state, vae.backend)
    vae.step += 1
    return terms.loss


def _copy_parameters(vae: VAE, model: Any) -> None:
    import torch

    p = vae.params
    with torch.no_grad():
        for layer, (W, b) in (
            (model.encoder, p.encoder[0]),
            (model.mean, p.heads.mean),
            (model.log_var, p.heads.log_var),
            (model.decoder, p.decoder[0]),
            (model.output, p.decoder[1]),
        ):
            layer.weight.copy_(torch.from_numpy(W.T))
            layer.bias.copy_(torch.from_numpy(b))


def check_same_steps(vae: VAE, torch_step: Callable[..., Any], batches: np.ndarray, device: str = "cpu") -> None:
    import torch

    gradient, grads = vae.empty_grads()
    noise_again = Stream.from_state(vae.streams["training_noise"].state(), "numpy")
    for number, x in enumerate(batches, start=1):
        ours = float(take_step(vae, x, gradient, grads))
        noise = vae.draw_noise(x, noise_again)
        theirs = float(torch_step(torch.from_numpy(x).to(device), torch.from_numpy(noise).to(device)))
        if not math.isclose(ours, theirs, rel_tol=_SAME):
            raise ScratchgenError(f"step {number} of the same training: our loss is {ours}, PyTorch's {theirs}")


def products_of_step(
    batches: np.ndarray, only_large: bool = False, n_hidden: int = N_HIDDEN
) -> Iterator[list[Product]]:
    """Yield, for each batch, the products of a step in its order, as (a, b, out); of 11 the 5 with 784 are large."""
    vae, n = make_model("numpy", n_hidden), batches.shape[1]
    p, d = vae.params, vae.empty_grads()[1]
    (W_x, _), (W_heads, _) = p.encoder[0], p.heads
    (W_z, _), (W_out, _) = p.decoder
    stream = Stream(1, "numpy")
    h, dh, g, dg = (stream.normal((n, n_hidden)) for _ in range(4))  # g: the decoder's hidden layer
    heads, dheads = (stream.normal((n, 2 * N_LATENT)) for _ in range(2))  # mean and log_var side by side
    z, dz = (stream.normal((n, N_LATENT)) for _ in range(2))
    logits, dlogits = (stream.normal((n, N_VISIBLE)) for _ in range(2))
    for x in batches:
        products = [
            (x, W_x, h),
            (h, W_heads, heads),
            (z, W_z, g),
            (g, W_out, logits),
            (g.T, dlogits, d.decoder[1].W),
            (dlogits, W_out.T, dg),
            (z.T, dg, d.decoder[0].W),
            (dg, W_z.T, dz),
            (h.T, dheads, d.heads.W),
            (dheads, W_heads.T, dh),
            (x.T, dh, d.encoder[0].W),
        ]
        yield [p for p in products if N_VISIBLE in (*p[0].shape, *p[1].shape)] if only_large else products


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("vae_step", __doc__, rounds=50, calls=10, threads=available_cores())
    options = parser.parse_args(arguments)
    rows, data = load_rows(N_BATCHES * BATCH)
    batches = rows.reshape(N_BATCHES, BATCH, N_VISIBLE)
    ours, products, large, torch_products = (
        "scratchgen",
        "its 11 products, NumPy",
        "the 5 large of them, NumPy",
        "its 11 products, PyTorch",
    )
    eager, fused, compiled = "PyTorch eager", "PyTorch eager, fused Adam", "torch.compile, fused Adam"
    captured, plain, gpu_eager, gpu_fused, gpu_graphs, gpu_products = (
        f"GPU: {name}"
        for name in (
            "scratchgen, captured",
            "scratchgen, plain",
            eager,
            fused,
            "torch.compile, reduce-overhead",
            "its 11 products",
        )
    )
    torch_on_gpu = partial(make_torch, batches, device="cuda")
    benchmark = Benchmark(
        name="vae_step",
        title=__doc__.splitlines()[0],
        unit="ms",
        per="step",
        contenders=[
            Contender(ours, partial(make_ours, batches)),
            Contender(eager, partial(make_torch, batches, fused=False, compiled=False)),
            Contender(fused, partial(make_torch, batches, fused=True, compiled=False)),
            Contender(compiled, partial(make_torch, batches, fused=True, compiled=True)),
            Contender(products, partial(make_numpy_products, batches)),
            Contender(large, partial(make_numpy_products, batches, only_large=True)),
            Contender(torch_products, partial(make_torch_products, batches)),
            on_gpu(captured, partial(make_ours, batches, "cuda", captured=True), synchronise_cuda),
            on_gpu(plain, partial(make_ours, batches, "cuda"), synchronise_cuda),
            on_gpu(gpu_eager, partial(torch_on_gpu, fused=False, compiled=False), synchronise_torch),
            on_gpu(gpu_fused, partial(torch_on_gpu, fused=True, compiled=False), synchronise_torch),
            on_gpu(gpu_graphs, partial(torch_on_gpu, fused=True, compiled="reduce-overhead"), synchronise_torch),
            on_gpu(gpu_products, partial(make_torch_products, batches, "cuda"), synchronise_torch),
        ],
        ratios=[
            Ratio(eager, ours, at_least=1.7),
            Ratio(fused, ours, at_least=1.25),
            Ratio(compiled, ours, at_least=1.25),
            Ratio(ours, products, at_most=1.25),
            Ratio(ours, large),
            Ratio(ours, torch_products),
            Ratio(gpu_eager, captured, at_least=5.0),
            Ratio(gpu_fused, captured),
            Ratio(gpu_graphs, captured, at_least=1.0),
            Ratio(plain, captured),
            Ratio(captured, gpu_products),
        ],
        details={"model": "VAE 784-400-20, Bernoulli, float32, Adam", "batch": BATCH, "data": data},
    )
    run(benchmark, options)


if __name__ == "__main__":
    main()
