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

from typing import NamedTuple

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
    """What `kl_gaussians_backward` needs: L_p^-1, and L and m of q in the coordinates in which p is N(0, I)."""

    inverse_root_p: Array
    root: Array
    shift: Array


def kl_gaussians_forward(
    mean_q: Float[Array, "n features"],
    covariance_q: Float[Array, "n features features"],
    mean_p: Float[Array, "n features"],
    covariance_p: Float[Array, "n features features"],
) -> tuple[Float[Array, " n"], FullKLCache]:
    r"""Return ``KL(q || p)`` for any covariances, through their Cholesky factors ``C = L L^T``.

    In the coordinates in which p is N(0, I), q has the mean :math:`y = L_p^{-1} (m_q - m_p)` and the lower triangular
    factor :math:`R = L_p^{-1} L_q`, of which the diagonal gives the determinants:

    .. math:: \mathrm{KL} = \tfrac12 \sum_k (R_{kk}^2 - 1 - \log R_{kk}^2) + \tfrac12 \sum_{j < k} R_{kj}^2
        + \tfrac12 |y|^2 .

    No term is negative, and no inverse covariance is formed: with one, the divergence of nearly singular Gaussians is
    the difference of large numbers, and that of equal ones not 0.

    Of a matrix that is not symmetric the symmetric part is taken: so the entries are free of each other, and the
    gradient has half of the derivative of a pair in each of its two places.

    Gradient
    --------
    From :math:`\partial \log |C| = C^{-1}` and :math:`\partial_C\, a^T C^{-1} a = - C^{-1} a a^T C^{-1}`, in these
    coordinates and back,

    .. math::
        \partial_{m_q} = L_p^{-T} y = -\partial_{m_p}, \quad
        \partial_{C_q} = \tfrac12 L_p^{-T} (I - (R R^T)^{-1}) L_p^{-1}, \quad
        \partial_{C_p} = \tfrac12 L_p^{-T} (I - R R^T - y y^T) L_p^{-1}.

    Raises
    ------
    InputError
        A covariance has the wrong shape, or is not positive definite.
    """
    xp = namespace(mean_q, covariance_q, mean_p, covariance_p)
    root_q = _cholesky("covariance_q", covariance_q, mean_q)
    root_p = _cholesky("covariance_p", covariance_p, mean_p)
    identity = xp.eye(mean_q.shape[1], dtype=mean_q.dtype)
    root = _solve_lower(root_p, root_q)
    shift = _solve_lower(root_p, (mean_q - mean_p)[:, :, None])[:, :, 0]
    log_variances = 2 * xp.log(xp.sum(root * identity, axis=-1))  # those on the diagonal
    below = root * (1 - identity)
    diagonal = xp.sum(xp.expm1(log_variances) - log_variances, axis=-1)
    kl = 0.5 * (diagonal + xp.sum(below * below, axis=(-2, -1)) + xp.sum(shift * shift, axis=-1))
    return kl, FullKLCache(_solve_lower(root_p, xp.broadcast_to(identity, root_p.shape)), root, shift)


def kl_gaussians_backward(
    dkl: Float[Array, " n"], cache: FullKLCache
) -> tuple[
    Float[Array, "n features"],
    Float[Array, "n features features"],
    Float[Array, "n features"],
    Float[Array, "n features features"],
]:
    """Return ``(dmean_q, dcovariance_q, dmean_p, dcovariance_p)``; those of covariances are symmetric."""
    inverse_root_p, root, shift = cache
    xp = namespace(dkl, root)
    identity = xp.broadcast_to(xp.eye(root.shape[-1], dtype=root.dtype), root.shape)
    inverse_root = _solve_lower(root, identity)
    dmean_q = dkl[:, None] * xp.sum(inverse_root_p * shift[:, :, None], axis=1)
    weight, outer = 0.5 * dkl[:, None, None], shift[:, :, None] * shift[:, None, :]

    def back(derivative: Array) -> Array:
        return weight * _symmetric(_transposed(inverse_root_p) @ derivative @ inverse_root_p)

    dcovariance_q = back(identity - _transposed(inverse_root) @ inverse_root)
    return dmean_q, dcovariance_q, -dmean_q, back(identity - root @ _transposed(root) - outer)


def _transposed(matrix: Array) -> Array:
    return namespace(matrix).moveaxis(matrix, -1, -2)


def _symmetric(matrix: Array) -> Array:
    return 0.5 * (matrix + _transposed(matrix))


def _cholesky(name: str, covariance: Array, mean: Array) -> Array:
    """Return L, lower triangular, with ``L L^T = covariance``."""
    xp, (n, n_features) = namespace(covariance), mean.shape
    if covariance.shape != (n, n_features, n_features):
        raise InputError(
            f"{name} must have shape (n, features, features) = {(n, n_features, n_features)} for means of shape "
            f"{(n, n_features)}, got {tuple(covariance.shape)}"
        )
    try:
        L = xp.linalg.cholesky(_symmetric(covariance))
    except np.linalg.LinAlgError:  # CuPy returns NaN instead
        L = xp.full(covariance.shape, np.nan, dtype=covariance.dtype)
    if not bool(xp.all(xp.isfinite(L))):
        raise InputError(f"{name} must be positive definite: no Cholesky factor was found")
    return L


def _solve_lower(L: Array, b: Array) -> Array:
    """Return ``L^-1 b`` by forward substitution, (n, features, columns), for a lower triangular L.

    ``L^-1 L`` is I without rounding, which it is not where rows are exchanged, as in a solver for any matrix.
    """
    xp = namespace(L, b)
    x = xp.zeros(b.shape, dtype=b.dtype)
    for i in range(L.shape[-1]):
        known = xp.sum(L[:, i, :i, None] * x[:, :i, :], axis=1)  # (n, columns)
        x[:, i, :] = (b[:, i, :] - known) / L[:, i, i : i + 1]
    return x
