r"""Mean-field variational inference in the plane: the best Gaussian with independent components, by either divergence.

.. math::
    q(x) = N(x_1; m_1, v_1)\, N(x_2; m_2, v_2), \qquad
    \text{forward: } \min_q \mathrm{KL}(p \,\|\, q), \qquad \text{reverse: } \min_q \mathrm{KL}(q \,\|\, p)

The forward divergence is large where q is small and p is not: its minimum covers all of p, the gaps between modes
included (it avoids zeros of q). The reverse one is large where q is not small and p is: its minimum keeps to one mode,
and is too narrow across a correlation (it forces zeros of q).

References
----------
C. M. Bishop: "Pattern recognition and machine learning", Springer, 2006, section 10.1.2.
T. Minka: "Divergence measures and message passing", Microsoft Research TR-2005-173, 2005.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import get_backend
from scratchgen.densities import Density, GaussianMixture
from scratchgen.densities.parameters import check_array
from scratchgen.errors import TrainingError
from scratchgen.ops.gaussian import reparameterise_backward, reparameterise_forward
from scratchgen.optim import Adam
from scratchgen.validation import check_count

_NODES = 24  # of the quadrature in each direction


class MeanFieldGaussian(NamedTuple):
    """A Gaussian of the plane with independent components: mean and variances, each (2,)."""

    mean: np.ndarray
    variance: np.ndarray

    def as_density(self) -> GaussianMixture:
        """Return it as a density, which has ``log_density`` and ``sample``."""
        return GaussianMixture(self.mean[None], np.diag(self.variance)[None])


def minimise_forward_kl(p: GaussianMixture) -> MeanFieldGaussian:
    r"""Return the q that minimises KL(p || q): it has p's mean and p's variances.

    The part of KL(p || q) that depends on q is :math:`- \mathrm{E}_p[\log q]`, in which only these moments of p occur.
    For a mixture :math:`m = \sum_k w_k m_k` and :math:`v = \sum_k w_k (\mathrm{diag}\, C_k + m_k^2) - m^2`.
    """
    mean = p.weights @ p.means
    second_moment = p.weights @ (np.diagonal(p.covariances, axis1=1, axis2=2) + p.means**2)
    return MeanFieldGaussian(mean, second_moment - mean**2)


def reverse_kl(p: Density, mean: Any, log_var: Any) -> tuple[float, np.ndarray, np.ndarray]:
    r"""Return KL(q || p) in nats and its gradient by the mean and log_var of q, each (2,).

    .. math:: \mathrm{KL}(q \,\|\, p) = -\mathrm{H}(q) - \mathrm{E}_q[\log p],
        \qquad \mathrm{H}(q) = \sum_k \tfrac12 (\log 2 \pi e + \log v_k)

    The expectation over z = mean + sigma epsilon is a Gauss-Hermite quadrature over epsilon with 24 x 24 nodes: exact
    for a Gaussian p, and without chance.

    Gradient
    --------
    With the nodes fixed, z is a smooth function of mean and log_var (`scratchgen.ops.gaussian.reparameterise_forward`):
    dz is -grad log p(z) times the weight of its node. The entropy adds -1/2 to dlog_var.
    """
    mean, log_var = (check_array(name, value, (2,)) for name, value in (("mean", mean), ("log_var", log_var)))
    noise, weights = _quadrature()
    z, cache = reparameterise_forward(mean[None], log_var[None], noise[:, None, :])  # (nodes, 1, 2)
    points = z[:, 0]
    entropy = np.sum(0.5 * (np.log(2 * np.pi * np.e) + log_var))
    divergence = -entropy - weights @ p.log_density(points)
    dz = -weights[:, None] * p.grad_log_density(points)
    dmean, dlog_var = reparameterise_backward(dz[:, None, :], cache)
    return float(divergence), dmean[0], dlog_var[0] - 0.5


def minimise_reverse_kl(
    p: Density, start: Any = (0.0, 0.0), n_steps: int = 1000, learning_rate: float = 0.05
) -> MeanFieldGaussian:
    """Return a q that minimises KL(q || p), by gradient descent from the mean `start` and variances of 1.

    For a Gaussian p it is the one with p's mean and the variances 1 / (C^-1)_kk, at most those of p. With several modes
    there are several minima: which is found depends on the start.

    Parameters
    ----------
    p : Density
    start : array_like (2,)
    n_steps : int
        Of Adam, with a learning rate that falls to a thousandth of `learning_rate`.

    Raises
    ------
    TrainingError
        The gradient has not vanished after the last step.
    """
    check_count("n_steps", n_steps)
    backend = get_backend("numpy")
    theta = np.concatenate([check_array("start", start, (2,)), np.zeros(2)])  # mean, log_var
    optimizer = Adam(lambda step: learning_rate * 0.001 ** (step / n_steps))
    state = optimizer.start(theta, np)
    for _ in range(n_steps):
        gradient = np.concatenate(reverse_kl(p, theta[:2], theta[2:])[1:])
        optimizer.step_(theta, gradient, state, backend)
    slope = np.abs(np.concatenate(reverse_kl(p, theta[:2], theta[2:])[1:])).max()
    if not slope < 1e-3:
        raise TrainingError(
            f"the gradient of KL(q || p) is still {slope:.1e} after {n_steps} steps: take more, or start near a mode"
        )
    return MeanFieldGaussian(theta[:2], np.exp(theta[2:]))


def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (nodes^2, 2) and weights (nodes^2,) of an expectation over N(0, I)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    return np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2), np.outer(weights, weights).ravel()
