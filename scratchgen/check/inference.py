"""The table of what inference minimises or maximises by the parameters of q: divergences and the exact ELBO."""

from __future__ import annotations

from functools import partial

import numpy as np

from scratchgen.backend import Backend
from scratchgen.check.piece import Piece
from scratchgen.densities import Density, GaussianMixture, gaussian
from scratchgen.finite_differences import GradcheckReport, gradcheck_pair
from scratchgen.inference.estimators import exact_elbo
from scratchgen.inference.gradient_estimators import ELBOGradient, exact_elbo_gradient
from scratchgen.inference.variational import reverse_kl
from scratchgen.models.linear import LinearGaussianModel
from scratchgen.random import Stream
from scratchgen.typing import Array

_N, _VISIBLE, _LATENT = 3, 5, 2

_DENSITIES: dict[str, Density] = {
    "gaussian": gaussian((0.4, -0.3), ((1.5, 0.6), (0.6, 0.8))),
    "mixture": GaussianMixture([(-1, 0.5), (1, -1)], [((1, 0.5), (0.5, 2)), ((0.7, -0.2), (-0.2, 0.4))], (0.3, 0.7)),
}


def inference_pieces(backend: Backend) -> list[Piece]:
    """Return the pieces in `scratchgen.inference`, for arrays of `backend`; `reverse_kl` integrates with NumPy."""
    divergences = [(f"reverse_kl {name}", partial(_check_reverse_kl, density=p)) for name, p in _DENSITIES.items()]
    checks = [*divergences, ("exact_elbo", partial(_check_exact_elbo, backend=backend))]
    return [Piece(name, partial(check, name)) for name, check in checks]


def _check_reverse_kl(name: str, density: Density) -> GradcheckReport:
    def forward(mean: np.ndarray, log_var: np.ndarray) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
        kl, dmean, dlog_var = reverse_kl(density, mean, log_var)
        return kl, (dmean, dlog_var)

    def backward(dkl: float, gradient: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, ...]:
        return tuple(dkl * part for part in gradient)

    q = {"mean": np.array([0.7, -0.4]), "log_var": np.array([0.3, -0.6])}
    return gradcheck_pair(forward, backward, q, name=name)


def _check_exact_elbo(name: str, backend: Backend) -> GradcheckReport:
    stream = Stream(0, "numpy")
    model = LinearGaussianModel(_VISIBLE, _LATENT, dtype="float64", backend=backend)
    model.theta[...] = backend.asarray(stream.normal(model.theta.size, "float64"))
    x = backend.asarray(stream.normal((_N, _VISIBLE), "float64"))

    def forward(mean: np.ndarray, log_var: np.ndarray) -> tuple[Array, ELBOGradient]:
        q = backend.asarray(mean), backend.asarray(log_var)
        return exact_elbo(model, x, *q), exact_elbo_gradient(model, x, *q)

    def backward(delbo: np.ndarray, gradient: ELBOGradient) -> tuple[Array, Array]:
        weight = backend.asarray(delbo)[:, None]  # the ELBO of an example depends on its own q only
        return weight * gradient.mean, weight * gradient.log_var

    q = {name: stream.normal((_N, _LATENT), "float64") for name in ("mean", "log_var")}
    return gradcheck_pair(forward, backward, q, name=name)
