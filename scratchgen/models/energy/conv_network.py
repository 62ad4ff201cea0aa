"""The convolutional energy: convolutions that halve an image, one dense layer, and one linear output.

With (28, 28, 1), channels (16, 32, 64, 64), kernels of 5 and then 3, and 64 dense units this is the network of Foster,
chapter 7. Swish makes it smooth; there is no pooling and no normalisation, which would make the energy of an image
depend on other images.

References
----------
D. Foster: "Generative deep learning", 2nd edition, O'Reilly 2023, chapter 7.
Y. Du, I. Mordatch: "Implicit generation and modeling with energy-based models", NeurIPS 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scratchgen.backend import Backend
from scratchgen.geometry import Geometry, same_geometries, same_geometry
from scratchgen.nn.convolutional import (
    convolutions_backward_,
    convolutions_backward_params_,
    convolutions_forward,
    convolutions_initialise_,
    convolutions_layout,
)
from scratchgen.nn.image_networks import ImageCache, ImageLayers, in_parts
from scratchgen.nn.input_gradient import input_gradient_backward, input_gradient_forward
from scratchgen.nn.linear_maps import LayerCache
from scratchgen.nn.mlp import mlp_backward_, mlp_forward, mlp_initialise_, mlp_layout
from scratchgen.random import Stream
from scratchgen.typing import Array


@dataclass(frozen=True)
class ConvEnergy:
    """Convolutions of stride 2 with "same" padding, a dense layer and a linear output.

    Attributes
    ----------
    image_shape : (h, w, c)
    channels : tuple of int
        Maps after each convolution.
    n_dense : int
        Width of the dense layer.
    first_kernel, kernel : int
        Height and width of the kernels of the first convolution, and of the others.
    activation : str
        Of all layers but the output; smooth.
    input_scale : float
        Factor of the initial weights of the first convolution.
    backend : Backend
    """

    image_shape: tuple[int, int, int]
    channels: tuple[int, ...]
    n_dense: int
    first_kernel: int
    kernel: int
    activation: str
    input_scale: float
    backend: Backend

    def __str__(self) -> str:
        image, convolutions = "×".join(map(str, self.image_shape)), "-".join(f"conv {n}" for n in self.channels)
        return f"{image}-{convolutions}-{self.n_dense}-1"

    @cached_property
    def geometries(self) -> tuple[Geometry, ...]:
        """Return the geometry of each convolution."""
        first = same_geometry(self.image_shape[:2], self.first_kernel, stride=2)
        return first, *same_geometries(first.grid, self.kernel, (2,) * (len(self.channels) - 1))

    def layout(self) -> ImageLayers:
        """Return the layout of the parameters: `ConvParams`, and two `LinearParams`."""
        n_grid = math.prod(self.geometries[-1].grid) * self.channels[-1]
        channels = (self.image_shape[2], *self.channels)
        return *convolutions_layout(self.geometries, channels), *mlp_layout((n_grid, self.n_dense, 1))

    def initialise_(self, params: ImageLayers, stream: Stream) -> None:
        """Fill the weights by Glorot's rule and the biases with zeros; those of the first layer depend on its inputs.

        Their standard deviation is ``input_scale / sqrt(pixels of a window)``, as in the multilayer perceptron.
        """
        convolutions, dense = self._split(params)
        convolutions_initialise_(convolutions, stream)
        mlp_initialise_(dense, stream)
        W = convolutions[0].W
        W[...] = self.input_scale / math.sqrt(math.prod(W.shape[:-1])) * stream.normal(W.shape, W.dtype)

    def adapt_to_data_(self, params: ImageLayers, x: Array, stream: Stream) -> None:
        """Leave the biases at zero: they are shared by all places of an image, and its values begin at zero."""

    def forward(self, params: ImageLayers, x: Array) -> tuple[Array, ImageCache]:
        """Return E (n,), and the cache."""
        convolutions, dense = self._split(params)
        activations = (self.activation,) * len(convolutions)
        images = x.reshape(-1, *self.image_shape)
        maps, of_maps = convolutions_forward(convolutions, images, self.geometries, activations, self.backend)
        rows = maps.reshape(x.shape[0], -1)
        y, of_rows = mlp_forward(dense, rows, (self.activation, "linear"), self.backend)
        return y[:, 0], ImageCache(of_rows, of_maps)

    def backward(self, dE: Array, cache: ImageCache) -> tuple[Array, ImageLayers]:
        """Return the gradients with respect to x and the parameters; `dE` is used up."""
        drows, dense = mlp_backward_(dE[:, None], cache.dense, None, self.backend)
        dimages, convolutions = convolutions_backward_(self._as_maps(drows), cache.convolutions, None, self.backend)
        return dimages.reshape(dE.shape[0], -1), (*convolutions, *dense)

    def backward_params(self, dE: Array, cache: ImageCache, out: ImageLayers) -> ImageLayers:
        """Return the gradient with respect to the parameters alone; `dE` is used up."""
        convolutions, dense = self._split(out)
        drows, _ = mlp_backward_(dE[:, None], cache.dense, dense, self.backend)
        convolutions_backward_params_(self._as_maps(drows), cache.convolutions, convolutions, self.backend)
        return out

    def grad_x_forward(self, params: ImageLayers, x: Array) -> tuple[Array, Any]:
        """Return g (n, D), and the cache of its backward pass."""
        E, cache = self.forward(params, x)
        layers: list[LayerCache] = [*cache.convolutions, *cache.dense]
        dimages, gradient_cache = input_gradient_forward(E, layers, self.backend)
        return dimages.reshape(x.shape), gradient_cache

    def grad_x_backward(self, dg: Array, cache: Any, out: ImageLayers | None = None) -> tuple[Array, ImageLayers]:
        """Return the gradients with respect to x and the parameters of a loss that depends on g."""
        dimages, dparams = input_gradient_backward(dg, cache, out, self.backend)
        return dimages.reshape(dg.shape), dparams

    def energy(self, params: ImageLayers, x: Array) -> Array:
        """Return E (n,) in memory that does not grow with the maps of all examples."""
        return in_parts(lambda rows: self.forward(params, rows)[0], x)

    def grad_x(self, params: ImageLayers, x: Array) -> Array:
        """Return g (n, D) in memory that does not grow with the maps of all examples."""
        return in_parts(lambda rows: self.grad_x_forward(params, rows)[0], x)

    def _split(self, params: ImageLayers) -> tuple[ImageLayers, ImageLayers]:
        """Return the convolutions and the dense layers."""
        n = len(self.channels)
        return params[:n], params[n:]

    def _as_maps(self, rows: Array) -> Array:
        return rows.reshape(-1, *self.geometries[-1].grid, self.channels[-1])
