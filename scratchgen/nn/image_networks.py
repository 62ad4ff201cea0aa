"""An encoder of convolutions that halve an image, and the decoder of transposed convolutions that leads back.

Every convolution has stride 2 and TensorFlow's "same" padding: from a size s to ceil(s / 2). The decoder goes through
the same sizes in reverse order, and ends with a transposed convolution of stride 1 to the channels of the image:

    encoder   image -> channels[0] -> ... -> channels[-1] maps -> dense,
    decoder   z -> dense to channels[-1] maps -> channels[-1] -> ... -> channels[0] -> image.

With (28, 28, 1), channels (32, 64), 16 dense units and 2 latent variables these are the networks of F. Chollet,
"Variational AutoEncoder", keras.io.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from scratchgen.backend import Backend, namespace
from scratchgen.geometry import Geometry, same_geometries, same_geometry
from scratchgen.nn.convolutional import (
    convolutions_backward_,
    convolutions_backward_params_,
    convolutions_forward,
    convolutions_initialise_,
    convolutions_layout,
    transposed_convolutions_backward_,
    transposed_convolutions_forward,
    transposed_convolutions_layout,
)
from scratchgen.nn.mlp import (
    mlp_backward_,
    mlp_backward_params_,
    mlp_forward,
    mlp_initialise_,
    mlp_layout,
)
from scratchgen.ops.convolution import ConvCache
from scratchgen.ops.linear import DenseCache
from scratchgen.random import Stream
from scratchgen.typing import Array, Float

ImageLayers = tuple[Any, ...]  # `ConvParams`, and one `LinearParams`: last in the encoder, first in the decoder

_EXAMPLES = 256  # evaluated at a time: the maps of one example are many times as large as its image


class ImageCache(NamedTuple):
    """What a backward pass needs of the dense layers and of the convolutions."""

    dense: list[DenseCache]
    convolutions: list[ConvCache]


@dataclass(frozen=True)
class ImageEncoder:
    """Convolutions of stride 2, then one dense layer.

    Attributes
    ----------
    image_shape : (h, w, c)
    channels : tuple of int
        Maps after each convolution.
    n_outputs : int
        Width of the dense layer.
    kernel : int
        Height and width of the kernels.
    activation : str
        Of all layers.
    """

    image_shape: tuple[int, int, int]
    channels: tuple[int, ...]
    n_outputs: int
    kernel: int
    activation: str

    def __str__(self) -> str:
        convolutions = "-".join(f"conv {n}" for n in self.channels)
        return f"{_sizes(self.image_shape)}-{convolutions}-{self.n_outputs}"

    @cached_property
    def geometries(self) -> tuple[Geometry, ...]:
        """Return the geometry of each convolution."""
        return _halving(self.image_shape, self.kernel, len(self.channels))

    def layout(self) -> ImageLayers:
        """Return the layout of the parameters."""
        n_grid = math.prod(self.geometries[-1].grid) * self.channels[-1]
        channels = (self.image_shape[2], *self.channels)
        return *convolutions_layout(self.geometries, channels), *mlp_layout((n_grid, self.n_outputs))

    def initialise_(self, layers: ImageLayers, stream: Stream) -> None:
        """Fill the weights by Glorot's rule and the biases with zeros."""
        convolutions_initialise_(layers[:-1], stream)
        mlp_initialise_(layers[-1:], stream)

    def forward(
        self, layers: ImageLayers, x: Float[Array, "batch inputs"], backend: Backend
    ) -> tuple[Float[Array, "batch outputs"], ImageCache]:
        """Return the output and what a backward pass needs."""
        images = x.reshape(-1, *self.image_shape)
        activations = (self.activation,) * len(self.channels)
        maps, convolutions = convolutions_forward(layers[:-1], images, self.geometries, activations, backend)
        y, dense = mlp_forward(layers[-1:], maps.reshape(x.shape[0], -1), (self.activation,), backend)
        return y, ImageCache(dense, convolutions)

    def evaluate(self, layers: ImageLayers, x: Float[Array, "batch inputs"], backend: Backend) -> Array:
        """Return the output alone, in memory that does not grow with the number of examples."""
        return in_parts(lambda rows: self.forward(layers, rows, backend)[0], x)

    def backward_(self, dy: Array, cache: ImageCache, out: ImageLayers, backend: Backend) -> Array:
        """Return dx; `out` receives the gradient of the parameters. The storage of `dy` is used up."""
        dmaps = self._backward_to_maps_(dy, cache, out, backend)
        dimages, _ = convolutions_backward_(dmaps, cache.convolutions, out[:-1], backend)
        return dimages.reshape(dy.shape[0], -1)

    def backward_params_(self, dy: Array, cache: ImageCache, out: ImageLayers, backend: Backend) -> None:
        """Do the same without the work for dx."""
        dmaps = self._backward_to_maps_(dy, cache, out, backend)
        convolutions_backward_params_(dmaps, cache.convolutions, out[:-1], backend)

    def _backward_to_maps_(self, dy: Array, cache: ImageCache, out: ImageLayers, backend: Backend) -> Array:
        drows, _ = mlp_backward_(dy, cache.dense, out[-1:], backend)
        return drows.reshape(-1, *self.geometries[-1].grid, self.channels[-1])


