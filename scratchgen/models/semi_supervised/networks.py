"""The networks of a conditional VAE: dense, or convolutional where images are given."""

from __future__ import annotations

import math
from typing import Any

from scratchgen.errors import InputError
from scratchgen.nn.image_networks import ImageDecoder, ImageEncoder
from scratchgen.nn.networks import DenseNetwork, Network
from scratchgen.validation import check_channels, check_count, check_image_shape


class Convolutions:
    """What makes the networks convolutional, checked.

    Attributes
    ----------
    shape : (h, w, c)
        Of an image.
    channels : tuple of int
    kernel : int

    Raises
    ------
    InputError
        A wrong value, or images that do not have `n_visible` numbers.
    """

    def __init__(self, n_visible: int, image_shape: Any, channels: Any, kernel: Any) -> None:
        height, width, n_channels = (*check_image_shape(image_shape), 1)[:3]
        self.shape = (height, width, n_channels)
        if math.prod(self.shape) != n_visible:
            raise InputError(f"images of shape {image_shape} have {math.prod(self.shape)} numbers, not {n_visible}")
        self.channels = check_channels(channels, self.shape)
        self.kernel = check_count("kernel", kernel)


def features(n_visible: int, n_features: int, activation: str, images: Convolutions | None) -> Network:
    """Return what an example goes through before a network's own layers: nothing, or convolutions and a dense layer."""
    if images is None:
        return DenseNetwork((n_visible,), ())
    return ImageEncoder(images.shape, images.channels, n_features, images.kernel, activation)


def decoder(
    n_inputs: int,
    hidden: tuple[int, ...],
    n_visible: int,
    activation: str,
    output_activation: str,
    images: Convolutions | None,
) -> Network:
    """Return the network from z and the class, side by side, to the output."""
    if images is None:
        return DenseNetwork((n_inputs, *hidden, n_visible), (*(activation,) * len(hidden), output_activation))
    return ImageDecoder(n_inputs, images.shape, images.channels, images.kernel, activation, output_activation)
