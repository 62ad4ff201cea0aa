r"""log p(x) of a model with two latent variables, by integration over the plane: the truth, up to the grid.

.. math:: p(x) = \int p(x|z) \, N(z; 0, I) \, dz
          \approx \Delta^2 \sum_{ij} p(x|z_{ij}) \, N(z_{ij}; 0, I)

The sum runs over a square grid of spacing :math:`\Delta`. Both ends of it lie where the prior is nearly 0, and there
this rule converges faster than any power of the spacing for a smooth integrand, once :math:`\Delta` is below the width
of the posterior p(z|x), which is what has to be resolved.

References
----------
L. N. Trefethen, J. A. C. Weideman: "The exponentially convergent trapezoidal rule", SIAM Review 56, 2014.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.typing import Array
from scratchgen.validation import check_count, check_float_array, check_positive

_ELEMENTS = 2**23  # of the widest array at a time: 32 MiB in float32, and a few such arrays are alive at once


class GridLikelihood(NamedTuple):
    """log p(x) by integration, and a sign of how good the grid is; both in nats, (n,).

    Attributes
    ----------
    log_likelihood : array (n,)
    difference : array (n,)
        To the result of every second point in each direction. The error is far smaller than this where this is small;
        where it is not, take more points.
    """

    log_likelihood: Array
    difference: Array


def integrated_log_likelihood(
    x: Any,
    nll: Callable[[Array, Array], Array],
    n_per_axis: int = 201,
    limit: float = 5.0,
) -> GridLikelihood:
    """Return log p(x) of each example under a model with z of two dimensions and the prior N(0, I).

    Parameters
    ----------
    x : array (n, n_visible)
        On the backend of the model and in its type, in which z is made too.
    nll : callable
        ``nll(z, x)`` is -log p(x|z) for z (k, n, 2), as (k, n): ``vae.nll``.
    n_per_axis : int
        Points of the grid on each side: an odd number >= 5, so that every second one is a grid with the same ends. The
        cost grows with its square.
    limit : float
        The grid spans [-limit, limit] in z_1 and z_2. Outside of 5 the prior has 1e-6 of its probability;
        an example whose code is as far out as that needs a larger limit.

    Raises
    ------
    InputError
        `x` is not a matrix of finite numbers; `n_per_axis` is not an odd number >= 5; `limit` is not a finite number
        > 0; or `nll` does not return one number for each pair of a point and an example.
    """
    x = check_float_array("x", x)
    if x.ndim != 2:
        raise InputError(f"x must have shape (n, n_visible), got {tuple(x.shape)}")
    if check_count("n_per_axis", n_per_axis, 5) % 2 == 0:
        raise InputError(f"n_per_axis must be odd, got {n_per_axis}")
    check_positive("limit", limit)
    side = np.linspace(-limit, limit, n_per_axis)
    z = np.stack(np.meshgrid(side, side), axis=-1)  # (m, m, 2)
    spacing = side[1] - side[0]
    every_second = z[::2, ::2].reshape(-1, 2)
    others = np.concatenate([z[::2, 1::2].reshape(-1, 2), z[1::2].reshape(-1, 2)])
    xp = namespace(x)
    coarse = _log_sum_of_joint(x, xp.asarray(every_second, dtype=x.dtype), nll)
    fine = xp.logaddexp(coarse, _log_sum_of_joint(x, xp.asarray(others, dtype=x.dtype), nll))
    fine, coarse = fine + 2 * math.log(spacing), coarse + 2 * math.log(2 * spacing)
    return GridLikelihood(fine, xp.abs(fine - coarse))


def _log_sum_of_joint(x: Array, z: Array, nll: Callable[[Array, Array], Array]) -> Array:
    """Return log sum_k p(x, z_k) over the points z (k, 2) for each example, (n,)."""
    xp, n = namespace(x, z), x.shape[0]
    total = xp.full(n, -math.inf, dtype=x.dtype)
    n_chunk = max(1, _ELEMENTS // max(x.size, 1))
    for first in range(0, z.shape[0], n_chunk):
        points = z[first : first + n_chunk]
        k = points.shape[0]
        log_prior = -0.5 * xp.sum(points * points, axis=-1) - math.log(2 * math.pi)  # (k,)
        values = nll(xp.broadcast_to(points[:, None], (k, n, 2)), x)
        if tuple(values.shape) != (k, n):
            raise InputError(f"nll must return shape {(k, n)} for {k} points and {n} examples, got {values.shape}")
        log_joint = log_prior[:, None] - values
        largest = xp.max(log_joint, axis=0)
        total = xp.logaddexp(total, largest + xp.log(xp.sum(xp.exp(log_joint - largest), axis=0)))
    return total
