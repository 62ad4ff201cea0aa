"""The derivative f'(a) of an activation as a quantity of its own, for losses that contain the Jacobian of a network.

The gradient of such a loss needs the second derivative:

==========  =====================================================  ===========================
name        f''(a)                                                 computed from (``saved``)
==========  =====================================================  ===========================
linear      0                                                      y
relu        0, at the kink too                                     y
tanh        -2 y (1 - y^2)                                         y
sigmoid     y (1 - y) (1 - 2 y)                                    y
softplus    s (1 - s),  s = sigmoid a                              a
swish       s (1 - s) (2 + a (1 - 2 s)),  s = sigmoid a            a
==========  =====================================================  ===========================
"""

from __future__ import annotations

from scratchgen.backend import namespace
from scratchgen.kernels.array_math import sigmoid
from scratchgen.ops.activations import ActivationCache, activation_backward
from scratchgen.typing import Array, Float


def activation_slope_forward(cache: ActivationCache) -> tuple[Float[Array, "*batch features"], ActivationCache]:
    """Return ``f'(a)`` for the cache that `activation_forward` left at a.

    Gradient
    --------
    ``da = dslope * f''(a)``, elementwise. The slope of ReLU jumps at 0: there the gradient says nothing of the jump.
    """
    return activation_backward(namespace(cache.saved).ones_like(cache.saved), cache), cache


def activation_slope_backward(
    dslope: Float[Array, "*batch features"], cache: ActivationCache
) -> Float[Array, "*batch features"]:
    """Return ``da``."""
    saved, activation = cache
    if activation in ("linear", "relu"):
        return namespace(saved).zeros_like(dslope)
    if activation == "tanh":
        return dslope * (-2 * saved * (1 - saved * saved))
    if activation == "sigmoid":
        return dslope * (saved * (1 - saved) * (1 - 2 * saved))
    s = sigmoid(saved)
    if activation == "softplus":
        return dslope * (s * (1 - s))
    return dslope * (s * (1 - s) * (2 + saved * (1 - 2 * s)))
