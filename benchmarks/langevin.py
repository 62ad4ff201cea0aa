"""Langevin updates on one core, beside the plain NumPy expression, PyTorch and a copy of the memory.

An update is ``x - h g + s xi`` of one element, the standard normal xi included: 12 bytes of float32 move, two numbers
read and one written. The copy moves 8, so that an update limited by memory alone takes 1.5 times as long. It is timed
on arrays that no cache holds. Our normals by themselves, written to an array, are a contender too.

Sizes are chains x dimensions. Gradients are given: the energy is no part of the update. The last three contenders move
chains in the eight Gaussians of the plane, several steps a call, and their gradients are part of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import Contender
from benchmarks.report import Benchmark, Ratio, command_line, run
from scratchgen import ScratchgenError, Stream, densities

LARGEST = (10_000, 3072)  # 123 MB an array
SIZES = ((1, 2), (1, 3072), (1_000, 2), (1_000, 784), (1_000_000, 2), LARGEST)
STEP, NOISE = np.float32(0.01), np.float32(0.1)
N_CHAINS, N_STEPS = 10_000, 10


def _arrays(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    stream = Stream(0)
    return stream.normal(shape), stream.normal(shape)


# -------------------------------------------------------------------------------------------------------- one update


def make_ours(shape: tuple[int, int]) -> Callable[[], Any]:
    from scratchgen.kernels.langevin import langevin_step_

    x, gradient = _arrays(shape)
    out, stream = np.empty_like(x), Stream(1)
    no_bounds = (np.inf, -np.inf, np.inf)

    def update() -> np.ndarray:
        with stream.draws() as (key, draw):
            langevin_step_.cpu(out, x, gradient, STEP, NOISE, *no_bounds, key, draw)
        return out

    expected = x - STEP * gradient + NOISE * Stream(1).normal(shape)
    if not np.array_equal(update(), expected):
        raise ScratchgenError("the kernel's update is not that of the expression with the same normals")
    return update


def make_normals(shape: tuple[int, int]) -> Callable[[], Any]:
    from scratchgen.kernels.philox import fill_normal

    out, stream = np.empty(shape, np.float32), Stream(1)

    def draw_normals() -> None:
        with stream.draws() as (key, draw):
            fill_normal.cpu(out, key, draw)

    return draw_normals


def make_numpy(shape: tuple[int, int]) -> Callable[[], Any]:
    x, gradient = _arrays(shape)
    rng = np.random.default_rng(1)
    return lambda: x - STEP * gradient + NOISE * rng.standard_normal(shape, dtype=np.float32)


def make_torch(shape: tuple[int, int]) -> Callable[[], Any]:
    import torch

    x, gradient = map(torch.from_numpy, _arrays(shape))
    h, s = float(STEP), float(NOISE)
    return lambda: x - h * gradient + s * torch.randn_like(x)


def make_copy(shape: tuple[int, int]) -> Callable[[], Any]:
    x, out = _arrays(shape)
    return partial(np.copyto, out, x)


# ------------------------------------------------------------------------------------------------- steps of a density


def make_density_steps(backend: str) -> Callable[[], Any]:
    density, stream = densities.eight_gaussians(), Stream(1, backend)
    x = density.sample(N_CHAINS, stream)
    return lambda: density.langevin(stream, x, N_STEPS, float(STEP), float(NOISE))


def make_torch_density_steps() -> Callable[[], Any]:
    import torch

    density = densities.eight_gaussians()
    means = torch.from_numpy(density.means.astype(np.float32))  # (8, 2)
    precision = float(1 / density.covariances[0, 0, 0])
    start = torch.from_numpy(density.sample(N_CHAINS, Stream(1)))

    def gradient(x: torch.Tensor) -> torch.Tensor:
        difference = x[:, None, :] - means  # (chains, 8, 2)
        weight = torch.softmax(-0.5 * precision * difference.square().sum(dim=2), dim=1)
        return precision * (weight[:, :, None] * difference).sum(dim=1)

    if not np.allclose(gradient(start), -density.grad_log_density(start.numpy()), rtol=1e-3, atol=1e-3):
        raise ScratchgenError("PyTorch's gradient of the eight Gaussians is not ours")

    def steps() -> torch.Tensor:
        x = start
        for _ in range(N_STEPS):
            x = x - float(STEP) * gradient(x) + float(NOISE) * torch.randn_like(x)
        return x

    return steps


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("langevin", __doc__, rounds=10, calls=3, threads=1)
    contenders, ratios = [], []
    for shape in SIZES:
        size = f"{shape[0]:,} x {shape[1]:,}"
        ours, numpy, torch, copy = (f"{name}, {size}" for name in ("scratchgen", "NumPy", "PyTorch", "copy"))
        makers = {ours: make_ours, numpy: make_numpy, torch: make_torch}
        ratios += [Ratio(numpy, ours, at_least=4.0), Ratio(torch, ours)]
        if shape == LARGEST:
            normals = f"our normals, {size}"
            makers |= {normals: make_normals, copy: make_copy}
            ratios += [Ratio(ours, copy, at_most=1.2 * 12 / 8), Ratio(ours, normals)]
        n = shape[0] * shape[1]
        contenders += [Contender(name, partial(make, shape), units=n) for name, make in makers.items()]
    ours, reference, torch = (f"{name}, eight Gaussians" for name in ("scratchgen", "its reference", "PyTorch"))
    per_element = 2 * N_CHAINS * N_STEPS
    contenders += [
        Contender(ours, partial(make_density_steps, "cpu"), units=per_element),
        Contender(reference, partial(make_density_steps, "numpy"), units=per_element),
        Contender(torch, make_torch_density_steps, units=per_element),
    ]
    ratios += [Ratio(reference, ours), Ratio(torch, ours)]
    benchmark = Benchmark(
        name="langevin",
        title=__doc__.splitlines()[0],
        unit="ns",
        per="element",
        contenders=contenders,
        ratios=ratios,
        details={"eight Gaussians": f"{N_CHAINS:,} chains, {N_STEPS} steps a call", "dtype": "float32"},
    )
    run(benchmark, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
