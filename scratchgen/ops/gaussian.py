"""The reparameterised Gaussian z = mean + sigma * noise, alone and fused with its KL divergence to N(0, I).

=========  =========================================  ==============================================
symbol     shape                                      meaning
=========  =========================================  ==============================================
mean       (n, latent)                                mean of q(z|x)
log_var    (n, latent)                                logarithm of its variances; sigma = exp(log_var / 2)
heads      (n, 2 latent)                              mean and log_var side by side
noise, z   (n, latent) or (samples, n, latent)        standard normal draws, and the latent variables
=========  =========================================  ==============================================

References
----------
D. P. Kingma, M. Welling: "Auto-encoding variational Bayes", ICLR 2014, section 2.4 and appendix B.
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import Backend, namespace
from scratchgen.kernels.latent import reparameterise_kl_backward as kernel_backward
from scratchgen.kernels.latent import reparameterise_kl_forward as kernel_forward
from scratchgen.ops.linear import REFERENCE
from scratchgen.typing import Array, Float


class GaussianSampleCache(NamedTuple):
    """What the backward passes need of the forward pass."""

    mean: Array
    log_var: Array
    noise: Array


class GaussianHeadsCache(NamedTuple):
    """What `reparameterise_kl_backward` needs of the forward pass."""

    heads: Array
    noise: Array


def split_heads(heads: Float[Array, "*n heads"]) -> tuple[Float[Array, "*n latent"], Float[Array, "*n latent"]]:
    """Return the two halves of the last axis, mean and log_var, as views."""
    n_latent = heads.shape[-1] // 2
    return heads[..., :n_latent], heads[..., n_latent:]


def join_heads(mean: Float[Array, "n latent"], log_var: Float[Array, "n latent"]) -> Float[Array, "n heads"]:
    """Return what `split_heads` has split."""
    return namespace(mean, log_var).concat([mean, log_var], axis=1)


def reparameterise_forward(
    mean: Float[Array, "n latent"], log_var: Float[Array, "n latent"], noise: Float[Array, "*samples n latent"]
) -> tuple[Float[Array, "*samples n latent"], GaussianSampleCache]:
    """Return ``z = mean + exp(log_var / 2) * noise``.

    Gradient
    --------
    The noise is fixed, so z is a smooth function of mean and log_var, and sigma' = sigma / 2. With the sum over the
    samples of an example, which share mean and log_var:

        dmean = sum dz,   dlog_var = sum dz * noise * sigma / 2.
    """
    xp = namespace(mean, log_var, noise)
    return mean + xp.exp(0.5 * log_var) * noise, GaussianSampleCache(mean, log_var, noise)


def reparameterise_backward(
    dz: Float[Array, "*samples n latent"], cache: GaussianSampleCache
) -> tuple[Float[Array, "n latent"], Float[Array, "n latent"]]:
    """Return ``(dmean, dlog_var)``."""
    mean, log_var, noise = cache
    xp = namespace(dz, mean)
    samples = tuple(range(dz.ndim - mean.ndim))
    dsigma = xp.sum(dz * noise, axis=samples)
    return xp.sum(dz, axis=samples), 0.5 * xp.exp(0.5 * log_var) * dsigma


def reparameterise_kl_forward(
    heads: Float[Array, "n heads"],
    noise: Float[Array, "*samples n latent"],
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "*samples n latent"], Float[Array, " n"], GaussianHeadsCache]:
    """Return z and the KL divergence of each example, in one pass over mean and log_var, which are side by side.

    The composition of `reparameterise_forward` and `scratchgen.ops.divergences.kl_standard_normal_forward`.

    Gradient
    --------
    The sum of those two gradients, with kl_weight the factor of every kl_i in the loss (beta / n).
    """
    z, kl = kernel_forward.on(backend)(heads, noise)
    return z, kl, GaussianHeadsCache(heads, noise)


def reparameterise_kl_backward(
    dz: Float[Array, "*samples n latent"],
    kl_weight: float,
    cache: GaussianHeadsCache,
    backend: Backend = REFERENCE,
) -> Float[Array, "n heads"]:
    """Return dmean and dlog_var side by side."""
    return kernel_backward.on(backend)(dz, *cache, kl_weight)
