"""The VAE whose codes another model learns from, read from a weights file."""

from __future__ import annotations

from pathlib import Path

from scratchgen.checkpoint import load
from scratchgen.datasets import Dataset
from scratchgen.errors import InputError
from scratchgen.models.semi_supervised.m1 import M1
from scratchgen.models.vae import VAE


def vae_of_features(weights: Path, data: Dataset) -> VAE:
    """Return the VAE in a weights file, or that of the M1 in it.

    Raises
    ------
    FileFormatError
        It is not a whole weights file.
    InputError
        It holds another model, or one of images of another size.
    """
    model = load(weights, "numpy")
    vae = model.vae if isinstance(model, M1) else model
    if not isinstance(vae, VAE):
        raise InputError(f"--features takes a VAE or an M1, {weights} holds a model of kind {type(model).__name__}")
    n_features = data.x_train.shape[1]
    if vae.n_visible != n_features:
        raise InputError(f"{weights} is a model of {vae.n_visible} pixels, {data.name} has {n_features}")
    return vae
