"""What is drawn of a trained autoencoder, whatever its kind, and of each kind alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.commands.families.examples import N_COLUMNS, examples, of_images
from scratchgen.commands.families.family import Picture, is_grey
from scratchgen.datasets import Dataset
from scratchgen.datasets.dataset import image_shape_of
from scratchgen.models.autoencoders.pca import pca_reconstruction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.models.autoencoders.autoencoder import Autoencoder
    from scratchgen.models.autoencoders.contractive import ContractiveAutoencoder
    from scratchgen.models.autoencoders.denoising import DenoisingAutoencoder
    from scratchgen.models.autoencoders.sparse import SparseAutoencoder

N_FILTERS = 100
N_POINTS = 1000  # of the plane
N_JACOBIANS = 100
PENALTY_UNITS = {  # beside the curve of the penalty
    "kl": "nats",
    "l1": "$\\|h\\|_1$ per example",
    "contraction": "$\\|\\partial h / \\partial x\\|_F^2$ per example",
}


def _reconstructions(model: Autoencoder, data: Dataset) -> Figure:
    x = examples(data)
    return plots.reconstructions(x, model.reconstruct(x), image_shape_of(data), n_columns=N_COLUMNS)


def _reconstructions_and_pca(model: Autoencoder, data: Dataset) -> Figure:
    """Add what PCA makes of the images, unless it reproduces them, with as many components as the code has units."""
    if model.n_code >= min(data.x_train.shape):
        return _reconstructions(model, data)
    x = examples(data)
    of_pca = pca_reconstruction(data.x_train, model.n_code, x)
    rows = {"original": x, "reconstruction": model.reconstruct(x), "PCA": of_pca}
    return plots.image_rows(rows, image_shape_of(data), N_COLUMNS)


def _denoised(model: DenoisingAutoencoder, data: Dataset) -> Figure:
    x = examples(data)
    corrupted = to_numpy(model.draw_noise(x, model.streams["sampling"]))
    rows = {"corrupted": corrupted, "reconstruction": model.reconstruct(corrupted), "original": x}
    return plots.image_rows(rows, image_shape_of(data), N_COLUMNS)


def _filters(model: Autoencoder, data: Dataset) -> Figure:
    return plots.filters(model.params.encoder[0].W[:, :N_FILTERS], image_shape_of(data), label="weight $W_{ij}$")


def _code_clusters(model: Autoencoder, data: Dataset) -> Figure:
    return plots.latent_clusters(model.encode(data.x_test), np.array(data.classes)[data.y_test], symbol="h")


def _manifold(model: Autoencoder, data: Dataset) -> Figure:
    return plots.reconstruction_manifold(data.x_test[:N_POINTS], model.reconstruct)


def _vector_field(model: DenoisingAutoencoder, data: Dataset) -> Figure:
    assert data.density is not None  # else the picture does not suit the data
    return plots.reconstruction_field(model.reconstruct, data.density.bounds, x=data.x_test[:N_POINTS])


def _mean_activations(model: SparseAutoencoder, data: Dataset) -> Figure:
    return plots.mean_activations(model.encode(data.x_test), model.sparsity_target)


def _jacobian_spectrum(model: ContractiveAutoencoder, data: Dataset) -> Figure:
    return plots.jacobian_spectrum(model.encoder_jacobian(data.x_test[:N_JACOBIANS]))


def _training_curves(model: Autoencoder, data: Dataset) -> Figure:
    units = {"loss": "nats per example"}
    if model.weight_decay or model.penalty_cost:  # else the reconstruction term is all of the loss
        units["reconstruction"] = "nats per example"
    if model.penalty_cost:
        units["penalty"] = PENALTY_UNITS[model.settings.get("sparsity", "contraction")]
    return plots.training_curves(model.history, tuple(units), units)


def _of_points(model: Autoencoder, data: Dataset) -> bool:
    return data.density is not None


_RECONSTRUCTIONS = Picture("held-out images above what the model makes of them", _reconstructions, of_images)
_MANIFOLD = Picture("held-out points, what the model makes of them, and the line of PCA", _manifold, _of_points)
_COMMON = {
    "filters.png": Picture(f"the weights of the first layer, of at most {N_FILTERS} units", _filters, is_grey),
    "code-clusters.png": Picture(
        "where the encoder puts the held-out images, by label",
        _code_clusters,
        lambda model, data: model.n_code >= 2 and data.y_test is not None,
    ),
    "training-curves.png": Picture("the terms of the loss, epoch by epoch", _training_curves),
}
OF_AUTOENCODER = {
    "reconstructions.png": Picture(
        "held-out images above what the model makes of them, and PCA by as small a code",
        _reconstructions_and_pca,
        of_images,
    ),
    "manifold.png": _MANIFOLD,
} | _COMMON
OF_DENOISING = {
    "denoised.png": Picture(
        "held-out images: corrupted, what the model makes of that, and as they were", _denoised, of_images
    ),
    "reconstructions.png": _RECONSTRUCTIONS,
    "vector-field.png": Picture("where the model moves each point: to where the data are", _vector_field, _of_points),
} | _COMMON
OF_SPARSE = {
    "reconstructions.png": _RECONSTRUCTIONS,
    "manifold.png": _MANIFOLD,
    "mean-activations.png": Picture("how active each unit of the code is for held-out data", _mean_activations),
} | _COMMON
OF_CONTRACTIVE = {
    "reconstructions.png": _RECONSTRUCTIONS,
    "manifold.png": _MANIFOLD,
    "jacobian.png": Picture(
        f"by how much the code moves with the example, direction by direction, at {N_JACOBIANS} held-out ones",
        _jacobian_spectrum,
        lambda model, data: min(model.n_visible, model.n_code) > 2,  # else there is no spectrum to speak of
    ),
} | _COMMON
