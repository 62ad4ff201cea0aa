"""The table of densities: `grad_log_density` is checked against differences of `log_density`, a point a row.

The log density of a point depends on this point only, so that backward multiplies each row by its own cotangent.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from scratchgen.backend import Backend
from scratchgen.check.piece import Piece
from scratchgen.densities import Density, DoubleWell, GaussianMixture, Rings, eight_gaussians, gaussian
from scratchgen.finite_differences import GradcheckReport, gradcheck_pair
from scratchgen.random import Stream
from scratchgen.typing import Array

_N = 6

_DENSITIES: dict[str, Density] = {
    "GaussianMixture one": gaussian((0.4, -0.3), ((1.5, 0.6), (0.6, 0.8))),
    "GaussianMixture two": GaussianMixture(
        [(0, 0), (1, -1)], [((1, 0.5), (0.5, 2)), ((0.7, -0.2), (-0.2, 0.4))], (0.3, 0.7)
    ),
    "GaussianMixture eight": eight_gaussians(radius=1.0, standard_deviation=0.4),
    "Rings one": Rings((1.0,), 0.3),
    "Rings three": Rings((0.5, 1.0, 2.0), 0.3, (0.2, 0.3, 0.5)),
    "DoubleWell": DoubleWell(barrier=1.5, stiffness=0.7),
}


def density_pieces(backend: Backend) -> list[Piece]:
    """Return the pieces in `scratchgen.densities`, for arrays of `backend`."""
    return [Piece(name, partial(_check_density, name, density, backend)) for name, density in _DENSITIES.items()]


def _check_density(name: str, density: Density, backend: Backend) -> GradcheckReport:
    def forward(x: np.ndarray) -> tuple[Array, Array]:
        points = backend.asarray(x)
        return density.log_density(points), points

    def backward(dy: np.ndarray, points: Array) -> Array:
        return backend.asarray(dy)[:, None] * density.grad_log_density(points)

    return gradcheck_pair(forward, backward, {"x": Stream(0, "numpy").normal((_N, 2), "float64")}, name=name)
