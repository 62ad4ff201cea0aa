"""The latent layer of a variational autoencoder in one pass: reparameterise, and the KL divergence to N(0, I).

    sigma = exp(log_var / 2),   z = mean + sigma * noise
    kl_i  = 1/2 sum_k (exp(log_var_ik) + mean_ik^2 - 1 - log_var_ik)                          (nats, an example)

Backward, with ``kl_weight`` the factor of kl_i in the loss (beta / n) and the sum over the samples of an example:

    dmean    = sum dz + kl_weight * mean
    dlog_var = sum dz * noise * sigma / 2 + kl_weight * (exp(log_var) - 1) / 2.

Shapes: heads, dheads (n, 2 n_latent), mean and log_var side by side, as one matrix product gives them;
noise, z, dz (n, n_latent) or (n_samples, n, n_latent).

References
----------
D. P. Kingma, M. Welling: "Auto-encoding variational Bayes", ICLR 2014, section 2.4 and appendix B.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from scratchgen.backend import namespace
from scratchgen.kernels import Operation
from scratchgen.kernels._cuda import cuda, cuda_kernel
from scratchgen.kernels._jit import CpuKernel, cpu_kernel
from scratchgen.kernels.elementary import exp
from scratchgen.kernels.scalar import mul, scalar
from scratchgen.typing import Array


def _by_sample(x: Array) -> Array:
    return x if x.ndim == 3 else x[None, ...]  # (samples, n, n_latent)


def _forward_reference(heads: Array, noise: Array) -> tuple[Array, Array]:
    """Return z (shape of the noise) and kl (n,)."""
    xp, n_latent = namespace(heads, noise), noise.shape[-1]
    mean, log_var = heads[:, :n_latent], heads[:, n_latent:]
    z = mean + xp.exp(0.5 * log_var) * noise
    kl = 0.5 * xp.sum(xp.exp(log_var) + mean * mean - 1 - log_var, axis=-1)
    return z, kl


def _backward_reference(dz: Array, heads: Array, noise: Array, kl_weight: float) -> Array:
    """Return dheads, (n, 2 n_latent)."""
    xp, n_latent = namespace(dz, heads, noise), noise.shape[-1]
    mean, log_var = heads[:, :n_latent], heads[:, n_latent:]
    kl_weight = float(kl_weight)  # a float64 scalar of NumPy would make the gradients float64
    dmean = xp.sum(_by_sample(dz), axis=0) + kl_weight * mean
    dsigma = xp.sum(_by_sample(dz * noise), axis=0)
    dlog_var = 0.5 * (dsigma * xp.exp(0.5 * log_var) + kl_weight * (xp.exp(log_var) - 1))
    return xp.concat([dmean, dlog_var], axis=1)


# ----------------------------------------------------------------------------------------- scalars, cpu and cuda


@scalar
def _kl_term(mean: Any, log_var: Any, one: Any) -> Any:
    return (exp(log_var) + mul(mean, mean) - one) - log_var


@scalar
def _dlog_var(dsigma: Any, log_var: Any, kl_weight: Any, half: Any, one: Any) -> Any:
    return half * (mul(dsigma, exp(half * log_var)) + mul(kl_weight, exp(log_var) - one))


@cpu_kernel(sums=True)
def _forward_loop(first: Any, end: Any, heads: Any, noise: Any, z: Any, kl: Any) -> None:
    half, one, n_latent = heads.dtype.type(0.5), heads.dtype.type(1), noise.shape[2]
    for s in range(noise.shape[0]):
        for i in range(first, end):
            for k in range(n_latent):
                z[s, i, k] = heads[i, k] + mul(exp(half * heads[i, n_latent + k]), noise[s, i, k])
    for i in range(first, end):
        total = heads.dtype.type(0)
        for k in range(n_latent):
            total += _kl_term(heads[i, k], heads[i, n_latent + k], one)
        kl[i] = half * total


@cpu_kernel()
def _backward_loop(first: Any, end: Any, dz: Any, heads: Any, noise: Any, kl_weight: Any, dheads: Any) -> None:
    half, one, zero = heads.dtype.type(0.5), heads.dtype.type(1), heads.dtype.type(0)
    n_latent = noise.shape[2]
    for i in range(first, end):
        for k in range(2 * n_latent):
            dheads[i, k] = zero
        for s in range(noise.shape[0]):
            for k in range(n_latent):
                dheads[i, k] += dz[s, i, k]
                dheads[i, n_latent + k] += mul(dz[s, i, k], noise[s, i, k])
        for k in range(n_latent):
            dheads[i, k] += mul(kl_weight, heads[i, k])
            log_var, dsigma = heads[i, n_latent + k], dheads[i, n_latent + k]
            dheads[i, n_latent + k] = _dlog_var(dsigma, log_var, kl_weight, half, one)


@cuda_kernel
def _forward_kernel(heads: Any, noise: Any, z: Any, kl: Any) -> None:
    half, one, n_latent = heads.dtype.type(0.5), heads.dtype.type(1), noise.shape[2]
    for i in range(cuda.grid(1), heads.shape[0], cuda.gridsize(1)):  # a thread takes an example
        total = 0.0
        for k in range(n_latent):
            mean, log_var = heads[i, k], heads[i, n_latent + k]
            total += mul(half, _kl_term(mean, log_var, one))
            sigma = exp(half * log_var)
            for s in range(noise.shape[0]):
                z[s, i, k] = mean + mul(sigma, noise[s, i, k])
        kl[i] = total


@cuda_kernel
def _backward_kernel(dz: Any, heads: Any, noise: Any, kl_weight: Any, dheads: Any) -> None:
    half, one, zero = heads.dtype.type(0.5), heads.dtype.type(1), heads.dtype.type(0)
    n_latent = noise.shape[2]
    for i in range(cuda.blockIdx.x, heads.shape[0], cuda.gridDim.x):
        for k in range(cuda.threadIdx.x, n_latent, cuda.blockDim.x):
            dz_sum, dsigma = zero, zero
            for s in range(noise.shape[0]):
                dz_sum += dz[s, i, k]
                dsigma += mul(dz[s, i, k], noise[s, i, k])
            dheads[i, k] = dz_sum + mul(kl_weight, heads[i, k])
            dheads[i, n_latent + k] = _dlog_var(dsigma, heads[i, n_latent + k], kl_weight, half, one)


# -------------------------------------------------------------------------------------------------- cpu, cuda entry


def _forward_into(launch: Callable[..., None], heads: Array, noise: Array) -> tuple[Array, Array]:
    xp = namespace(heads, noise)
    z, kl = xp.empty_like(noise), xp.empty(heads.shape[0], dtype=heads.dtype)
    launch(heads, _by_sample(noise), _by_sample(z), kl)
    return z, kl


def _backward_into(launch: Callable[..., None], dz: Array, heads: Array, noise: Array, kl_weight: float) -> Array:
    dheads = namespace(dz, heads, noise).empty_like(heads)
    launch(_by_sample(dz), heads, _by_sample(noise), heads.dtype.type(kl_weight), dheads)
    return dheads


def _shared(loop: CpuKernel, noise: Array) -> Callable[..., None]:
    n_samples, n, n_latent = _by_sample(noise).shape
    return partial(loop.share, n, n_samples * n_latent)


def _forward_cpu(heads: Array, noise: Array) -> tuple[Array, Array]:
    return _forward_into(_shared(_forward_loop, noise), heads, noise)


def _backward_cpu(dz: Array, heads: Array, noise: Array, kl_weight: float) -> Array:
    return _backward_into(_shared(_backward_loop, noise), dz, heads, noise, kl_weight)


def _forward_cuda(heads: Array, noise: Array) -> tuple[Array, Array]:
    return _forward_into(partial(_forward_kernel.launch, heads.shape[0]), heads, noise)


def _backward_cuda(dz: Array, heads: Array, noise: Array, kl_weight: float) -> Array:
    return _backward_into(partial(_backward_kernel.launch_blocks, heads.shape[0]), dz, heads, noise, kl_weight)


reparameterise_kl_forward = Operation(_forward_reference, _forward_cpu, _forward_cuda)
reparameterise_kl_backward = Operation(_backward_reference, _backward_cpu, _backward_cuda)
