"""What the codes of a data set tell about a latent space: their principal components, correlation, and KL divergence.

Symbols: mean, log_var (n, n_latent) of q(z|x), from ``vae.encode(x)``. The results are NumPy arrays of float64.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import to_numpy
from scratchgen.errors import InputError
from scratchgen.ops.divergences import kl_standard_normal_forward
from scratchgen.validation import check_count, check_numbers


class PrincipalComponents(NamedTuple):
    """The codes in the basis in which they are uncorrelated.

    Attributes
    ----------
    scores : array (n, n_components)
        The coordinates of each code, in units of z, around their mean.
    directions : array (n_components, n_latent)
        Unit vectors in the latent space, that of the largest variance first; their signs do not depend on the machine.
    variance_shares : array (n_components,)
        Of the total variance of the codes; 0 where the codes do not vary at all.
    """

    scores: np.ndarray
    directions: np.ndarray
    variance_shares: np.ndarray


def principal_components(mean: Any, n_components: int = 2) -> PrincipalComponents:
    """Return the first principal components of the codes.

    Parameters
    ----------
    mean : array (n, n_latent)
    n_components : int
        At most n and n_latent.

    Raises
    ------
    InputError
        Not such an array, or it has fewer rows or columns than there are to be components.

    See Also
    --------
    sklearn.decomposition.PCA : what computes them.
    """
    codes = check_codes("mean", mean)
    if check_count("n_components", n_components) > min(codes.shape):
        raise InputError(f"codes of shape {codes.shape} have {min(codes.shape)} components at most, got {n_components}")
    from sklearn.decomposition import PCA  # takes 0.8 s to import

    pca = PCA(n_components, svd_solver="full")
    with np.errstate(divide="ignore", invalid="ignore"):  # 0/0 for one code, or many that are all the same
        scores = pca.fit_transform(codes)
    return PrincipalComponents(scores, pca.components_, np.nan_to_num(pca.explained_variance_ratio_, nan=0.0))


def code_correlation(mean: Any) -> np.ndarray:
    r"""Return the Pearson correlation of each pair of latent variables over the examples, (n_latent, n_latent).

    .. math:: \rho_{jk} = \frac{\langle (m_j - \bar m_j)(m_k - \bar m_k) \rangle}{s_j s_k}

    with s the standard deviations. A variable that has the same mean for all examples has no correlation: NaN.

    Correlation ignores scale: where the decoder does not use a variable, its means hardly vary, and what correlation
    they have says nothing. Choose the columns that are in use.

    Raises
    ------
    InputError
        `mean` is not an array (n, n_latent) of finite numbers with n >= 2.
    """
    codes = check_codes("mean", mean, least=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.atleast_2d(np.corrcoef(codes, rowvar=False))


def mean_absolute_correlation(mean: Any, in_use: Any = None) -> float:
    """Return the mean of ``|rho_jk|`` over all pairs j < k of latent variables: 0 if no two are correlated, 1 at most.

    Parameters
    ----------
    mean : array (n, n_latent)
    in_use : array (n_latent,) of bool, optional
        The variables that count, such as ``kl_per_dimension(mean, log_var) > 0.1`` or ``active_units(mean)``; by
        default all. Those that the decoder ignores have a correlation too, which says nothing: models of which not all
        variables are in use are compared by those that are.

    Raises
    ------
    InputError
        `mean` is not an array (n, n_latent) of finite numbers with n, n_latent >= 2, `in_use` is not such an array or
        has fewer than two variables, or one that counts never varies.
    """
    rho = code_correlation(mean)
    if len(rho) < 2:
        raise InputError("one latent variable has no other to be correlated with")
    counted = np.arange(len(rho)) if in_use is None else _check_in_use(in_use, len(rho))
    if unvarying := [int(k) for k in counted if np.isnan(rho[k, k])]:
        raise InputError(f"latent variables {unvarying} are the same for all examples: leave them out by in_use")
    pairs = rho[np.ix_(counted, counted)][np.triu_indices(len(counted), 1)]
    return float(np.abs(pairs).mean())


def _check_in_use(in_use: Any, n_latent: int) -> np.ndarray:
    """Return which of the `n_latent` variables are in use, by number."""
    in_use = to_numpy(check_numbers("in_use", in_use))
    if in_use.shape != (n_latent,) or in_use.dtype != bool:
        raise InputError(f"in_use must have shape ({n_latent},) of bool, got {in_use.shape} of {in_use.dtype}")
    numbers = np.flatnonzero(in_use)
    if len(numbers) < 2:
        raise InputError(f"a correlation takes two latent variables in use, got {len(numbers)} of {n_latent}")
    return numbers


def kl_per_dimension(mean: Any, log_var: Any) -> np.ndarray:
    r"""Return what each latent variable adds to the KL divergence, a mean over the examples, (n_latent,), in nats.

    .. math:: KL_k = \frac1n \sum_i \frac12 \left( \exp(l_{ik}) + m_{ik}^2 - 1 - l_{ik} \right)

    with m the means and l the log-variances. The sum over k is the KL divergence of the loss; a variable that is not
    used has 0.

    Raises
    ------
    InputError
        The arrays are not (n, n_latent), finite, and of the same shape.
    """
    means, log_vars = check_codes("mean", mean), check_codes("log_var", log_var)
    if means.shape != log_vars.shape:
        raise InputError(f"mean and log_var must have the same shape, got {means.shape} and {log_vars.shape}")
    each = kl_standard_normal_forward(means.reshape(-1, 1), log_vars.reshape(-1, 1))[0]
    return each.reshape(means.shape).mean(axis=0)


def check_codes(name: str, codes: Any, least: int = 1) -> np.ndarray:
    """Return `codes` as a matrix of float64 on the host.

    Raises
    ------
    InputError
        Not an array (n, n_latent) of finite numbers, or n is below `least`.
    """
    codes = to_numpy(check_numbers(name, codes)).astype(np.float64)
    if codes.ndim != 2 or codes.shape[0] < least or codes.shape[1] < 1:
        raise InputError(f"{name} must have shape (n, n_latent) with n >= {least}, got {codes.shape}")
    if not np.isfinite(codes).all():
        raise InputError(f"{name} has NaN or infinite values")
    return codes
