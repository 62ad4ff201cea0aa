"""Negative log-likelihoods of data under a decoder's output: sum over features, in nats, one number an example.

======  =====================  ======================================================
symbol  shape                  meaning
======  =====================  ======================================================
x       (n, features)          data
logits  (rows, features)       Bernoulli: log p / (1 - p); row r belongs to x[r % n]
mean    (rows, features)       Gaussian mean; row r belongs to x[r % n]
======  =====================  ======================================================

Several samples an example (rows = samples * n) share one copy of the data.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scratchgen.backend import Backend, namespace
from scratchgen.kernels.bernoulli_nll import bernoulli_nll, bernoulli_nll_with_grad
from scratchgen.ops.linear import REFERENCE
from scratchgen.typing import Array, Float

LOG_TWO_PI = math.log(2.0 * math.pi)


class BernoulliCache(NamedTuple):
    """What `bernoulli_nll_backward` needs of the forward pass."""

    logits: Array
    x: Array
    backend: Backend


class GaussianCache(NamedTuple):
    """What `gaussian_nll_backward` needs of the forward pass; `standardised` is (x - mean) / sigma."""

    standardised: Array
    log_sigma: Array
    shape: tuple[int, int]


def bernoulli_nll_forward(
    logits: Float[Array, "rows features"], x: Float[Array, "n features"], backend: Backend = REFERENCE
) -> tuple[Float[Array, " rows"], BernoulliCache]:
    """Return ``nll_r = sum_j softplus(l_rj) - x_rj l_rj``.

    That is -sum_j [x log p + (1 - x) log(1 - p)] at p = sigmoid(l), in a form that is stable for any finite logit.
    Data between 0 and 1 are taken as probabilities (intensities); the least value is then the entropy of x, not 0.

    Gradient
    --------
    softplus' is the sigmoid, and the second term is bilinear:

        dl_rj = dnll_r (sigmoid(l_rj) - x_rj),    dx_ij = - sum over the rows r of example i of dnll_r l_rj.
    """
    return bernoulli_nll.on(backend)(logits, x), BernoulliCache(logits, x, backend)


def bernoulli_nll_backward(
    dnll: Float[Array, " rows"], cache: BernoulliCache
) -> tuple[Float[Array, "rows features"], Float[Array, "n features"]]:
    """Return ``(dlogits, dx)``."""
    xp = namespace(dnll, cache.logits)
    _, residual = bernoulli_nll_with_grad.on(cache.backend)(cache.logits, cache.x, 1.0)
    dx = -xp.sum(_by_sample(dnll[:, None] * cache.logits, cache.x.shape), axis=0)
    return dnll[:, None] * residual, dx


def bernoulli_nll_and_dlogits(
    logits: Float[Array, "rows features"], x: Float[Array, "n features"], weight: float, backend: Backend = REFERENCE
) -> tuple[Float[Array, " rows"], Float[Array, "rows features"]]:
    """Return nll and the gradient of ``weight * sum_r nll_r`` with respect to the logits, in one pass over them."""
    return bernoulli_nll_with_grad.on(backend)(logits, x, weight)


def gaussian_nll_forward(
    mean: Float[Array, "rows features"], x: Float[Array, "n features"], log_sigma: Float[Array, "..."]
) -> tuple[Float[Array, " rows"], GaussianCache]:
    """Return ``nll_r = sum_j (x_rj - mean_rj)^2 / (2 sigma^2) + features * (log sigma + log(2 pi) / 2)``.

    Parameters
    ----------
    log_sigma : array of one element
        Shared by all features; fixed, or a parameter to be learned. The sigma that minimises the loss is the root mean
        squared error of the reconstruction.

    Gradient
    --------
    With s = (x - mean) / sigma, the first term is s^2 / 2, and s changes with log sigma at the rate -s:

        dmean_rj = - dnll_r s_rj / sigma,   dx_ij = sum over the rows r of example i of dnll_r s_rj / sigma,
        dlog_sigma = sum_rj dnll_r (1 - s_rj^2).

    References
    ----------
    O. Rybkin, K. Daniilidis, S. Levine: "Simple and effective VAE training with calibrated decoders", ICML 2021.
    """
    xp = namespace(mean, x, log_sigma)
    # in units of sigma before the square: (x - mean)^2 / sigma^4 overflows in float32 at sigma = exp(-23)
    standardised = xp.reshape((x - _by_sample(mean, x.shape)) * xp.exp(-log_sigma), mean.shape)
    quadratic = 0.5 * xp.sum(standardised * standardised, axis=1)  # (rows,)
    nll = quadratic + x.shape[1] * (xp.reshape(log_sigma, (-1,)) + 0.5 * LOG_TWO_PI)
    return nll, GaussianCache(standardised, log_sigma, x.shape)


def gaussian_nll_backward(
    dnll: Float[Array, " rows"], cache: GaussianCache
) -> tuple[Float[Array, "rows features"], Float[Array, "n features"], Float[Array, "..."]]:
    """Return ``(dmean, dx, dlog_sigma)``."""
    standardised, log_sigma, shape = cache
    xp = namespace(dnll, standardised)
    weighted = dnll[:, None] * (standardised * xp.exp(-log_sigma))  # (rows, features)
    dx = xp.sum(_by_sample(weighted, shape), axis=0)
    dlog_sigma = xp.sum(dnll[:, None] * (1 - standardised * standardised))
    return -weighted, dx, xp.reshape(dlog_sigma, log_sigma.shape)


def _by_sample(rows: Array, shape: tuple[int, int]) -> Array:
    """Return (samples * n, features) as (samples, n, features), of no samples where n is 0."""
    return namespace(rows).reshape(rows, (rows.shape[0] // max(shape[0], 1), *shape))
