r"""Energies: networks that give each example one number, and its gradient with respect to the example.

A network of another kind is one more class with these methods; nothing else in this package knows what is inside it.

======  ======  ======================================
symbol  shape   meaning
======  ======  ======================================
x       (n, D)  examples
E       (n,)    energy of each
g       (n, D)  grad_x E, row by row
======  ======  ======================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from scratchgen.backend import Backend
from scratchgen.nn.input_gradient import input_gradient_backward, mlp_input_gradient_forward
from scratchgen.nn.mlp import (
    Layers,
    mlp_backward_,
    mlp_backward_params_,
    mlp_forward,
    mlp_initialise_,
    mlp_layout,
)
from scratchgen.random import Stream
from scratchgen.typing import Array


class EnergyNetwork(Protocol):
    """An energy with its gradients, as functions of the parameters."""

    def layout(self) -> Any:
        """Return the layout of the parameters, a NamedTuple or a tuple of them."""

    def initialise_(self, params: Any, stream: Stream) -> None:
        """Fill the parameters with their initial values."""

    def adapt_to_data_(self, params: Any, x: Array, stream: Stream) -> None:
        """Set initial values that depend on the training data."""

    def forward(self, params: Any, x: Array) -> tuple[Array, Any]:
        """Return E, and the cache of what follows."""

    def backward(self, dE: Array, cache: Any) -> tuple[Array, Any]:
        """Return the gradients with respect to x and the parameters."""

    def backward_params(self, dE: Array, cache: Any, out: Any) -> Any:
        """Return the gradient with respect to the parameters alone, written into `out`."""

    def grad_x_forward(self, params: Any, x: Array) -> tuple[Array, Any]:
        """Return g, and the cache of its backward pass."""

    def grad_x_backward(self, dg: Array, cache: Any, out: Any = None) -> tuple[Array, Any]:
        """Return the gradients with respect to x and the parameters of a loss that depends on g."""

    def energy(self, params: Any, x: Array) -> Array:
        """Return E alone."""

    def grad_x(self, params: Any, x: Array) -> Array:
        """Return g alone: what a chain needs at each step, and no gradient with respect to the parameters."""


@dataclass(frozen=True)
class MLPEnergy:
    """A multilayer perceptron with one linear output.

    Attributes
    ----------
    n_visible : int
    hidden : tuple of int
        Widths of the hidden layers.
    activation : str
        Of the hidden layers; smooth.
    input_scale : float
        Factor of the initial weights of the first layer.
    backend : Backend
    """

    n_visible: int
    hidden: tuple[int, ...]
    activation: str
    input_scale: float
    backend: Backend

    def __str__(self) -> str:
        return "-".join(map(str, (self.n_visible, *self.hidden, 1)))

    @property
    def activations(self) -> tuple[str, ...]:
        """One for each layer."""
        return (self.activation,) * len(self.hidden) + ("linear",)

    def layout(self) -> Layers:
        """Return the layout of the layers."""
        return mlp_layout((self.n_visible, *self.hidden, 1))

    def initialise_(self, params: Layers, stream: Stream) -> None:
        """Fill the weights by Glorot's rule and the biases with zeros; those of the first layer depend on its inputs.

        Their standard deviation is ``input_scale / sqrt(n_visible)``. Glorot's is far smaller where a few inputs meet
        a wide layer, and the energy is then nearly linear over the data until training has made it larger.
        """
        mlp_initialise_(params, stream)
        W = params[0].W
        W[...] = self.input_scale / math.sqrt(self.n_visible) * stream.normal(W.shape, W.dtype)

    def adapt_to_data_(self, params: Layers, x: Array, stream: Stream) -> None:
        """Let each unit of the first layer, where all biases are zero, change its sign at an example drawn from `x`.

        With zero biases all would do so in planes through the origin.
        """
        W, b = params[0]
        if not bool((b != 0).any()):
            examples = x[stream.integers(0, x.shape[0], b.size)]  # (first hidden, n_visible)
            b[...] = -(examples * W.T).sum(axis=1)

    def forward(self, params: Layers, x: Array) -> tuple[Array, Any]:
        """Return E (n,), and the cache."""
        y, caches = mlp_forward(params, x, self.activations, self.backend)
        return y[:, 0], caches

    def backward(self, dE: Array, cache: Any) -> tuple[Array, Layers]:
        """Return the gradients with respect to x and the parameters; `dE` is used up."""
        return mlp_backward_(dE[:, None], cache, None, self.backend)

    def backward_params(self, dE: Array, cache: Any, out: Layers) -> Layers:
        """Return the gradient with respect to the parameters alone; `dE` is used up."""
        return mlp_backward_params_(dE[:, None], cache, out, self.backend)

    def grad_x_forward(self, params: Layers, x: Array) -> tuple[Array, Any]:
        """Return g (n, D), and the cache of its backward pass."""
        return mlp_input_gradient_forward(params, x, self.activations, self.backend)

    def grad_x_backward(self, dg: Array, cache: Any, out: Layers | None = None) -> tuple[Array, Layers]:
        """Return the gradients with respect to x and the parameters of a loss that depends on g."""
        return input_gradient_backward(dg, cache, out, self.backend)

    def energy(self, params: Layers, x: Array) -> Array:
        """Return E (n,) alone."""
        return self.forward(params, x)[0]

    def grad_x(self, params: Layers, x: Array) -> Array:
        """Return g (n, D) alone."""
        return self.grad_x_forward(params, x)[0]
