"""A multilayer perceptron: dense layers of one activation, forward and backward.

h_0 = x,   h_l = f(h_{l-1} W_l + b_l),   y = h_L.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from scratchgen.backend import Backend
from scratchgen.nn.init import glorot_uniform_
from scratchgen.nn.parameters import Shape
from scratchgen.ops.linear import (
    REFERENCE,
    DenseCache,
    LinearParams,
    dense_backward_,
    dense_backward_params_,
    dense_forward,
)
from scratchgen.random import Stream
from scratchgen.typing import Array, Float

Layers = tuple[LinearParams, ...]


def mlp_layout(widths: Sequence[int]) -> Layers:
    """Return the layout of the layers between `widths`, inputs first."""
    return tuple(LinearParams(Shape((n_in, n_out)), Shape((n_out,))) for n_in, n_out in pairwise(widths))


def mlp_initialise_(layers: Layers, stream: Stream) -> None:
    """Fill the weights by Glorot's rule and the biases with zeros."""
    for W, b in layers:
        glorot_uniform_(W, stream)
        b[...] = 0


def mlp_forward(
    layers: Layers, x: Float[Array, "batch inputs"], activations: Sequence[str], backend: Backend = REFERENCE
) -> tuple[Float[Array, "batch outputs"], list[DenseCache]]:
    """Return the output of the last layer, and the cache of each; `activations` names one for each layer."""
    caches = []
    for layer, activation in zip(layers, activations, strict=True):
        x, cache = dense_forward(layer, x, activation, backend)
        caches.append(cache)
    return x, caches


def mlp_backward_(
    dy: Float[Array, "batch outputs"],
    caches: Sequence[DenseCache],
    out: Layers | None = None,
    backend: Backend = REFERENCE,
) -> tuple[Float[Array, "batch inputs"], Layers]:
    """Return ``(dx, dlayers)``, last layer first in time. The storage of `dy` is used up."""
    outs = out or (None,) * len(caches)
    gradients = []
    for cache, into in zip(reversed(caches), reversed(outs), strict=True):
        dy, gradient = dense_backward_(dy, cache, into, backend)
        gradients.append(gradient)
    return dy, tuple(reversed(gradients))


def mlp_backward_params_(
    dy: Float[Array, "batch outputs"],
    caches: Sequence[DenseCache],
    out: Layers | None = None,
    backend: Backend = REFERENCE,
) -> Layers:
    """Return the parameter gradients alone, without the product for dx. The storage of `dy` is used up."""
    if not caches:
        return ()
    dy, gradients = mlp_backward_(dy, caches[1:], out[1:] if out else None, backend)
    return dense_backward_params_(dy, caches[0], out[0] if out else None, backend), *gradients
