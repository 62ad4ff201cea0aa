"""k steps of Langevin dynamics in a density of the plane, in one launch: the chains stay in fast memory.

    x <- x - drift_scale * d(-log p)/dx + noise_scale * xi,     k times

===========  ======  ==============================================================================
symbol       shape   meaning
===========  ======  ==============================================================================
x            (n, 2)  the states of n independent chains; a new array is returned
table        (K, .)  the terms of the density, a row each, of the type of x: see `densities_scalar`
n_steps      ()      k
===========  ======  ==============================================================================

Step s takes draw ``draw[0] + s`` and the normals of `fill_normal` for the shape of x: one call with k steps is k calls
with one, and k times `langevin_step_` with the gradient of the density.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import CudaKernel, cuda, cuda_kernel
from scratchgen.kernels._jit import CpuKernel, cpu_kernel
from scratchgen.kernels.densities_scalar import (
    double_well_gradient,
    double_well_term,
    gaussian_mixture_gradient,
    gaussian_term,
    ring_term,
    rings_gradient,
)
from scratchgen.kernels.elementary import exp
from scratchgen.kernels.langevin import drift_and_diffuse
from scratchgen.kernels.philox import Key, fill_normal, normal_block32, normal_block64
from scratchgen.kernels.scalar import mul, scalar, select
from scratchgen.typing import Array

_TILE = 256  # chains that are moved together on a CPU: eight arrays of them stay in the first-level cache


def _reference(gradient: Callable[..., Any]) -> Callable[..., Array]:
    def langevin(
        x: Array, table: Array, n_steps: int, drift_scale: float, noise_scale: float, key: Key, draw: Array
    ) -> Array:
        xp, to_type = namespace(x, table), x.dtype.type
        xi = xp.empty_like(x)
        for s in range(n_steps):
            fill_normal.reference(xi, key, draw + np.uint64(s))
            slope = xp.stack(gradient(x[:, 0], x[:, 1], table), axis=1)
            x = drift_and_diffuse(x, slope, xi, to_type(drift_scale), to_type(noise_scale))
        return x

    return langevin


# ----------------------------------------------------------------------------------------------------------- cpu
# LLVM vectorises innermost loops only. They go over the chains of a tile, and the loop over terms is outside: eight
# Gaussians take 13 ns a chain and step that way and 125 ns with the loop over terms inside (float32, AVX-512).


@scalar
def _fill32(xi: Any, first_chain: Any, draw: Any, k0: Any, k1: Any) -> None:
    first = np.uint64(first_chain // 2)
    for i in range(xi.size // 4):
        xi[4 * i], xi[4 * i + 1], xi[4 * i + 2], xi[4 * i + 3] = normal_block32(first + np.uint64(i), draw, k0, k1)


@scalar
def _fill64(xi: Any, first_chain: Any, draw: Any, k0: Any, k1: Any) -> None:
    first = np.uint64(first_chain)
    for i in range(xi.size // 2):
        xi[2 * i], xi[2 * i + 1] = normal_block64(first + np.uint64(i), draw, k0, k1)


def _tile_gradient(term: Callable[..., Any]) -> Callable[..., None]:
    """Return `energy_gradient` of the term for a tile: the same operations, in an order of loops that vectorises."""

    @scalar
    def gradient(x0: Any, x1: Any, table: Any, highest: Any, total: Any, g0: Any, g1: Any) -> None:
        zero = x0.dtype.type(0)
        for i in range(x0.size):
            highest[i], _, _ = term(x0[i], x1[i], table, 0)
        for k in range(1, table.shape[0]):
            for i in range(x0.size):
                exponent, _, _ = term(x0[i], x1[i], table, k)
                highest[i] = select(exponent > highest[i], exponent, highest[i])
        for i in range(x0.size):
            total[i], g0[i], g1[i] = zero, zero, zero
        for k in range(table.shape[0]):
            for i in range(x0.size):
                exponent, descent0, descent1 = term(x0[i], x1[i], table, k)
                weight = exp(exponent - highest[i])
                total[i] += weight
                g0[i] += mul(weight, descent0)
                g1[i] += mul(weight, descent1)
        for i in range(x0.size):
            g0[i] /= total[i]
            g1[i] /= total[i]

    return gradient


def _cpu_loop(gradient: Callable[..., None], fill: Callable[..., None]) -> CpuKernel:
    @cpu_kernel()
    def loop(
        first_tile: Any, end_tile: Any, x: Any, out: Any, table: Any, n_steps: Any,
        drift_scale: Any, noise_scale: Any, k0: Any, k1: Any, draw: Any,
    ) -> None:  # fmt: skip
        xi = np.empty(2 * _TILE, x.dtype)
        x0, x1 = np.empty(_TILE, x.dtype), np.empty(_TILE, x.dtype)
        g0, g1 = np.empty(_TILE, x.dtype), np.empty(_TILE, x.dtype)
        highest, total = np.empty(_TILE, x.dtype), np.empty(_TILE, x.dtype)
        for first in range(_TILE * first_tile, _TILE * end_tile, _TILE):
            start, end = x[first : first + _TILE], out[first : first + _TILE]
            n = start.shape[0]
            n_normals = 4 * ((n + 1) // 2)  # whole blocks
            for i in range(n):
                x0[i], x1[i] = start[i, 0], start[i, 1]
            for s in range(n_steps):
                fill(xi[:n_normals], first, draw[0] + np.uint64(s), k0, k1)
                gradient(x0[:n], x1[:n], table, highest, total, g0, g1)
                for i in range(n):
                    x0[i] = drift_and_diffuse(x0[i], g0[i], xi[2 * i], drift_scale, noise_scale)
                    x1[i] = drift_and_diffuse(x1[i], g1[i], xi[2 * i + 1], drift_scale, noise_scale)
            for i in range(n):
                end[i, 0], end[i, 1] = x0[i], x1[i]

    return loop


def _cpu(term: Callable[..., Any]) -> Callable[..., Array]:
    gradient = _tile_gradient(term)
    loop32, loop64 = _cpu_loop(gradient, _fill32), _cpu_loop(gradient, _fill64)

    def langevin(
        x: Array, table: Array, n_steps: int, drift_scale: float, noise_scale: float, key: Key, draw: Array
    ) -> Array:
        out, to_type = np.empty_like(x), x.dtype.type
        loop = loop64 if x.dtype == np.float64 else loop32
        h, sigma = to_type(drift_scale), to_type(noise_scale)
        n_tiles, per_tile = -(-x.shape[0] // _TILE), x.shape[1] * _TILE * n_steps
        loop.share(n_tiles, per_tile, x, out, table, n_steps, h, sigma, key[0], key[1], draw)
        return out

    return langevin


# ---------------------------------------------------------------------------------------------------------- cuda
# A thread takes the chains that share a block of normals: two in float32, one in float64.


def _cuda_kernel32(gradient: Callable[..., Any]) -> CudaKernel:
    @cuda_kernel
    def kernel(
        x: Any, out: Any, table: Any, n_steps: Any, drift_scale: Any, noise_scale: Any, k0: Any, k1: Any, draw: Any
    ) -> None:
        n = x.shape[0]
        for block in range(cuda.grid(1), (n + 1) // 2, cuda.gridsize(1)):
            i = 2 * block
            j = min(i + 1, n - 1)  # the last of an odd number has no partner: it moves twice, and is stored once
            x0, x1, y0, y1 = x[i, 0], x[i, 1], x[j, 0], x[j, 1]
            for s in range(n_steps):
                xi0, xi1, xi2, xi3 = normal_block32(np.uint64(block), draw[0] + np.uint64(s), k0, k1)
                g0, g1 = gradient(x0, x1, table)
                x0 = drift_and_diffuse(x0, g0, xi0, drift_scale, noise_scale)
                x1 = drift_and_diffuse(x1, g1, xi1, drift_scale, noise_scale)
                g0, g1 = gradient(y0, y1, table)
                y0 = drift_and_diffuse(y0, g0, xi2, drift_scale, noise_scale)
                y1 = drift_and_diffuse(y1, g1, xi3, drift_scale, noise_scale)
            out[i, 0], out[i, 1] = x0, x1
            if i + 1 < n:
                out[i + 1, 0], out[i + 1, 1] = y0, y1

    return kernel


def _cuda_kernel64(gradient: Callable[..., Any]) -> CudaKernel:
    @cuda_kernel
    def kernel(
        x: Any, out: Any, table: Any, n_steps: Any, drift_scale: Any, noise_scale: Any, k0: Any, k1: Any, draw: Any
    ) -> None:
        for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
            x0, x1 = x[i, 0], x[i, 1]
            for s in range(n_steps):
                xi0, xi1 = normal_block64(np.uint64(i), draw[0] + np.uint64(s), k0, k1)
                g0, g1 = gradient(x0, x1, table)
                x0 = drift_and_diffuse(x0, g0, xi0, drift_scale, noise_scale)
                x1 = drift_and_diffuse(x1, g1, xi1, drift_scale, noise_scale)
            out[i, 0], out[i, 1] = x0, x1

    return kernel


def _cuda(gradient: Callable[..., Any]) -> Callable[..., Array]:
    kernel32, kernel64 = _cuda_kernel32(gradient), _cuda_kernel64(gradient)

    def langevin(
        x: Array, table: Array, n_steps: int, drift_scale: float, noise_scale: float, key: Key, draw: Array
    ) -> Array:
        out, to_type = namespace(x, table).empty_like(x), x.dtype.type
        kernel, n_threads = (kernel64, x.shape[0]) if x.dtype == np.float64 else (kernel32, -(-x.shape[0] // 2))
        kernel.launch(
            n_threads, x, out, table, n_steps, to_type(drift_scale), to_type(noise_scale), key[0], key[1], draw
        )
        return out

    return langevin


langevin_gaussian_mixture = Operation(
    _reference(gaussian_mixture_gradient), _cpu(gaussian_term), _cuda(gaussian_mixture_gradient)
)
langevin_rings = Operation(_reference(rings_gradient), _cpu(ring_term), _cuda(rings_gradient))
langevin_double_well = Operation(_reference(double_well_gradient), _cpu(double_well_term), _cuda(double_well_gradient))
