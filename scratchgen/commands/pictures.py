"""What is drawn of a trained VAE: a table of pictures, each with the file that it goes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scratchgen import plots
from scratchgen.datasets import Dataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from scratchgen.models.vae import VAE

DOTS_PER_INCH = 150
N_ROWS, N_COLUMNS = 3, 10  # of pairs of an image and its reconstruction
N_SAMPLES = 100


class Picture(NamedTuple):
    """What a picture shows, and how it is drawn; it `suits` only some models and data."""

    description: str
    draw: Callable[[VAE, Dataset], Figure]
    suits: Callable[[VAE, Dataset], bool] = lambda vae, data: True


def _examples(data: Dataset) -> np.ndarray:
    """Return test images: the first few of each class, a row of all classes at a time; without labels the first."""
    if data.y_test is None:
        return data.x_test[: N_ROWS * N_COLUMNS]
    by_class = [np.flatnonzero(data.y_test == label)[:N_ROWS] for label in range(len(data.classes))]
    return data.x_test[[indices[row] for row in range(N_ROWS) for indices in by_class if row < len(indices)]]


def _reconstructions(vae: VAE, data: Dataset) -> Figure:
    x = _examples(data)
    return plots.reconstructions(x, vae.reconstruct(x), data.image_shape, n_columns=N_COLUMNS)


def _samples(vae: VAE, data: Dataset) -> Figure:
    return plots.image_grid(vae.sample(N_SAMPLES, mean=True), data.image_shape)


def _training_curves(vae: VAE, data: Dataset) -> Figure:
    return plots.training_curves(vae.history)


def _latent_plane(vae: VAE, data: Dataset) -> Figure:
    return plots.latent_plane(vae.decode, data.image_shape)


def _latent_clusters(vae: VAE, data: Dataset) -> Figure:
    return plots.latent_clusters(vae.encode(data.x_test)[0], np.array(data.classes)[data.y_test])


PICTURES = {
    "reconstructions.png": Picture("held-out images above what the model makes of them", _reconstructions),
    "samples.png": Picture("new images: z from the prior, then the mean of p(x|z)", _samples),
    "training-curves.png": Picture("the terms of the loss, epoch by epoch", _training_curves),
    "latent-plane.png": Picture(
        "what the decoder makes of each point of the plane", _latent_plane, lambda vae, data: vae.n_latent == 2
    ),
    "latent-clusters.png": Picture(
        "where the encoder puts the held-out images, by label",
        _latent_clusters,
        lambda vae, data: vae.n_latent >= 2 and data.y_test is not None,
    ),
}


def save_pictures(vae: VAE, data: Dataset, folder: Path, names: Iterable[str] = PICTURES) -> dict[str, str]:
    """Draw those pictures of `names` that suit the model and the data; return the description of each file."""
    chosen = {name: PICTURES[name] for name in names if PICTURES[name].suits(vae, data)}
    for name, picture in chosen.items():
        picture.draw(vae, data).savefig(folder / name, dpi=DOTS_PER_INCH)
    return {name: picture.description for name, picture in chosen.items()}
