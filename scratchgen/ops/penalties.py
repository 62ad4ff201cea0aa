"""Penalties added to a loss: one number for a whole batch, in nats."""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import namespace
from scratchgen.ops.divergences import BernoulliKLCache, kl_bernoulli_backward, kl_bernoulli_forward
from scratchgen.typing import Array, Float


class L1Cache(NamedTuple):
    """What `l1_backward` needs of the forward pass."""

    h: Array


def l1_forward(h: Float[Array, "n hidden"]) -> tuple[Array, L1Cache]:
    """Return ``(1/n) sum_ij |h_ij|``: sum over the units, mean over the batch.

    Gradient
    --------
    dh_ij = dpenalty sign(h_ij) / n.  At 0, where the absolute value has a kink, the gradient is taken as 0: the
    subgradient of least size.
    """
    xp = namespace(h)
    return xp.sum(xp.abs(h)) / h.shape[0], L1Cache(h)


def l1_backward(dpenalty: Array | float, cache: L1Cache) -> Float[Array, "n hidden"]:
    """Return ``dh``."""
    h = cache.h
    return float(dpenalty) / h.shape[0] * namespace(h).sign(h)


class SparsityCache(NamedTuple):
    """What `sparsity_backward` needs of the forward pass."""

    n: int
    of_mean: BernoulliKLCache


def sparsity_forward(p: Float[Array, "n hidden"], target: float) -> tuple[Array, SparsityCache]:
    """Return ``sum_j KL(Bernoulli(target) || Bernoulli(q_j))``, where q_j is the mean of p_ij over the batch.

    Gradient
    --------
    Each row has its share of the mean:  dp_ij = dq_j / n,  with dq that of the divergence.

    References
    ----------
    A. Ng: "Sparse autoencoder", CS294A lecture notes, Stanford, 2011.
    """
    xp = namespace(p)
    q = xp.mean(p, axis=0)[None, :]
    kl, of_mean = kl_bernoulli_forward(xp.full_like(q, target), q)
    return kl[0], SparsityCache(p.shape[0], of_mean)


def sparsity_backward(dpenalty: Array | float, cache: SparsityCache) -> Float[Array, "n hidden"]:
    """Return ``dp``, whose rows are equal."""
    xp = namespace(cache.of_mean.q)
    dkl = xp.full_like(cache.of_mean.q[:, 0], float(dpenalty) / cache.n)
    _, dq = kl_bernoulli_backward(dkl, cache.of_mean)
    return xp.repeat(dq, cache.n, axis=0)
