r"""One step of Langevin dynamics in one pass: drift, noise, and bounds for the gradient and for the state.

    out = clip(x - drift_scale * clip(gradient, -max_gradient, max_gradient) + noise_scale * xi, low, high)

=====================  ===================================================================================
symbol                 meaning
=====================  ===================================================================================
out, x, gradient       three C-contiguous arrays of one shape and one type
gradient               of the energy -log p, at x
xi                     standard normals, drawn in the kernel: those of `fill_normal` for this shape and draw
drift_scale            h for the discretised Langevin equation
noise_scale            sqrt(2 h T) for it, at temperature T
max_gradient           bound for each component of the gradient; infinity for none
low, high              the box that holds the state; minus infinity and infinity for none
=====================  ===================================================================================

Each element of `x` and of `gradient` is read once, each of `out` is written once. A NaN passes through all bounds.

References
----------
G. Parisi: "Correlation functions and computer simulations", Nuclear Physics B 180, 1981.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.philox import Key, fill_normal, normal_block32, normal_block64
from scratchgen.kernels.scalar import mul, scalar, select
from scratchgen.typing import Array


@scalar
def drift_and_diffuse(x: Any, gradient: Any, xi: Any, drift_scale: Any, noise_scale: Any) -> Any:
    """Return ``x - drift_scale * gradient + noise_scale * xi``."""
    return x - mul(drift_scale, gradient) + mul(noise_scale, xi)


@scalar
def _clipped(x: Any, low: Any, high: Any) -> Any:
    return select(x < low, low, select(x > high, high, x))


@scalar
def _step(
    x: Any, gradient: Any, xi: Any, drift_scale: Any, noise_scale: Any, max_gradient: Any, low: Any, high: Any
) -> Any:
    gradient = _clipped(gradient, -max_gradient, max_gradient)
    return _clipped(drift_and_diffuse(x, gradient, xi, drift_scale, noise_scale), low, high)


def _step_reference(
    out: Array, x: Array, gradient: Array,
    drift_scale: float, noise_scale: float, max_gradient: float, low: float, high: float, key: Key, draw: Array,
) -> None:  # fmt: skip
    to_type = x.dtype.type
    xi = namespace(x, gradient).empty_like(x)
    fill_normal.reference(xi, key, draw)
    out[...] = _step(x, gradient, xi, *map(to_type, (drift_scale, noise_scale, max_gradient, low, high)))


# --------------------------------------------------------------------------------- one block of normals, with its tests


@scalar
def _step_block32(
    out: Any, x: Any, g: Any, block: Any, drift_scale: Any, noise_scale: Any, max_gradient: Any, low: Any, high: Any,
    draw: Any, k0: Any, k1: Any,
) -> None:  # fmt: skip
    xi0, xi1, xi2, xi3 = normal_block32(np.uint64(block), draw, k0, k1)
    e = 4 * block
    if e < out.size:
        out[e] = _step(x[e], g[e], xi0, drift_scale, noise_scale, max_gradient, low, high)
    if e + 1 < out.size:
        out[e + 1] = _step(x[e + 1], g[e + 1], xi1, drift_scale, noise_scale, max_gradient, low, high)
    if e + 2 < out.size:
        out[e + 2] = _step(x[e + 2], g[e + 2], xi2, drift_scale, noise_scale, max_gradient, low, high)
    if e + 3 < out.size:
        out[e + 3] = _step(x[e + 3], g[e + 3], xi3, drift_scale, noise_scale, max_gradient, low, high)


@scalar
def _step_block64(
    out: Any, x: Any, g: Any, block: Any, drift_scale: Any, noise_scale: Any, max_gradient: Any, low: Any, high: Any,
    draw: Any, k0: Any, k1: Any,
) -> None:  # fmt: skip
    xi0, xi1 = normal_block64(np.uint64(block), draw, k0, k1)
    e = 2 * block
    if e < out.size:
        out[e] = _step(x[e], g[e], xi0, drift_scale, noise_scale, max_gradient, low, high)
    if e + 1 < out.size:
        out[e + 1] = _step(x[e + 1], g[e + 1], xi1, drift_scale, noise_scale, max_gradient, low, high)


# ----------------------------------------------------------------------------------------------------------- cpu
# A call moves the elements of the blocks first, ..., end - 1. The main loops do what the functions above do without
# their tests, and count from 0, so that LLVM vectorises them.


@cpu_kernel()
def _loop32(
    first: Any, end: Any, out: Any, x: Any, g: Any,
    drift_scale: Any, noise_scale: Any, max_gradient: Any, low: Any, high: Any, k0: Any, k1: Any, draw: Any,
) -> None:  # fmt: skip
    out_part, x_part, g_part = out[4 * first : 4 * end], x[4 * first : 4 * end], g[4 * first : 4 * end]
    n_whole = out_part.size // 4
    for i in range(n_whole):
        xi0, xi1, xi2, xi3 = normal_block32(np.uint64(first + i), draw[0], k0, k1)
        e = 4 * i
        out_part[e] = _step(x_part[e], g_part[e], xi0, drift_scale, noise_scale, max_gradient, low, high)
        out_part[e + 1] = _step(x_part[e + 1], g_part[e + 1], xi1, drift_scale, noise_scale, max_gradient, low, high)
        out_part[e + 2] = _step(x_part[e + 2], g_part[e + 2], xi2, drift_scale, noise_scale, max_gradient, low, high)
        out_part[e + 3] = _step(x_part[e + 3], g_part[e + 3], xi3, drift_scale, noise_scale, max_gradient, low, high)
    if n_whole < end - first:
        _step_block32(out, x, g, first + n_whole, drift_scale, noise_scale, max_gradient, low, high, draw[0], k0, k1)


@cpu_kernel()
def _loop64(
    first: Any, end: Any, out: Any, x: Any, g: Any,
    drift_scale: Any, noise_scale: Any, max_gradient: Any, low: Any, high: Any, k0: Any, k1: Any, draw: Any,
) -> None:  # fmt: skip
    out_part, x_part, g_part = out[2 * first : 2 * end], x[2 * first : 2 * end], g[2 * first : 2 * end]
    n_whole = out_part.size // 2
    for i in range(n_whole):
        xi0, xi1 = normal_block64(np.uint64(first + i), draw[0], k0, k1)
        e = 2 * i
        out_part[e] = _step(x_part[e], g_part[e], xi0, drift_scale, noise_scale, max_gradient, low, high)
        out_part[e + 1] = _step(x_part[e + 1], g_part[e + 1], xi1, drift_scale, noise_scale, max_gradient, low, high)
    if n_whole < end - first:
        _step_block64(out, x, g, first + n_whole, drift_scale, noise_scale, max_gradient, low, high, draw[0], k0, k1)


def _step_cpu(
    out: Array, x: Array, gradient: Array,
    drift_scale: float, noise_scale: float, max_gradient: float, low: float, high: float, key: Key, draw: Array,
) -> None:  # fmt: skip
    loop, per_block = (_loop64, 2) if x.dtype == np.float64 else (_loop32, 4)
    arrays = out.reshape(-1), x.reshape(-1), gradient.reshape(-1)
    scales_and_bounds = tuple(map(x.dtype.type, (drift_scale, noise_scale, max_gradient, low, high)))
    loop.share(-(-out.size // per_block), per_block, *arrays, *scales_and_bounds, key[0], key[1], draw)


# ---------------------------------------------------------------------------------------------------------- cuda
# One thread makes one block.


@cuda_kernel
def _kernel32(
    out: Any, x: Any, g: Any, drift_scale: Any, noise_scale: Any, max_gradient: Any, low: Any, high: Any,
    k0: Any, k1: Any, draw: Any,
) -> None:  # fmt: skip
    for i in range(cuda.grid(1), (out.size + 3) // 4, cuda.gridsize(1)):
        _step_block32(out, x, g, i, drift_scale, noise_scale, max_gradient, low, high, draw[0], k0, k1)


@cuda_kernel
def _kernel64(
    out: Any, x: Any, g: Any, drift_scale: Any, noise_scale: Any, max_gradient: Any, low: Any, high: Any,
    k0: Any, k1: Any, draw: Any,
) -> None:  # fmt: skip
    for i in range(cuda.grid(1), (out.size + 1) // 2, cuda.gridsize(1)):
        _step_block64(out, x, g, i, drift_scale, noise_scale, max_gradient, low, high, draw[0], k0, k1)


def _step_cuda(
    out: Array, x: Array, gradient: Array,
    drift_scale: float, noise_scale: float, max_gradient: float, low: float, high: float, key: Key, draw: Array,
) -> None:  # fmt: skip
    to_type = x.dtype.type
    kernel, per_block = (_kernel64, 2) if x.dtype == np.float64 else (_kernel32, 4)
    kernel.launch(
        -(-out.size // per_block), out.reshape(-1), x.reshape(-1), gradient.reshape(-1),
        *map(to_type, (drift_scale, noise_scale, max_gradient, low, high)), key[0], key[1], draw,
    )  # fmt: skip


langevin_step_ = Operation(_step_reference, _step_cpu, _step_cuda)
