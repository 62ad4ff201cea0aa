"""The latent layer of a variational autoencoder in one pass: reparameterise, and the KL divergence to N(0, I).

    sigma = exp(log_var / 2),   z = mean + sigma * noise
    kl_i  = 1/2 sum_k (exp(log_var_ik) + mean_ik^2 - 1 - log_var_ik)                          (nats, an example)

Backward, with ``kl_weight`` the factor of kl_i in the loss (beta / n) and the sum over the samples of an example:

    dmean    = sum dz + kl_weight * mean
    dlog_var = sum dz * noise * sigma / 2 + kl_weight * (exp(log_var) - 1) / 2.

Shapes: mean, log_var (n, n_latent); noise, z, dz (n, n_latent) or (n_samples, n, n_latent).

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
from scratchgen.kernels._jit import cpu_kernel
from scratchgen.kernels.elementary import exp
from scratchgen.kernels.scalar import mul, scalar
from scratchgen.typing import Array


def _by_sample(x: Array) -> Array:
    return x if x.ndim == 3 else x[None, ...]  # (samples, n, n_latent)


def _forward_reference(mean: Array, log_var: Array, noise: Array) -> tuple[Array, Array]:
    """Return z (shape of the noise) and kl (n,)."""
    xp = namespace(mean, log_var, noise)
    z = mean + xp.exp(0.5 * log_var) * noise
    kl = 0.5 * xp.sum(xp.exp(log_var) + mean * mean - 1 - log_var, axis=-1)
    return z, kl


def _backward_reference(dz: Array, mean: Array, log_var: Array, noise: Array, kl_weight: float) -> tuple[Array, Array]:
    """Return dmean and dlog_var, each (n, n_latent)."""
    xp = namespace(dz, mean, log_var, noise)
    kl_weight = float(kl_weight)  # a float64 scalar of NumPy would make the gradients float64
    dmean = xp.sum(_by_sample(dz), axis=0) + kl_weight * mean
    dsigma = xp.sum(_by_sample(dz * noise), axis=0)
    dlog_var = 0.5 * (dsigma * xp.exp(0.5 * log_var) + kl_weight * (xp.exp(log_var) - 1))
    return dmean, dlog_var


# ----------------------------------------------------------------------------------------- scalars, cpu and cuda


@scalar
def _kl_term(mean: Any, log_var: Any, one: Any) -> Any:
    return (exp(log_var) + mul(mean, mean) - one) - log_var


@scalar
def _dlog_var(dsigma: Any, log_var: Any, kl_weight: Any, half: Any, one: Any) -> Any:
    return half * (mul(dsigma, exp(half * log_var)) + mul(kl_weight, exp(log_var) - one))


@cpu_kernel()
def _forward_loop(mean: Any, log_var: Any, noise: Any, z: Any, kl: Any) -> None:
    half, one = mean.dtype.type(0.5), mean.dtype.type(1)
    for s in range(noise.shape[0]):
        for i in range(mean.shape[0]):
            for k in range(mean.shape[1]):
                z[s, i, k] = mean[i, k] + mul(exp(half * log_var[i, k]), noise[s, i, k])
    for i in range(mean.shape[0]):
        total = mean.dtype.type(0)
        for k in range(mean.shape[1]):
            total += _kl_term(mean[i, k], log_var[i, k], one)
        kl[i] = half * total


@cpu_kernel()
def _backward_loop(dz: Any, mean: Any, log_var: Any, noise: Any, kl_weight: Any, dmean: Any, dlog_var: Any) -> None:
    half, one, zero = mean.dtype.type(0.5), mean.dtype.type(1), mean.dtype.type(0)
    for i in range(mean.shape[0]):
        for k in range(mean.shape[1]):
            dmean[i, k] = zero
            dlog_var[i, k] = zero
        for s in range(noise.shape[0]):
            for k in range(mean.shape[1]):
                dmean[i, k] += dz[s, i, k]
                dlog_var[i, k] += mul(dz[s, i, k], noise[s, i, k])
        for k in range(mean.shape[1]):
            dmean[i, k] += mul(kl_weight, mean[i, k])
            dlog_var[i, k] = _dlog_var(dlog_var[i, k], log_var[i, k], kl_weight, half, one)


@cuda_kernel
def _forward_kernel(mean: Any, log_var: Any, noise: Any, z: Any, kl: Any) -> None:
    half, one = mean.dtype.type(0.5), mean.dtype.type(1)
    for i in range(cuda.grid(1), mean.shape[0], cuda.gridsize(1)):  # a thread takes an example
        total = 0.0
        for k in range(mean.shape[1]):
            total += mul(half, _kl_term(mean[i, k], log_var[i, k], one))
            sigma = exp(half * log_var[i, k])
            for s in range(noise.shape[0]):
                z[s, i, k] = mean[i, k] + mul(sigma, noise[s, i, k])
        kl[i] = total


@cuda_kernel
def _backward_kernel(dz: Any, mean: Any, log_var: Any, noise: Any, kl_weight: Any, dmean: Any, dlog_var: Any) -> None:
    half, one, zero = mean.dtype.type(0.5), mean.dtype.type(1), mean.dtype.type(0)
    for i in range(cuda.blockIdx.x, mean.shape[0], cuda.gridDim.x):
        for k in range(cuda.threadIdx.x, mean.shape[1], cuda.blockDim.x):
            dz_sum, dsigma = zero, zero
            for s in range(noise.shape[0]):
                dz_sum += dz[s, i, k]
                dsigma += mul(dz[s, i, k], noise[s, i, k])
            dmean[i, k] = dz_sum + mul(kl_weight, mean[i, k])
            dlog_var[i, k] = _dlog_var(dsigma, log_var[i, k], kl_weight, half, one)


# -------------------------------------------------------------------------------------------------- cpu, cuda entry


def _forward_into(launch: Callable[..., None], mean: Array, log_var: Array, noise: Array) -> tuple[Array, Array]:
    xp = namespace(mean, log_var, noise)
    z, kl = xp.empty_like(noise), xp.empty(mean.shape[0], dtype=mean.dtype)
    launch(mean, log_var, _by_sample(noise), _by_sample(z), kl)
    return z, kl


def _backward_into(
    launch: Callable[..., None], dz: Array, mean: Array, log_var: Array, noise: Array, kl_weight: float
) -> tuple[Array, Array]:
    xp = namespace(dz, mean, log_var, noise)
    dmean, dlog_var = xp.empty_like(mean), xp.empty_like(mean)
    weight = mean.dtype.type(kl_weight)
    launch(_by_sample(dz), mean, log_var, _by_sample(noise), weight, dmean, dlog_var)
    return dmean, dlog_var


def _forward_cpu(mean: Array, log_var: Array, noise: Array) -> tuple[Array, Array]:
    return _forward_into(_forward_loop, mean, log_var, noise)


def _backward_cpu(dz: Array, mean: Array, log_var: Array, noise: Array, kl_weight: float) -> tuple[Array, Array]:
    return _backward_into(_backward_loop, dz, mean, log_var, noise, kl_weight)


def _forward_cuda(mean: Array, log_var: Array, noise: Array) -> tuple[Array, Array]:
    return _forward_into(partial(_forward_kernel.launch, mean.shape[0]), mean, log_var, noise)


def _backward_cuda(dz: Array, mean: Array, log_var: Array, noise: Array, kl_weight: float) -> tuple[Array, Array]:
    launch = partial(_backward_kernel.launch_blocks, mean.shape[0])
    return _backward_into(launch, dz, mean, log_var, noise, kl_weight)


reparameterise_kl_forward = Operation(_forward_reference, _forward_cpu, _forward_cuda)
reparameterise_kl_backward = Operation(_backward_reference, _backward_cpu, _backward_cuda)
