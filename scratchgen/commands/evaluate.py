"""``scratchgen evaluate``: what the test images of a data set cost under a trained model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from scratchgen import datasets
from scratchgen.checkpoint import load
from scratchgen.commands.announcements import announce_backend
from scratchgen.commands.terms import bound_terms, log_likelihood_term, print_terms
from scratchgen.datasets import Dataset
from scratchgen.errors import InputError

if TYPE_CHECKING:
    from scratchgen.models.vae import VAE


def evaluate_weights(
    weights: Path, data_name: str, n_samples: int, limit: int | None, backend_name: str, progress: bool
) -> None:
    """Print reconstruction, KL, ELBO and log p(x) of the first `limit` test images.

    Raises
    ------
    FileFormatError
        `weights` is not a whole weights file.
    InputError
        The data set is unknown, cannot be had, or has images of another size.
    """
    vae = load(weights, announce_backend(backend_name))
    data = datasets.load(data_name)
    _check_fit(vae, data, weights)
    x = data.x_test[:limit]
    terms = bound_terms(vae, x) | log_likelihood_term(vae, x, n_samples, progress)
    of_all = "" if len(x) == len(data.x_test) else f" (the first of {len(data.x_test):,})"
    print(f"{weights}: {describe(vae)}, after epoch {vae.epoch}")
    print(f"{data.name}: {len(x):,} test images{of_all}; nats per image, mean ± standard error over the images")
    print_terms({"": terms})


def describe(vae: VAE) -> str:
    """Return the widths of encoder and decoder, and the likelihood, in words."""
    encoder = "-".join(map(str, (vae.n_visible, *vae.hidden, vae.n_latent)))
    decoder = "-".join(map(str, (vae.n_latent, *vae.decoder_hidden, vae.n_visible)))
    return f"VAE: encoder {encoder}, decoder {decoder}, {vae.likelihood} likelihood"


def _check_fit(vae: VAE, data: Dataset, weights: Path) -> None:
    n_features = data.x_test.shape[1]
    if n_features == vae.n_visible:
        return
    fitting = [entry.name for entry in datasets.available() if math.prod(entry.image_shape) == vae.n_visible]
    advice = f"choose --data {' or '.join(fitting)}" if fitting else "no data set here has such images"
    raise InputError(f"{weights} is a model of {vae.n_visible} pixels, {data.name} has {n_features}: {advice}")
