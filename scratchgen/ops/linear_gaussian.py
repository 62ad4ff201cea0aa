r"""The evidence of the linear Gaussian latent-variable model, and its posterior, both exact.

.. math::
    z \sim N(0, I), \quad x \mid z \sim N(z W + b, \sigma^2 I) \quad\Rightarrow\quad
    x \sim N(b, C), \quad C = W^T W + \sigma^2 I

With :math:`M = W W^T + \sigma^2 I`, the posterior is :math:`z \mid x \sim N(m, \sigma^2 M^{-1})`,
:math:`m = (x - b) W^T M^{-1}`: its covariance is the same for every x.

==========  ==================  ===============================================
symbol      shape               meaning
==========  ==================  ===============================================
x           (n, features)       data
z, m        (n, latent)         latent variables, and their posterior mean
W           (latent, features)  loadings: x is a row, as everywhere here
b           (features,)         mean of x
log_sigma   (1,)                logarithm of the standard deviation of the noise
M           (latent, latent)    sigma^2 times the inverse posterior covariance
==========  ==================  ===============================================

References
----------
M. E. Tipping, C. M. Bishop: "Probabilistic principal component analysis", J. R. Statist. Soc. B 61, 1999.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scratchgen.backend import namespace
from scratchgen.kernels.matmul import matmul
from scratchgen.ops.likelihoods import LOG_TWO_PI
from scratchgen.typing import Array, Float


class LinearGaussianParams(NamedTuple):
    """Parameters of the model, or their gradient."""

    W: Any
    b: Any
    log_sigma: Any


class LinearGaussianCache(NamedTuple):
    """What `linear_gaussian_nll_backward` needs: M^-1, the posterior mean, and (x - b) C^-1."""

    W: Array
    variance: Array
    inverse_m: Array
    posterior_mean: Array
    scaled_residual: Array


def linear_gaussian_nll_forward(
    params: LinearGaussianParams, x: Float[Array, "n features"]
) -> tuple[Float[Array, " n"], LinearGaussianCache]:
    r"""Return :math:`-\log p(x) = \frac12 \big[ D \log 2 \pi + \log |C| + (x - b) C^{-1} (x - b)^T \big]`.

    Only M is inverted, which is small. :math:`\log |C| = 2 (D - Z) \log \sigma + \log |M|`, and the quadratic form is a
    sum of squares, in which no digits cancel, at the posterior mean:

    .. math:: q = \min_z |x - b - z W|^2 / \sigma^2 + |z|^2 = |x - b - m W|^2 / \sigma^2 + |m|^2

    Gradient
    --------
    Since q is a minimum over z, its derivatives are those at fixed z = m. With
    :math:`e = (x - b - m W) / \sigma^2 = (x - b) C^{-1}` and sums over the examples i,

    .. math::
        \partial_W = \sum_i d_i (M^{-1} W - m_i^T e_i), \quad \partial_b = -\sum_i d_i e_i, \quad
        \partial_{\log \sigma} = \sum_i d_i (D - Z + \sigma^2 \mathrm{tr} M^{-1} - \sigma^2 |e_i|^2), \quad
        \partial_{x_i} = d_i e_i,

    where d stands for dnll; the terms without i come from :math:`\log |C|`.
    """
    W, b, log_sigma = params
    xp = namespace(W, x)
    n_latent, n_features = W.shape
    variance = xp.exp(2 * log_sigma)
    m_matrix = _m(params)
    inverse_m = xp.asarray(xp.linalg.inv(m_matrix), dtype=x.dtype)
    log_det_m = xp.asarray(xp.linalg.slogdet(m_matrix)[1], dtype=x.dtype)

    mean = matmul(x - b, matmul(W.T, inverse_m))  # (n, latent)
    residual = x - b - matmul(mean, W)
    quadratic = xp.sum(residual * residual, axis=1) / variance + xp.sum(mean * mean, axis=1)
    log_det = 2 * (n_features - n_latent) * log_sigma + log_det_m
    nll = 0.5 * (quadratic + log_det + n_features * LOG_TWO_PI)
    return nll, LinearGaussianCache(W, variance, inverse_m, mean, residual / variance)


def linear_gaussian_nll_backward(
    dnll: Float[Array, " n"], cache: LinearGaussianCache
) -> tuple[LinearGaussianParams, Float[Array, "n features"]]:
    """Return ``(dparams, dx)``."""
    W, variance, inverse_m, mean, e = cache
    xp = namespace(dnll, W)
    n_latent, n_features = W.shape
    dx = dnll[:, None] * e
    total = xp.sum(dnll)
    dW = total * matmul(inverse_m, W) - matmul(mean.T, dx)
    trace = xp.sum(inverse_m * xp.eye(n_latent, dtype=W.dtype))
    dlog_sigma = total * (n_features - n_latent + variance * trace) - variance * xp.sum(dx * e)
    return LinearGaussianParams(dW, -xp.sum(dx, axis=0), dlog_sigma), dx


def linear_gaussian_posterior(
    params: LinearGaussianParams, x: Float[Array, "n features"]
) -> tuple[Float[Array, "n latent"], Float[Array, "latent latent"]]:
    """Return mean and covariance of p(z|x)."""
    xp = namespace(params.W, x)
    inverse_m = xp.asarray(xp.linalg.inv(_m(params)), dtype=x.dtype)
    return matmul(x - params.b, matmul(params.W.T, inverse_m)), xp.exp(2 * params.log_sigma) * inverse_m


def _m(params: LinearGaussianParams) -> Array:
    """Return M in float64: where sigma is small, its smallest eigenvalue is lost in float32."""
    xp = namespace(params.W)
    W, log_sigma = (xp.asarray(array, dtype=xp.float64) for array in (params.W, params.log_sigma))
    return matmul(W, W.T) + xp.exp(2 * log_sigma) * xp.eye(W.shape[0], dtype=xp.float64)
