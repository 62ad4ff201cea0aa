r"""The posterior of Welling & Teh: a mixture of two Gaussians with tied means, which leaves two modes.

.. math:: \theta_1 \sim N(0, 10), \quad \theta_2 \sim N(0, 1), \quad
          x_i \sim \tfrac{1}{2} N(\theta_1, 2) + \tfrac{1}{2} N(\theta_1 + \theta_2, 2)

(the second number is a variance). The reference draws 100 examples with theta = (0, 1). Exchanging the components takes
(theta_1, theta_2) to (theta_1 + theta_2, -theta_2), which changes the prior but not the likelihood: the second mode is
near (1, -1). In two dimensions the posterior can be summed on a grid: a truth for samplers that use minibatches.

The mixture's variance, 2.25, is hardly more than that of a component. So some draws of 100 examples leave two modes
with a valley between, and others a single ridge: ``draw_examples(Stream(7))`` are of the first kind.

Symbols: n parameters theta (n, 2), N examples, in batches of m.

References
----------
M. Welling, Y. W. Teh: "Bayesian learning via stochastic gradient Langevin dynamics", ICML 2011, section 5.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scratchgen.backend import namespace, to_numpy
from scratchgen.errors import InputError
from scratchgen.typing import Array, Float
from scratchgen.validation import check_count

if TYPE_CHECKING:
    from scratchgen.random import Stream

PRIOR_VARIANCES = (10.0, 1.0)
NOISE_VARIANCE = 2.0


def draw_examples(stream: Stream, n: int = 100, theta: tuple[float, float] = (0.0, 1.0)) -> Float[Array, " n"]:
    """Draw `n` examples from the mixture at `theta`, in float64.

    Raises
    ------
    InputError
        `n` is not an integer >= 1.
    """
    check_count("n", n)
    second = stream.bernoulli(0.5, shape=n, dtype="float64")
    return theta[0] + theta[1] * second + math.sqrt(NOISE_VARIANCE) * stream.normal(n, "float64")


@dataclass(frozen=True, eq=False)
class WellingTehPosterior:
    """p(theta | examples), up to a constant, with its gradient by hand.

    Attributes
    ----------
    examples : array (N,)

    Raises
    ------
    InputError
        The examples are not a vector of finite floats.
    """

    examples: Float[Array, " N"]

    def __post_init__(self) -> None:
        x = to_numpy(self.examples)
        if x.ndim != 1 or x.size == 0 or x.dtype.kind != "f" or not np.isfinite(x).all():
            raise InputError(f"examples must be a vector of finite floats, got shape {x.shape} of {x.dtype}: {x}")

    def log_density(self, theta: Float[Array, "n 2"]) -> Float[Array, " n"]:
        """Return log p(theta) + sum_i log p(x_i | theta), up to a constant."""
        return self.log_prior(theta) + self.log_likelihood(theta, self.examples[None])

    def grad_log_density(self, theta: Float[Array, "n 2"]) -> Float[Array, "n 2"]:
        """Return the gradient of `log_density`."""
        return self.grad_log_prior(theta) + self.grad_log_likelihood(theta, self.examples[None])

    def log_prior(self, theta: Float[Array, "n 2"]) -> Float[Array, " n"]:
        """Return -theta_1^2 / 20 - theta_2^2 / 2."""
        return -(theta[:, 0] ** 2) / (2 * PRIOR_VARIANCES[0]) - theta[:, 1] ** 2 / (2 * PRIOR_VARIANCES[1])

    def grad_log_prior(self, theta: Float[Array, "n 2"]) -> Float[Array, "n 2"]:
        """Return (-theta_1 / 10, -theta_2)."""
        return namespace(theta).stack([-theta[:, 0] / PRIOR_VARIANCES[0], -theta[:, 1] / PRIOR_VARIANCES[1]], axis=1)

    def log_likelihood(self, theta: Float[Array, "n 2"], batch: Float[Array, "n m"]) -> Float[Array, " n"]:
        """Return sum_i log p(x_i | theta) over each row's batch, or the one batch (1, m) of all rows."""
        first, second = _deviations(theta, batch)
        log_sum = namespace(theta).logaddexp(-(first**2) / (2 * NOISE_VARIANCE), -(second**2) / (2 * NOISE_VARIANCE))
        return (log_sum - 0.5 * math.log(8 * math.pi * NOISE_VARIANCE)).sum(axis=1)

    def grad_log_likelihood(self, theta: Float[Array, "n 2"], batch: Float[Array, "n m"]) -> Float[Array, "n 2"]:
        r"""Return the gradient of `log_likelihood`.

        Gradient
        --------
        With the responsibility r_i of the second component for x_i, and the deviations u_i = x_i - theta_1 and
        v_i = u_i - theta_2 from the two means,

        dtheta_1 = sum_i ((1 - r_i) u_i + r_i v_i) / 2,   dtheta_2 = sum_i r_i v_i / 2   (2 is the variance).
        """
        first, second = _deviations(theta, batch)
        responsibility = 0.5 + 0.5 * namespace(theta).tanh((first**2 - second**2) / (4 * NOISE_VARIANCE))
        pull_1 = ((1 - responsibility) * first).sum(axis=1) / NOISE_VARIANCE
        pull_2 = (responsibility * second).sum(axis=1) / NOISE_VARIANCE
        return namespace(theta).stack([pull_1 + pull_2, pull_2], axis=1)

    def cell_probabilities(self, edges_1: Array, edges_2: Array, n_points: int = 4) -> np.ndarray:
        """Integrate the posterior over the cells of a grid, which is taken to hold all of it.

        Parameters
        ----------
        edges_1, edges_2 : array (n_1 + 1,), (n_2 + 1,)
            Rising, and evenly spaced: what bounds the cells in theta_1 and in theta_2.
        n_points : int
            The midpoint rule takes n_points x n_points points in each cell.

        Returns
        -------
        ndarray (n_1, n_2)
            The probability of each cell; their sum is 1.

        Raises
        ------
        InputError
            The edges do not rise evenly, or `n_points` is not an integer >= 1.
        """
        check_count("n_points", n_points)
        points_1, points_2 = (_midpoints(edges, n_points) for edges in (edges_1, edges_2))
        own = WellingTehPosterior(to_numpy(self.examples))
        # One row of the grid at a time, so that (points, examples) stays small.
        log_p = np.stack([own.log_density(np.stack(np.broadcast_arrays(t, points_2), axis=1)) for t in points_1])
        p = np.exp(log_p - log_p.max())
        cells = p.reshape(len(points_1) // n_points, n_points, -1, n_points).sum(axis=(1, 3))
        return cells / cells.sum()


def _deviations(theta: Array, batch: Array) -> tuple[Array, Array]:
    """Return x_i - theta_1 and x_i - theta_1 - theta_2, each (n, m)."""
    from_first = batch - theta[:, :1]
    return from_first, from_first - theta[:, 1:]


def _midpoints(edges: Array, n_points: int) -> np.ndarray:
    values = to_numpy(edges)
    widths = np.diff(values)
    if values.ndim != 1 or values.size < 2 or not (widths > 0).all() or not np.allclose(widths, widths[0]):
        raise InputError(f"edges must rise evenly, as np.linspace(-2, 3, 51) does, got {values}")
    width = widths[0] / n_points
    return values[0] + width * (np.arange(widths.size * n_points) + 0.5)
