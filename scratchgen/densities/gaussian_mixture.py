r"""Mixtures of Gaussians in the plane; a single Gaussian is a mixture of one.

.. math:: p(x) = \sum_k w_k \, (2 \pi)^{-1} |C_k|^{-1/2} \exp\big(-\tfrac12 (x - m_k)^T C_k^{-1} (x - m_k)\big)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scratchgen.densities.density import Bounds, Density, draw_terms
from scratchgen.densities.parameters import check_array, check_sampling, check_weights
from scratchgen.errors import InputError
from scratchgen.kernels.densities_scalar import gaussian_mixture_gradient, gaussian_term
from scratchgen.kernels.langevin_densities import langevin_gaussian_mixture
from scratchgen.random import Stream
from scratchgen.typing import Array, Float
from scratchgen.validation import check_positive

_WIDTHS_SHOWN = 4.0  # standard deviations


@dataclass(frozen=True, eq=False)
class GaussianMixture(Density):
    """A mixture of K Gaussians with any covariances.

    Parameters
    ----------
    means : array_like (K, 2)
    covariances : array_like (K, 2, 2)
        Symmetric and positive definite.
    weights : array_like (K,), optional
        Positive; they are divided by their sum. Default: equal.

    Raises
    ------
    InputError
        Shapes that do not fit, values that are not finite, or weights or covariances that are not as above.
    """

    means: Array
    covariances: Array
    weights: Array = None

    _term = staticmethod(gaussian_term)
    _gradient = staticmethod(gaussian_mixture_gradient)
    _kernel = langevin_gaussian_mixture

    def __post_init__(self) -> None:
        means = check_array("means", self.means, (None, 2))
        covariances = check_array("covariances", self.covariances, (means.shape[0], 2, 2))
        _check_positive_definite(covariances)
        for name, value in (
            ("means", means),
            ("covariances", covariances),
            ("weights", check_weights(self.weights, means.shape[0])),
        ):
            object.__setattr__(self, name, value)

    @cached_property
    def _table(self) -> np.ndarray:
        precisions = np.linalg.inv(self.covariances)
        log_scales = np.log(self.weights) - math.log(2 * math.pi) - 0.5 * np.linalg.slogdet(self.covariances)[1]
        p00, p01, p11 = precisions[:, 0, 0], precisions[:, 0, 1], precisions[:, 1, 1]
        return np.column_stack([log_scales, self.means, p00, p01, p11])

    @property
    def bounds(self) -> Bounds:
        """((left, right), (bottom, top)): four standard deviations around all means."""
        reach = _WIDTHS_SHOWN * np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))
        low, high = np.min(self.means - reach, axis=0), np.max(self.means + reach, axis=0)
        return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))

    def sample(self, n: int, stream: Stream, dtype: Any = "float32") -> Float[Array, "n 2"]:
        """Draw `n` independent samples: a Gaussian of the mixture, then ``m + L xi`` with ``C = L L^T``.

        Raises
        ------
        InputError
            `n` is no positive integer, or `dtype` is neither float32 nor float64.
        """
        n, dtype = check_sampling(n, dtype)
        xp, asarray = stream.backend.xp, stream.backend.asarray
        k = draw_terms(self.weights, n, stream)
        roots = asarray(np.linalg.cholesky(self.covariances), dtype)
        xi = stream.normal((n, 2), dtype)
        return asarray(self.means, dtype)[k] + xp.sum(roots[k] * xi[:, None, :], axis=2)


def _check_positive_definite(covariances: np.ndarray) -> None:
    symmetric = np.allclose(covariances, covariances.transpose(0, 2, 1), rtol=1e-12, atol=0)
    if not symmetric or np.linalg.eigvalsh(covariances).min() <= 0:
        raise InputError(f"covariances must be symmetric and positive definite, got {covariances.tolist()}")


def gaussian(mean: ArrayLike = (0.0, 0.0), covariance: ArrayLike = ((1.0, 0.0), (0.0, 1.0))) -> GaussianMixture:
    """Return one Gaussian, by default the standard normal.

    Raises
    ------
    InputError
        As for `GaussianMixture`.
    """
    return GaussianMixture(check_array("mean", mean, (2,))[None], check_array("covariance", covariance, (2, 2))[None])


def eight_gaussians(radius: float = 2.0, standard_deviation: float = 0.25) -> GaussianMixture:
    """Return eight equal round Gaussians on a circle, the first of them on the right.

    Raises
    ------
    InputError
        `radius` or `standard_deviation` is not a positive number.

    References
    ----------
    W. Grathwohl et al.: "FFJORD: free-form continuous dynamics for scalable reversible generative models", ICLR 2019
    (with these proportions).
    """
    radius, variance = check_positive("radius", radius), check_positive("standard_deviation", standard_deviation) ** 2
    angle = 2 * math.pi * np.arange(8) / 8
    means = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return GaussianMixture(means, np.tile(variance * np.eye(2), (8, 1, 1)))
