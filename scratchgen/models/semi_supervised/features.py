"""The variational autoencoder whose codes a classifier is to read: dense, or convolutional where images are given."""

from __future__ import annotations

import math
from typing import Any

from scratchgen.errors import InputError
from scratchgen.models.conv_vae import ConvVAE
from scratchgen.models.vae import VAE


def feature_vae(
    n_visible: int, hidden: Any, n_latent: int, image_shape: tuple[int, ...] | None = None, **options: Any
) -> VAE:
    """Return a new VAE, or a `ConvVAE` if an `image_shape` is given; `hidden` is then the width of its dense layer.

    Raises
    ------
    InputError
        As of the VAE; or the images do not have `n_visible` numbers, or there is more than one dense layer.
    """
    if image_shape is None:
        return VAE(n_visible, hidden, n_latent, **options)
    widths = hidden if isinstance(hidden, tuple | list) else (hidden,)
    if len(widths) != 1:
        raise InputError(f"the dense layer of a convolutional encoder has one width, such as (128,), got {hidden!r}")
    vae = ConvVAE(image_shape, n_dense=widths[0], n_latent=n_latent, **options)
    if vae.n_visible != n_visible:
        raise InputError(f"images of shape {image_shape} have {math.prod(image_shape)} numbers, not {n_visible}")
    return vae


def settings_of(vae: VAE) -> dict[str, Any]:
    """Return the settings by which `feature_vae` makes another VAE like this one."""
    settings = {"n_visible": vae.n_visible, "hidden": vae.hidden} | vae.settings
    settings.pop("n_dense", None)
    return settings
