r"""KL divergences between two Gaussians q and p, in nats, one number a pair.

.. math::
    \mathrm{KL}(N(m_q, C_q) \,\|\, N(m_p, C_p)) = \tfrac12 \Big[ \mathrm{tr}(C_p^{-1} C_q) + d^T C_p^{-1} d - D
    + \log \frac{|C_p|}{|C_q|} \Big], \quad d = m_q - m_p

To N(0, I) with a diagonal covariance it is `scratchgen.ops.divergences.kl_standard_normal_forward`.

References
----------
T. M. Cover, J. A. Thomas: "Elements of information theory", 2nd edition, Wiley, 2006, chapter 8.
K. B. Petersen, M. S. Pedersen: "The matrix cookbook", 2012, equations 49, 57, 61 and 124 (derivatives by a matrix).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.typing import Array, Float


class DiagonalKLCache(NamedTuple):
    """What `kl_diagonal_gaussians_backward` needs of the forward pass: (m_q - m_p) / sigma_p, and the rest."""

    standardised: Array
    variance_ratio: Array
    log_var_p: Array


def kl_diagonal_gaussians_forward(
    mean_q: Float[Array, "n features"],
    log_var_q: Float[Array, "n features"],
    mean_p: Float[Array, "n features"],
    log_var_p: Float[Array, "n features"],
) -> tuple[Float[Array, " n"], DiagonalKLCache]:
    """Return ``KL(q || p) = 1/2 sum_k (r_k + s_k^2 - 1 - log r_k)`` for diagonal covariances exp(log_var).

    ``r = exp(log_var_q - log_var_p)`` is the ratio of the variances, ``s = (mean_q - mean_p) / sigma_p``.

    Gradient
    --------
    log r grows with log_var_q and falls with log_var_p, and s^2 falls with log_var_p, each at the rate 1:

        dmean_q = dkl s / sigma_p = -dmean_p,
        dlog_var_q = dkl (r - 1) / 2,   dlog_var_p = dkl (1 - r - s^2) / 2.
    """
    xp = namespace(mean_q, log_var_q, mean_p, log_var_p)
    log_ratio = log_var_q - log_var_p
    ratio = xp.exp(log_ratio)
    standardised = (mean_q - mean_p) * xp.exp(-0.5 * log_var_p)
    kl = 0.5 * xp.sum(ratio + standardised * standardised - 1 - log_ratio, axis=-1)
    return kl, DiagonalKLCache(standardised, ratio, log_var_p)


def kl_diagonal_gaussians_backward(
    dkl: Float[Array, " n"], cache: DiagonalKLCache
) -> tuple[
    Float[Array, "n features"], Float[Array, "n features"], Float[Array, "n features"], Float[Array, "n features"]
]:
    """Return ``(dmean_q, dlog_var_q, dmean_p, dlog_var_p)``."""
    s, ratio, log_var_p = cache
    xp = namespace(dkl, s)
    dkl = dkl[:, None]
    dmean_q = dkl * s * xp.exp(-0.5 * log_var_p)
    return dmean_q, 0.5 * dkl * (ratio - 1), -dmean_q, 0.5 * dkl * (1 - ratio - s * s)


class FullKLCache(NamedTuple):
    """What `kl_gaussians_backward` needs: both inverse covariances, C_q, and C_p^-1 (m_q - m_p)."""

    precision_q: Array
    precision_p: Array
    covariance_q: Array
    scaled_difference: Array


def kl_gaussians_forward(
    mean_q: Float[Array, "n features"],
    covariance_q: Float[Array, "n features features"],
    mean_p: Float[Array, "n features"],
    covariance_p: Float[Array, "n features features"],
) -> tuple[Float[Array, " n"], FullKLCache]:
    r"""Return ``KL(q || p)`` for any covariances, through their Cholesky factors ``C = L L^T``.

    ``log |C| = 2 sum_k log L_kk``, which neither overflows nor vanishes as a product of many eigenvalues does. Of a
    matrix that is not symmetric the symmetric part is taken: so the entries are free of each other, and the gradient
    has half of the derivative of a pair in each of its two places.

    Gradient
    --------
    From :math:`\partial \log |C| = C^{-1}` and :math:`\partial_C\, a^T C^{-1} a = - C^{-1} a a^T C^{-1}`, with
    :math:`d = m_q - m_p` and :math:`u = C_p^{-1} d`:

    .. math::
        \partial_{m_q} = u = -\partial_{m_p}, \quad \partial_{C_q} = \tfrac12 (C_p^{-1} - C_q^{-1}), \quad
        \partial_{C_p} = \tfrac12 (C_p^{-1} - C_p^{-1} C_q C_p^{-1} - u u^T).

    Raises
    ------
    InputError
        A covariance is not positive definite.
    """
    xp = namespace(mean_q, covariance_q, mean_p, covariance_p)
    covariance_q, covariance_p = _symmetric(covariance_q), _symmetric(covariance_p)
    precision_q, log_det_q = _inverse_and_log_det("covariance_q", covariance_q)
    precision_p, log_det_p = _inverse_and_log_det("covariance_p", covariance_p)
    difference = mean_q - mean_p
    scaled = xp.sum(precision_p * difference[:, None, :], axis=-1)  # (n, features)
    trace = xp.sum(precision_p * covariance_q, axis=(-2, -1))
    quadratic = xp.sum(difference * scaled, axis=-1)
    kl = 0.5 * (trace + quadratic - mean_q.shape[1] + log_det_p - log_det_q)
    return kl, FullKLCache(precision_q, precision_p, covariance_q, scaled)


def kl_gaussians_backward(
    dkl: Float[Array, " n"], cache: FullKLCache
) -> tuple[
    Float[Array, "n features"],
    Float[Array, "n features features"],
    Float[Array, "n features"],
    Float[Array, "n features features"],
]:
    """Return ``(dmean_q, dcovariance_q, dmean_p, dcovariance_p)``; those of covariances are symmetric."""
    precision_q, precision_p, covariance_q, scaled = cache
    dmean_q = dkl[:, None] * scaled
    weight = 0.5 * dkl[:, None, None]
    outer = scaled[:, :, None] * scaled[:, None, :]
    dcovariance_p = weight * (precision_p - precision_p @ covariance_q @ precision_p - outer)
    return dmean_q, weight * (precision_p - precision_q), -dmean_q, dcovariance_p


def _symmetric(matrix: Array) -> Array:
    return 0.5 * (matrix + namespace(matrix).moveaxis(matrix, -1, -2))


def _inverse_and_log_det(name: str, covariance: Array) -> tuple[Array, Any]:
    xp = namespace(covariance)
    try:
        L = xp.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:  # CuPy returns NaN instead
        L = xp.full(covariance.shape, np.nan, dtype=covariance.dtype)
    if not bool(xp.all(xp.isfinite(L))):
        raise InputError(f"{name} must be positive definite: no Cholesky factor was found")
    identity = xp.eye(covariance.shape[-1], dtype=covariance.dtype)
    inverse_L = xp.linalg.solve(L, xp.broadcast_to(identity, covariance.shape))
    inverse = xp.moveaxis(inverse_L, -1, -2) @ inverse_L
    return inverse, 2 * xp.sum(xp.log(xp.sum(L * identity, axis=-1)), axis=-1)
