"""Langevin updates, beside the plain NumPy expression, PyTorch and a copy of the memory, on a CPU and on a GPU.

An update is ``x - h g + s xi`` of one element, the standard normal xi included: 12 bytes of float32 move, two numbers
read and one written. The copy moves 8, so that an update limited by memory alone takes 1.5 times as long. It is timed
on arrays that no cache holds, and has all the threads that the updates have. Our normals by themselves, written to an
array, are a contender too. NumPy has one thread at any time.

Sizes are chains x dimensions. Gradients are given: the energy is no part of the update. The last contenders move
chains in the eight Gaussians of the plane, several steps a call, and their gradients are part of the work: those of
the package torchebm (S. Ghaderi) are found by autograd, as its users would let it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.devices import require_torch_device, synchronise_cuda, synchronise_torch
from benchmarks.harness import Contender
from benchmarks.machine import available_cores
from benchmarks.report import Benchmark, Ratio, command_line, run
from scratchgen import ScratchgenError, Stream, densities
from scratchgen.backend import to_numpy
from scratchgen.kernels._jit import cpu_kernel

LARGEST = (10_000, 3072)  # 123 MB an array
SIZES = ((1, 2), (1, 3072), (1_000, 2), (1_000, 784), (1_000_000, 2), LARGEST)
STEP, NOISE = np.float32(0.01), np.float32(0.1)
N_CHAINS, N_STEPS = 10_000, 10


def _arrays(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    stream = Stream(0)
    return stream.normal(shape), stream.normal(shape)


# -------------------------------------------------------------------------------------------------------- one update


def make_ours(shape: tuple[int, int], backend: str = "cpu") -> Callable[[], Any]:
    from scratchgen.kernels.langevin import langevin_step_

    stream = Stream(1, backend)
    expected, (x, gradient) = expected_update(shape), map(stream.backend.asarray, _arrays(shape))
    out, no_bounds, step = stream.backend.xp.empty_like(x), (np.inf, -np.inf, np.inf), langevin_step_.on(stream.backend)

    def update() -> Any:
        with stream.draws() as (key, draw):
            step(out, x, gradient, STEP, NOISE, *no_bounds, key, draw)
        return out

    if not np.array_equal(to_numpy(update()), expected):
        raise ScratchgenError("the kernel's update is not that of the expression with the same normals")
    return update


def expected_update(shape: tuple[int, int]) -> np.ndarray:
    """Return what our first update must be, in bits."""
    x, gradient = _arrays(shape)
    return x - STEP * gradient + NOISE * Stream(1).normal(shape)


def make_normals(shape: tuple[int, int], backend: str = "cpu") -> Callable[[], Any]:
    from scratchgen.kernels.philox import fill_normal

    stream = Stream(1, backend)
    out, fill = stream.backend.xp.empty(shape, dtype=np.float32), fill_normal.on(stream.backend)

    def draw_normals() -> None:
        with stream.draws() as (key, draw):
            fill(out, key, draw)

    return draw_normals


def make_numpy(shape: tuple[int, int]) -> Callable[[], Any]:
    x, gradient = _arrays(shape)
    rng = np.random.default_rng(1)
    return lambda: x - STEP * gradient + NOISE * rng.standard_normal(shape, dtype=np.float32)


def make_torch(shape: tuple[int, int], device: str = "cpu", how: bool | str = False) -> Callable[[], Any]:
    import torch

    from benchmarks.torch_compiled import compiled

    require_torch_device(device)
    h, s = float(STEP), float(NOISE)

    def update(x: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        return x - h * gradient + s * torch.randn_like(x)

    return partial(compiled(update, how), *(torch.from_numpy(array).to(device) for array in _arrays(shape)))


def make_copy(shape: tuple[int, int]) -> Callable[[], Any]:
    x, out = (array.reshape(-1) for array in _arrays(shape))
    return lambda: _copy_part.share(x.size, 1, out, x)


@cpu_kernel()
def _copy_part(first: Any, end: Any, out: Any, x: Any) -> None:
    out[first:end] = x[first:end]


def make_gpu_copy(shape: tuple[int, int]) -> Callable[[], Any]:
    import torch

    require_torch_device("cuda")
    x, out = (torch.from_numpy(array).to("cuda") for array in _arrays(shape))
    return lambda: out.copy_(x)


# ------------------------------------------------------------------------------------------------- steps of a density


def make_density_steps(backend: str) -> Callable[[], Any]:
    density, stream = densities.eight_gaussians(), Stream(1, backend)
    x = density.sample(N_CHAINS, stream)
    return lambda: density.langevin(stream, x, N_STEPS, float(STEP), float(NOISE))


def make_torch_density_steps(device: str = "cpu", how: bool | str = False) -> Callable[[], Any]:
    from benchmarks import torch_langevin
    from benchmarks.torch_compiled import compiled

    start, *mixture = _eight_gaussians_of_torch(device)
    slope = torch_langevin.slope_of_mixture(*mixture)
    _check_slope(slope, start)
    steps = compiled(partial(torch_langevin.langevin, slope), how)
    return partial(steps, start, N_STEPS, float(STEP), float(NOISE))


def make_torchebm_density_steps(device: str = "cpu") -> Callable[[], Any]:
    from benchmarks import torchebm_package

    start, *mixture = _eight_gaussians_of_torch(device)
    model = torchebm_package.Mixture(*mixture)
    _check_slope(model.gradient, start)
    return torchebm_package.langevin(model, start, N_STEPS, float(STEP), float(NOISE))


def _eight_gaussians_of_torch(device: str) -> tuple[Any, Any, float]:
    """Return where chains start (chains, 2), the means (8, 2) and the precision."""
    import torch

    require_torch_device(device)
    density = densities.eight_gaussians()
    start, means = density.sample(N_CHAINS, Stream(1)), density.means.astype(np.float32)
    return (*(torch.from_numpy(a).to(device) for a in (start, means)), float(1 / density.covariances[0, 0, 0]))


def _check_slope(slope: Callable[[Any], Any], x: Any) -> None:
    """Refuse a gradient of the energy that is not ours."""
    ours = -densities.eight_gaussians().grad_log_density(x.cpu().numpy())
    if not np.allclose(slope(x).cpu().numpy(), ours, rtol=1e-3, atol=1e-3):
        raise ScratchgenError("PyTorch's gradient of the eight Gaussians is not ours")


# ----------------------------------------------------------------------------------------------------------- the table


def updates(shape: tuple[int, int]) -> tuple[list[Contender], list[Ratio]]:
    """Return who makes updates of this size, and the ratios that matter."""
    size, n = f"{shape[0]:,} x {shape[1]:,}", shape[0] * shape[1]
    ours, numpy, torch, compiled, gpu, gpu_torch, gpu_graphs = (
        f"{name}, {size}"
        for name in (
            "scratchgen",
            "NumPy",
            "PyTorch",
            "torch.compile",
            "GPU: scratchgen",
            "GPU: PyTorch",
            "GPU: torch.compile reduce-overhead",
        )
    )
    contenders = [
        Contender(ours, partial(make_ours, shape), units=n),
        Contender(numpy, partial(make_numpy, shape), units=n),
        Contender(torch, partial(make_torch, shape), units=n),
        Contender(compiled, partial(make_torch, shape, how=True), units=n),
        Contender(gpu, partial(make_ours, shape, "cuda"), synchronise_cuda, n),
        Contender(gpu_torch, partial(make_torch, shape, "cuda"), synchronise_torch, n),
        Contender(gpu_graphs, partial(make_torch, shape, "cuda", "reduce-overhead"), synchronise_torch, n),
    ]
    ratios = [Ratio(numpy, ours, at_least=4.0), Ratio(torch, ours), Ratio(compiled, ours)]
    return contenders, [*ratios, Ratio(gpu_torch, gpu, at_least=3.0), Ratio(gpu_graphs, gpu)]


def limits(shape: tuple[int, int]) -> tuple[list[Contender], list[Ratio]]:
    """Return what no update of this size can be faster than: a copy of the memory, and drawing the normals."""
    size, n = f"{shape[0]:,} x {shape[1]:,}", shape[0] * shape[1]
    ours, normals, copy = (f"{name}, {size}" for name in ("scratchgen", "our normals", "copy"))
    contenders = [
        Contender(normals, partial(make_normals, shape), units=n),
        Contender(copy, partial(make_copy, shape), units=n),
        Contender(f"GPU: {normals}", partial(make_normals, shape, "cuda"), synchronise_cuda, n),
        Contender(f"GPU: {copy}", partial(make_gpu_copy, shape), synchronise_torch, n),
    ]
    ratios = [Ratio(f"{on}{ours}", f"{on}{copy}", at_most=1.2 * 12 / 8) for on in ("", "GPU: ")]
    return contenders, [*ratios, *(Ratio(f"{on}{ours}", f"{on}{normals}") for on in ("", "GPU: "))]


def density_steps() -> tuple[list[Contender], list[Ratio]]:
    """Return who moves chains in the eight Gaussians."""
    ours, reference, torch, compiled, torchebm = (
        f"{name}, eight Gaussians" for name in ("scratchgen", "its reference", "PyTorch", "torch.compile", "torchebm")
    )
    gpu, gpu_torch, gpu_graphs, gpu_torchebm = (
        f"GPU: {name}, eight Gaussians"
        for name in ("scratchgen", "PyTorch", "torch.compile reduce-overhead", "torchebm")
    )
    steps = partial(Contender, units=2 * N_CHAINS * N_STEPS)
    graphs = partial(make_torch_density_steps, "cuda", "reduce-overhead")
    contenders = [
        steps(ours, partial(make_density_steps, "cpu")),
        steps(reference, partial(make_density_steps, "numpy")),
        steps(torch, make_torch_density_steps),
        steps(compiled, partial(make_torch_density_steps, how=True)),
        steps(torchebm, make_torchebm_density_steps),
        steps(gpu, partial(make_density_steps, "cuda"), synchronise_cuda),
        steps(gpu_torch, partial(make_torch_density_steps, "cuda"), synchronise_torch),
        steps(gpu_graphs, graphs, synchronise_torch),
        steps(gpu_torchebm, partial(make_torchebm_density_steps, "cuda"), synchronise_torch),
    ]
    ratios = [Ratio(reference, ours), *(Ratio(peer, ours) for peer in (torch, compiled, torchebm))]
    ratios += [Ratio(gpu_torch, gpu, at_least=3.0), Ratio(gpu_graphs, gpu), Ratio(gpu_torchebm, gpu)]
    return contenders, ratios


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command_line("langevin", __doc__, rounds=10, calls=3, threads=available_cores())
    parts = [*map(updates, SIZES), limits(LARGEST), density_steps()]
    benchmark = Benchmark(
        name="langevin",
        title=__doc__.splitlines()[0],
        unit="ns",
        per="element",
        contenders=[contender for contenders, _ in parts for contender in contenders],
        ratios=[ratio for _, ratios in parts for ratio in ratios],
        details={"eight Gaussians": f"{N_CHAINS:,} chains, {N_STEPS} steps a call", "dtype": "float32"},
    )
    run(benchmark, parser.parse_args(arguments))


if __name__ == "__main__":
    main()
