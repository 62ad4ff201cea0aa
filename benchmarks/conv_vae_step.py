"""One training step of a convolutional VAE, beside PyTorch and beside its matrix products alone.

The model is that of F. Chollet's Keras example: convolutions of stride 2 to 32 and 64 maps, 16 dense units, 2 latent
variables, and transposed convolutions back; Bernoulli likelihood on MNIST intensities; batch 128, float32, Adam at
1e-3. A step draws the noise and computes loss, gradient and update, on batches that are gathered before.

Before it is timed, each PyTorch contender gets our initial parameters and takes three steps with our noise; its losses
must be ours. The products are those of one step, of the sizes in which we take them: what a step would cost if
everything but BLAS were free, the windows of the convolutions included. Below the comparison stands where the time of
our step goes.

On a GPU, where one is at hand, our step is replayed from a CUDA graph (captured), or made operation by operation
(plain), and everybody is waited for once in 50 steps.

PyTorch comes with ``pip install -e ".[bench]"``; without it its rows are absent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.breakdown import print_breakdown
from benchmarks.devices import on_gpu, require_torch_device, synchronise_cuda, synchronise_torch
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.mnist import load_rows
from benchmarks.products import Product, by_numpy, by_torch
from benchmarks.report import Benchmark, Ratio, command_line, run
from benchmarks.steps import steps_over
from benchmarks.vae_step import check_same_steps
from scratchgen import ConvVAE, Stream, get_backend
from scratchgen.geometry import Geometry
from scratchgen.ops.windows import windows_of

BATCH, N_BATCHES = 128, 64
SIZE, CHANNELS, N_DENSE, N_LATENT = 28, (32, 64), 16, 2


def make_ours(batches: np.ndarray, backend: str = "cpu", captured: bool = False) -> Callable[[], Any]:
    return steps_over(_model(backend), batches, captured)


def make_torch(
    batches: np.ndarray, fused: bool, compiled: bool | str = False, device: str = "cpu"
) -> Callable[[], Any]:
    import torch

    from benchmarks import torch_conv_vae, torch_vae

    require_torch_device(device)
    vae = _model("numpy")
    model = torch_conv_vae.ConvVAE(N_DENSE, N_LATENT).to(device)
    _copy_parameters(vae, model)
    step = torch_vae.training_step(model, fused, compiled)
    check_same_steps(vae, step, batches[:3], device)
    endless = itertools.cycle(torch.from_numpy(batches).to(device))
    return lambda: step(next(endless))


def make_products() -> Callable[[], Any]:
    return by_numpy([_products()])


def make_torch_products(device: str) -> Callable[[], Any]:
    return by_torch([_products()], device)


# -------------------------------------------------------------------------------------------------- what they share


def _model(backend: str) -> ConvVAE:
    return ConvVAE((SIZE, SIZE), CHANNELS, N_DENSE, N_LATENT, seed=0, dtype="float32", backend=backend)


def _copy_parameters(vae: ConvVAE, model: Any) -> None:
    """Give PyTorch's model our parameters: its images have the channels first, its dense weights the outputs."""
    import torch

    conv1, conv2, dense = vae.params.encoder
    decoder, transposed1, transposed2, output = vae.params.decoder
    grid = (SIZE // 4, SIZE // 4, CHANNELS[-1])
    pixels = np.arange(math.prod(grid)).reshape(grid).transpose(2, 0, 1).ravel()  # channels first to channels last
    with torch.no_grad():
        for layer, W, b in (
            *((layer, p.W.transpose(3, 2, 0, 1), p.b) for layer, p in ((model.conv1, conv1), (model.conv2, conv2))),
            (model.dense, dense.W[pixels].T, dense.b),
            (model.mean, vae.params.heads.mean.W.T, vae.params.heads.mean.b),
            (model.log_var, vae.params.heads.log_var.W.T, vae.params.heads.log_var.b),
            (model.decoder, decoder.W[:, pixels].T, decoder.b[pixels]),
            (model.transposed1, transposed1.W.transpose(3, 2, 0, 1), transposed1.b),
            (model.transposed2, transposed2.W.transpose(3, 2, 0, 1), transposed2.b),
            (model.output, output.W.transpose(3, 2, 0, 1), output.b),
        ):
            layer.weight.copy_(torch.from_numpy(W.copy()))
            layer.bias.copy_(torch.from_numpy(b))


def _products() -> Iterator[Product]:
    """Yield the products of a step, those of a convolution over a few examples at a time."""
    vae = _model("numpy")
    p, encoder, decoder = vae.params, vae.encoder_network, vae.decoder_network
    for i, (geometry, layer) in enumerate(zip(encoder.geometries, p.encoder, strict=False)):
        yield from _of_convolution(geometry, layer.W, with_dx=i > 0)
    for layer in (p.encoder[-1], p.heads, p.decoder[0]):
        yield from _of_dense_layer(layer.W)
    for geometry, layer in zip(decoder.geometries, p.decoder[1:], strict=True):
        yield from _of_convolution(geometry, layer.W, with_dx=True)


def _of_dense_layer(W: np.ndarray) -> Iterator[Product]:
    """Yield x W, x' dy and dy W'."""
    stream, (n_inputs, n_outputs) = Stream(1, "numpy"), W.shape
    x, y = stream.normal((BATCH, n_inputs)), stream.normal((BATCH, n_outputs))
    yield x, W, np.empty_like(y)
    yield x.T, y, np.empty_like(W)
    yield y, W.T, np.empty_like(x)


def _of_convolution(geometry: Geometry, W: np.ndarray, with_dx: bool) -> Iterator[Product]:
    """Yield windows W, windows' maps and maps W': all there is, forward and backward, transposed or not."""
    stream, matrix = Stream(1, "numpy"), W.reshape(-1, W.shape[-1])
    image = stream.normal((BATCH, *geometry.image, W.shape[2]))
    maps = stream.normal((BATCH * math.prod(geometry.grid), W.shape[3]))
    parts = list(windows_of(image, geometry, get_backend("numpy")))
    windows, out = parts[0][1], np.empty_like(parts[0][1])  # used for all parts, as memory that has just been freed
    for rows, part in parts:
        n = len(part)
        yield windows[:n], matrix, np.empty_like(maps[rows])
        yield windows[:n].T, maps[rows], np.empty_like(matrix)
        if with_dx:
            yield maps[rows], matrix.T, out[:n]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("conv_vae_step", __doc__, rounds=30, calls=5, threads=available_cores())
    options = parser.parse_args(arguments)
    rows, data = load_rows(N_BATCHES * BATCH)
    batches = rows.reshape(N_BATCHES, BATCH, SIZE**2)
    ours, products = "scratchgen", "its matrix products, NumPy"
    our_step = Contender(ours, partial(make_ours, batches))
    eager, fused, compiled = "PyTorch eager", "PyTorch eager, fused Adam", "torch.compile, fused Adam"
    captured, plain, gpu_eager, gpu_fused, gpu_graphs, gpu_products = (
        f"GPU: {name}"
        for name in (
            "scratchgen, captured",
            "scratchgen, plain",
            eager,
            fused,
            "torch.compile, reduce-overhead",
            "its matrix products",
        )
    )
    torch_on_gpu = partial(make_torch, batches, device="cuda")
    benchmark = Benchmark(
        name="conv_vae_step",
        title=__doc__.splitlines()[0],
        unit="ms",
        per="step",
        contenders=[
            our_step,
            Contender(eager, partial(make_torch, batches, fused=False)),
            Contender(fused, partial(make_torch, batches, fused=True)),
            Contender(compiled, partial(make_torch, batches, fused=True, compiled=True)),
            Contender(products, make_products),
            on_gpu(captured, partial(make_ours, batches, "cuda", captured=True), synchronise_cuda),
            on_gpu(plain, partial(make_ours, batches, "cuda"), synchronise_cuda),
            on_gpu(gpu_eager, partial(torch_on_gpu, fused=False), synchronise_torch),
            on_gpu(gpu_fused, partial(torch_on_gpu, fused=True), synchronise_torch),
            on_gpu(gpu_graphs, partial(torch_on_gpu, fused=True, compiled="reduce-overhead"), synchronise_torch),
            on_gpu(gpu_products, partial(make_torch_products, "cuda"), synchronise_torch),
        ],
        ratios=[
            Ratio(eager, ours, at_least=1.0),
            Ratio(fused, ours),
            Ratio(compiled, ours),
            Ratio(ours, products),
            *(Ratio(peer, captured) for peer in (gpu_eager, gpu_fused, gpu_graphs, plain)),
            Ratio(captured, gpu_products),
        ],
        details={
            "model": "ConvVAE 28x28, channels (32, 64), 16 dense units, 2 latent, Bernoulli, float32, Adam",
            "batch": BATCH,
            "data": data,
        },
    )
    run(benchmark, options)
    print_breakdown(our_step, benchmark.per, benchmark.unit, options.rounds * options.calls, options.threads)


if __name__ == "__main__":
    main()