@dataclass(frozen=True)
class ImageDecoder:
    """One dense layer, then transposed convolutions: the way of `ImageEncoder` back.

    Attributes
    ----------
    n_inputs : int
    image_shape, channels, kernel, activation
        Those of the encoder.
    output_activation : str
        Of the last layer.
    """

    n_inputs: int
    image_shape: tuple[int, int, int]
    channels: tuple[int, ...]
    kernel: int
    activation: str
    output_activation: str

    def __str__(self) -> str:
        transposed = "-".join(f"transposed {n}" for n in self.channels[::-1])
        return f"{self.n_inputs}-{_sizes(self._grid_shape)}-{transposed}-{_sizes(self.image_shape)}"

    @cached_property
    def geometries(self) -> tuple[Geometry, ...]:
        """Return the geometry of each transposed convolution."""
        halving = _halving(self.image_shape, self.kernel, len(self.channels))
        return *halving[::-1], same_geometry(self.image_shape[:2], self.kernel, stride=1)

    @property
    def _grid_shape(self) -> tuple[int, int, int]:
        return *self.geometries[0].grid, self.channels[-1]

    @property
    def n_outputs(self) -> int:
        """Return the number of pixels times channels."""
        return math.prod(self.image_shape)

    def layout(self) -> ImageLayers:
        """Return the layout of the parameters."""
        channels = (self.channels[-1], *self.channels[::-1], self.image_shape[2])
        dense = mlp_layout((self.n_inputs, math.prod(self._grid_shape)))
        return *dense, *transposed_convolutions_layout(self.geometries, channels)

    def initialise_(self, layers: ImageLayers, stream: Stream) -> None:
        """Fill the weights by Glorot's rule and the biases with zeros."""
        mlp_initialise_(layers[:1], stream)
        convolutions_initialise_(layers[1:], stream)

    def forward(
        self, layers: ImageLayers, x: Float[Array, "batch inputs"], backend: Backend
    ) -> tuple[Float[Array, "batch outputs"], ImageCache]:
        """Return the output and what a backward pass needs."""
        rows, dense = mlp_forward(layers[:1], x, (self.activation,), backend)
        activations = (*(self.activation,) * len(self.channels), self.output_activation)
        images, convolutions = transposed_convolutions_forward(
            layers[1:], rows.reshape(-1, *self._grid_shape), self.geometries, activations, backend
        )
        return images.reshape(x.shape[0], -1), ImageCache(dense, convolutions)

    def evaluate(self, layers: ImageLayers, x: Float[Array, "batch inputs"], backend: Backend) -> Array:
        """Return the output alone, in memory that grows with it and not with the maps of the hidden layers."""
        return in_parts(lambda rows: self.forward(layers, rows, backend)[0], x)

    def backward_(self, dy: Array, cache: ImageCache, out: ImageLayers, backend: Backend) -> Array:
        """Return dx; `out` receives the gradient of the parameters. The storage of `dy` is used up."""
        return mlp_backward_(self._backward_to_dense_(dy, cache, out, backend), cache.dense, out[:1], backend)[0]

    def backward_params_(self, dy: Array, cache: ImageCache, out: ImageLayers, backend: Backend) -> None:
        """Do the same without the product for dx."""
        mlp_backward_params_(self._backward_to_dense_(dy, cache, out, backend), cache.dense, out[:1], backend)

    def _backward_to_dense_(self, dy: Array, cache: ImageCache, out: ImageLayers, backend: Backend) -> Array:
        dimages = dy.reshape(-1, *self.image_shape)
        dmaps, _ = transposed_convolutions_backward_(dimages, cache.convolutions, out[1:], backend)
        return dmaps.reshape(dy.shape[0], -1)


def _halving(image_shape: tuple[int, int, int], kernel: int, n: int) -> tuple[Geometry, ...]:
    return same_geometries(image_shape[:2], kernel, (2,) * n)


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def in_parts(evaluate: Callable[[Array], Array], x: Array) -> Array:
    """Return `evaluate(x)`, computed for a few rows at a time."""
    first = evaluate(x[:_EXAMPLES])
    if x.shape[0] <= _EXAMPLES:
        return first
    whole = namespace(first).empty((x.shape[0], *first.shape[1:]), dtype=first.dtype)
    whole[:_EXAMPLES] = first
    for start in range(_EXAMPLES, x.shape[0], _EXAMPLES):
        whole[start : start + _EXAMPLES] = evaluate(x[start : start + _EXAMPLES])
    return whole
