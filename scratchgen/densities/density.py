r"""What the densities of the plane have in common: each is a sum of terms, :math:`p(x) = \sum_k e^{a_k(x)}`.

The exponents and their gradients are those of `scratchgen.kernels.densities_scalar`, which the Langevin kernels use
too. A family adds the numbers of its terms, and how to draw independent samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from scratchgen.backend import namespace
from scratchgen.errors import BackendError, InputError
from scratchgen.kernels import Operation
from scratchgen.random import Stream
from scratchgen.typing import Array, Float
from scratchgen.validation import DTYPES, check_count, check_nonnegative, check_numbers

Bounds = tuple[tuple[float, float], tuple[float, float]]


class Density(ABC):
    """A normalised density p(x) of the plane, x of shape (n, 2).

    The points are an array of NumPy or CuPy, float32 or float64, and results have its type. What overflows, far from
    the density, is infinite or NaN without a warning.
    """

    _term: ClassVar[Callable[..., Any]]
    _gradient: ClassVar[Callable[..., Any]]
    _kernel: ClassVar[Operation]

    @cached_property
    @abstractmethod
    def _table(self) -> np.ndarray:
        """Return the terms in float64, a row each."""

    @property
    @abstractmethod
    def bounds(self) -> Bounds:
        """((left, right), (bottom, top)) of a rectangle that holds all but about a thousandth of the mass."""

    @abstractmethod
    def sample(self, n: int, stream: Stream, dtype: Any = "float32") -> Float[Array, "n 2"]:
        """Draw `n` independent samples, on the backend of `stream`."""

    def log_density(self, x: Float[Array, "n 2"]) -> Float[Array, " n"]:
        """Return log p(x), in nats.

        Raises
        ------
        InputError
            Not of shape (n, 2), or not numbers.
        """
        x = _check_points(x)
        xp, table = namespace(x), self._table_like(x)
        with np.errstate(over="ignore", invalid="ignore"):
            terms = [self._term(x[:, 0], x[:, 1], table, k) for k in range(table.shape[0])]
            exponents = xp.stack([exponent for exponent, *_ in terms])  # (terms, n)
            highest = xp.max(exponents, axis=0)
            return highest + xp.log(xp.sum(xp.exp(exponents - highest), axis=0))

    def energy(self, x: Float[Array, "n 2"]) -> Float[Array, " n"]:
        """Return -log p(x): the energy of which p is the Boltzmann density, with its constant such that Z = 1.

        Raises
        ------
        InputError
            As for `log_density`.
        """
        return -self.log_density(x)

    def grad_log_density(self, x: Float[Array, "n 2"]) -> Float[Array, "n 2"]:
        """Return the gradient of log p, a row a point.

        Raises
        ------
        InputError
            As for `log_density`.
        """
        x = _check_points(x)
        with np.errstate(over="ignore", invalid="ignore"):
            g0, g1 = self._gradient(x[:, 0], x[:, 1], self._table_like(x))
        return -namespace(x).stack([g0, g1], axis=1)

    def langevin(
        self, stream: Stream, x: Float[Array, "n 2"], n_steps: int, drift_scale: float, noise_scale: float
    ) -> Float[Array, "n 2"]:
        """Take `n_steps` Langevin steps with all chains, in one launch of a kernel, and return where they end.

        Each step is ``x + drift_scale * grad_log_density(x) + noise_scale * xi`` with the standard normals xi that
        ``stream.normal(x.shape, x.dtype)`` would draw. It takes one draw of the stream.

        Parameters
        ----------
        stream : Stream
            Of the backend on which `x` lies.
        drift_scale, noise_scale : float
            At least 0; h and sqrt(2 h T) for the Langevin equation with step h at temperature T.

        Raises
        ------
        InputError
            As for `log_density`; or a scale is negative or not finite; or `n_steps` is no positive integer.
        BackendError
            `x` is not an array of the stream's backend.
        """
        x = _check_points(x)
        if namespace(x) is not stream.backend.xp:
            raise BackendError(f"x is not an array of backend {stream.backend.name!r}: move it with backend.asarray(x)")
        n_steps = check_count("n_steps", n_steps)
        check_nonnegative("drift_scale", drift_scale)
        check_nonnegative("noise_scale", noise_scale)
        with stream.draws(n_steps) as (key, draw), np.errstate(over="ignore", invalid="ignore"):
            move = self._kernel.on(stream.backend)
            return move(x, self._table_like(x), n_steps, drift_scale, noise_scale, key, draw)

    def _table_like(self, x: Array) -> Array:
        return namespace(x).asarray(self._table, dtype=x.dtype)


def _check_points(x: Any) -> Array:
    """Return points of the plane; they may be infinite or NaN, as those of a chain that diverges are."""
    x = check_numbers("x", x)
    if x.ndim != 2 or x.shape[1] != 2:
        raise InputError(f"x must have shape (n, 2), got {tuple(x.shape)}")
    xp = namespace(x)
    return xp.ascontiguousarray(x, dtype=x.dtype.name if x.dtype.name in DTYPES else "float64")


def draw_terms(weights: np.ndarray, n: int, stream: Stream) -> Array:
    """Draw `n` indices of terms with the probabilities `weights`."""
    edges = np.cumsum(weights)[:-1]  # the last is 1 up to rounding, and no uniform may lie above it
    return stream.backend.xp.searchsorted(stream.backend.asarray(edges), stream.uniform(n, "float64"), side="right")
