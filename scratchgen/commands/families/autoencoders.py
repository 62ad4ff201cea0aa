"""Autoencoders: the cost and the squared error of reconstructions, those of PCA beside them, and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchgen import plots
from scratchgen.backend import to_numpy
from scratchgen.commands.families.examples import N_COLUMNS, examples, of_images
from scratchgen.commands.families.family import Family, HeldOut, Picture, is_grey
from scratchgen.commands.options import Evaluation
from scratchgen.commands.terms import Estimate, estimate
from scratchgen.datasets import Dataset
from scratchgen.datasets.dataset import image_shape_of
from scratchgen.models.autoencoders.pca import pca_reconstruction_error

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.models.autoencoders.autoencoder import Autoencoder
    from scratchgen.models.autoencoders.denoising import DenoisingAutoencoder

N_FILTERS = 100
_OF_KIND = ("corruption", "sparsity", "sparsity_target", "sparsity_cost", "contraction_cost")


def _describe(model: Autoencoder) -> str:
    """Return the kind, the widths of encoder and decoder, the likelihood, and what is special to the kind, in words."""
    kind = type(model).__name__.removesuffix("Autoencoder")
    encoder = "-".join(map(str, (model.n_visible, *model.hidden, model.n_code)))
    decoder = "-".join(map(str, (model.n_code, *model.decoder_hidden, model.n_visible)))
    own = [f", {name.replace('_', ' ')} {model.settings[name]}" for name in _OF_KIND if name in model.settings]
    name = f"{kind} autoencoder" if kind else "Autoencoder"
    return f"{name}: encoder {encoder}, decoder {decoder}, {model.likelihood} likelihood{''.join(own)}"


def _options(model: Autoencoder) -> Mapping[str, Any]:
    return model.settings


# ------------------------------------------------------------------------------------------- what held-out images cost


def _held_out(model: Autoencoder, x: np.ndarray, evaluation: Evaluation, progress: bool) -> HeldOut:
    terms = {
        "reconstruction": estimate(to_numpy(model.reconstruction_cost(x))),
        "squared error": estimate(to_numpy(model.reconstruction_error(x))),
    }
    remarks = ["squared errors are sums over the pixels, not nats"]
    if model.n_code >= model.n_visible:
        remarks.append(f"PCA with {model.n_code} components would reproduce {model.n_visible} pixels without error")
    return HeldOut(terms, tuple(remarks))


def _held_out_and_corrupted(
    model: DenoisingAutoencoder, x: np.ndarray, evaluation: Evaluation, progress: bool
) -> HeldOut:
    corrupted = _corrupted(model, x)
    restored = to_numpy(model.reconstruct(corrupted))
    terms = {
        "squared error of corrupted images": estimate(((corrupted - x) ** 2).sum(axis=1)),
        "the same, denoised": estimate(((restored - x) ** 2).sum(axis=1)),
    }
    of_clean = _held_out(model, x, evaluation, progress)
    remark = "reconstruction, squared error and PCA are of images without corruption"
    return HeldOut(terms | of_clean.terms, (*of_clean.remarks, remark))


def _corrupted(model: DenoisingAutoencoder, x: np.ndarray) -> np.ndarray:
    return to_numpy(model.draw_noise(x, model.streams["sampling"]))


def _pca(model: Autoencoder, x_train: np.ndarray, x: np.ndarray) -> dict[str, Estimate]:
    """Return the squared error of PCA with as many components as the code has units, unless that is 0 by necessity."""
    if model.n_code >= min(x_train.shape):
        return {}
    errors = pca_reconstruction_error(x_train, model.n_code, x)
    return {f"squared error of PCA, {model.n_code} components": estimate(errors)}


# ------------------------------------------------------------------------------------------------------------ pictures


def _reconstructions(model: Autoencoder, data: Dataset) -> Figure:
    x = examples(data)
    return plots.reconstructions(x, model.reconstruct(x), image_shape_of(data), n_columns=N_COLUMNS)


def _denoised(model: DenoisingAutoencoder, data: Dataset) -> Figure:
    x = examples(data)
    corrupted = _corrupted(model, x)
    rows = {"corrupted": corrupted, "reconstruction": model.reconstruct(corrupted), "original": x}
    return plots.image_rows(rows, image_shape_of(data), N_COLUMNS)


def _filters(model: Autoencoder, data: Dataset) -> Figure:
    return plots.filters(model.params.encoder[0].W[:, :N_FILTERS], image_shape_of(data))


def _code_clusters(model: Autoencoder, data: Dataset) -> Figure:
    return plots.latent_clusters(model.encode(data.x_test), np.array(data.classes)[data.y_test])


def _training_curves(model: Autoencoder, data: Dataset) -> Figure:
    terms = ["loss"]
    if model.weight_decay or model.penalty_cost:  # else the reconstruction term is all of the loss
        terms.append("reconstruction")
    if model.penalty_cost:
        terms.append("penalty")
    return plots.training_curves(model.history, terms)


_PICTURES = {
    "reconstructions.png": Picture("held-out images above what the model makes of them", _reconstructions, of_images),
    "filters.png": Picture(f"the weights of the first layer, of at most {N_FILTERS} units", _filters, is_grey),
    "code-clusters.png": Picture(
        "where the encoder puts the held-out images, by label",
        _code_clusters,
        lambda model, data: model.n_code >= 2 and data.y_test is not None,
    ),
    "training-curves.png": Picture("the terms of the loss, epoch by epoch", _training_curves),
}
_OF_DENOISING = {
    "denoised.png": Picture(
        "held-out images: corrupted, what the model makes of that, and as they were", _denoised, of_images
    )
}

FAMILY = Family(_describe, _options, _held_out, None, _PICTURES, _pca)
DENOISING = Family(_describe, _options, _held_out_and_corrupted, None, _OF_DENOISING | _PICTURES, _pca)
