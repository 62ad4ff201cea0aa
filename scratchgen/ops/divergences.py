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


class BernoulliKLCache(NamedTuple):
    """What `kl_bernoulli_backward` needs of the forward pass."""

    p: Array
    q: Array


def kl_bernoulli_forward(
    p: Float[Array, "n features"], q: Float[Array, "n features"]
) -> tuple[Float[Array, " n"], BernoulliKLCache]:
    """Return ``KL(Bernoulli(p) || Bernoulli(q)) = sum_j p_j log(p_j / q_j) + (1 - p_j) log((1 - p_j) / (1 - q_j))``.

    Probabilities of 0 and 1 are taken as the numbers next to them in their type, so that the result and its gradient
    are finite.

    Gradient
    --------
    Each term depends on one feature:

        dp = dkl (log(p / q) - log((1 - p) / (1 - q))),   dq = dkl ((1 - p) / (1 - q) - p / q).
    """
    xp = namespace(p, q)
    p, q = _inside(p), _inside(q)
    kl = xp.sum(p * xp.log(p / q) + (1 - p) * xp.log((1 - p) / (1 - q)), axis=-1)
    return kl, BernoulliKLCache(p, q)


def kl_bernoulli_backward(
    dkl: Float[Array, " n"], cache: BernoulliKLCache
) -> tuple[Float[Array, "n features"], Float[Array, "n features"]]:
    """Return ``(dp, dq)``."""
    p, q = cache
    xp = namespace(dkl, p)
    dp = xp.log(p / q) - xp.log((1 - p) / (1 - q))
    dq = (1 - p) / (1 - q) - p / q
    return dkl[:, None] * dp, dkl[:, None] * dq


class CategoricalKLCache(NamedTuple):
    """What `kl_categorical_backward` needs of the forward pass."""

    p: Array
    q: Array


def kl_categorical_forward(
    p: Float[Array, "n classes"], q: Float[Array, "n classes"]
) -> tuple[Float[Array, " n"], CategoricalKLCache]:
    """Return ``KL(p || q) = sum_c p_c log(p_c / q_c)`` for the probabilities of classes, each row with the sum 1.

    Probabilities of 0 are taken as the number next to it in their type. The sums of the rows are not checked.

    Gradient
    --------
    Each term depends on one class:

        dp = dkl (log(p / q) + 1),   dq = -dkl p / q.

    These are the derivatives by entries that are free of each other. Along the simplex, where those of a row add up
    to 0, the constant 1 changes nothing.
    """
    xp = namespace(p, q)
    p, q = _inside(p), _inside(q)
    return xp.sum(p * xp.log(p / q), axis=-1), CategoricalKLCache(p, q)


def kl_categorical_backward(
    dkl: Float[Array, " n"], cache: CategoricalKLCache
) -> tuple[Float[Array, "n classes"], Float[Array, "n classes"]]:
    """Return ``(dp, dq)``."""
    p, q = cache
    ratio = p / q
    return dkl[:, None] * (namespace(dkl, p).log(ratio) + 1), -dkl[:, None] * ratio


def _inside(p: Array) -> Array:
    """Return probabilities in the open interval (0, 1)."""
    xp = namespace(p)
    return xp.clip(p, xp.finfo(p.dtype).smallest_normal, 1 - xp.finfo(p.dtype).eps)
