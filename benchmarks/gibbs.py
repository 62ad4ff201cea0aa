"""Gibbs sweeps of an RBM, beside NumPy and PyTorch: sweeps x chains a second, memory, and how both grow.

A call makes 10 sweeps of all chains, float32, from states to states. NumPy's contender is the expression anybody would
write, `rng.random(p.shape) < p`; PyTorch's is `torch.bernoulli(torch.sigmoid(...))`. Where a GPU is at hand the same
stands beside PyTorch on it, eager and compiled (also with CUDA graphs), and beside the package rbms; elsewhere those
rows say why they are absent.

Sizes whose sweep needs more than `--gigaflop` are left out, so that the default ends on two cores in some minutes; on a
GPU ask for more. Before it is timed, each contender's units must have the right mean over chains that start alike.

`--memory` prints instead the peak of one call for two numbers of chains: NumPy's allocations, which must be linear in
the chains with no array of (chains x visible x hidden). `--plot FILE` draws the cost of a sweep against chains.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.devices import require_torch_device, synchronise_cuda, synchronise_torch
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.report import Benchmark, Ratio, command_line, run
from scratchgen import RBM, ScratchgenError, Stream, to_numpy
from scratchgen.samplers.gibbs import sweep

SIZES = ((64, 32), (784, 500), (4096, 1024))
CHAINS = (100, 1_000, 10_000, 100_000)
N_SWEEPS = 10


def make_ours(n_visible: int, n_hidden: int, n_chains: int, backend: str) -> Callable[[], Any]:
    rbm, v = _start(n_visible, n_hidden, n_chains, backend)
    stream = Stream(1, backend)
    call = partial(sweep, rbm.params, v, N_SWEEPS, stream)
    _check(rbm, to_numpy(call()[1]))
    return call


def make_numpy(n_visible: int, n_hidden: int, n_chains: int) -> Callable[[], Any]:
    rbm, v0 = _start(n_visible, n_hidden, n_chains, "numpy")
    rng = np.random.default_rng(1)

    def draw(product: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-product))
        return (rng.random(p.shape, dtype=np.float32) < p).astype(np.float32)

    def call() -> np.ndarray:
        v = v0
        for _ in range(N_SWEEPS):
            h = draw(v @ rbm.W + rbm.c)
            v = draw(h @ rbm.W.T + rbm.b)
        return h

    _check(rbm, call())
    return call


def make_products(n_visible: int, n_hidden: int, n_chains: int) -> Callable[[], Any]:
    """Return the products of all sweeps, into arrays that exist: what a call would cost if drawing were free."""
    rbm, v = _start(n_visible, n_hidden, n_chains, "numpy")
    h = Stream(3, "numpy").bernoulli(0.5, shape=(n_chains, n_hidden))
    product_h, product_v = np.empty_like(h), np.empty_like(v)

    def multiply() -> None:
        for _ in range(N_SWEEPS):
            np.matmul(v, rbm.W, out=product_h)
            np.matmul(h, rbm.W.T, out=product_v)

    return multiply


def make_torch(n_visible: int, n_hidden: int, n_chains: int, device: str, how: bool | str) -> Callable[[], Any]:
    import torch

    from benchmarks.torch_compiled import compiled

    require_torch_device(device)
    rbm, v = _start(n_visible, n_hidden, n_chains, "numpy")
    W, b, c, v0 = (torch.from_numpy(a).to(device) for a in (rbm.W, rbm.b, rbm.c, v))

    @torch.no_grad()
    def call() -> torch.Tensor:
        v = v0
        for _ in range(N_SWEEPS):
            h = torch.bernoulli(torch.sigmoid(v @ W + c))
            v = torch.bernoulli(torch.sigmoid(h @ W.T + b))
        return h

    call = compiled(call, how)
    _check(rbm, call().cpu().numpy())
    return call


def make_rbms(n_visible: int, n_hidden: int, n_chains: int, device: str) -> Callable[[], Any]:
    import torch

    from benchmarks import rbms_package

    require_torch_device(device)
    rbm, v = _start(n_visible, n_hidden, n_chains, "numpy")
    W, b, c, v0 = (torch.from_numpy(a).to(device) for a in (rbm.W, rbm.b, rbm.c, v))
    call = rbms_package.gibbs_sweeps(rbms_package.BBRBM(W, b, c), v0, N_SWEEPS)
    _check(rbm, call().cpu().numpy())
    return call


def _start(n_visible: int, n_hidden: int, n_chains: int, backend: str) -> tuple[RBM, Any]:
    rbm = RBM(n_visible, n_hidden, seed=0, backend=backend)
    return rbm, Stream(2, backend).bernoulli(0.5, shape=(n_chains, n_visible))


def _check(rbm: RBM, h: np.ndarray) -> None:
    """Refuse chains whose hidden units are not on half of the time, which those of small couplings without bias are."""
    error = 0.5 / np.sqrt(h.size)
    if abs(float(h.mean()) - 0.5) > 6 * error + 0.02:
        raise ScratchgenError(f"the hidden units have a mean of {h.mean():.3f}; it should be 0.5")


def peak_bytes(n_visible: int, n_hidden: int, n_chains: int) -> int:
    """Return the most that one call has allocated at a time, after one that compiles."""
    call = make_ours(n_visible, n_hidden, n_chains, "cpu")
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def print_memory(sizes: Sequence[tuple[int, int]], chains: tuple[int, int]) -> None:
    few, many = chains
    print(f"peak of one call in bytes a chain, {few:,} and {many:,} chains; one array of (visible x hidden) a chain")
    for n_visible, n_hidden in sizes:
        a, b = (peak_bytes(n_visible, n_hidden, n) / n for n in chains)
        print(f"{n_visible:>5}-{n_hidden:<5} {a:>12,.0f} {b:>12,.0f} {4 * n_visible * n_hidden:>14,}")


def plot(record: dict[str, Any], path: Path) -> None:
    """Draw microseconds for a sweep of one chain against the number of chains, a line a contender and size."""
    from matplotlib.figure import Figure

    lines: dict[str, list[tuple[int, float]]] = {}
    for row in record["contenders"]:
        if "seconds" in row:
            who, size, chains = row["name"].split(", ")
            lines.setdefault(f"{who}, {size}", []).append((int(chains.split()[0]), row["seconds"]["median"] * 1e6))
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, points in lines.items():
        axes.loglog(*zip(*points, strict=True), marker="o", label=name)
    axes.set(xlabel="chains", ylabel="microseconds for a sweep of one chain")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("gibbs", __doc__, rounds=5, calls=1, threads=available_cores())
    parser.add_argument("--gigaflop", type=float, default=20.0, help="limit of one sweep (default: %(default)s)")
    parser.add_argument("--memory", action="store_true", help="print the peak memory and stop")
    parser.add_argument("--plot", type=Path, help="draw the times into this file")
    options = parser.parse_args(arguments)
    if options.memory:
        print_memory(SIZES, (100, 1_000))
        return
    contenders, ratios = [], []
    for n_visible, n_hidden in SIZES:
        for n in CHAINS:
            if 4e-9 * n * n_visible * n_hidden > options.gigaflop:
                continue
            size, units = (n_visible, n_hidden, n), N_SWEEPS * n
            label = f"{n_visible}-{n_hidden}, {n} chains"
            ours, numpy, torch, gpu, torch_gpu, compiled_gpu, graphs_gpu, rbms_gpu = (
                f"{who}, {label}"
                for who in (
                    "scratchgen",
                    "NumPy",
                    "PyTorch",
                    "scratchgen GPU",
                    "PyTorch GPU",
                    "torch.compile GPU",
                    "torch.compile reduce-overhead GPU",
                    "rbms GPU",
                )
            )
            on_gpu = partial(Contender, units=units, synchronise=synchronise_torch)
            contenders += [
                Contender(ours, partial(make_ours, *size, "cpu"), units=units),
                Contender(numpy, partial(make_numpy, *size), units=units),
                Contender(torch, partial(make_torch, *size, "cpu", False), units=units),
                Contender(gpu, partial(make_ours, *size, "cuda"), units=units, synchronise=synchronise_cuda),
                on_gpu(torch_gpu, partial(make_torch, *size, "cuda", False)),
                on_gpu(compiled_gpu, partial(make_torch, *size, "cuda", True)),
                on_gpu(graphs_gpu, partial(make_torch, *size, "cuda", "reduce-overhead")),
                on_gpu(rbms_gpu, partial(make_rbms, *size, "cuda")),
            ]
            ratios += [Ratio(numpy, ours), Ratio(torch, ours), Ratio(torch_gpu, gpu, at_least=2.0)]
            ratios += [Ratio(peer, gpu) for peer in (compiled_gpu, graphs_gpu, rbms_gpu)]
    benchmark = Benchmark(
        name="gibbs",
        title=__doc__.splitlines()[0],
        unit="µs",
        per="sweep of one chain",
        contenders=contenders,
        ratios=ratios,
        details={"sweeps a call": N_SWEEPS, "dtype": "float32"},
    )
    record = run(benchmark, options)
    if options.plot:
        plot(record, options.plot)


if __name__ == "__main__":
    main()
