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

from scratchgen.densities import Density, GaussianMixture
from scratchgen.densities.parameters import check_array
from scratchgen.errors import InputError, TrainingError
from scratchgen.validation import check_count

_REACH = 8  # standard deviations of q that are integrated over, in each direction
_NODES_PER_DEVIATION = (8, 16, 32, 64)  # the first that is enough is taken
_TOLERANCE = 1e-5  # between the integrals with all nodes and with every other one, relative to those above 1
_STARTS_PER_SIDE = 4  # that are tried for a density that is no mixture


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

    The expectation is a sum over a grid of equal steps in the standardised :math:`\epsilon = (x - m) / \sigma`. Such a
    sum over a smooth function converges faster than any power of the step once it is finer than log p bends: between
    two modes that happens within a fraction of their width. Steps are halved until every other node gives the same to
    1e-5; the error of all nodes is then far smaller still.

    Gradient
    --------
    Only the density of q depends on its parameters, and :math:`\partial q = q \, \partial \log q`:

    .. math::
        \partial_{m_k} \mathrm{E}_q[f] = \mathrm{E}_q[f \epsilon_k] / \sigma_k, \qquad
        \partial_{\log v_k} \mathrm{E}_q[f] = \tfrac12 \mathrm{E}_q[f (\epsilon_k^2 - 1)], \qquad f = -\log p .

    The entropy adds -1/2 to dlog_var.

    Raises
    ------
    InputError
        Bad parameters, or a q beside which p bends so sharply that 64 nodes a standard deviation do not see it.
    """
    mean, log_var = (check_array(name, value, (2,)) for name, value in (("mean", mean), ("log_var", log_var)))
    divergence, gradient, uncertainty = _reverse_kl(p, mean, log_var)
    if not uncertainty <= _TOLERANCE:
        raise InputError(
            f"log p bends too sharply for its mean over a q of mean {mean} and variance {np.exp(log_var)}: "
            f"{_NODES_PER_DEVIATION[-1]} and half as many nodes a standard deviation differ by {uncertainty:.1e}"
        )
    return divergence, gradient[:2], gradient[2:]


def minimise_reverse_kl(p: Density, start: Any = None, n_steps: int = 200) -> MeanFieldGaussian:
    """Return a q that minimises KL(q || p), by the quasi-Newton method L-BFGS from the mean `start`.

    For a Gaussian p it is the one with p's mean and the variances 1 / (C^-1)_kk, at most those of p. With several modes
    there are several minima: one in each, and, far above them, one that spans modes if they lie symmetrically about its
    mean. Which is found depends on the start.

    Parameters
    ----------
    p : Density
    start : array_like (2,), optional
        The standard deviations there are a sixteenth of the sides of p's ``bounds``: of a single Gaussian, half of its
        own. By default it is the mean of one of the Gaussians of a mixture, and for another density one of 4 x 4 points
        within its bounds: that with the smallest KL(q || p).
    n_steps : int
        At most so many.

    Raises
    ------
    InputError
        Bad parameters, or a minimum at which `reverse_kl` cannot be found.
    TrainingError
        The gradient has not vanished after the last step.

    References
    ----------
    D. C. Liu, J. Nocedal: "On the limited memory BFGS method for large scale optimization", Mathematical Programming
    45, 1989.
    """
    from scipy.optimize import minimize  # slow to import

    check_count("n_steps", n_steps)
    low, high = np.transpose(p.bounds)
    unit = (high - low) / 16  # of lengths: the descent is the same whatever p is measured in
    log_var = 2 * np.log(unit)
    mean = _best_start(p, log_var) if start is None else check_array("start", start, (2,))

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        divergence, gradient, _ = _reverse_kl(p, unit * theta[:2], theta[2:])
        return divergence, gradient * [*unit, 1, 1]

    theta = np.concatenate([mean / unit, log_var])
    options = {"maxiter": n_steps, "gtol": 1e-7, "ftol": 1e-14}
    found = minimize(objective, theta, jac=True, method="L-BFGS-B", options=options)
    mean, log_var = unit * found.x[:2], found.x[2:]
    slope = np.abs(np.concatenate(reverse_kl(p, mean, log_var)[1:]) * [*unit, 1, 1]).max()
    if not slope < 1e-3:
        raise TrainingError(
            f"the gradient of KL(q || p) is still {slope:.1e} after {found.nit} steps: take more, or start near a mode"
        )
    return MeanFieldGaussian(mean, np.exp(log_var))


def _best_start(p: Density, log_var: np.ndarray) -> np.ndarray:
    """Return the mean from which the descent begins; the first of those that are equally good."""
    if isinstance(p, GaussianMixture):
        means = p.means
    else:
        parts = (np.arange(_STARTS_PER_SIDE) + 0.5) / _STARTS_PER_SIDE
        low, high = np.transpose(p.bounds)
        means = low + (high - low) * np.stack(np.meshgrid(parts, parts), axis=-1).reshape(-1, 2)
    divergences = [_reverse_kl(p, mean, log_var)[0] for mean in means]
    return means[np.argmin(np.round(divergences, 6))]


def _reverse_kl(p: Density, mean: np.ndarray, log_var: np.ndarray) -> tuple[float, np.ndarray, float]:
    """Return KL(q || p), its gradient by (mean, log_var), (4,), and by how much half as many nodes change them."""
    for n in _NODES_PER_DEVIATION:
        all_nodes, every_other = _expectations(p, mean, log_var, n)
        uncertainty = float(np.abs(all_nodes - every_other).max()) / max(1.0, abs(all_nodes[0]))
        if uncertainty <= _TOLERANCE:
            break
    cross_entropy, dshift, dlog_var = np.split(all_nodes, [1, 3])
    entropy = np.sum(0.5 * (np.log(2 * np.pi * np.e) + log_var))
    gradient = np.concatenate([dshift * np.exp(-0.5 * log_var), dlog_var - 0.5])
    return float(cross_entropy[0] - entropy), gradient, uncertainty


def _expectations(p: Density, mean: np.ndarray, log_var: np.ndarray, n: int) -> list[np.ndarray]:
    """Return E_q[-log p] and its derivatives, (5,), with all nodes and with every other one.

    The derivatives are by shifts of the mean in units of sigma, which do not depend on the scale of x, and by log_var.
    """
    epsilon = np.arange(-_REACH * n, _REACH * n + 1) / n
    x = mean[:, None] + np.exp(0.5 * log_var)[:, None] * epsilon  # (2, nodes)
    points = np.stack(np.meshgrid(*x, indexing="ij"), axis=-1).reshape(-1, 2)
    energy = p.energy(points).reshape(epsilon.size, epsilon.size)
    found = []
    for step in (1, 2):
        e = epsilon[::step]
        weights = np.exp(-0.5 * e * e)
        weights /= weights.sum()
        factors = weights * np.stack([np.ones_like(e), e, 0.5 * (e * e - 1)])
        f = factors @ energy[::step, ::step] @ factors.T  # (3, 3): q's density is a product, and so are its derivatives
        found.append(np.array([f[0, 0], f[1, 0], f[0, 1], f[2, 0], f[0, 2]]))
    return found
