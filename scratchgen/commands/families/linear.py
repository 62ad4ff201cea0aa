"""The linear Gaussian model: log p(x), exact, and pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.commands.families.family import Family, HeldOut, Picture, is_grey
from scratchgen.commands.families.vae import PICTURES, sample
from scratchgen.commands.options import Evaluation
from scratchgen.commands.terms import estimate
from scratchgen.commands.words import numbers_of
from scratchgen.datasets import Dataset
from scratchgen.datasets.dataset import image_shape_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.models.linear import LinearGaussianModel

N_COMPONENTS = 100


def _describe(model: LinearGaussianModel) -> str:
    return f"linear Gaussian model: {model.n_latent} latent variables, {model.n_visible} visible ones"


def _held_out(model: LinearGaussianModel, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    squared_errors = ((to_numpy(model.reconstruct(x)) - x) ** 2).sum(axis=1)
    terms = {
        "log p(x), exact": estimate(to_numpy(model.log_likelihood(x))),
        "squared error": estimate(squared_errors),
    }
    remarks = (
        f"sigma is {_sigma(model):.3g}; squared errors are sums over the {numbers_of(model.n_visible)}, not nats",
        "p(x) is a density: it may exceed 1",
    )
    return HeldOut(terms, remarks)


def _sigma(model: LinearGaussianModel) -> float:
    return math.exp(float(model.params.log_sigma[0]))


def _components(model: LinearGaussianModel, data: Dataset) -> Figure:
    return plots.filters(model.params.W[:N_COMPONENTS].T, image_shape_of(data), label="weight $W_{kj}$")


def _spectrum(model: LinearGaussianModel, data: Dataset) -> Figure:
    return plots.variance_spectrum(data.x_train, to_numpy(model.params.W), _sigma(model))


def _latent_clusters(model: LinearGaussianModel, data: Dataset) -> Figure:
    # The codes vary as much along one axis as along another, unlike those of a VAE: the first two axes are the two
    # principal components of the data, where the principal components of the codes would be arbitrary.
    return plots.latent_clusters(model.encode(data.x_test)[0][:, :2], np.array(data.classes)[data.y_test])


_OF_COMPONENTS = {
    "latent-clusters.png": PICTURES["latent-clusters.png"]._replace(draw=_latent_clusters),
    "components.png": Picture(
        f"what each latent variable, of at most {N_COMPONENTS}, adds to an image: the principal components",
        _components,
        is_grey,
    ),
    "variances.png": Picture(
        "the variance of the training data along their principal components, and the model's", _spectrum
    ),
}

FAMILY = Family(_describe, lambda model: model.settings, _held_out, sample, PICTURES | _OF_COMPONENTS)
