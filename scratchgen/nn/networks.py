"""Networks as models hold them: a description, which computes with parameters that live elsewhere.

Rows go in and rows come out, whatever the layers between them are; a row that is an image has its pixels in the order
(height, width, channels). `scratchgen.nn.image_networks` has the convolutional ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from scratchgen.backend import Backend
from scratchgen.nn.mlp import (
    Layers,
    mlp_backward_,
    mlp_backward_params_,
    mlp_forward,
    mlp_initialise_,
    mlp_layout,
)
from scratchgen.ops.linear import DenseCache
from scratchgen.random import Stream
from scratchgen.typing import Array, Float


@runtime_checkable
class Network(Protocol):
    """What a model asks of a network; ``str(network)`` names its layers from input to output.

    `layers` and `out` are tuples of W and b, one for each layer, as `layout` describes them.
    """

    @property
    def n_outputs(self) -> int:
        """Return the width of the last layer."""

    def layout(self) -> tuple[Any, ...]:
        """Return the layout of the parameters, layers in the order in which data meet them."""

    def initialise_(self, layers: Any, stream: Stream) -> None:
        """Fill the parameters with their initial values."""

    def forward(self, layers: Any, x: Array, backend: Backend) -> tuple[Array, Any]:
        """Return the output and what a backward pass needs."""

    def evaluate(self, layers: Any, x: Array, backend: Backend) -> Array:
        """Return the output alone."""

    def backward_(self, dy: Array, cache: Any, out: Any, backend: Backend) -> Array:
        """Return dx; `out` receives the gradient of the parameters. The storage of `dy` is used up."""

    def backward_params_(self, dy: Array, cache: Any, out: Any, backend: Backend) -> None:
        """Do the same without the work for dx."""


@dataclass(frozen=True)
class DenseNetwork:
    """A multilayer perceptron.

    Attributes
    ----------
    widths : tuple of int
        Of the input and of each layer.
    activations : tuple of str
        Of each layer.
    """

    widths: tuple[int, ...]
    activations: tuple[str, ...]

    def __str__(self) -> str:
        return "-".join(map(str, self.widths))

    @property
    def n_outputs(self) -> int:
        """Return the width of the last layer; without layers, that of the input."""
        return self.widths[-1]

    def layout(self) -> Layers:
        """Return the layout of the parameters."""
        return mlp_layout(self.widths)

    def initialise_(self, layers: Layers, stream: Stream) -> None:
        """Fill the weights by Glorot's rule and the biases with zeros."""
        mlp_initialise_(layers, stream)

    def forward(
        self, layers: Layers, x: Float[Array, "batch inputs"], backend: Backend
    ) -> tuple[Float[Array, "batch outputs"], list[DenseCache]]:
        """Return the output and the cache of each layer."""
        return mlp_forward(layers, x, self.activations, backend)

    def evaluate(self, layers: Layers, x: Float[Array, "batch inputs"], backend: Backend) -> Array:
        """Return the output alone."""
        return self.forward(layers, x, backend)[0]

    def backward_(self, dy: Array, cache: list[DenseCache], out: Layers, backend: Backend) -> Array:
        """Return dx; `out` receives the gradient of the parameters. The storage of `dy` is used up."""
        return mlp_backward_(dy, cache, out, backend)[0]

    def backward_params_(self, dy: Array, cache: list[DenseCache], out: Layers, backend: Backend) -> None:
        """Do the same without the product for dx."""
        mlp_backward_params_(dy, cache, out, backend)
