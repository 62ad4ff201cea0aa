"""Divergences between distributions, in nats: sum over dimensions, one number an example."""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import namespace
from scratchgen.typing import Array, Float


class KLCache(NamedTuple):
    """What `kl_standard_normal_backward` needs of the forward pass."""

    mean: Array
    log_var: Array


def kl_standard_normal_forward(
    mean: Float[Array, "n latent"], log_var: Float[Array, "n latent"]
) -> tuple[Float[Array, " n"], KLCache]:
    """Return ``KL(N(mean, diag exp(log_var)) || N(0, I)) = 1/2 sum_k (exp(log_var_k) + mean_k^2 - 1 - log_var_k)``.

    It is 0 only at mean 0 and log_var 0.

    Gradient
    --------
    Each term depends on one coordinate:

        dmean = dkl * mean,   dlog_var = dkl * (exp(log_var) - 1) / 2.

    References
    ----------
    D. P. Kingma, M. Welling: "Auto-encoding variational Bayes", ICLR 2014, appendix B.
    """
    xp = namespace(mean, log_var)
    kl = 0.5 * xp.sum(xp.exp(log_var) + mean * mean - 1 - log_var, axis=-1)
    return kl, KLCache(mean, log_var)


def kl_standard_normal_backward(
    dkl: Float[Array, " n"], cache: KLCache
) -> tuple[Float[Array, "n latent"], Float[Array, "n latent"]]:
    """Return ``(dmean, dlog_var)``."""
    xp = namespace(dkl, cache.mean)
    return dkl[:, None] * cache.mean, 0.5 * dkl[:, None] * (xp.exp(cache.log_var) - 1)
