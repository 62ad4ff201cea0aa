"""Stacks of convolutions and of transposed convolutions, forward and backward.

A stack is described by its geometries, one a layer, and by the numbers of channels before, between and after them. The
geometries of `scratchgen.geometry.same_geometries` belong to a stack of convolutions; in reverse order, to the stack of
transposed convolutions that goes the same way back. Images have their channels last; a matrix of flat rows becomes a
batch of them by ``x.reshape(-1, height, width, channels)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from scratchgen.backend import Backend
from scratchgen.geometry import Geometry
from scratchgen.nn.init import glorot_uniform_
from scratchgen.nn.parameters import Shape
from scratchgen.ops.convolution import (
    ConvCache,
    ConvParams,
    conv2d_backward_,
    conv2d_backward_params_,
    conv2d_forward,
)
from scratchgen.ops.linear import REFERENCE
from scratchgen.ops.transposed_convolution import conv2d_transpose_backward_, conv2d_transpose_forward
from scratchgen.random import Stream
from scratchgen.typing import Array, Float

ConvLayers = tuple[ConvParams, ...]


def convolutions_layout(geometries: Sequence[Geometry], channels: Sequence[int]) -> ConvLayers:
    """Return the layout of convolutions with `channels` before, between and after the layers, inputs first."""
    return tuple(
        ConvParams(Shape((*geometry.kernel, n_in, n_out)), Shape((n_out,)))
        for geometry, (n_in, n_out) in zip(geometries, pairwise(channels), strict=True)
    )


def transposed_convolutions_layout(geometries: Sequence[Geometry], channels: Sequence[int]) -> ConvLayers:
    """Return the layout of transposed convolutions with `channels` before, between and after the layers."""
    return tuple(
        ConvParams(Shape((*geometry.kernel, n_out, n_in)), Shape((n_out,)))
        for geometry, (n_in, n_out) in zip(geometries, pairwise(channels), strict=True)
    )


def convolutions_initialise_(layers: ConvLayers, stream: Stream) -> None:
    """Fill the weights, of either kind of layer, by Glorot's rule and the biases with zeros."""
    for W, b in layers:
        glorot_uniform_(W, stream)
        b[...] = 0


def convolutions_forward(
    layers: ConvLayers,
    x: Float[Array, "batch height width channels"],
    geometries: Sequence[Geometry],
    activations: Sequence[str],
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch rows columns features"], list[ConvCache]]:
    """Return the output of the last layer, and the cache of each; `activations` names one for each layer."""
    return _forward(conv2d_forward, layers, x, geometries, activations, backend)


def transposed_convolutions_forward(
    layers: ConvLayers,
    x: Float[Array, "batch rows columns features"],
    geometries: Sequence[Geometry],
    activations: Sequence[str],
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch height width channels"], list[ConvCache]]:
    """Return the output of the last layer, and the cache of each; `activations` names one for each layer."""
    return _forward(conv2d_transpose_forward, layers, x, geometries, activations, backend)


def convolutions_backward_(
    dy: Float[Array, "batch rows columns features"],
    caches: Sequence[ConvCache],
    out: ConvLayers | None = None,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch height width channels"], ConvLayers]:
    """Return ``(dx, dlayers)``, last layer first in time. The storage of `dy` is used up."""
    return _backward_(conv2d_backward_, dy, caches, out, backend)


def convolutions_backward_params_(
    dy: Float[Array, "batch rows columns features"],
    caches: Sequence[ConvCache],
    out: ConvLayers | None = None,
    backend: Backend = REFERENCE,
) -> ConvLayers:
    """Return the parameter gradients alone, without the product for dx. The storage of `dy` is used up."""
    dy, gradients = convolutions_backward_(dy, caches[1:], out[1:] if out else None, backend)
    return conv2d_backward_params_(dy, caches[0], out[0] if out else None, backend), *gradients


def transposed_convolutions_backward_(
    dy: Float[Array, "batch height width channels"],
    caches: Sequence[ConvCache],
    out: ConvLayers | None = None,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch rows columns features"], ConvLayers]:
    """Return ``(dx, dlayers)``, last layer first in time. The storage of `dy` is used up."""
    return _backward_(conv2d_transpose_backward_, dy, caches, out, backend)


def _forward(
    layer_forward: Callable[..., Any],
    layers: ConvLayers,
    x: Array,
    geometries: Sequence[Geometry],
    activations: Sequence[str],
    backend: Backend,
) -> tuple[Array, list[ConvCache]]:
    caches = []
    for layer, geometry, activation in zip(layers, geometries, activations, strict=True):
        x, cache = layer_forward(layer, x, geometry, activation, backend)
        caches.append(cache)
    return x, caches


def _backward_(
    layer_backward_: Callable[..., Any],
    dy: Array,
    caches: Sequence[ConvCache],
    out: ConvLayers | None,
    backend: Backend,
) -> tuple[Array, ConvLayers]:
    outs = out or (None,) * len(caches)
    gradients = []
    for cache, into in zip(reversed(caches), reversed(outs), strict=True):
        dy, gradient = layer_backward_(dy, cache, into, backend)
        gradients.append(gradient)
    return dy, tuple(reversed(gradients))
