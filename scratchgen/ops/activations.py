"""Activations f(a), elementwise: linear, relu, tanh, sigmoid, softplus, swish.

The formulas and their derivatives stand in the table of `scratchgen.kernels.bias_activation`, which adds a bias in the
same pass; networks use that form through `scratchgen.ops.linear.dense_forward`.

References
----------
P. Ramachandran, B. Zoph, Q. V. Le: "Searching for activation functions", arXiv:1710.05941, 2017 (swish).
"""

from __future__ import annotations

from typing import NamedTuple

from scratchgen.backend import namespace
from scratchgen.errors import InputError
from scratchgen.kernels.bias_activation import ACTIVATIONS, bias_activation_backward_, bias_activation_forward_
from scratchgen.typing import Array, Float


class ActivationCache(NamedTuple):
    """What `activation_backward` needs: the output, or the argument where the derivative is a function of that."""

    saved: Array
    activation: str


def check_activation(name: str) -> str:
    """Return `name` if it is the name of an activation.

    Raises
    ------
    InputError
        It is not.
    """
    if name not in ACTIVATIONS:
        raise InputError(f"unknown activation {name!r}: choose one of {', '.join(ACTIVATIONS)}")
    return name


def activation_forward(
    a: Float[Array, "*batch features"], activation: str
) -> tuple[Float[Array, "*batch features"], ActivationCache]:
    """Return ``f(a)``.

    Gradient
    --------
    ``da = dy * f'(a)``, elementwise; the derivative of ReLU at 0 is taken as 0.
    """
    no_bias = namespace(a).zeros((1,), dtype=a.dtype)
    y, saved = bias_activation_forward_.reference(a, no_bias, check_activation(activation))
    return y, ActivationCache(saved, activation)


def activation_backward(dy: Float[Array, "*batch features"], cache: ActivationCache) -> Float[Array, "*batch features"]:
    """Return ``da``."""
    xp = namespace(dy, cache.saved)
    no_bias = xp.empty(dy.shape[1:], dtype=dy.dtype)
    return bias_activation_backward_.reference(dy, cache.saved, no_bias, cache.activation)
