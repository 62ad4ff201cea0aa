"""One contrastive training step of an energy-based model, its Langevin steps included, beside PyTorch and its products.

The energy is a multilayer perceptron 784-256-256-1 with swish units, on MNIST intensities; batch 128, float32, Adam at
1e-3. For each batch 128 of 10,000 chains that are kept move on by 20 Langevin steps in [0, 1], 5 % of them from noise;
loss and gradient take the batch and the samples together. All go round the same batches, which are gathered before.

Before it is timed, each PyTorch contender gets our initial parameters, takes a Langevin step with our noise, which must
lead where ours does, and three training steps on our samples; its losses must be ours. The products are those of one
step, in our memory layout and into arrays that exist.

On a GPU, where one is at hand, our step is replayed from a CUDA graph (captured), or made operation by operation
(plain), and everybody is waited for once in 50 steps.
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
from benchmarks.mnist import N_FEATURES, load_rows
from benchmarks.products import Product, by_numpy
from benchmarks.report import Benchmark, Ratio, command_line, run
from benchmarks.steps import steps_over
from scratchgen import Contrastive, EnergyModel, Langevin, ScratchgenError, Stream

HIDDEN, BATCH, N_BATCHES = (256, 256), 128, 32
DYNAMICS = Langevin(n_steps=20, step_size=0.005)
LOSS = Contrastive()
_SAME = 1e-4  # relative difference of losses, and absolute one of states


def make_ours(batches: np.ndarray, backend: str = "cpu", captured: bool = False) -> Callable[[], Any]:
    return steps_over(make_model(backend), batches, captured)


def make_torch(batches: np.ndarray, fused: bool, how: bool | str = False, device: str = "cpu") -> Callable[[], Any]:
    import torch

    from benchmarks import torch_ebm

    require_torch_device(device)
    model = make_model("numpy")
    energy = torch_ebm.Energy((N_FEATURES, *HIDDEN))
    with torch.no_grad():
        for layer, (W, b) in zip(energy.layers, model.params, strict=True):
            layer.weight.copy_(torch.from_numpy(W.T))
            layer.bias.copy_(torch.from_numpy(b))
    chains = torch_ebm.Chains(DYNAMICS.n_steps, DYNAMICS.step_size, DYNAMICS.sigma, LOSS.reinitialised)
    buffer = torch.from_numpy(model.buffer.copy()).to(device)
    step = torch_ebm.Step(energy.to(device), chains, buffer, LOSS.regularisation, fused, how)
    _check_same_work(model, step, batches[:3], device)
    endless = itertools.cycle(torch.from_numpy(batches).to(device))
    return lambda: step(next(endless))


def make_products() -> Callable[[], Any]:
    return by_numpy([_products()])


# -------------------------------------------------------------------------------------------------- what they share


def make_model(backend: str) -> EnergyModel:
    return EnergyModel(
        N_FEATURES, HIDDEN, loss=LOSS, dynamics=DYNAMICS, box=(0.0, 1.0), seed=0, dtype="float32", backend=backend
    )


def _check_same_work(model: EnergyModel, torch_step: Any, batches: np.ndarray, device: str) -> None:
    import torch

    def of_torch(x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x).to(device)

    x = batches[0]
    moved = DYNAMICS.step(x, model.slope, model.box, Stream(1, "numpy"))
    theirs = torch_step.move(of_torch(x), of_torch(Stream(1, "numpy").normal(x.shape))).detach().cpu().numpy()
    if not np.allclose(moved, theirs, rtol=0, atol=_SAME):
        raise ScratchgenError("PyTorch's Langevin step is not ours")
    gradient, grads = model.empty_grads()
    for number, x in enumerate(batches, start=1):
        samples = model.draw_noise(x)
        terms, _ = model.evaluate_terms_and_grads(x, samples, out=grads)
        model.optimizer.step_(model.theta, gradient, model.optimizer_state, model.backend)
        theirs = float(torch_step(of_torch(x), of_torch(samples)))
        if not math.isclose(float(terms.loss), theirs, rel_tol=_SAME, abs_tol=_SAME):
            raise ScratchgenError(f"step {number} of the same training: our loss is {terms.loss}, PyTorch's {theirs}")


def _products() -> Iterator[Product]:
    """Yield those of each Langevin step, and then those of loss and gradient, which need none with respect to x."""
    weights = [layer.W for layer in make_model("numpy").params]
    for _ in range(DYNAMICS.n_steps):
        yield from _forward(weights, BATCH)
        yield from _backward(weights, BATCH)
    yield from _forward(weights, 2 * BATCH)
    for W in weights:
        yield _normal(2 * BATCH, W.shape[0]).T, _normal(2 * BATCH, W.shape[1]), np.empty_like(W)
    yield from _backward(weights[1:], 2 * BATCH)


def _forward(weights: Sequence[np.ndarray], n: int) -> Iterator[Product]:
    for W in weights:
        yield _normal(n, W.shape[0]), W, _normal(n, W.shape[1])


def _backward(weights: Sequence[np.ndarray], n: int) -> Iterator[Product]:
    for W in reversed(weights):
        yield _normal(n, W.shape[1]), W.T, _normal(n, W.shape[0])


def _normal(*shape: int) -> np.ndarray:
    return Stream(1, "numpy").normal(shape)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("ebm_step", __doc__, rounds=20, calls=3, threads=available_cores())
    options = parser.parse_args(arguments)
    rows, data = load_rows(N_BATCHES * BATCH)
    batches = rows.reshape(N_BATCHES, BATCH, N_FEATURES)
    ours, products = "scratchgen", "its products, NumPy"
    eager, fused, compiled = "PyTorch eager", "PyTorch eager, fused Adam", "torch.compile, fused Adam"
    captured, plain, gpu_fused, gpu_graphs = (
        f"GPU: {name}"
        for name in ("scratchgen, captured", "scratchgen, plain", fused, "torch.compile, reduce-overhead")
    )
    torch_on_gpu = partial(make_torch, batches, fused=True, device="cuda")
    benchmark = Benchmark(
        name="ebm_step",
        title=__doc__.splitlines()[0],
        unit="ms",
        per="step",
        contenders=[
            Contender(ours, partial(make_ours, batches)),
            Contender(eager, partial(make_torch, batches, fused=False)),
            Contender(fused, partial(make_torch, batches, fused=True)),
            Contender(compiled, partial(make_torch, batches, fused=True, how=True)),
            Contender(products, make_products),
            on_gpu(captured, partial(make_ours, batches, "cuda", captured=True), synchronise_cuda),
            on_gpu(plain, partial(make_ours, batches, "cuda"), synchronise_cuda),
            on_gpu(gpu_fused, torch_on_gpu, synchronise_torch),
            on_gpu(gpu_graphs, partial(torch_on_gpu, how="reduce-overhead"), synchronise_torch),
        ],
        ratios=[
            *(Ratio(peer, ours) for peer in (eager, fused, compiled)),
            Ratio(ours, products),
            *(Ratio(peer, on_device) for on_device in (captured, plain) for peer in (gpu_fused, gpu_graphs)),
        ],
        details={
            "model": "energy 784-256-256-1, swish, contrastive, float32, Adam",
            "Langevin steps": DYNAMICS.n_steps,
            "batch": BATCH,
            "data": data,
        },
    )
    run(benchmark, options)


if __name__ == "__main__":
    main()
